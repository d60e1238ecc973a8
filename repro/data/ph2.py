"""PH2: 200 lesions on skin, all for testing a network that was trained elsewhere."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from repro.data.base import Part, Sample, require_folder
from repro.data.isic import SkinSet

IMAGES = "PH2 Dataset images"


class PH2(SkinSet):
    """PH2 as published: a folder for each image in `PH2 Dataset images/`, with its picture and its lesion as bitmaps.

    The publisher has no split; as in paper 2 all images are for testing ("report"), and training is ISIC 2017's.

    Source: Mendonça et al. 2013.
    """

    name = "ph2"
    folders = ("PH2Dataset", "PH2")
    markers = (IMAGES,)
    counts: ClassVar[Mapping[str, int]] = {"test": 200}
    lists: ClassVar[Mapping[str, Part]] = {"report": Part("test")}
    citation = "Mendonça et al., PH2 - a dermoscopic image database for research and benchmarking, EMBC 2013"
    terms = "research and education only; redistribution forbidden"
    where = "https://www.fc.up.pt/addi/ph2%20database.html (form; unpack PH2Dataset.rar)"
    remedy = "Unpack PH2Dataset.rar again."

    def split(self, split: str) -> Sequence[Sample]:
        """Return all samples, sorted by name."""
        require_folder(self.root / IMAGES, f"{IMAGES} of {self.name}", self.remedy)
        return [
            Sample(
                name=folder.name,
                unit=folder.name,
                image=folder / f"{folder.name}_Dermoscopic_Image" / f"{folder.name}.bmp",
                label=folder / f"{folder.name}_lesion" / f"{folder.name}_lesion.bmp",
            )
            for folder in sorted((self.root / IMAGES).iterdir())
            if folder.is_dir()
        ]

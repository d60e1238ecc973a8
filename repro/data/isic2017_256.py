"""ISIC 2017 at 256x256: the official folders and names, every picture squashed; the validation images are scored."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from repro.data.base import Part, Sample
from repro.data.isic import EQUAL_2017, EQUAL_2017_REASON, IsicSet, is_squashed
from repro.data.isic2017 import FOLDERS
from repro.data.splits import Drawn

LIST = {"file": "isic2017_256.txt", "sha256": "cf178ad32ba235e8"}


class ISIC2017At256(IsicSet):
    """A copy of ISIC 2017 in which every image and label is 256x256, whatever its shape was.

    "report" is the official validation split (150); of the 600 test images only 20 have labels in the copy, and none
    is scored. "selection" is 200 of the 2000 official training images, drawn; "train" is the others without the three
    that equal a validation or test image (1797).

    Source: Codella et al. 2018.
    """

    name = "isic2017_256"
    folders = ("ISIC2017-256", "ISIC2017_256")
    markers = (FOLDERS["train"][0],)
    split_folders: ClassVar[Mapping[str, tuple[str, str]]] = FOLDERS
    counts: ClassVar[Mapping[str, int]] = {"train": 2000, "val": 150, "test": 600}
    lists: ClassVar[Mapping[str, Part | Drawn]] = {
        "train": Drawn("train", **LIST, word="train"),
        "selection": Drawn("train", **LIST, word="selection"),
        "report": Part("val"),
    }
    equal_images = EQUAL_2017
    equal_images_reason = EQUAL_2017_REASON
    citation = "Codella et al., Skin lesion analysis toward melanoma detection, ISBI 2018 (arXiv:1710.05006)"
    terms = "CC0 1.0"
    where = (
        "https://challenge.isic-archive.com/data/#2017 (make a copy with every image and label at 256x256, the labels "
        "by nearest pixel, in a folder called ISIC2017-256)"
    )
    remedy = "Copy the folder ISIC2017-256 again."

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        """Whether the folder holds ISIC 2017's folders with images of 256x256."""
        return super().recognises(folder) and is_squashed(folder / FOLDERS["train"][0])

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train", "val" or "test", sorted by name; images at native size are refused."""
        found = super().split(split)
        if found and not is_squashed(self.root / self.split_folders[split][0]):
            raise ValueError(
                f"{self.root}: images that are not 256x256; this folder is the set isic2017. {self.remedy}"
            )
        return found

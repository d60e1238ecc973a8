"""ISIC 2017 task 1: lesions on skin, official training images divided into 800 and 350 as many as paper 2 has."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from repro.data.base import Part, Sample
from repro.data.isic import EQUAL_2017, EQUAL_2017_REASON, IsicSet, is_squashed
from repro.data.splits import Drawn

FOLDERS = {
    split: (f"ISIC-2017_{name}_Data", f"ISIC-2017_{name}_Part1_GroundTruth")
    for split, name in {"train": "Training", "val": "Validation", "test": "Test_v2"}.items()
}
LIST = {"file": "isic2017.txt", "sha256": "fdda94abc5485cd8"}


class ISIC2017(IsicSet):
    """ISIC 2017 in the publisher's folders, at native sizes.

    The lists are drawn from the 2000 official training images, because paper 2 divides 800 and 350 of them and gives
    no names: "report" is 350, "selection" 80 of the 800 and "train" the other 720; the rest is not used. Pictures
    known to be in the set twice are never drawn. The official validation (150) and test images (600) are
    "official-val" and "official-test".

    Source: Codella et al. 2018.
    """

    name = "isic2017"
    folders = ("ISIC2017", "ISIC-2017", "ISIC_2017")
    markers = (FOLDERS["train"][0],)
    split_folders: ClassVar[Mapping[str, tuple[str, str]]] = FOLDERS
    counts: ClassVar[Mapping[str, int]] = {"train": 2000, "val": 150, "test": 600}
    lists: ClassVar[Mapping[str, Part | Drawn]] = {
        word: Drawn("train", **LIST, word=word) for word in ("train", "selection", "report")
    }
    equal_images = EQUAL_2017
    equal_images_reason = EQUAL_2017_REASON
    citation = "Codella et al., Skin lesion analysis toward melanoma detection, ISBI 2018 (arXiv:1710.05006)"
    terms = "CC0 1.0"
    where = (
        "https://challenge.isic-archive.com/data/#2017 (ISIC-2017_Training_Data.zip and "
        "ISIC-2017_Training_Part1_GroundTruth.zip, unpacked into one folder called ISIC2017)"
    )
    remedy = "Unpack the ISIC-2017 archives of images and of Part1_GroundTruth again."

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        """Whether the folder holds ISIC 2017 as published, and not a copy at 256x256."""
        return super().recognises(folder) and not is_squashed(folder / FOLDERS["train"][0])

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train", "val" or "test", sorted by name; images made small are refused."""
        found = super().split(split)
        if is_squashed(self.root / self.split_folders[split][0]):
            raise ValueError(
                f"{self.root}: images squashed to 256x256, expected the publisher's of many sizes; this folder is the "
                f"set isic2017_256. {self.remedy}"
            )
        return found

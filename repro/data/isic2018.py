"""ISIC 2018 task 1: lesions on skin, official training images divided into 1865 and 635 as many as paper 2 has."""

from collections.abc import Mapping
from typing import ClassVar

from repro.data.base import Part
from repro.data.isic import EQUAL_2017, EQUAL_2017_REASON, IsicSet
from repro.data.splits import Drawn

FOLDERS = {
    split: (f"ISIC2018_Task1-2_{name}_Input", f"ISIC2018_Task1_{name}_GroundTruth")
    for split, name in {"train": "Training", "val": "Validation", "test": "Test"}.items()
}
LIST = {"file": "isic2018.txt", "sha256": "2e7aa6d337b18487"}
FOLDS = range(1, 6)


class ISIC2018(IsicSet):
    """ISIC 2018 in the publisher's folders, at native sizes.

    The lists are drawn from the 2594 official training images, because paper 2 divides 1865 and 635 of 2500 and gives
    no names: "report" is 635, "selection" 187 of the 1865 and "train" the other 1678. For the cross-validation that
    the paper announces the same 2500 are dealt to five folds of 500: "report-1" is the first fold, "selection-1" those
    of the 187 that are not in it, "train-1" the rest. Most images are those of ISIC 2017; of a picture known to be in
    it twice no copy trains while the other is scored, so that up to six images fewer may train.

    Source: Codella et al. 2019.
    """

    name = "isic2018"
    folders = ("ISIC2018", "ISIC-2018", "ISIC_2018")
    markers = (FOLDERS["train"][0],)
    split_folders: ClassVar[Mapping[str, tuple[str, str]]] = FOLDERS
    counts: ClassVar[Mapping[str, int]] = {"train": 2594, "val": 100, "test": 1000}
    lists: ClassVar[Mapping[str, Part | Drawn]] = {
        **{word: Drawn("train", **LIST, word=word) for word in ("train", "selection", "report")},
        **{f"report-{fold}": Drawn("train", **LIST, word=f"fold-{fold}") for fold in FOLDS},
        **{f"train-{fold}": Drawn("train", **LIST, without=(f"fold-{fold}", "selection")) for fold in FOLDS},
        **{f"selection-{fold}": Drawn("train", **LIST, word="selection", without=(f"fold-{fold}",)) for fold in FOLDS},
    }
    equal_images = EQUAL_2017
    equal_images_reason = EQUAL_2017_REASON
    citation = "Codella et al., Skin lesion analysis toward melanoma detection 2018, arXiv:1902.03368"
    terms = "CC BY-NC 4.0"
    where = (
        "https://challenge.isic-archive.com/data/#2018 (ISIC2018_Task1-2_Training_Input.zip and "
        "ISIC2018_Task1_Training_GroundTruth.zip, unpacked into one folder called ISIC2018)"
    )
    remedy = "Unpack the ISIC2018_Task1 archives of images and labels again."

    def training_lists(self, list_name: str) -> tuple[str, ...]:
        """Return what training sees with `list_name`: a fold's training and selection lists belong together."""
        word, _, fold = list_name.partition("-")
        lists = super().training_lists(word)
        return tuple(f"{each}-{fold}" for each in lists) if fold else lists

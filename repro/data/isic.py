"""What the ISIC sets share: images of skin, one folder of images and one of labels a split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from repro.data.base import VOID, Sample, SegmentationSet, require_folder
from repro.data.images import size_of

CLASSES = {"background": (0, 0, 0), "lesion": (255, 180, 60)}
MASK = {0: 0, 255: 1}  # the value in a label file -> train id
SQUASHED = (256, 256)
EQUAL_2017 = (  # pictures that ISIC 2017 has twice, to the byte in the copy at 256x256; most with another label
    ("ISIC_0012970", "ISIC_0012127"),  # training, validation
    ("ISIC_0012175", "ISIC_0015982"),  # training, test
    ("ISIC_0012271", "ISIC_0016018"),  # training, test
    ("ISIC_0012221", "ISIC_0016002"),  # validation, test
    ("ISIC_0012152", "ISIC_0015979"),  # test, test
    ("ISIC_0012216", "ISIC_0016001"),  # test, test
)


EQUAL_2017_REASON = "the publisher has the picture twice, mostly with another label"


class SkinSet(SegmentationSet):
    """A set of skin pictures with one lesion each, labels of 0 and 255.

    Which pictures are of one patient is not in the files, so that each is taken for a patient of its own.
    """

    class_names = tuple(CLASSES)
    colours = tuple(CLASSES.values())
    train_ids: ClassVar[Mapping[int, int]] = MASK
    ignored = VOID
    unit = "patient"
    binary = True


class IsicSet(SkinSet):
    """`ISIC_*.jpg` in a folder of images, `ISIC_*_segmentation.png` in a folder of labels; superpixels are ignored."""

    split_folders: ClassVar[Mapping[str, tuple[str, str]]]  # split -> folder of images, folder of labels

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of an official split, sorted by name."""
        images, labels = (self.root / name for name in self.split_folders[split])
        for folder in (images, labels):
            require_folder(folder, f"{folder.name} of {self.name}", self.remedy)
        stems = sorted(path.stem for path in images.iterdir() if path.suffix.lower() == ".jpg")
        return [
            Sample(stem, stem, images / f"{stem}.jpg", labels / f"{stem}_segmentation.png") for stem in stems
        ]


def is_squashed(folder: Path) -> bool:
    """Whether the first image in the folder is 256x256, as in copies of ISIC 2017 that are made small."""
    first = min(folder.glob("*.jpg"), default=None)
    return first is not None and size_of(first) == SQUASHED

"""A data set of sixteen pictures: a bright square on dark ground, one drive for each list."""

from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.base import VOID, Part, Sample, SegmentationSet

DRIVES = {"train": {"north": 8, "south": 3}, "val": {"west": 5}}


class Squares(SegmentationSet):
    """`<split>/<drive>_<n>.png` beside `<split>/<drive>_<n>_label.png`."""

    name = "tiny_squares"
    folders = ("tiny_squares",)
    markers = ()
    class_names = ("ground", "square")
    colours = ((0, 0, 0), (255, 255, 255))
    train_ids = {0: 0, 1: 1, 255: VOID}
    counts = {split: sum(drives.values()) for split, drives in DRIVES.items()}
    lists = {
        "train": Part("train", without=("south",)),
        "selection": Part("train", only=("south",)),
        "report": Part("val"),
    }
    unit = "drive"
    citation = terms = where = "none"
    remedy = "Draw them again."

    def split(self, split):
        """Return a split's samples by name."""
        names = sorted(path.stem for path in (self.root / split).glob("*_?.png"))
        at = self.root / split
        return [Sample(name, name.split("_")[0], at / f"{name}.png", at / f"{name}_label.png") for name in names]


def draw(root: Path) -> Path:
    """Write the data set below `root` and return its folder."""
    rng = np.random.default_rng(0)
    for split, drives in DRIVES.items():
        (root / "tiny_squares" / split).mkdir(parents=True)
        for drive, count in drives.items():
            for number in range(count):
                stem = root / "tiny_squares" / split / f"{drive}_{number}"
                top, left = rng.integers(0, 10, 2)
                label = np.zeros((16, 24), np.uint8)
                label[top : top + 6, left : left + 8] = 1
                image = rng.integers(0, 80, (16, 24, 3)) + 150 * label[..., None]
                label[0, : number + 1] = 255
                Image.fromarray(image.astype(np.uint8)).save(f"{stem}.png")
                Image.fromarray(label).save(f"{stem}_label.png")
    return root / "tiny_squares"

"""Generated fundus photographs written in the layouts of DRIVE and CHASE_DB1."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.synthetic.fundus import Fundus, fundus_picture


def write_drive(root: Path, counts: Mapping[str, int], *, size: tuple[int, int], seed: int) -> None:
    """Write DRIVE's layout: TIFF images, GIF labels and fields of view, a second observer of the test images.

    Args:
        root: an existing folder.
        counts: split, "train" or "test", -> number of images.
        size: (height, width) of every image.
        seed: of all pictures; a number and its split's name fix one, whatever else is written.
    """
    for split, first in (("test", 1), ("train", 1 + counts.get("test", 0))):
        name = {"train": "training"}.get(split, split)
        for number in range(first, first + counts.get(split, 0)):
            rng = np.random.default_rng([seed, *split.encode(), 0, number - first])
            picture = fundus_picture(rng, size, right=bool(rng.integers(2)), reach=0.92)
            _write_drive_image(root / name, f"{number:02d}", name, picture)


def _write_drive_image(folder: Path, number: str, split: str, picture: Fundus) -> None:
    masks = {
        f"1st_manual/{number}_manual1.gif": picture.label,
        f"mask/{number}_{split}_mask.gif": picture.field_of_view,
    }
    if split == "test":
        masks[f"2nd_manual/{number}_manual2.gif"] = picture.second_label
    for name, mask in masks.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask * 255).save(folder / name)
    (folder / "images").mkdir(exist_ok=True)
    Image.fromarray(picture.image).save(folder / "images" / f"{number}_{split}.tif", compression="tiff_lzw")


def write_chasedb1(root: Path, children: int, *, size: tuple[int, int], seed: int) -> None:
    """Write CHASE_DB1's layout: the left and the right eye of each child, 1-bit labels of two observers beside them.

    Args:
        root: an existing folder.
        children: how many, two images each.
        size: (height, width) of every image.
        seed: of all pictures; a child's number fixes its two, whatever else is written.
    """
    for child in range(1, children + 1):
        for right, side in ((False, "L"), (True, "R")):
            rng = np.random.default_rng([seed, child, int(right)])
            picture = fundus_picture(rng, size, right=right, reach=0.94)
            name = f"Image_{child:02d}{side}"
            Image.fromarray(picture.image).save(root / f"{name}.jpg", quality=95)
            for observer, label in (("1stHO", picture.label), ("2ndHO", picture.second_label)):
                Image.fromarray(label.astype(bool)).save(root / f"{name}_{observer}.png")

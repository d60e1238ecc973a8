"""Generated lesions written in the layouts of ISIC 2017, ISIC 2018 and PH2."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.isic2017 import FOLDERS as FOLDERS_2017
from repro.data.isic2018 import FOLDERS as FOLDERS_2018
from repro.data.synthetic.skin import skin_picture

SHAPES = (
    1.0,
    0.75,
    1.5,
    0.667,
)  # width to height is 4:3 times this, as pictures of several instruments differ


def write_isic(
    root: Path,
    counts: Mapping[str, int],
    *,
    folders: Mapping[str, tuple[str, str]],
    size: tuple[int, int],
    seed: int,
    superpixels: tuple[str, ...] = (),
    names: Mapping[str, Sequence[str]] | None = None,
    shapes: tuple[float, ...] = SHAPES,
) -> None:
    """Write JPEG images and PNG labels of 0 and 255 under `root`, named ISIC_0000000 and on if not otherwise.

    Args:
        root: an existing folder.
        counts: split -> number of images.
        folders: split -> the names of its folders of images and of labels.
        size: (height, width) of an ordinary image; others have about its height and are wider or narrower.
        seed: of all pictures; a number and its split's name fix one, whatever else is written.
        superpixels: splits whose folder of images also holds `*_superpixels.png`, as ISIC 2017's does.
        names: split -> what its images are called, for the splits that have names of their own.
        shapes: widths, in ordinary ones; a single one makes all images of one size.
    """
    first = 0
    for split, number in counts.items():
        images, labels = (root / name for name in folders[split])
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for position, (image, label) in enumerate(_pictures(split, number, size, seed, shapes=shapes)):
            name = names[split][position] if names and split in names else f"ISIC_{first + position:07d}"
            Image.fromarray(image).save(images / f"{name}.jpg", quality=92)
            Image.fromarray(label * 255).save(labels / f"{name}_segmentation.png")
            if split in superpixels:
                Image.fromarray(label).save(images / f"{name}_superpixels.png")
        first += number


def write_isic2017(root: Path, counts: Mapping[str, int], *, size: tuple[int, int], seed: int) -> None:
    """Write ISIC 2017's layout; superpixels lie among the training images, as they do there."""
    write_isic(root, counts, folders=FOLDERS_2017, size=size, seed=seed, superpixels=("train",))


def write_isic2018(root: Path, counts: Mapping[str, int], *, size: tuple[int, int], seed: int) -> None:
    """Write ISIC 2018's layout."""
    write_isic(root, counts, folders=FOLDERS_2018, size=size, seed=seed)


def write_ph2(root: Path, counts: Mapping[str, int], *, size: tuple[int, int], seed: int) -> None:
    """Write PH2's layout, bitmaps in a folder for each image; its only split is "test"."""
    pictures = _pictures("ph2", counts["test"], size, seed, shapes=(1.0,))
    for position, (image, label) in enumerate(pictures):
        name = f"IMD{position + 2:03d}"
        folder = root / "PH2 Dataset images" / name
        for kind, picture in (("Dermoscopic_Image", image), ("lesion", label.astype(bool))):
            inner = folder / f"{name}_{kind}"
            inner.mkdir(parents=True)
            stem = name if kind == "Dermoscopic_Image" else f"{name}_lesion"
            Image.fromarray(picture).save(inner / f"{stem}.bmp")


def _pictures(
    key: str, number: int, size: tuple[int, int], seed: int, *, shapes: tuple[float, ...] = SHAPES
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for position in range(number):
        rng = np.random.default_rng([seed, *key.encode(), 0, position])
        shape = shapes[int(rng.integers(len(shapes)))]
        height = round(size[0] * rng.uniform(0.9, 1.15)) if len(shapes) > 1 else size[0]
        yield skin_picture(rng, (height, round(size[1] * shape)))

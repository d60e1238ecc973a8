"""Generated data in the layout of any set, for a user who wants to try its loader."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from repro.data import dataset_class
from repro.data.isic2017 import FOLDERS as FOLDERS_2017
from repro.data.splits import read_rows
from repro.data.synthetic import camvid_tree, cityscapes_tree, fundus_trees, skin_trees
from repro.data.synthetic.once import write_aside

SEED = 1
Counts = Mapping[str, int]


def _cityscapes(root: Path, counts: Counts) -> None:
    cities = {
        "train": ("aachen", "bremen", "hamburg", "krefeld", "monchengladbach", "ulm"),
        "val": ("frankfurt", "lindau", "munster"),
    }
    numbers = {}
    for split, number in counts.items():
        each, more = divmod(number, len(cities[split]))
        numbers[split] = {city: each + (place < more) for place, city in enumerate(cities[split])}
    cityscapes_tree.write_cityscapes(root, numbers, size=(128, 256), seed=SEED)


def _isic2017(root: Path, counts: Counts, *, name: str, size: tuple[int, int]) -> None:
    drawn = dataset_class(name).lists["train"]
    shapes = (1.0,) if size == (256, 256) else skin_trees.SHAPES
    skin_trees.write_isic(
        root,
        counts,
        folders=FOLDERS_2017,
        size=size,
        seed=SEED,
        superpixels=("train",),
        shapes=shapes,
        names={
            "train": list(read_rows(drawn.file, drawn.sha256)),
            "val": [f"ISIC_{50_000 + place:07d}" for place in range(counts["val"])],
            "test": [f"ISIC_{60_000 + place:07d}" for place in range(counts["test"])],
        },
    )


def _chasedb1(root: Path, counts: Counts) -> None:
    fundus_trees.write_chasedb1(root, sum(counts.values()) // 2, size=(154, 160), seed=SEED)


LAYOUTS: dict[str, Callable[[Path, Counts], None]] = {
    "camvid": partial(camvid_tree.write_camvid, size=(120, 160), seed=SEED),
    "chasedb1": _chasedb1,
    "cityscapes": _cityscapes,
    "drive": partial(fundus_trees.write_drive, size=(160, 155), seed=SEED),
    "isic2017": partial(_isic2017, name="isic2017", size=(96, 128)),
    "isic2017_256": partial(_isic2017, name="isic2017_256", size=(256, 256)),
    "isic2018": partial(skin_trees.write_isic2018, size=(96, 128), seed=SEED),
    "ph2": partial(skin_trees.write_ph2, size=(96, 128), seed=SEED),
}


def write_layout(name: str, folder: Path, *, images: int | None) -> dict[str, int]:
    """Write generated pictures in the layout of the set `name` and return split -> number of images.

    Args:
        name: a set with a layout of its own.
        folder: is made; it may not be there.
        images: how many over all splits, shared out as the official numbers are and at least one, of CHASE_DB1 a
            pair, a split. None writes the official numbers, which the set's loader then accepts.

    Raises:
        ValueError: no such layout, the folder is there, or fewer images than splits.
    """
    if name not in LAYOUTS:
        raise ValueError(f"{name!r} is not a data set with a layout; there are {', '.join(LAYOUTS)}.")
    if folder.exists() or folder.is_symlink():
        raise ValueError(f"{folder}: is there already, expected a new folder; name another.")
    numbers = _numbers(name, images)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_aside(folder, lambda root: LAYOUTS[name](root, numbers))
    except OSError as error:
        raise ValueError(
            f"{folder}: cannot be written ({error.strerror or error}); make room or name another."
        ) from None
    return numbers


def _numbers(name: str, images: int | None) -> dict[str, int]:
    official = {
        split: number
        for split, number in dataset_class(name).counts.items()
        if split not in getattr(dataset_class(name), "hidden", ())
    }
    if images is None:
        return official
    whole = 2 if name == "chasedb1" else 1  # both eyes of a child
    if images < whole * len(official):
        raise ValueError(f"{images} images are too few for {name}; name {whole * len(official)} or more.")
    total = sum(official.values())
    numbers = {
        split: max(whole, whole * (images * number // (whole * total))) for split, number in official.items()
    }
    largest = max(numbers, key=numbers.get)
    numbers[largest] += whole * ((images - sum(numbers.values())) // whole)
    return numbers

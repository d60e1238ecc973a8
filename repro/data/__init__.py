"""The data sets by name: where each is declared, where its files are, and how it is opened."""

import difflib
import os
import pkgutil
from collections.abc import Iterable, Sequence
from pathlib import Path

DATASETS: dict[str, str] = {
    "camvid": "repro.data.camvid:CamVid",
    "chasedb1": "repro.data.chasedb1:ChaseDB1",
    "cityscapes": "repro.data.cityscapes:Cityscapes",
    "drive": "repro.data.drive:Drive",
    "isic2017": "repro.data.isic2017:ISIC2017",
    "isic2017_256": "repro.data.isic2017_256:ISIC2017At256",
    "isic2018": "repro.data.isic2018:ISIC2018",
    "own": "repro.data.own:OwnData",
    "ph2": "repro.data.ph2:PH2",
    "toy_chasedb1": "repro.data.toy:ToyChaseDB1",
    "toy_cityscapes": "repro.data.toy:ToyCityscapes",
    "toy_drive": "repro.data.toy:ToyDrive",
    "toy_isic2017": "repro.data.toy:ToyISIC2017",
    "toy_isic2018": "repro.data.toy:ToyISIC2018",
    "toy_ph2": "repro.data.toy:ToyPH2",
}


def dataset_class(name: str) -> type:
    """Return the class that declares the data set `name`; an unknown name is a ValueError with the nearest ones."""
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=3, cutoff=0.5)
        hint = f"the nearest names are {', '.join(near)}" if near else f"there are {', '.join(sorted(DATASETS))}"
        raise ValueError(f"{name!r} is not a data set; {hint}.")
    return pkgutil.resolve_name(DATASETS[name])


def search_folders(name: str, options: Iterable[str] = ()) -> list[Path]:
    """Return the folders in which to look for `name`, best first.

    Args:
        name: a key of `DATASETS`.
        options: what the user gave with `--data`: folders, or NAME=DIR for one set (others' are passed over).

    Returns:
        The options' folders, then `$REPRO_DATA` where it is set, then `./data`.
    """
    own, general = [], []
    for option in options:
        set_name, equals, folder = option.partition("=")
        if equals and set_name in DATASETS:
            own += [Path(folder)] if set_name == name else []
        else:
            general.append(Path(option))
    if os.environ.get("REPRO_DATA"):
        general.append(Path(os.environ["REPRO_DATA"]))
    return [folder.expanduser() for folder in (*own, *general, Path("data"))]


def check_options(options: Iterable[str]) -> None:
    """Look at what the user gave with `--data`, so that a mistyped folder does not fall back on other data.

    Raises:
        ValueError: a folder is not there or is a file, NAME is no data set, or DIR of NAME=DIR does not hold it.
    """
    from repro.data.base import require_folder  # who wants the names alone should not wait for it

    for option in options:
        name, equals, folder = option.partition("=")
        own = equals and name in DATASETS
        path = Path(folder if own else option).expanduser()
        if equals and not own and "/" not in name and not path.exists():
            dataset_class(name)  # says which names are near
        require_folder(path, "a data folder")
        if own:
            find_root(name, [path])


def find_root(name: str, folders: Sequence[str | Path]) -> Path:
    """Return the folder of the data set `name`, looking through `folders` in their order.

    A folder may be the set's own or hold one folder a set; upper and lower case do not matter. Nothing is written:
    a generated set answers with the folder it will be written to.

    Raises:
        ValueError: unknown name, a file stands where a folder should be, or no folder holds the set; the sentence says
            where it looked, where to get the data and which option to set.
    """
    return dataset_class(name).locate([Path(folder) for folder in folders])


def open_dataset(name: str, root: str | Path):
    """Return the `SegmentationSet` called `name` in the folder `root` (from `find_root`); reads no image yet."""
    return dataset_class(name)(root)

"""What a data set declares, and what is the same for all of them: finding, listing, checking and reading its files."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from repro.data import images
from repro.data.splits import Drawn
from repro.words import many

VOID = 255  # the train id of a pixel that counts for nothing
LISTS = ("train", "selection", "report")  # disjoint; selection is cut from training by unit


@dataclass(frozen=True)
class Sample:
    """One image with its label. `name` is unique in its data set; `unit` names the child, drive, city or patient."""

    name: str
    unit: str
    image: Path
    label: Path
    field_of_view: Path | None = None
    second_label: Path | None = None


@dataclass(frozen=True)
class Part:
    """The samples of an official split that belong to some units (`only`) or to none of some (`without`)."""

    split: str
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the split."""
        return not (self.only or self.without)

    def choose(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """Return those of the split's samples that are in this part, in their order."""
        return tuple(sample for sample in samples if self._holds(sample))

    def _holds(self, sample: Sample) -> bool:
        return sample.unit not in self.without and (not self.only or sample.unit in self.only)


class SegmentationSet:
    """A data set in its official layout. A subclass declares the facts below and writes `split`.

    Args:
        root: the set's own folder; nothing is ever written there.

    Raises:
        ValueError: `root` is a file or is not there.
    """

    name: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]  # what its folder is called in a data folder; case does not matter
    markers: ClassVar[tuple[str, ...]]  # any of these inside a folder shows that it is the set's own
    class_names: ClassVar[tuple[str, ...]]
    colours: ClassVar[tuple[tuple[int, int, int], ...]]  # (R, G, B) of each class, for pictures
    train_ids: ClassVar[Mapping[int, int]]  # every legal value in a label file -> train id, or VOID
    ignored: ClassVar[int] = VOID
    counts: ClassVar[Mapping[str, int]]  # official split -> images; another number is refused
    lists: ClassVar[
        Mapping[str, Part | Drawn]
    ]  # LISTS -> which part of which split; a test set has "report" only
    equal_images: ClassVar[tuple[tuple[str, str], ...]] = ()  # pairs of names known to be one picture
    equal_images_reason: ClassVar[str] = ""  # why they are, and what is done about it
    published_pixels: ClassVar[Mapping[str, int]] = {}  # image name -> foreground pixels that others counted
    unit: ClassVar[str]  # what was sampled: "child", "drive", "city", "patient" (one word)
    binary: ClassVar[bool] = False  # two classes, background and foreground
    citation: ClassVar[str]
    terms: ClassVar[str]
    where: ClassVar[str]  # where to get it: address and what to download
    remedy: ClassVar[str]  # what to do when files are missing: "Unpack gtFine_trainvaltest.zip again."
    revision: ClassVar[int] = 1

    def __init__(self, root: str | Path):
        self.root = Path(root)
        require_folder(self.root, f"the folder of {self.name}")

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of the official `split` in a fixed order, whatever their number."""
        raise AssertionError(f"{type(self).__name__} lacks split")

    @classmethod
    def locate(cls, folders: Sequence[Path]) -> Path:
        """Return the first folder in `folders` that is, or holds, this set; see `repro.data.find_root`."""
        names = {name.lower() for name in cls.folders}
        for folder in folders:
            if not folder.exists():
                continue
            require_folder(folder, "a data folder")
            if folder.resolve().name.lower() in names or cls.recognises(folder):
                return folder
            for inner in sorted(folder.iterdir()):
                if inner.name.lower() in names:
                    require_folder(inner, f"the folder of {cls.name}")
                    return inner
        looked = ", ".join(str(folder) for folder in folders) or "nowhere"
        raise ValueError(
            f"{cls.name}: no folder called {' or '.join(cls.folders)} (looked in: {looked}). Get it from {cls.where}; "
            "then name the folder that holds it with --data DIR or $REPRO_DATA, or put it into ./data."
        )

    @classmethod
    def most_images(cls, list_name: str) -> int | None:
        """Return how many images a list can have: its official split's number; None where it is drawn or not there."""
        part = cls.lists.get(list_name)
        return cls.counts.get(part.split) if isinstance(part, Part) else None

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        """Whether the folder, whatever it is called, is the set's own."""
        return any((folder / marker).exists() for marker in cls.markers)

    def samples(self, list_name: str) -> tuple[Sample, ...]:
        """Return the samples of "train", "selection" or "report", or of an official split ("official-val").

        An image of training that is known to equal one outside training is left out of it; see `left_out`.

        Raises:
            ValueError: no such list, a file or folder is missing, or a split has not its declared number of images.
        """
        if list_name in self.lists:
            left_out = self.left_out(list_name)
            return tuple(sample for sample in self._list(list_name) if sample.name not in left_out)
        split = list_name.removeprefix("official-")
        if list_name == split or split not in self.counts:
            official = ", ".join(f"official-{split}" for split in self.counts)
            raise ValueError(
                f"{self.name} has no list {list_name!r}, but {', '.join(self.lists)}, {official}."
            )
        return self._whole(split)

    def training_lists(self, list_name: str) -> tuple[str, ...]:
        """Return the lists that training sees when it sees `list_name`; none for a list that is scored."""
        return ("train", "selection") if list_name in ("train", "selection") else ()

    def left_out(self, list_name: str = "train") -> dict[str, str]:
        """Return what `equal_images` takes out of a training list: name -> the name of the equal image elsewhere."""
        if not self.equal_images or not self.training_lists(list_name):
            return {}
        seen = {sample.name for each in self.training_lists(list_name) for sample in self._list(each)}
        pairs = (*self.equal_images, *(pair[::-1] for pair in self.equal_images))
        return {name: other for name, other in pairs if name in seen and other not in seen}

    def _list(self, list_name: str) -> tuple[Sample, ...]:
        part = self.lists[list_name]
        return part.choose(self._whole(part.split))

    def _whole(self, split: str) -> tuple[Sample, ...]:
        """The official split, refused unless every image has its label and the number is the declared one."""
        found = tuple(self.split(split))
        for kind in ("label", "field_of_view", "second_label"):
            self._require_files(
                split, kind, {s: getattr(s, kind) for s in found if getattr(s, kind) is not None}
            )
        if len(found) != self.counts[split]:
            raise ValueError(
                f"{self.root}: {many(len(found), 'image')} in split {split!r}, expected {self.counts[split]}. "
                f"{self.remedy}"
            )
        return found

    def _require_files(self, split: str, kind: str, paths: Mapping[Sample, Path]) -> None:
        missing = [sample for sample, path in paths.items() if not path.is_file()]
        if missing:
            what = {"field_of_view": "fields of view", "second_label": "second labels"}.get(kind, "labels")
            raise ValueError(
                f"{self.root}: {len(paths) - len(missing)} {what} for the {len(paths)} images of split {split!r}; "
                f"{missing[0].image.name} has none at {paths[missing[0]]}. {self.remedy}"
            )

    def check(self, list_names: Iterable[str] | None = None) -> int:
        """Look at every pair of the lists before the first step and return how many there are.

        Args:
            list_names: None looks at those of `LISTS` that the set has.

        Raises:
            ValueError: as `samples`; a file cannot be read; an image and its label differ in size; a label holds a
                value that is no class.
        """
        samples = self.listed(list_names)
        self.check_pairs(samples)
        return len(samples)

    def listed(self, list_names: Iterable[str] | None = None) -> list[Sample]:
        """Return the pairs of the lists, of all of `LISTS` that the set has unless named."""
        names = list_names or [list_name for list_name in LISTS if list_name in self.lists]
        return [sample for list_name in names for sample in self.samples(list_name)]

    def check_pairs(self, samples: Iterable[Sample]) -> None:
        """Look at these pairs; errors as `check`."""
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            for _ in pool.map(self._check_pair, samples):
                pass
        finally:
            pool.shutdown(cancel_futures=True)  # the first wrong file is enough

    def _check_pair(self, sample: Sample) -> None:
        found = self.read_image(sample).shape[:2]  # whole: a damaged test image would end the run after its last step
        for what, path, pixels in (
            ("label", sample.label, self.read_label(sample)),
            ("second label", sample.second_label, self.read_second_label(sample)),
            ("field of view", sample.field_of_view, sample.field_of_view and self.read_field_of_view(sample)),
        ):
            if path is not None and found != pixels.shape:
                raise ValueError(
                    f"{sample.image}: {found[0]} x {found[1]} pixels (height x width), but its {what} {path.name} "
                    f"has {pixels.shape[0]} x {pixels.shape[1]}; a pair must be of one size. {self.remedy}"
                )

    def read_image(self, sample: Sample) -> np.ndarray:
        """Return (height, width, 3) uint8 RGB at native size."""
        return images.read_rgb(sample.image)

    def read_label(self, sample: Sample) -> np.ndarray:
        """Return (height, width) uint8 train ids at native size, `ignored` where void.

        Raises:
            ValueError: the file is damaged, or holds a value that is not declared in `train_ids`.
        """
        return self._to_train_ids(sample.label)

    def read_second_label(self, sample: Sample) -> np.ndarray | None:
        """Return the second observer's label as `read_label` does, or None where there is none."""
        return None if sample.second_label is None else self._to_train_ids(sample.second_label)

    def read_field_of_view(self, sample: Sample) -> np.ndarray | None:
        """Return (height, width) bool, True inside the field of view, or None where the set has none."""
        return None if sample.field_of_view is None else images.read_levels(sample.field_of_view) > 127

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """(256,) train ids, and (256,) bool of the legal values."""
        table, legal = np.full(256, self.ignored, np.uint8), np.zeros(256, bool)
        for value, train_id in self.train_ids.items():
            table[value], legal[value] = train_id, True
        return table, legal

    def _to_train_ids(self, path: Path) -> np.ndarray:
        ids = images.read_levels(path) if self.binary else images.read_ids(path)
        table, legal = self._table
        used = np.bincount(ids.ravel(), minlength=256) > 0
        if (used & ~legal).any():
            wrong = int(np.flatnonzero(used & ~legal)[0])
            raise ValueError(
                f"{path}: label value {wrong} is out of range, expected {ranges(self.train_ids)}. {self.remedy}"
            )
        return table[ids]


def require_folder(path: Path, what: str, remedy: str = "Name another folder.") -> None:
    """Raise a ValueError unless `path` is a folder; `what` says which one it should be, `remedy` what to do."""
    if path.is_dir():
        return
    found = "a file" if path.exists() else "no such folder"
    raise ValueError(f"{path}: {found}, but {what} should be here. {remedy}")


def ranges(values: Iterable[int]) -> str:
    """Return sorted numbers as people write them: "0..11, 255"."""
    runs: list[list[int]] = []
    for number in sorted(values):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


def content_hash(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of the file's bytes: an image's name in records."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def content_hashes(paths: Iterable[Path]) -> list[str]:
    """Return the content hash of each file, in their order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [*pool.map(content_hash, paths)]


def fingerprint(samples: Sequence[Sample]) -> str:
    """Return 16 hex digits that change with any byte of the images or labels, with their order or their number."""
    paths = [path for sample in samples for path in (sample.image, sample.label)]
    return hashlib.sha256("\n".join(content_hashes(paths)).encode()).hexdigest()[:16]

"""Reading other tools' masks: what the numbers or colours in a folder of predictions stand for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repro.data import images
from repro.data.base import VOID, ranges

ENCODINGS = {  # encoding -> what people call it
    "train": "train ids",
    "label": "the data set's label ids",
    "palette": "the data set's colours",
}


@dataclass(frozen=True)
class Decoder:
    """How the masks of one folder are read.

    Attributes:
        encoding: a key of `ENCODINGS`.
        values: value -> train id of what may occur, `VOID` where it is no class; for colours unused.
        colours: (C, 3) uint8 of the classes, for colours.
    """

    encoding: str
    values: dict[int, int]
    colours: np.ndarray

    @classmethod
    def of(cls, dataset, paths: Sequence[Path], encoding: str = "auto") -> "Decoder":
        """Return how masks of a data set are read; "auto" looks at all of them.

        The rule: masks in RGB are colours unless all of them are grey. Else the numbers (of an indexed PNG the indices)
        are train ids where every one is below the number of classes, 255 counting as void unless it is a class of the
        label files; else they are label ids where every one may occur in a label file. Where they may be both, other
        classes each time and no void among the label ids, nobody but the caller knows.

        Raises:
            ValueError: neither, or both; colours that two classes share, or a damaged file.
        """
        if encoding == "auto":
            encoding = detect(dataset, paths)
        if encoding == "palette" and len(set(dataset.colours)) < len(dataset.colours):
            raise ValueError(f"{dataset.name}: two classes have one colour; give masks of numbers.")
        values = dataset.train_ids if encoding == "label" else train_values(dataset)
        return cls(encoding, dict(values), np.array(dataset.colours, np.uint8))

    def read(self, path: Path, label: np.ndarray) -> np.ndarray:
        """Return (H, W) int64 train ids of a mask.

        Where the label is void a mask may be void too, for nothing is counted there.

        Args:
            path: of the mask.
            label: (H, W) uint8 train ids, `VOID` where void.

        Raises:
            ValueError: a value that is no class, or void where the label is a class.
        """
        prediction = self._classes(path) if self.encoding == "palette" else self._ids(path)
        empty = int(((prediction == VOID) & (label != VOID)).sum())
        if empty:
            raise ValueError(
                f"{path}: {empty} pixels are predicted as no class where the label is one; every labelled pixel needs "
                "a class."
            )
        return np.where(prediction == VOID, 0, prediction).astype(np.int64)

    def _ids(self, path: Path) -> np.ndarray:
        """(H, W) uint8 train ids of a mask of numbers."""
        pixels = images.read_numbers(path)
        if pixels is None:
            raise ValueError(f"{path}: has colours, expected {ENCODINGS[self.encoding]}; choose with --encoding.")
        wrong = _used(pixels) - self.values.keys()
        if wrong:
            raise ValueError(
                f"{path}: value {min(wrong)} is none of {ENCODINGS[self.encoding]}, {ranges(self.values)}; choose with "
                "--encoding."
            )
        table = np.full(256, VOID, np.uint8)
        for value, train_id in self.values.items():
            table[value] = train_id
        return table[pixels]

    def _classes(self, path: Path) -> np.ndarray:
        """(H, W) uint8 train ids of a mask of colours; black is void unless it is a class's."""
        codes = _code(images.read_colours(path))
        known = {0: VOID} | {int(code): train_id for train_id, code in enumerate(_code(self.colours))}
        used = np.unique(codes)
        wrong = [code for code in map(int, used) if code not in known]
        if wrong:
            colour = wrong[0] >> 16, wrong[0] >> 8 & 255, wrong[0] & 255
            remedy = "save grey masks with one channel" if len(set(colour)) == 1 else "save colours without smoothing"
            raise ValueError(f"{path}: colour {colour} is of no class; {remedy}, as PNG.")
        return np.array([known[code] for code in map(int, used)], np.uint8)[np.searchsorted(used, codes)]


def _code(colours: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 colours as one number each."""
    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    return red << 16 | green << 8 | blue


def _used(pixels: np.ndarray) -> set[int]:
    return set(np.flatnonzero(np.bincount(pixels.ravel(), minlength=256)).tolist())


def train_values(dataset) -> dict[int, int]:
    """Return value -> train id of a mask of train ids; 255 is void where it is no class of the label files."""
    values = {train_id: train_id for train_id in range(len(dataset.class_names))}
    if dataset.train_ids.get(VOID, VOID) == VOID:
        values.setdefault(VOID, VOID)
    return values


def detect(dataset, paths: Iterable[Path]) -> str:
    """Return which encoding the masks of a folder have, by the rule of `Decoder.of`."""
    used: dict[int, Path] = {}
    for path in paths:
        numbers = images.read_numbers(path)
        if numbers is None:
            return "palette"
        used = dict.fromkeys(_used(numbers), path) | used
    choices = {"train": set(train_values(dataset)), "label": set(dataset.train_ids)}
    fitting = [encoding for encoding, legal in choices.items() if used.keys() <= legal]
    if len(fitting) > 1:
        as_labels = {value: dataset.train_ids[value] for value in used}
        if VOID not in as_labels.values() and any(value != train_id for value, train_id in as_labels.items()):
            raise ValueError(
                f"the masks hold {ranges(used)}, which may be train ids ({ranges(choices['train'])}) or label ids "
                f"({ranges(choices['label'])}) of {dataset.name}; say which with --encoding train or label."
            )
    if fitting:
        return fitting[0]
    wrong = min(used.keys() - choices["label"])
    raise ValueError(
        f"{used[wrong]}: value {wrong} is no label id of {dataset.name} ({ranges(choices['label'])}), and not all "
        f"values are train ids ({ranges(choices['train'])})."
    )

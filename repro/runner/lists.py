"""The three image lists of a run, opened and checked."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from repro.data import find_root, open_dataset, search_folders
from repro.data.seen import look
from repro.plan import Run


@dataclass(frozen=True)
class Lists:
    """The three lists of a run, opened."""

    train: Sequence
    selection: Sequence
    report: Sequence
    train_set: object
    test_set: object


def spread(samples: Sequence, limit: int | None) -> Sequence:
    """Return `limit` samples spread evenly over the list, or all of it."""
    if limit is None or limit >= len(samples):
        return samples
    return tuple(samples[index * len(samples) // limit] for index in range(limit))


@functools.lru_cache(maxsize=16)
def _dataset(name: str, data: tuple[str, ...]):
    return open_dataset(name, find_root(name, search_folders(name, data)))


@functools.lru_cache(maxsize=16)
def check_data(name: str, data: tuple[str, ...]) -> int:
    """Look at every pair of a data set before the first step; ValueError names what is wrong."""
    return look(_dataset(name, data))


def open_lists(run: Run, data: tuple[str, ...]) -> Lists:
    """Return a run's three image lists; ValueError where data are missing or incomplete."""
    train_set, test_set = _dataset(run.train.data, data), _dataset(run.test.data, data)
    whole, selection = train_set.samples(run.train.list), train_set.samples(run.train.selection)
    train = spread(whole, run.train.limit)
    return Lists(
        train,
        spread(selection, -(-len(selection) * len(train) // len(whole))),  # both are cut from the training images
        test_set.samples(run.test.list),
        train_set,
        test_set,
    )


def label_counts(dataset, samples: Sequence) -> torch.Tensor:
    """Return (C,) int64 labelled pixels of each class over a list, at native size."""
    return torch.tensor(_label_counts(dataset, tuple(samples)))


@functools.lru_cache(maxsize=16)
def _label_counts(dataset, samples: tuple) -> list[int]:
    total = torch.zeros(256, dtype=torch.int64)
    for sample in samples:
        total += torch.from_numpy(dataset.read_label(sample)).flatten().long().bincount(minlength=256)
    return total[: len(dataset.class_names)].tolist()

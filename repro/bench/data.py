"""Training samples of Cityscapes: mapped and augmented as uint8, beside decoded and augmented as float32."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import albumentations as A
import cv2
import numpy as np
import torch
from PIL import Image

from repro import machine
from repro.bench import Result, in_turn
from repro.data.base import Part
from repro.data.cache import Prepared
from repro.data.cityscapes import Cityscapes, train_ids_of_label_ids
from repro.data.samples import TrainingSamples
from repro.data.synthetic.cityscapes_tree import write_cityscapes
from repro.data.transforms import BRIGHTNESS, COLOUR

SIZE = (1024, 2048)  # of a street scene
CROP = (512, 1024)  # paper 1's
AUGMENTATIONS = ("horizontal_flip", "brightness", "colour")  # paper 1's
IMAGES = 6
ROUNDS = 15  # turns of IMAGES samples
GOAL = "at least 15 times the plain path, and at most 4 ms a sample, with full augmentation"


class _Streets(Cityscapes):
    """A few generated scenes of full size in Cityscapes' layout."""

    name = "bench_cityscapes"
    counts: ClassVar[dict[str, int]] = {"train": IMAGES}
    lists: ClassVar[dict[str, Part]] = {"train": Part("train")}


def measure(*, size: tuple[int, int] = SIZE, crop: tuple[int, int] = CROP, rounds: int = ROUNDS) -> Result:
    """Return the cost of a training sample, in seconds of one core, for the two paths in turn.

    Both give an augmented pair of `crop` pixels out of an image of `size`. What is measured is this thread's processor
    time, so that other processes on the machine change little. The scenes are written to a temporary folder.
    """
    cpu = torch.device("cpu")
    machine.keep_freed_memory(cpu)  # as a run does; the plain path has it too
    with machine.threads(1, cpu), _streets(size) as streets:
        ours, plain, parts = _ours(streets, crop), _plain(streets, crop), _parts(streets, crop)
        for index in range(IMAGES):
            ours(index)  # each prepared file is hashed when it is first read
        ways = {"ours": ours, "plain": plain} | parts
        lines = in_turn(ways, clock=time.thread_time, rounds=rounds, calls=IMAGES, lead=1)
        copy = _fastest_copy(crop)
    limit = copy, "reading the crop once and writing it once at the measured memory rate"
    return Result("data", "sample", tuple(lines), GOAL, limit, machine.describe(cpu), wanted=15)


@contextmanager
def _streets(size: tuple[int, int]) -> Iterator[_Streets]:
    """The scenes, opened; the cache is in the same temporary folder meanwhile."""
    before = os.environ.get("REPRO_CACHE")
    with tempfile.TemporaryDirectory(prefix="repro-bench-") as folder:
        os.environ["REPRO_CACHE"] = f"{folder}/cache"
        try:
            root = Path(folder) / "cityscapes"
            write_cityscapes(root, {"train": {"benchburg": IMAGES}}, size=size, seed=1)
            yield _Streets(root)
        finally:
            del os.environ["REPRO_CACHE"]
            if before is not None:
                os.environ["REPRO_CACHE"] = before


@contextmanager
def streets_samples(*, crop: tuple[int, int], size: tuple[int, int] = SIZE) -> Iterator[TrainingSamples]:
    """Give the training samples of a few generated scenes of Cityscapes' layout, prepared, while the context lasts."""
    with _streets(size) as streets:
        yield _samples(streets, crop)


def _samples(streets: _Streets, crop: tuple[int, int]) -> TrainingSamples:
    train = streets.samples("train")
    prepared = Prepared(streets, train, size=None)
    prepared.make()
    return TrainingSamples(streets, train, size=None, crop=crop, augmentations=AUGMENTATIONS, seed=0, prepared=prepared)


def _ours(streets: _Streets, crop: tuple[int, int]):
    """What training does: a prepared pair, augmented, as uint8 tensors."""
    samples = _samples(streets, crop)
    return lambda number: samples[number // IMAGES, number % IMAGES]


def _plain(streets: _Streets, crop: tuple[int, int]):
    """What a user would write: both PNG files decoded, albumentations with its own normalisation, float32 tensors."""
    augment = A.Compose(
        [
            A.RandomCrop(*crop),
            A.HorizontalFlip(p=0.5),
            A.ColorJitter(brightness=BRIGHTNESS, contrast=(1, 1), saturation=(1, 1), hue=(0, 0), p=1),
            A.ColorJitter(brightness=(1, 1), **COLOUR, p=1),
            A.Normalize(),
        ]
    )
    train, ids = streets.samples("train"), np.full(256, 255, np.uint8)
    for value, train_id in train_ids_of_label_ids().items():
        ids[value] = train_id

    def sample(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        files = train[number % IMAGES]
        image = cv2.cvtColor(cv2.imread(str(files.image)), cv2.COLOR_BGR2RGB)
        label = ids[np.array(Image.open(files.label))]
        pair = augment(image=image, mask=label)
        image = torch.from_numpy(pair["image"].transpose(2, 0, 1)).contiguous()
        return image, torch.from_numpy(pair["mask"]).long()

    return sample


def _parts(streets: _Streets, crop: tuple[int, int]) -> dict[str, object]:
    """Where ours spends its time: the mapped crop alone, the flip, and all augmentations without the tensors."""
    train = streets.samples("train")
    prepared = Prepared(streets, train, size=None)
    ways = {}
    for name, number in {"crop alone": 0, "crop, flip": 1, "crop, flip, brightness": 2}.items():
        keys = AUGMENTATIONS[:number]
        samples = TrainingSamples(streets, train, size=None, crop=crop, augmentations=keys, seed=0, prepared=prepared)
        ways[f"ours, {name}"] = lambda number, samples=samples: samples[number // IMAGES, number % IMAGES]
    first = train[0].image
    return {**ways, "decoding one PNG": lambda number: cv2.imread(str(first))}


def _fastest_copy(crop: tuple[int, int]) -> float:
    """The least time in which the bytes of a pair are read once and written once."""
    source = np.ones((crop[0], crop[1], 4), np.uint8)
    target = np.empty_like(source)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - began)
    return min(times)

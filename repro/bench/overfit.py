"""Eight images of large shapes that every network has to learn by heart, with the suite's own training."""

import dataclasses
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from repro import machine
from repro.bench.sheet import Sheet
from repro.bench.systems import EVALUATED_ONLY, System, systems
from repro.evaluation import confusion, logits_of
from repro.losses import make_loss
from repro.networks import build
from repro.papers.suites import DEMO
from repro.training import Trainer

IMAGES = 8
SIZE = (64, 64)
THINNEST = 24  # pixels: over twice the coarsest logits' stride, 8
CLASSES = 4  # of paper 1's pictures
PASSES = 25  # of the eight images an epoch
EPOCHS = 8
RATE = 0.01
OPTIONS = {"medt": {"width": 16}, "segnet": {"width": 16}}  # narrower they learn too slowly
SIZES = {"deeplabv3": (128, 128)}  # its logits are an eighth as wide, moved by half a cell: 8x8 of them are too few
GOAL = "mIoU (paper 1) or Dice of the foreground (paper 2) over 0.95; classical methods over 0.8 on clean lesions"
WANTED, CLASSICAL = 0.95, 0.8


class Pictures(torch.utils.data.Dataset):
    """The eight pairs, `passes` times over: `[(epoch, index)]` is pair `index % 8`, not augmented."""

    def __init__(self, classes: int, *, passes: int = PASSES, size: tuple[int, int] = SIZE):
        draw = blocks if classes > 2 else discs
        self.pairs = [draw(np.random.default_rng(seed), size, classes) for seed in range(IMAGES)]
        self.passes = passes

    def __len__(self) -> int:
        return IMAGES * self.passes

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.pairs[key[1] % IMAGES]


def blocks(rng: np.random.Generator, size: tuple[int, int], classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a picture cut into two rows and two columns at least `THINNEST` wide, each block of a class of its own."""
    label = np.empty(size, np.uint8)
    row, column = (int(rng.integers(THINNEST, side - THINNEST + 1)) for side in size)
    corners = itertools.product((slice(row), slice(row, None)), (slice(column), slice(column, None)))
    for corner, value in zip(corners, rng.permutation(classes)):
        label[corner] = value
    return _coloured(rng, label)


def discs(rng: np.random.Generator, size: tuple[int, int], classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a picture of a disc at least `THINNEST` wide and as far from the border."""
    radius = rng.uniform(THINNEST / 2 / min(SIZE), 0.3) * min(size)
    centre = [rng.uniform(0.42, 0.58) * side for side in size]
    rows, columns = np.indices(size)
    return _coloured(rng, (np.hypot(rows - centre[0], columns - centre[1]) < radius).astype(np.uint8))


def _coloured(rng: np.random.Generator, label: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """(3, H, W) and (H, W) uint8: each class has a colour, with noise on it."""
    colours = np.array([(205, 160, 140), (95, 60, 50), (90, 140, 200), (120, 180, 70)])
    image = np.clip(colours[label] + rng.normal(0, 12, (*label.shape, 3)), 0, 255).astype(np.uint8)
    return torch.from_numpy(image).permute(2, 0, 1).contiguous(), torch.from_numpy(label)


def measure(*, only: str = "", epochs: int = EPOCHS) -> Sheet:
    """Return how well each system knows its eight pictures after training on nothing else, at the demo's widths.

    Args:
        only: of which network; all by default.
        epochs: of `PASSES` steps.
    """
    rows, device = [], torch.device("cpu")
    for system in systems(DEMO):
        if only in ("", system.run.network):
            began = time.perf_counter()
            steps, score = _learned(system, epochs)
            seconds = time.perf_counter() - began
            measure_of = "Dice" if system.classes == 2 else "mIoU"
            size = "x".join(map(str, SIZES.get(system.run.network, SIZE)))
            reached = (measure_of, f"{score:.4f}", f"{seconds:.0f}")
            rows.append((system.name, system.run.network, size, str(steps), *reached))
            print("  ".join(rows[-1]), flush=True)
    short = [row[0] for row in rows if float(row[5]) <= (CLASSICAL if row[1] in EVALUATED_ONLY else WANTED)]
    return Sheet(
        row="overfit",
        about=f"score on the {IMAGES} pictures it was trained on, nothing in them thinner than {THINNEST} pixels, at "
        "the demo's widths",
        headers=("system", "network", "size", "steps", "score", "reached", "seconds"),
        rows=tuple(rows),
        goal=GOAL,
        machine=machine.describe(device),
        found=f"short of it: {', '.join(short)}" if short else f"all {len(rows)} reach it",
    )


def _learned(system: System, epochs: int) -> tuple[int, float]:
    """Steps taken and the score at the end."""
    classes = CLASSES if system.classes > 2 else 2
    options = system.run.options | OPTIONS.get(system.run.network, {})
    torch.manual_seed(0)
    network = build(system.run.network, classes=classes, **options).to(memory_format=torch.channels_last)
    pictures = Pictures(classes, size=SIZES.get(system.run.network, SIZE))
    recipe = dataclasses.replace(
        system.run.recipe, epochs=epochs, batch=IMAGES, micro_batch=None, learning_rate=RATE, patience=None,
        precision="float32", class_weights=None,
    )  # fmt: skip
    steps = 0
    if system.run.network not in EVALUATED_ONLY:
        with tempfile.TemporaryDirectory(prefix="repro-overfit-") as folder:
            trainer = Trainer(
                network=network,
                loss=make_loss(recipe.loss, alpha=recipe.alpha),
                samples=pictures,
                select=lambda network: (0.0, 0.0),
                recipe=recipe,
                seed=0,
                folder=Path(folder),
                device=torch.device("cpu"),
                identity={},
            )
            steps = trainer.train().progress.step
    return steps, score_of(network.eval(), pictures, recipe, classes)


@torch.inference_mode()
def score_of(network: nn.Module, pictures: Pictures, recipe, classes: int) -> float:
    """Return mIoU pooled over the pictures, or of two classes the foreground's Dice."""
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    for image, label in pictures.pairs:
        matrix += confusion(label.long(), logits_of(network, image, recipe, torch.device("cpu"))[0].argmax(0), classes)
    hit, sums = matrix.diagonal().double(), (matrix.sum(0) + matrix.sum(1)).double()
    return float(2 * hit[1] / sums[1]) if classes == 2 else float((hit / (sums - hit)).mean())

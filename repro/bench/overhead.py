"""The suite's training loop, beside a bare one with the same network, data, loss and optimiser."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from repro import machine
from repro.bench.overfit import IMAGES, Pictures
from repro.bench.rates import clock_name, matrix_rate, synchronised, training_operations
from repro.bench.result import Line, Result
from repro.losses import make_loss
from repro.networks import build
from repro.papers.paper2.recipe import RECIPE
from repro.papers.spec import Recipe
from repro.training import AUTOCAST, INTERVAL, Events, Progress, Trainer, make_optimiser, normalise

WARM = 4  # steps of each loop before a turn is timed
SIZE = (192, 192)
BATCH = 4
OPTIONS = {"width": 16, "batch_norm": True, "dropout": 0.5}
GOAL = "our loop takes at most 3 % more than a bare one: a ratio of at least 0.97"


def measure(*, device: torch.device | None = None, size: tuple[int, int] = SIZE, rounds: int = 3) -> Result:
    """Return what a training step costs in the suite's loop and in a bare one.

    A turn is `INTERVAL` steps, so that a point of the curve lies in each. Ours reads the pairs, steps, looks whether
    numbers are finite, writes the curve and asks whether to stop. What it does at an epoch's end, a selection and a
    checkpoint, is not in its time.
    """
    device = device or machine.pick_device("auto")
    recipe = dataclasses.replace(
        RECIPE, batch=BATCH, epochs=1, learning_rate=1e-4, patience=None, class_weights=None, size=size,
        precision=machine.quick_precision(device),
    )  # fmt: skip
    machine.keep_freed_memory(device)  # as a run does
    with machine.threads(1, device):
        # On a processor the loops take single steps in turn, which its changes of speed meet alike; a card's clock
        # waits until it is idle, which whole turns alone leave to the loops themselves.
        lines = _in_turn(recipe, device, rounds, stretch=INTERVAL if device.type == "cuda" else 1)
        rate = matrix_rate(device, recipe.precision)
        image = torch.zeros(BATCH, 3, *size, device=device)
        operations = training_operations(_network(device), image)
    extra = 100 * (lines[0].median / lines[1].median - 1)
    return Result(
        row="overhead", of=f"U-Net of width {OPTIONS['width']}, {BATCH}x{size[0]}x{size[1]}", unit="step",
        lines=lines, goal=GOAL, machine=machine.describe(device), wanted=0.97, clock=clock_name(device),
        limit=(operations / rate, f"{operations / 1e9:.1f} GFLOP at the measured {rate / 1e9:.0f} GFLOP/s"),
        notes=(f"our loop takes {extra:+.1f} %",),
    )  # fmt: skip


def _in_turn(recipe: Recipe, device: torch.device, rounds: int, stretch: int) -> tuple[Line, Line]:
    """The mean step of each turn, of both loops: `stretch` steps of ours, then as many of the bare one's."""
    clock, times, began = synchronised(device), {"ours": [], "bare": []}, []
    warm = -(-WARM // stretch)  # stretches
    steps = warm * stretch + rounds * INTERVAL + stretch
    pictures = Pictures(2, passes=-(-(steps + 1) * recipe.batch // IMAGES), size=recipe.size)  # the epoch ends later
    bare = bare_loop(recipe, device, pictures)

    def on_step(progress: Progress) -> None:
        if progress.step % stretch:
            return
        if began:
            times["ours"].append(clock() - began.pop())
        started = clock()
        for _ in range(stretch):
            next(bare)
        times["bare"].append(clock() - started)
        began.append(clock())

    with tempfile.TemporaryDirectory(prefix="repro-overhead-") as folder:
        Trainer(
            network=_network(device), loss=make_loss(recipe.loss, alpha=recipe.alpha), samples=pictures,
            select=lambda _: (0.0, 0.0), recipe=recipe, seed=0, folder=Path(folder), device=device, identity={},
            events=Events(on_step=on_step),
        ).train()  # fmt: skip
    each = INTERVAL // stretch
    turns = [range(warm + number * each, warm + (number + 1) * each) for number in range(rounds)]
    return tuple(
        Line(name, tuple(sum(spent[place] for place in turn) / INTERVAL for turn in turns))
        for name, spent in times.items()
    )


def bare_loop(recipe: Recipe, device: torch.device, samples: Dataset) -> Iterator[None]:
    """Take a step, as one would write it without anything around, each time that something is asked for."""
    network = _network(device)
    loss = make_loss(recipe.loss, alpha=recipe.alpha)
    optimiser = make_optimiser(network, recipe)
    dtype = AUTOCAST.get(recipe.precision)
    order = [(0, index) for index in range(len(samples))]
    for image, label in DataLoader(samples, batch_size=recipe.batch, sampler=order, drop_last=True):
        label = label.to(device).long()
        optimiser.zero_grad(set_to_none=True)
        image = normalise(image, device).to(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            logits = network(image)
        loss(logits, label, loss.totals(label)).backward()
        optimiser.step()
        yield


def _network(device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    return build("unet", classes=2, **OPTIONS).to(device).to(memory_format=torch.channels_last).train()

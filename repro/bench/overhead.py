"""The suite's training loop, beside a bare one with the same network, data, loss and optimiser."""

import dataclasses
import itertools
import tempfile
from collections.abc import Callable
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
from repro.training import AUTOCAST, Events, Trainer, make_optimiser, normalise

STEPS = 28  # a turn; a point of the curve lies in it
SIZE = (160, 160)
BATCH = 4
OPTIONS = {"width": 16, "batch_norm": True, "dropout": 0.5}
GOAL = "our loop takes at most 3 % more than a bare one: a ratio of at least 0.97"


def measure(
    *, device: torch.device | None = None, size: tuple[int, int] = SIZE, rounds: int = 3, steps: int = STEPS
) -> Result:
    """Return what a training step costs in the suite's loop and in a bare one, by turns of `steps`.

    Ours reads the pairs, steps, looks whether numbers are finite, writes the curve and asks whether to stop. What it
    does at an epoch's end, a selection and a checkpoint, is not in its time.
    """
    device = device or machine.pick_device("auto")
    recipe = dataclasses.replace(
        RECIPE, batch=BATCH, epochs=rounds + 1, learning_rate=1e-4, patience=None, class_weights=None, size=size,
        precision=machine.quick_precision(device),
    )  # fmt: skip
    machine.keep_freed_memory(device)  # as a run does
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        lines = _in_turn(recipe, device, steps)
        rate = matrix_rate(device, recipe.precision)
        image = torch.zeros(BATCH, 3, *size, device=device)
        operations = training_operations(_network(device), image)
    finally:
        torch.set_num_threads(threads)
    extra = 100 * (lines[0].median / lines[1].median - 1)
    return Result(
        row="overhead", of=f"U-Net of width {OPTIONS['width']}, {BATCH}x{size[0]}x{size[1]}", unit="step",
        lines=lines, goal=GOAL, machine=machine.describe(device), wanted=0.97, clock=clock_name(device),
        limit=(operations / rate, f"{operations / 1e9:.1f} GFLOP at the measured {rate / 1e9:.0f} GFLOP/s"),
        notes=(f"our loop takes {extra:+.1f} %",),
    )  # fmt: skip


def _in_turn(recipe: Recipe, device: torch.device, steps: int) -> tuple[Line, Line]:
    """The times of both loops: a bare turn follows each of the suite's epochs, from within its selection."""
    clock, times, began = synchronised(device), {"ours": [], "bare": []}, []
    assert (steps + 2) * recipe.batch % IMAGES == 0, "an epoch is whole turns of the pictures"
    pictures = Pictures(2, passes=(steps + 2) * recipe.batch // IMAGES, size=recipe.size)
    bare = bare_loop(recipe, device, pictures)

    def select(network: nn.Module) -> tuple[float, float]:
        started = clock()
        bare(steps)
        times["bare"].append((clock() - started) / steps)
        return 0.0, 0.0

    def on_step(progress) -> None:
        done = progress.step % (steps + 2)
        if done == 1:
            trainer.saver.wait()  # the checkpoint of the epoch before is written beside
            began.append(clock())
        elif done == steps + 1:
            times["ours"].append((clock() - began[-1]) / steps)

    with tempfile.TemporaryDirectory(prefix="repro-overhead-") as folder:
        trainer = Trainer(
            network=_network(device), loss=make_loss(recipe.loss, alpha=recipe.alpha), samples=pictures, select=select,
            recipe=recipe, seed=0, folder=Path(folder), device=device, identity={}, events=Events(on_step=on_step),
        )  # fmt: skip
        trainer.train()
    return tuple(Line(name, tuple(each[1:])) for name, each in times.items())  # the first turn warms up


def bare_loop(recipe: Recipe, device: torch.device, samples: Dataset) -> Callable[[int], None]:
    """Return a loop that takes so many steps as one would write them without anything around."""
    network = _network(device)
    loss = make_loss(recipe.loss, alpha=recipe.alpha)
    optimiser = make_optimiser(network, recipe)
    dtype = AUTOCAST.get(recipe.precision)
    order = [(0, index) for index in range(len(samples))]
    loader = DataLoader(samples, batch_size=recipe.batch, sampler=order, drop_last=True)

    def run(steps: int) -> None:
        for image, label in itertools.islice(loader, steps):
            label = label.to(device).long()
            optimiser.zero_grad(set_to_none=True)
            image = normalise(image, device).to(memory_format=torch.channels_last)
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                logits = network(image)
            loss(logits, label, loss.totals(label)).backward()
            optimiser.step()

    return run


def _network(device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    return build("unet", classes=2, **OPTIONS).to(device).to(memory_format=torch.channels_last).train()

"""What a run will take here: measured on a few steps of made-up images."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rich.console import Console

from repro import machine
from repro.losses import make_loss
from repro.networks import build
from repro.papers.spec import Suite
from repro.plan import Job, Run
from repro.progress import duration
from repro.runner import Setting, open_lists
from repro.training import AUTOCAST, make_optimiser, normalise, steps_per_epoch


@dataclass
class Speed:
    """How long a run's steps take, from at most ten of them on made-up images."""

    seconds_per_step: float
    peak_memory_bytes: int
    parameters: int


def measure(run: Run, classes: int, setting: Setting, *, steps: int = 10, at_most: float = 10.0) -> Speed:
    """Return the speed of a run's training steps here: the median of `steps`, or of what fits `at_most` seconds."""
    recipe = run.recipe
    size = recipe.crop or recipe.size or (360, 480)
    network = (
        build(run.network, classes=classes, **run.options).to(setting.device).to(memory_format=torch.channels_last)
    )
    optimiser, loss = make_optimiser(network, recipe), make_loss(recipe.loss, alpha=recipe.alpha)
    image = torch.randint(0, 256, (recipe.batch, 3, *size), dtype=torch.uint8)
    label = torch.randint(0, classes, (recipe.batch, *size), device=setting.device)
    micro, dtype, times = recipe.micro_batch or recipe.batch, AUTOCAST.get(recipe.precision), []
    began = time.monotonic()
    while len(times) < steps and (not times or time.monotonic() - began < at_most):
        start = time.monotonic()
        for part, target in zip(image.split(micro), label.split(micro)):
            with torch.autocast(setting.device.type, dtype=dtype, enabled=dtype is not None):
                outputs = network(normalise(part, setting.device))
            logits = outputs[0] if isinstance(outputs, tuple) else outputs
            loss(logits, target, loss.totals(target)).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if setting.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic() - start)
    settled = sorted(times[1:] or times)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Speed(settled[len(settled) // 2], machine.peak_memory_bytes(setting.device), parameters)


def announce(
    suite: Suite, due: Sequence[Job], setting: Setting, console: Console, *, processes: int, asked: str
) -> None:
    """Say before the first step what a suite will take: runs, hours, disk and memory.

    Each distinct network and shape is measured by ten steps, or by what fits ten seconds; a toy suite by its first
    network alone, scaled by operations no further than steps.

    Raises:
        ValueError: a paper's own suite would run on a CPU for days and nobody asked for that.
    """
    trained = [job for job in due if job.run.trained]
    if not trained:
        return
    speeds: dict[tuple, Speed] = {}
    hours = disk = 0.0
    memory = 0
    for job in trained:
        lists = open_lists(job.run, setting.data)
        recipe = job.run.recipe
        key = (job.run.network, str(job.run.options), recipe.size, recipe.crop, recipe.batch, recipe.precision)
        if key not in speeds and not (suite.toy and speeds):
            speeds[key] = measure(job.run, len(lists.train_set.class_names), setting)
        speed = speeds.get(key) or next(iter(speeds.values()))
        steps = recipe.epochs * steps_per_epoch(len(lists.train), recipe.batch)
        selecting = recipe.epochs * len(lists.selection) / recipe.batch / 3
        hours += speed.seconds_per_step * (steps + selecting + len(lists.report) * 2 / recipe.batch / 3) / 3600
        disk += 5 * 4 * speed.parameters / 2**30
        memory = max(memory, speed.peak_memory_bytes)
    hours /= processes
    own = any(stand.own for stand in suite.data.values())
    if own and setting.device.type == "cpu" and asked != "cpu" and hours > 12:
        raise ValueError(
            f"there is no GPU here, and on this CPU {suite.name} would take about {hours / 24:.0f} days; "
            "give --device cpu to do it all the same, or --epochs and --limit for a reduced suite"
        )
    console.print(
        f"{len(trained)} runs to train, about {duration(hours * 3600)} on {setting.device.type} "
        f"(measured on a few steps of {len(speeds)} networks), up to {disk:.1f} GiB of disk in "
        f"{setting.runs.name}/, {memory / 2**30:.1f} GiB of memory.",
        markup=False,
    )

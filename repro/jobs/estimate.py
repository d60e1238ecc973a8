"""What a run will take here: measured on a few steps of made-up images."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch
from rich.console import Console

from repro import machine, plan
from repro.compare import home_of
from repro.dry_run import disk_of
from repro.losses import make_loss
from repro.models.checkpointing import checkpoint_blocks
from repro.networks import build
from repro.papers.spec import Suite
from repro.plan import Job, Run
from repro.runner import Setting, needs_recomputation, open_lists
from repro.schedule import steps_per_epoch
from repro.suite import short
from repro.training import (
    AUTOCAST,
    WORKSPACE,
    copy_weights,
    explained,
    make_optimiser,
    normalise,
)
from repro.words import duration, many

NEARLY_ALL = 0.9  # of the free memory: an estimate is no closer
CHECKPOINT_BYTES = 3 * 4 * 4  # a parameter: weights, selected ones, two moments; two generations and one being written
FEW = 2  # images: batch-norm over the one pixel of a small map needs two
CONTEXT_BYTES = 2**30  # what a process holds of a card besides its tensors: the driver's context and the libraries


@dataclass
class Speed:
    """How long a run's steps take, from at most ten of them on made-up images."""

    seconds_per_step: float
    peak_memory_bytes: int
    parameters: int


def measure(
    run: Run, classes: int, setting: Setting, *, steps: int = 10, at_most: float = 10.0, images: int | None = None
) -> Speed:
    """Return the speed of a run's training steps here: the median of `steps`, or of what fits `at_most` seconds.

    With `images` steps of so few images are measured, and their time and memory scaled to the whole batch. Steps are
    those of a training: its outputs and losses, its recomputed blocks, and the selected weights kept beside.
    """
    recipe = run.recipe
    images = min(images or recipe.batch, recipe.batch)
    whole = recipe.batch / images
    size = recipe.crop or recipe.size or (360, 480)
    if setting.deterministic:
        os.environ.setdefault(*WORKSPACE)  # cuBLAS looks once, at a process's first product: here
    machine.keep_freed_memory(setting.device)
    machine.forget_peak_memory(setting.device)
    before = machine.peak_memory_bytes(setting.device)
    network = build(run.network, classes=classes, **run.options)
    if needs_recomputation(run):
        checkpoint_blocks(network)
    network = network.to(setting.device).to(memory_format=torch.channels_last)
    selected = copy_weights(network.state_dict())
    optimiser, loss = make_optimiser(network, recipe), make_loss(recipe.loss, alpha=recipe.alpha)
    sizes = [images] if whole > 1 else [len(part) for part in setting.processes.slices(images, recipe.micro_batch)]
    if setting.processes.size > 1:
        sizes = [max(images, 2) for images in sizes]  # batch-norm is measured alone, and one image may have no variance
    image = torch.randint(0, 256, (sum(sizes), 3, *size), dtype=torch.uint8)
    label = torch.randint(0, classes, (sum(sizes), *size), device=setting.device)
    dtype, times = AUTOCAST.get(recipe.precision), []
    began = time.monotonic()
    while len(times) < steps and (not times or time.monotonic() - began < at_most):
        start = time.monotonic()
        for part, target in zip(image.split(sizes), label.split(sizes)):
            seen = normalise(part, setting.device).to(memory_format=torch.channels_last)
            with torch.autocast(setting.device.type, dtype=dtype, enabled=dtype is not None):
                outputs = network(seen)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            totals, weights = loss.totals(target), (1.0, *recipe.auxiliary_weights)
            sum(weight * loss(each, target, totals) for weight, each in zip(weights, outputs)).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if setting.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic() - start)
    settled = sorted(times[1:] or times)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    del selected  # till here, as in a training
    kept = before + 5 * 4 * parameters  # weights, selected ones, gradients and two moments, whatever the batch is
    held = machine.peak_memory_bytes(setting.device)
    memory = held if whole == 1 else int(kept + max(held - kept, 0) * whole)
    return Speed(settled[len(settled) // 2] * whole, memory, parameters)


@dataclass(frozen=True)
class Estimate:
    """What a call will take on a device, from the steps measured there.

    Attributes:
        seconds: of training and evaluation, by run id.
        disk_gib: of the weights that finished runs keep.
        need_bytes: the most memory that one run's steps held.
        free_bytes: of the card, or of the machine, before anything was measured.
        networks: how many were measured.
        device: what on, "cuda" or "cpu".
        checkpoint_gib: of the checkpoints of the largest run while it trains.
        emulated: the precision of these runs that the processor does not have; "" where it has them all.
    """

    seconds: dict[str, float]
    disk_gib: float
    need_bytes: int
    free_bytes: int
    networks: int
    device: str
    checkpoint_gib: float = 0.0
    emulated: str = ""

    @property
    def per_gpu(self) -> int:
        """How many runs share a card: as many as its free memory holds, each with its libraries and a tenth more."""
        return max(int(self.free_bytes // (CONTEXT_BYTES + 1.1 * self.need_bytes)), 1)


def estimate(due: Sequence[Job], setting: Setting, *, first_only: bool = False, at_once: int = 1) -> Estimate:
    """Return what the due runs will take on the setting's device, `Estimate`.

    Each distinct network and shape is measured by ten steps, or by what fits ten seconds; with `first_only` the first
    network alone, scaled by operations no further than steps. On a CPU a whole batch may take minutes, and time goes by
    the image: there the steps are of `FEW` images, by the threads that each of `at_once` runs will have.

    Raises:
        repro.training.Failed: a step does not fit into memory; says at which batch and crop, and what to do.
    """
    share = max(torch.get_num_threads() // at_once, 1)  # more would wait for each other
    few = FEW if setting.device.type == "cpu" else None
    on_card = setting.device.type == "cuda"
    free = torch.cuda.mem_get_info(setting.device)[0] if on_card else psutil.virtual_memory().available
    speeds: dict[tuple, Speed] = {}
    seconds: dict[str, float] = {}
    disk = 0.0
    for job in due:
        if not job.run.trained:
            continue
        lists = open_lists(job.run, setting.data)
        recipe = job.run.recipe
        key = (job.run.network, str(job.run.options), recipe.size, recipe.crop, recipe.batch, recipe.precision)
        if key not in speeds and not (first_only and speeds):
            with machine.threads(share, setting.device), explained(recipe, setting.device):
                speeds[key] = measure(job.run, len(lists.train_set.class_names), setting, images=few)
        speed = speeds.get(key) or next(iter(speeds.values()))
        steps = recipe.epochs * steps_per_epoch(len(lists.train), recipe.batch)
        selecting = recipe.epochs * len(lists.selection) / recipe.batch / 3
        seconds[job.run.id] = speed.seconds_per_step * (steps + selecting + len(lists.report) * 2 / recipe.batch / 3)
        disk += disk_of(speed.parameters) / 2**30
    if setting.device.type == "cuda":
        torch.cuda.empty_cache()  # lanes are processes of their own, and lack what this one keeps of a card
    need = max((speed.peak_memory_bytes for speed in speeds.values()), default=0)
    largest = max((speed.parameters for speed in speeds.values()), default=0)
    checkpoint = CHECKPOINT_BYTES * largest / 2**30
    precisions = sorted({job.run.recipe.precision for job in due if job.run.trained})
    emulated = next((each for each in precisions if machine.emulates(each, setting.device)), "")
    return Estimate(seconds, disk, need, free, len(speeds), setting.device.type, checkpoint, emulated)


def longest_first(jobs: Sequence[Job], seconds: dict[str, float]) -> list[Job]:
    """Return the jobs with the longest first within each seed: what many workers end with should be short."""
    return sorted(jobs, key=lambda job: (job.run.seed, -seconds.get(job.run.id, 0.0)))


def announce(suite: Suite, expected: Estimate, setting: Setting, console: Console, *, at_once: int, asked: str) -> None:
    """Say before the first step what a suite will take with `at_once` runs at a time: runs, hours, disk and memory.

    Raises:
        ValueError: a paper's own suite would run on a CPU for days and nobody asked for that.
    """
    if not expected.seconds:
        return
    seconds = sum(expected.seconds.values()) / at_once
    own = any(stand.own for stand in suite.data.values())
    if own and expected.device == "cpu" and asked != "cpu" and seconds > 12 * 3600:
        raise ValueError(
            f"there is no GPU here, and on this CPU {suite.name} would take about {seconds / 86400:.0f} days; "
            "give --device cpu to do it all the same, or --epochs and --limit for a reduced suite"
        )
    console.print(
        f"{many(len(expected.seconds), 'run')} to train, about {duration(seconds)} on {expected.device} "
        f"(measured on a few steps of {many(expected.networks, 'network')}), "
        f"{expected.need_bytes / 2**30:.1f} GiB of memory.",
        markup=False,
    )
    if expected.device == "cpu" and at_once * expected.need_bytes > NEARLY_ALL * expected.free_bytes:
        console.print(
            f"Only {expected.free_bytes / 2**30:.1f} GiB are free here, and Linux kills what takes more: "
            "--micro-batch auto finds what fits.", markup=False,
        )  # fmt: skip
    if expected.emulated:
        other = plan.reduced(suite, suite.epochs, suite.limit, precision="float32").name
        console.print(
            f"{machine.EMULATED.format(expected.emulated)}: --precision float32 does the same runs in float32, as "
            f"suite {other}.", markup=False,
        )  # fmt: skip
    home = home_of(suite)
    console.print(
        f"They write weights and curves to {short(setting.runs)}, about {expected.disk_gib:.1f} GiB, and "
        f"while they train {at_once * expected.checkpoint_gib:.1f} GiB of checkpoints; records to "
        f"{short(home.records)}, tables to {short(home.tables)}, figures to {short(home.figures)}.",
        markup=False,
    )

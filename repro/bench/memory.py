"""What a training step at the papers' batches takes of a card's memory."""

import dataclasses
import tempfile
from pathlib import Path

import torch
from torch import nn

from repro import machine
from repro.bench.live_bytes import step_bytes
from repro.bench.sheet import Sheet
from repro.bench.step import ours_step
from repro.bench.systems import EVALUATED_ONLY, System, systems
from repro.losses import make_loss
from repro.models.checkpointing import checkpoint_blocks
from repro.networks import build
from repro.runner.perform import needs_recomputation
from repro.training import AUTOCAST

GOAL = "every row of paper 1's table under 22 GB at 16 x 512x1024, TCNet under 11 GB at 15 x 448x448 (GB: 10^9 bytes)"
LIMITS = {"paper1_table1": 22e9, "tcnet": 11e9}


def measure(*, device: torch.device | None = None, every: bool = False) -> Sheet:
    """Return the memory of a step of each row of paper 1's table and of TCNet, of every system with `every`.

    Computed from shapes; on a card also measured, with the suite's own step.
    """
    device = device or machine.pick_device("auto")
    chosen = [system for system in systems() if system.run.network not in EVALUATED_ONLY and (every or limit(system))]
    rows, over, ratios = [], [], []
    for system in chosen:
        kept, peak = computed(system, recompute=False)
        second = computed(system, recompute=True) if needs_recomputation(system.run) else None
        real = measured(system, device) if device.type == "cuda" else None
        taken = max(real or 0, (second or (kept, peak))[1])
        over += [system.name] if limit(system) and taken >= limit(system) else []
        ratios += [limit(system) / taken] if limit(system) else []
        shape = f"{system.run.recipe.batch}x{system.size[0]}x{system.size[1]}"
        rows.append((
            system.name, shape, _gb(kept), _gb(peak), *map(_gb, second or ("", "")), _gb(real or ""),
            _gb(limit(system) or ""), "yes" if second else "no",
        ))  # fmt: skip
    return Sheet(
        row="memory",
        about="GB (10^9 bytes) of a training step in the recipe's precision: what the forward pass keeps, and the most "
        "that is alive with weights, gradients, optimiser and input, computed from shapes",
        headers=(
            "system", "batch", "kept", "peak", "kept, recomputing blocks", "peak, recomputing blocks",
            "peak, measured", "limit", "recomputes on a card",
        ),
        rows=tuple(rows),
        goal=GOAL,
        machine=machine.describe(device),
        found=(f"over its goal: {', '.join(over)}" if over else f"all {len(rows)} are under their goals")
        + f"; ratio: {min(ratios):.2f}",  # of the goal to what the tightest takes
    )  # fmt: skip


def limit(system: System) -> float:
    """Return the bytes that a system may take, 0 where nothing was aimed at."""
    return LIMITS.get(system.cell.partition("/")[0], LIMITS.get(system.run.network, 0))


def computed(system: System, *, recompute: bool, images: int = 0) -> tuple[int, int]:
    """Return (kept, peak) bytes of a step, computed from shapes; `images` of the recipe's batch unless given."""
    recipe = system.run.recipe
    network = build(system.run.network, classes=system.classes, **system.run.options).train()
    if recompute:
        checkpoint_blocks(network)
    loss = make_loss(recipe.loss, alpha=recipe.alpha)

    def total(outputs, label: torch.Tensor) -> torch.Tensor:
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        totals = loss.totals(label)
        weights = (1.0, *recipe.auxiliary_weights)
        return sum(weight * loss(each, label, totals) for weight, each in zip(weights, outputs))

    return step_bytes(
        network, total, images=images or recipe.batch, size=system.size, autocast=AUTOCAST.get(recipe.precision)
    )


def measured(system: System, device: torch.device) -> int:
    """Return the most bytes that two of the suite's own steps held on a card."""
    recipe = dataclasses.replace(system.run.recipe, weights="none", class_weights=None)
    network: nn.Module = build(system.run.network, classes=system.classes, **system.run.options)
    if needs_recomputation(system.run):
        checkpoint_blocks(network)
    network = network.to(device).to(memory_format=torch.channels_last).train()
    image = torch.randint(0, 256, (recipe.batch, 3, *system.size), dtype=torch.uint8)
    label = (image.float().mean(1) / 256 * system.classes).to(torch.uint8)
    machine.forget_peak_memory(device)
    with tempfile.TemporaryDirectory(prefix="repro-memory-") as folder:
        step = ours_step(network, recipe, device, Path(folder), image, label)
        for number in range(2):
            step(number)
    return machine.peak_memory_bytes(device)


def _gb(size: float | str) -> str:
    return size if isinstance(size, str) else f"{size / 1e9:.2f}"

"""What a checkpoint takes from training: turns of steps with checkpoints in them, beside turns without."""

import dataclasses
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from repro import checkpoint, machine
from repro.bench.overfit import IMAGES, Pictures
from repro.bench.sheet import Sheet
from repro.losses import make_loss
from repro.networks import build
from repro.papers.paper2.recipe import RECIPE
from repro.training import Events, Trainer

NETWORKS = {"unet": {"width": 64, "batch_norm": True}, "tcnet": {}}
SIZE = (32, 32)  # small: what is saved goes by the network, not by the picture
BATCH = 2
APART = 8  # steps between two checkpoints: longer than writing one takes
SAVES = 2  # a turn
NEVER = 10**9
GOAL = "at most 1 % of training at the default interval"


def measure(
    *, device: torch.device | None = None, networks: dict[str, dict] = NETWORKS, rounds: int = 3, apart: int = APART
) -> Sheet:
    """Return what a checkpoint takes from training, in seconds by the wall, of networks at the papers' widths.

    A turn is `SAVES * apart` steps on small pictures. A checkpoint is written beside the steps that follow it, so what
    it takes is the time by which a turn with checkpoints is longer, not its own.

    Args:
        device: where.
        networks: name -> options.
        rounds: turns of each kind after the first.
        apart: steps between two checkpoints.
    """
    device = device or machine.pick_device("auto")
    interval = next(each.default for each in dataclasses.fields(Trainer) if each.name == "every_seconds")
    rows, worst = [], 0.0
    for name, options in networks.items():
        steps = SAVES * apart
        turns = [
            tuple(_turn(name, options, device, steps, every=every) for every in (apart, NEVER))
            for _ in range(rounds + 1)
        ]
        extra = sorted((with_.seconds - without.seconds) / SAVES for with_, without in turns[1:])[rounds // 2]
        waits = sorted(with_.waited / SAVES for with_, _ in turns[1:])[rounds // 2]
        share = 100 * max(extra, waits) / interval
        worst = max(worst, share)
        rows.append(
            (name, f"{turns[0][0].parameters / 1e6:.1f}", f"{turns[0][0].bytes / 1e6:.0f}", f"{waits:.3f}",
             f"{extra:.3f}", f"{share:.2f}")
        )  # fmt: skip
    return Sheet(
        row="saving",
        about=f"a checkpoint every {apart} steps of {BATCH}x{SIZE[0]}x{SIZE[1]} beside none, seconds by the wall",
        headers=("network", "million parameters", "megabytes", "the step waits", "training is longer by", "per cent"),
        rows=tuple(rows),
        goal=f"{GOAL}: {interval:.0f} s; a recipe whose epochs are shorter saves at each epoch's end",
        machine=machine.describe(device),
        found=f"at most {worst:.2f} % of training at one checkpoint in {interval:.0f} s",
    )


@dataclasses.dataclass
class Turn:
    """What a turn took, and what it saved."""

    seconds: float
    waited: float
    bytes: int
    parameters: int


def _turn(name: str, options: dict, device: torch.device, steps: int, *, every: int) -> Turn:
    """Train so many steps between a first and a last one, whose time is not counted."""
    torch.manual_seed(0)
    network: nn.Module = build(name, classes=2, **options).to(device).to(memory_format=torch.channels_last)
    pictures = Pictures(2, passes=-(-(steps + 2) * BATCH // IMAGES), size=SIZE)
    recipe = dataclasses.replace(
        RECIPE, batch=BATCH, epochs=1, learning_rate=1e-4, class_weights=None, size=SIZE, precision="float32"
    )
    at: dict[int, float] = {}
    waited, sizes = 0.0, [0]

    def on_step(progress) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()
        at[progress.step] = time.perf_counter()

    with tempfile.TemporaryDirectory(prefix="repro-saving-") as folder:
        trainer = Trainer(
            network=network, loss=make_loss(recipe.loss, alpha=recipe.alpha), samples=pictures,
            select=lambda _: (0.0, 0.0), recipe=recipe, seed=0, folder=Path(folder), device=device, identity={},
            events=Events(on_step=on_step), every_steps=every,
        )  # fmt: skip
        save = trainer.saver.save

        def timed(step: int, state: dict, *, settled: dict) -> None:
            nonlocal waited
            began = time.perf_counter()
            save(step, state, settled=settled)
            waited += time.perf_counter() - began if step <= steps else 0.0

        trainer.saver.save = timed
        trainer.train()
        sizes += [path.stat().st_size for _, path in checkpoint.generations(Path(folder))]
    parameters = sum(each.numel() for each in network.parameters())
    return Turn(at[steps + 1] - at[1], waited, max(sizes), parameters)

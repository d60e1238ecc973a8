"""What a run will take here: measured on a few steps of made-up images."""

import time
from dataclasses import dataclass

import torch

from repro import machine
from repro.losses import make_loss
from repro.networks import build
from repro.plan import Run
from repro.runner import Setting
from repro.training import AUTOCAST, make_optimiser, normalise


@dataclass
class Speed:
    """How long a run's steps take, from at most ten of them on made-up images."""

    seconds_per_step: float
    peak_memory_bytes: int


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
    return Speed(sorted(times[1:] or times)[len(times[1:] or times) // 2], machine.peak_memory_bytes(setting.device))

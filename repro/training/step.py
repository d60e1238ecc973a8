"""What a step needs besides the network: normalised images, the optimiser, averaged weights."""

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from repro.papers.spec import Recipe

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255  # of ImageNet, what the encoders were trained with
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255
AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def normalise(image: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return (N, 3, H, W) uint8 images as float32 on `device`, with ImageNet's mean and deviation taken off."""
    image = image.to(device, non_blocking=True).float()
    mean, deviation = _scale(device)
    return (image - mean) / deviation


@functools.cache
def _scale(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation on a device, sent once: a copy from ordinary memory waits for all that a GPU has to do."""
    with torch.inference_mode(False):  # training uses what an evaluation may have sent
        return MEAN.to(device), STD.to(device)


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over every parameter of `network`.

    Raises:
        ValueError: no such optimiser.
    """
    kinds = {"adam": _Adam, "adamw": _AdamW}
    if recipe.optimiser not in kinds:
        raise ValueError(f"there is no optimiser {recipe.optimiser!r}; there are {', '.join(kinds)}")
    decay = recipe.weight_decay or 0.0
    return kinds[recipe.optimiser](network.parameters(), lr=recipe.learning_rate, weight_decay=decay, fused=True)


class _AsStored:
    """Gives the fused kernel weights with the channels last as they lie in memory, with those as their last dimension.

    On a CPU it would otherwise copy each, its gradient and its two moments to the other layout and back, at every step:
    a twentieth to a tenth of a step of the U-Net on ResNet-50 at 2x192x192. It works number by number, so no bit
    changes.
    """

    def _init_group(self, group: dict, weights: list, gradients: list, *moments: list) -> bool:
        has_complex = super()._init_group(group, weights, gradients, *moments)
        last = [each.device.type == "cpu" and each.dim() == 4 and not each.is_contiguous() for each in weights]
        for tensors in (weights, gradients, *moments[:2]):
            tensors[:] = [each.permute(0, 2, 3, 1) if turn else each for each, turn in zip(tensors, last)]
        return has_complex


class _Adam(_AsStored, torch.optim.Adam):
    pass


class _AdamW(_AsStored, torch.optim.AdamW):
    pass


def all_finite(gradients: list[torch.Tensor]) -> torch.Tensor:
    """Return a scalar, true where every number of every gradient is finite; nothing waits for the device."""
    if gradients[0].device.type == "cuda":
        return torch.isfinite(nn.utils.get_total_norm(gradients, math.inf))
    # On a CPU the norm takes fifteen times as long as the sums, which are finite where the numbers are: a sum
    # overflows only beyond 1e30 a number, and Adam's squares have done so long before.
    return torch.isfinite(torch.stack([gradient.sum() for gradient in gradients]).sum())


def copy_weights(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of its own memory."""
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def move_average(average: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], decay: float) -> None:
    """average = decay * average + (1 - decay) * weights; counters are copied."""
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1 - decay)
        else:
            average[name].copy_(tensor)


@contextmanager
def evaluating(network: nn.Module, weights: dict[str, torch.Tensor]) -> Iterator[None]:
    """The network in evaluation mode, with `weights` for its own unless they are empty; afterwards as it was."""
    kept = copy_weights(network.state_dict()) if weights else {}
    if weights:
        network.load_state_dict(weights)
    network.eval()
    try:
        yield
    finally:
        if kept:
            network.load_state_dict(kept)
        network.train()

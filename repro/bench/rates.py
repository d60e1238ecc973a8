"""What a device can do at most, measured: multiplications of matrices, and bytes moved."""

import copy
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from repro.training import AUTOCAST


def synchronised(device: torch.device) -> Callable[[], float]:
    """Return a clock in seconds: of this process's processor time, or on a card of the wall once it is idle."""
    if device.type != "cuda":
        return time.process_time

    def clock() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return clock


def clock_name(device: torch.device) -> str:
    """Return what a second of that clock is."""
    return "seconds" if device.type == "cuda" else "seconds of one core"


def matrix_rate(device: torch.device, precision: str, *, side: int | None = None, rounds: int = 5) -> float:
    """Return the operations a second at which square matrices of `side` are multiplied; an addition is one too."""
    side = side or (8192 if device.type == "cuda" else 2048)
    one = torch.randn(side, side, device=device).to(AUTOCAST.get(precision, torch.float32))
    clock = synchronised(device)
    return 2 * side**3 / _least(lambda: one @ one, clock, rounds)


def copy_rate(device: torch.device, *, size: int | None = None, rounds: int = 5) -> float:
    """Return how many bytes a second are moved by a copy of `size` bytes, each read once and written once."""
    size = size or (2**30 if device.type == "cuda" else 2**27)
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / _least(lambda: target.copy_(source), synchronised(device), rounds)


def _least(work: Callable[[], object], clock: Callable[[], float], rounds: int) -> float:
    times = []
    for _ in range(rounds + 1):
        began = clock()
        work()
        times.append(clock() - began)
    return max(min(times[1:]), 1e-9)


def training_operations(network: nn.Module, image: torch.Tensor) -> int:
    """Return the operations of a forward and a backward pass over (N, 3, H, W) images; an addition is one too.

    They follow from shapes, so nothing is computed.
    """
    network, image = copy.deepcopy(network).to("meta"), image.to("meta")
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution_backward: _backward}) as counter:
        outputs = network(image)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        sum(each.float().mean() for each in outputs).backward()
    return counter.get_total_flops()


def _backward(gradient, image, weight, bias, stride, padding, dilation, transposed, more, groups, wanted, **_) -> int:
    """Return the operations of a convolution's gradients, from shapes: each `wanted` one's are the forward pass's.

    torch's own count takes a grouped convolution for a whole one in the gradient of its weight: with 2048 channels
    apart that is 2048 times too many.
    """
    return sum(wanted[:2]) * conv_flop_count(image, weight, gradient, transposed)

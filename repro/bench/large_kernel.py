"""The large depth-wise convolution forward and backward: torch's own kernels, the transform, and on a card Triton's."""

import math

import torch

from repro import machine
from repro.bench.rates import clock_name, copy_rate, matrix_rate, synchronised
from repro.bench.result import Result, in_turn
from repro.models.large_kernel import backend_for, depthwise_conv
from repro.models.large_kernel.fft import fast_length

SHAPE = (2, 64, 112, 112)  # TCNet's finest level at 448x448
KERNEL = 31
GOALS = {"cpu": "at least 10 times the stock convolution", "cuda": "at least 5 times the stock convolution"}
WANTED = {"cpu": 10.0, "cuda": 5.0}


def measure(
    *, device: torch.device | None = None, shape: tuple[int, int, int, int] = SHAPE, kernel: int = KERNEL,
    rounds: int = 5,
) -> Result:  # fmt: skip
    """Return what a forward and a backward pass over (N, C, H, W) images cost, on each backend that runs here.

    Ours is the backend that the suite's fixed rules choose. On a CPU it is processor time on one thread.
    """
    device = device or machine.pick_device("auto")
    chosen = backend_for(device.type, (kernel, kernel))
    others = [name for name in ("fft", "triton") if name != chosen and (name != "triton" or device.type == "cuda")]
    with machine.threads(1, device):
        generator = torch.Generator().manual_seed(0)
        image = torch.randn(shape, generator=generator).to(device).requires_grad_()
        weight = torch.randn(shape[1], 1, kernel, kernel, generator=generator).to(device).requires_grad_()
        slope = torch.randn(shape, generator=generator).to(device)

        def pass_of(backend: str):
            return lambda _: torch.autograd.grad(depthwise_conv(image, weight, backend=backend), (image, weight), slope)

        ways = {f"ours, {chosen}": pass_of(chosen), "stock": pass_of("stock")}
        ways |= {name: pass_of(name) for name in others}
        lines = in_turn(ways, clock=synchronised(device), rounds=rounds)
        moved = moved_bytes(shape, kernel)
        direct, transformed = direct_operations(shape, kernel), transform_operations(shape, kernel)
        bandwidth, rate = copy_rate(device), matrix_rate(device, "float32")
    least = max(moved / bandwidth, min(direct, transformed) / rate)
    why = (
        f"the larger of {moved / 1e6:.0f} MB at the measured {bandwidth / 1e9:.1f} GB/s and "
        f"{min(direct, transformed) / 1e9:.2f} GFLOP at the measured {rate / 1e9:.0f} GFLOP/s in float32 "
        f"(directly it would be {direct / 1e9:.1f} GFLOP)"
    )
    return Result(
        row="large-kernel", of=f"{'x'.join(map(str, shape))}, {kernel}x{kernel}", unit="pass", lines=tuple(lines),
        goal=GOALS[device.type], limit=(least, why), machine=machine.describe(device), wanted=WANTED[device.type],
        paths=len(lines), clock=clock_name(device),
    )  # fmt: skip


def moved_bytes(shape: tuple[int, int, int, int], kernel: int) -> int:
    """Return the bytes that any way has to move, each tensor once, in float32.

    Forward reads image and weight and writes the result; backward reads its gradient, image and weight and writes the
    gradients of both.
    """
    return 4 * (5 * math.prod(shape) + 3 * shape[1] * kernel * kernel)


def direct_operations(shape: tuple[int, int, int, int], kernel: int) -> int:
    """Return the operations of the three convolutions by their definition, border taps included."""
    return 3 * 2 * kernel * kernel * math.prod(shape)


def transform_operations(shape: tuple[int, int, int, int], kernel: int) -> int:
    """Return the operations by the transform: 5 n log2 n for each complex one of n points, and the products.

    Two images share a transform. Forward takes one of the images and one back, backward one of the gradients, one of
    the images and one back; and once a channel the kernel twice and the lags: three. A product of two complex numbers
    is six operations: one forward, two backward.
    """
    points = fast_length(shape[2] + kernel // 2) * fast_length(shape[3] + kernel // 2)
    planes = (shape[0] + 1) // 2 * shape[1]
    each = 5 * points * math.log2(points)
    return round((5 * planes + 3 * shape[1]) * each + 3 * 6 * points * planes)

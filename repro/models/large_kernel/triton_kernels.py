"""Depth-wise convolution by Triton kernels of ours, for a GPU.

A row of the kernel slides over a row of the image as a product with a banded (Toeplitz) matrix, so the matrix units do
the work: of a window of `window` columns each program makes BLOCK columns of the result, over BLOCK rows at once, and
adds up the kernel's rows. The gradient of the image is the same with the kernel turned by half a circle. The gradient
of the weight is the transposed product, summed along its diagonals. Nothing is added atomically, so results repeat to
the bit. Under `TRITON_INTERPRET=1` the kernels run on the CPU.
"""

import torch
import triton
import triton.language as tl

BLOCK = 32  # columns and rows of the result a program makes


@triton.jit
def _convolve(
    image, weight, bias, result, channels, height, width,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, SIZE: tl.constexpr, WINDOW: tl.constexpr, BIASED: tl.constexpr,
):  # fmt: skip
    """Write one SIZE x SIZE block of one plane of the result; all tensors are contiguous."""
    plane = tl.program_id(0).to(tl.int64)
    channel = plane % channels
    top, left = tl.program_id(1) * SIZE, tl.program_id(2) * SIZE
    rows, columns = top + tl.arange(0, SIZE), left + tl.arange(0, SIZE)
    window = left - COLUMNS // 2 + tl.arange(0, WINDOW)
    inside = (window >= 0) & (window < width)
    tap = tl.arange(0, WINDOW)[:, None] - tl.arange(0, SIZE)[None, :]
    banded = (tap >= 0) & (tap < COLUMNS)
    total = tl.zeros((SIZE, SIZE), dtype=tl.float32)
    for row in range(ROWS):
        source = rows + row - ROWS // 2
        present = ((source >= 0) & (source < height))[:, None] & inside[None, :]
        pixels = tl.load(image + (plane * height + source[:, None]) * width + window[None, :], mask=present, other=0.0)
        band = tl.load(weight + (channel * ROWS + row) * COLUMNS + tap, mask=banded, other=0.0)
        total = tl.dot(pixels.to(tl.float32), band.to(tl.float32), total, input_precision="tf32x3")
    if BIASED:
        total += tl.load(bias + channel).to(tl.float32)
    kept = (rows < height)[:, None] & (columns < width)[None, :]
    tl.store(result + (plane * height + rows[:, None]) * width + columns[None, :], total, mask=kept)


@triton.jit
def _correlate(
    gradient, image, result, count, channels, height, width,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, SIZE: tl.constexpr, WINDOW: tl.constexpr,
):  # fmt: skip
    """Write, for one channel and row of the kernel, the (SIZE, WINDOW) products of gradient and image columns.

    Entry (j, j + tap) belongs to that tap: its place within a block of columns is j, whichever the block.
    """
    channel, row = tl.program_id(0).to(tl.int64), tl.program_id(1)
    total = tl.zeros((SIZE, WINDOW), dtype=tl.float32)
    for number in range(count):
        plane = number * channels + channel
        for top in range(0, height, SIZE):
            rows = top + tl.arange(0, SIZE)
            source = rows + row - ROWS // 2
            for left in range(0, width, SIZE):
                columns = left + tl.arange(0, SIZE)
                window = left - COLUMNS // 2 + tl.arange(0, WINDOW)
                wanted = (columns < width)[:, None] & (rows < height)[None, :]
                turned = gradient + (plane * height + rows[None, :]) * width + columns[:, None]
                slopes = tl.load(turned, mask=wanted, other=0.0)
                present = ((source >= 0) & (source < height))[:, None] & ((window >= 0) & (window < width))[None, :]
                moved = image + (plane * height + source[:, None]) * width + window[None, :]
                pixels = tl.load(moved, mask=present, other=0.0)
                total = tl.dot(slopes.to(tl.float32), pixels.to(tl.float32), total, input_precision="tf32x3")
    place = (channel * ROWS + row) * SIZE * WINDOW
    inner = tl.arange(0, SIZE)[:, None] * WINDOW + tl.arange(0, WINDOW)[None, :]
    tl.store(result + place + inner, total)


def forward(image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return (N, C, H, W) in the image's precision, from (N, C, H, W) images and (C, 1, k, l) odd weights.

    Computes in float32, also what comes in float64.
    """
    image, weight = image.contiguous(), weight.contiguous()
    count, channels, height, width = image.shape
    rows, columns = weight.shape[-2:]
    result = torch.empty_like(image)
    grid = (count * channels, triton.cdiv(height, BLOCK), triton.cdiv(width, BLOCK))
    _convolve[grid](
        image, weight, weight if bias is None else bias.contiguous(), result, channels, height, width,
        ROWS=rows, COLUMNS=columns, SIZE=BLOCK, WINDOW=_window(columns), BIASED=bias is not None,
    )  # fmt: skip
    return result


def backward(
    gradient: torch.Tensor, image: torch.Tensor, weight: torch.Tensor, *, of_image: bool, of_weight: bool
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return the gradients of image and weight, in their precisions; None in the place of one not asked for."""
    image_gradient = forward(gradient, weight.flip(-2, -1), None).to(image.dtype) if of_image else None
    return image_gradient, _weight_gradient(gradient, image, weight) if of_weight else None


def _weight_gradient(gradient: torch.Tensor, image: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return (C, 1, k, l): the products of all columns, summed along their diagonals."""
    count, channels, height, width = image.shape
    rows, columns = weight.shape[-2:]
    window = _window(columns)
    products = torch.empty(channels, rows, BLOCK * window, dtype=torch.float32, device=image.device)
    _correlate[(channels, rows)](
        gradient.contiguous(), image.contiguous(), products, count, channels, height, width,
        ROWS=rows, COLUMNS=columns, SIZE=BLOCK, WINDOW=window,
    )  # fmt: skip
    strides = (rows * BLOCK * window, BLOCK * window, window + 1, 1)
    diagonals = products.as_strided((channels, rows, BLOCK, columns), strides)
    return diagonals.sum(dim=2)[:, None].to(weight.dtype)


def _window(columns: int) -> int:
    """Return how many columns of the image a block of the result depends on, rounded up to a power of two."""
    return triton.next_power_of_2(BLOCK + columns - 1)

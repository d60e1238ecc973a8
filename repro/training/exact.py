"""Equal replacements of the operations that have no deterministic CUDA kernel."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional as F

WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add up in another order each time


@contextmanager
def exact_operations(*, asked: bool) -> Iterator[None]:
    """Let the bits of a GPU repeat: where they were `asked` for, equal operations stand in for those that cannot.

    With `torch.use_deterministic_algorithms` every operation takes a deterministic kernel or raises. Of those that our
    networks call, one is without: bilinear upsampling, whose gradient is added up atomically. (Un-pooling and pooling
    to a fixed number of regions are written without such operations where they stand.) It is replaced in torch itself,
    so that libraries call the replacement too, and so do blocks that the backward pass computes again in its threads.
    """
    stock = F.interpolate
    F.interpolate = interpolate if asked else stock
    try:
        yield
    finally:
        F.interpolate = stock


_stock = F.interpolate


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, **others):
    """Return `torch.nn.functional.interpolate(...)`; a bilinear one that needs a gradient as two matrix products.

    Rows and columns are weighed by the stock operation's own weights, in float32 or float64 whatever the autocast. It
    rounds otherwise than the stock kernel, in the last digits. torch's own way out, adding the gradient up by sorted
    indices, gives the same in much more time.
    """
    if mode != "bilinear" or others.get("antialias") or not (torch.is_grad_enabled() and input.requires_grad):
        return _stock(input, size, scale_factor, mode, align_corners, **others)
    size, scale = _both(size), _both(scale_factor)
    if others.get("recompute_scale_factor"):
        size, scale = [int(side * by) for side, by in zip(input.shape[-2:], scale, strict=True)], (None, None)
    dtype = torch.promote_types(input.dtype, torch.float32)
    rows, columns = (
        _weights(input.shape[axis], size[axis], scale[axis], bool(align_corners), dtype, input.device)
        for axis in (-2, -1)
    )
    layout = torch.channels_last if input.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    with torch.autocast(input.device.type, enabled=False):
        result = rows @ (input.to(dtype) @ columns.T)
    return result.to(input.dtype).contiguous(memory_format=layout)


def _both(number) -> tuple:
    """(rows, columns) of what is given for both or for each."""
    return tuple(number) if isinstance(number, (list, tuple, torch.Size)) else (number, number)


@functools.lru_cache(maxsize=256)
def _weights(
    side: int, size: int | None, scale: float | None, align_corners: bool, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """(out, in) weights of linear interpolation along one side: what the stock operation makes of unit vectors."""
    with torch.no_grad():
        units = torch.eye(side, dtype=dtype)[None]
        along = _stock(units, size=size, scale_factor=scale, mode="linear", align_corners=align_corners)
    return along[0].T.contiguous().to(device)

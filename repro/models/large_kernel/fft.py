"""Depth-wise convolution through the Fourier transform: exact, and far fewer operations once the kernel is large.

Two images share each complex transform, one as its real part, the other as its imaginary part: a real kernel keeps them
apart, so nothing has to be separated afterwards. Channels go through in chunks whose planes stay in the processor's
cache. Nothing of the size of a spectrum outlives a chunk.
"""

from functools import cache

import torch

CACHED_POINTS = 2**17  # complex numbers in a chunk for each CPU thread: 1 MB in single precision, half of a core's L2
DEVICE_POINTS = 2**23  # on a GPU: 64 MB, enough to fill it


@cache
def fast_length(length: int) -> int:
    """Return the least transform length of at least `length` that is fast: eight times 2^a 3^b 5^c.

    Measured with MKL 2024.2 on AVX-512: 128 takes 1.1 ns a point, 127 several times that, 130 takes 1.9.
    """
    candidate = -(-length // 8) * 8
    while not _is_smooth(candidate):
        candidate += 8
    return candidate


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1


def forward(image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return (N, C, H, W) in the image's precision, from (N, C, H, W) images and (C, 1, k, l) odd weights."""
    size, precision = _transform_size(image, weight), _precision(image, weight)
    result = torch.empty_like(image, memory_format=torch.contiguous_format)
    for part in _chunks(image, size):
        plane = torch.fft.fft2(_pack(image[:, part], size, precision))
        # networks' convolution is correlation; the product of two transforms is the convolution that turns the kernel
        plane *= _kernel_spectrum(weight[part].flip(-2, -1), size, precision)
        plane = torch.fft.ifft2(plane)
        if bias is not None:
            torch.view_as_real(plane).add_(bias[part].to(precision).view(-1, 1, 1, 1))
        _unpack(plane, result[:, part], weight)
    return result


def backward(
    gradient: torch.Tensor, image: torch.Tensor, weight: torch.Tensor, *, of_image: bool, of_weight: bool
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return the gradients of image and weight, in their precisions; None in the place of one not asked for."""
    size, precision = _transform_size(image, weight), _precision(image, weight)
    image_gradient = torch.empty_like(image, memory_format=torch.contiguous_format) if of_image else None
    weight_gradient = torch.empty_like(weight, memory_format=torch.contiguous_format) if of_weight else None
    for part in _chunks(image, size):
        spectrum = torch.fft.fft2(_pack(gradient[:, part], size, precision))
        if of_weight:
            weight_gradient[part] = _correlation(image[:, part], spectrum, weight.shape[-2:], size, precision)
        if of_image:
            spectrum *= _kernel_spectrum(weight[part], size, precision)
            _unpack(torch.fft.ifft2(spectrum), image_gradient[:, part], weight)
    return image_gradient, weight_gradient


def _correlation(image, gradient_spectrum, kernel, size, precision) -> torch.Tensor:
    """Return (c, 1, k, l): the sum over images and pixels of the gradient times the image moved by each tap."""
    # With the images of a pair swapped the inverse transform yields i times the conjugate spectrum, so no pass over
    # memory is spent on conjugating; the factor i moves the sum wanted to the imaginary part.
    conjugate = torch.fft.ifft2(_pack(image, size, precision, first=1), norm="forward")
    total = conjugate[0].mul_(gradient_spectrum[0])
    for one, other in zip(conjugate[1:], gradient_spectrum[1:], strict=True):
        total.addcmul_(one, other)
    lags = torch.fft.ifft2(total).imag
    rows, columns = (
        torch.arange(taps // 2, taps // 2 - taps, -1, device=image.device) % length
        for taps, length in zip(kernel, size, strict=True)
    )
    return lags[:, None, rows[:, None], columns]


def _transform_size(image: torch.Tensor, weight: torch.Tensor) -> tuple[int, int]:
    """Return the (height, width) at which what wraps around falls outside the result and the wanted lags."""
    (height, width), (rows, columns) = image.shape[-2:], weight.shape[-2:]
    return fast_length(height + rows // 2), fast_length(width + columns // 2)


def _precision(image: torch.Tensor, weight: torch.Tensor) -> torch.dtype:
    """Return float64 where either is, else float32: half precisions are computed in float32."""
    return torch.promote_types(torch.promote_types(image.dtype, weight.dtype), torch.float32)


def _chunks(image: torch.Tensor, size: tuple[int, int]):
    """Yield slices of channels of about as many points as `CACHED_POINTS` or `DEVICE_POINTS` allow."""
    points = CACHED_POINTS * torch.get_num_threads() if image.device.type == "cpu" else DEVICE_POINTS
    pairs = (image.shape[0] + 1) // 2
    step = max(1, points // (pairs * size[0] * size[1]))
    for start in range(0, image.shape[1], step):
        yield slice(start, start + step)


def _pack(image: torch.Tensor, size: tuple[int, int], precision: torch.dtype, first: int = 0) -> torch.Tensor:
    """Return (pairs, c, *size) complex planes: a pair's first image is the real part, or with `first` 1 the other."""
    count, channels, height, width = image.shape
    plane = torch.zeros((count + 1) // 2, channels, *size, dtype=precision.to_complex(), device=image.device)
    parts = torch.view_as_real(plane)[..., :height, :width, :]
    parts[..., first] = image[0::2]
    parts[: count // 2, ..., 1 - first] = image[1::2]
    return plane


def _kernel_spectrum(weight, size, precision) -> torch.Tensor:
    """Return (c, *size): the transform of a (c, 1, k, l) kernel with its first tap at the origin."""
    plane = torch.zeros(weight.shape[0], *size, dtype=precision.to_complex(), device=weight.device)
    torch.view_as_real(plane)[:, : weight.shape[-2], : weight.shape[-1], 0] = weight[:, 0]
    return torch.fft.fft2(plane)


def _unpack(plane: torch.Tensor, result: torch.Tensor, weight: torch.Tensor) -> None:
    """Write the pairs' real and imaginary parts to (N, c, H, W), from the middle of the kernel on."""
    count, _, height, width = result.shape
    top, left = weight.shape[-2] // 2, weight.shape[-1] // 2
    parts = torch.view_as_real(plane)[..., top : top + height, left : left + width, :]
    result[0::2] = parts[..., 0]
    result[1::2] = parts[: count // 2, ..., 1]

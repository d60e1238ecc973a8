"""The ways to compute a depth-wise convolution, and the fixed rules that choose one."""

from types import ModuleType

import torch

from repro.models.large_kernel import fft, stock

BACKENDS = ("stock", "fft", "triton")

# From how many taps (rows times columns of the kernel) on a type of device takes the Fourier transform. Other devices,
# and smaller kernels, take torch's own kernels. Sizes alone decide, never a timing, so that a run repeats.
# cpu: measured with torch 2.15.0 and MKL on AVX-512, one thread, forward and backward, maps of 14 to 224 pixels: at 5x5
#      the transform takes from half to twice the stock kernel's time, at 7x7 less from 28 pixels on, at 31x31 from a
#      thirteenth to an eightieth.
# cuda: from counts of operations (31x31 on 112x112: 1922 a pixel directly, about 300 by the transform); no measurement
#      stands behind it yet, so the Triton kernels are taken only by name. `python -m repro.bench large-kernel` prints
#      all three on the card at hand.
TRANSFORM_FROM = {"cpu": 49, "cuda": 225}


def backend_for(device_type: str, kernel: tuple[int, int]) -> str:
    """Return the name of the way that the rules choose for a kernel of (rows, columns) on a type of device."""
    taps = kernel[0] * kernel[1]
    return "fft" if taps >= TRANSFORM_FROM.get(device_type, float("inf")) else "stock"


def module_of(backend: str, image: torch.Tensor) -> ModuleType:
    """Return the module with the `forward` and `backward` of that name.

    Raises:
        ValueError: no such backend; or Triton, and it is not installed or the image is in float64.
    """
    if backend not in BACKENDS:
        raise ValueError(f"Backend {backend!r} is not known: choose one of {', '.join(BACKENDS)}.")
    if backend != "triton":
        return {"stock": stock, "fft": fft}[backend]
    if image.dtype == torch.float64:
        raise ValueError("The Triton kernels compute in float32 and the image is in float64: choose 'fft' or 'stock'.")
    try:
        from repro.models.large_kernel import triton_kernels
    except ImportError as error:
        raise ValueError("Triton is not installed here (pip install triton): choose 'fft' or 'stock'.") from error
    return triton_kernels

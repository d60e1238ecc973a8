"""The machine a run is on: its device, its kind, and what provenance says of it."""

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import torch

EMULATED = "This processor only emulates {}, many times slower than float32"
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt(3)
LIBRARIES = ("torch", "torchvision", "segmentation-models-pytorch", "timm", "albumentations", "numpy", "pillow")


def pick_device(request: str) -> torch.device:
    """Return the device for "auto", "cuda" or "cpu".

    Raises:
        ValueError: a GPU is there (or was asked for) and this torch cannot use it; says what was found and the remedy.
    """
    if request == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    card = _card()
    if request == "auto" and not card:
        return torch.device("cpu")
    found = f"driver {card[1]} with {card[0]}" if card else "no NVIDIA driver"
    needed = (
        f"torch {torch.__version__} is built for CUDA {torch.version.cuda}"
        if torch.version.cuda
        else "no CUDA in torch"
    )
    raise ValueError(
        f"this torch cannot use a GPU: found {found}; {needed}. Install a driver for that CUDA version or newer, or a "
        "torch built for the driver's, or give --device cpu."
    )


def _card() -> tuple[str, str] | None:
    """(name, driver version) of the first NVIDIA card the system sees, whether torch can use it or not."""
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        lines = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(lines[0].split(", ")[:2]) if lines else None


def emulates(precision: str, device: torch.device) -> bool:
    """Return whether `device` is a processor that cannot train in `precision`, "bfloat16" or "float16", by itself.

    torch then takes 8 times (3x3 convolutions) to 60 times (matrix products) as long as in float32: measured on two
    cores with AVX2. A convolution's gradient in float16 has no fast path on any processor: 130 times, measured on one
    with AVX512-FP16.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return precision == "float16" or (precision == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported())


def quick_precision(device: torch.device) -> str:
    """Return "bfloat16", or "float32" where a processor would only emulate it."""
    return "float32" if emulates("bfloat16", device) else "bfloat16"


def kind(device: torch.device) -> str:
    """Return the machine kind: the device and torch's minor version, "cpu-torch2.15" or "nvidia-h200-torch2.11".

    Records of one kind are comparable to the bit under equal versions and threads; of two kinds they are re-runs.
    """
    name = "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{slug}-torch{'.'.join(torch.__version__.split('.')[:2])}"


def describe(device: torch.device) -> dict[str, object]:
    """Return what a record says of the machine: processor, card, memory, system and the versions that matter."""
    import psutil

    return {
        "device": "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device),
        "cpu": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    """The processor's name as the system gives it."""
    try:
        return re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


@functools.cache
def commit(root: Path) -> tuple[str, bool | None]:
    """Return the checkout's commit and whether its tree was clean; `$REPRO_COMMIT` where there is no git."""
    named = os.environ.get("REPRO_COMMIT")
    if named:
        return named, None
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "repro", "baselines"],
            cwd=root, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown", None
    return head.stdout.strip(), not changed.stdout.strip()


@contextlib.contextmanager
def threads(number: int, device: torch.device) -> Iterator[None]:
    """Let what is computed on a CPU take so many threads meanwhile; leave a GPU's process alone."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory(device: torch.device) -> None:
    """Let this process keep what its tensors on a CPU free, for the tensors that follow; where its C library is glibc.

    By itself glibc hands each large tensor's pages back to the system, and the next one has them filled with zeros
    again: up to a third of a step's time. Measured on two cores in bfloat16: a step of U-Net on ResNet-50 at 8x352x480
    takes 4.7 s in place of 6.9, one of DeepLabv3+ at 4x352x480 2.2 in place of 2.7, TCNet and CA-Net at 4x256x256 a
    twentieth less; the peak of memory is up to 11 % higher (SegNet). No number changes.
    """
    if device.type == "cpu" and hasattr(_libc(), "mallopt"):
        _libc().mallopt(_MMAP_MAX, 0)  # large tensors come from the heap too
        _libc().mallopt(_TRIM_THRESHOLD, -1)  # and the heap's end stays


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def forget_peak_memory(device: torch.device) -> None:
    """Let `peak_memory_bytes` begin anew, free of what earlier runs of this process held; on a CPU where Linux can."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return
    if hasattr(_libc(), "malloc_trim"):
        _libc().malloc_trim(0)  # what `keep_freed_memory` has kept
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the process's high-water mark is what it holds now


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory held so far: on the GPU by this process's tensors, on a CPU by the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

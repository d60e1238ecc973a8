"""Every network through ONNX and through torch's compiler: how far the logits are from those of eager torch."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from repro import machine
from repro.bench.sheet import Sheet
from repro.bench.systems import EVALUATED_ONLY, System, systems
from repro.networks import build
from repro.papers.suites import DEMO
from repro.trained.onnx import difference, write_onnx

SIZE = (64, 64)
AGREE = 1e-4  # of the largest logit, or of 1
GOAL = f"logits within {AGREE:.0e} of eager torch's by ONNX and by inductor, in float32"
HEADERS = ("system", "network", "ONNX", "ONNX seconds", "compiled", "compiling seconds")


def measure(*, only: str = "", backend: str = "inductor", size: tuple[int, int] = SIZE) -> Sheet:
    """Return each network's largest difference by ONNX and compiled, over the largest logit, at the demo's widths.

    Args:
        only: of which network; all by default.
        backend: of `torch.compile`.
        size: (height, width) of the image.
    """
    rows, beyond = [], []
    for system in systems(DEMO):
        if system.run.network not in EVALUATED_ONLY and only in ("", system.run.network):
            network = _network(system)
            found = _timed(_by_onnx, network, size), _timed(_compiled, network, size, backend)
            beyond += [system.name] if any(not text or float(text) > AGREE for text, _ in found) else []
            rows.append((system.name, system.run.network, *(text or "failed" for pair in found for text in pair)))
            print("  ".join(rows[-1]), flush=True)
    return Sheet(
        row="portable",
        about=f"largest difference from eager torch's logits over the largest logit, one image of {size[0]}x{size[1]}, "
        f"at the demo's widths, float32, {backend}",
        headers=HEADERS, rows=tuple(rows), goal=GOAL, machine=machine.describe(torch.device("cpu")),
        found=f"beyond it: {', '.join(beyond)}" if beyond else f"all {len(rows)} are within it",
    )  # fmt: skip


def _network(system: System) -> nn.Module:
    torch.manual_seed(0)
    return build(system.run.network, classes=system.classes, **system.run.options).eval()


def _timed(way: Callable[..., float], *arguments) -> tuple[str, str]:
    """The difference, "" where the way failed, with the reason on stderr; and the seconds it took."""
    began = time.perf_counter()
    try:
        text = f"{way(*arguments):.1e}"
    except Exception as error:  # whatever a library cannot express: the sheet is about that
        print(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", file=sys.stderr)
        text = ""
    return text, f"{time.perf_counter() - began:.0f}"


def _by_onnx(network: nn.Module, size: tuple[int, int]) -> float:
    with tempfile.TemporaryDirectory(prefix="repro-onnx-") as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(network, path, size)
        found, largest = difference(network, path, size)
    return found / max(1.0, largest)


@torch.inference_mode()
def _compiled(network: nn.Module, size: tuple[int, int], backend: str) -> float:
    torch.compiler.reset()
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    plain = network(image)
    found = torch.compile(network, backend=backend)(image)
    return float((found - plain).abs().max() / plain.abs().max().clamp(min=1))

"""A network as an ONNX graph: RGB values in, logits out; and how far its logits are from torch's."""

import contextlib
import importlib.util
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from repro.training import normalise

NEEDED = ("onnx", "onnxscript", "onnxruntime")


class FromValues(nn.Module):
    """A network that takes (1, 3, H, W) float32 RGB values from 0 to 255 and normalises them itself."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the (1, C, H, W) logits."""
        return self.network(normalise(image, image.device))


def write_onnx(network: nn.Module, path: Path, size: tuple[int, int]) -> None:
    """Write the graph for one image of `size` (height, width).

    Raises:
        ValueError: a package is missing, or torch cannot express this network in ONNX.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"ONNX needs {', '.join(missing)}; install them: pip install -e '.[export]'")
    image = values(size)
    try:
        with warnings.catch_warnings(), _silent():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                FromValues(network).eval(), (image,), path, dynamo=True, external_data=False, verbose=False,
                input_names=["image"], output_names=["logits"],
            )  # fmt: skip
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"torch {torch.__version__} cannot write this network as ONNX ({reason})") from None


@contextlib.contextmanager
def _silent():
    """Nothing of what the exporter prints and logs on its way."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)


@torch.inference_mode()
def difference(network: nn.Module, path: Path, size: tuple[int, int]) -> tuple[float, float]:
    """Return the largest difference of ONNX's logits from torch's, and torch's largest, on one noisy image."""
    import onnxruntime

    image = values(size)
    expected = FromValues(network).eval()(image).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image.numpy()})
    return float(np.abs(found - expected).max()), float(np.abs(expected).max())


def values(size: tuple[int, int]) -> torch.Tensor:
    """Return a (1, 3, H, W) float32 image of noise from 0 to 255, always the same."""
    return torch.randint(0, 256, (1, 3, *size), generator=torch.Generator().manual_seed(0)).float()

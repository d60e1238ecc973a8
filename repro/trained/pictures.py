"""Predictions as files: a mask in the classes' colours, an overlay, probabilities, what Cityscapes' server takes."""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

import numpy as np
import torch
from PIL import Image

from repro.data.cityscapes import CLASSES

OFFICIAL = re.compile(r"([a-z-]+_\d{6}_\d{6})(_leftImg8bit)?", re.ASCII)
SIZE = (1024, 2048)  # of Cityscapes' images and of what its server takes
Colours = Sequence[tuple[int, int, int]]


def makers(*, official: bool, overlay: bool, probabilities: bool) -> dict[str, Callable[..., bytes]]:
    """Return what is made of one picture: how a file's name ends -> the function for its bytes.

    Each takes the (H, W, 3) uint8 image, the (C, H, W) logits and the classes' colours.
    """
    made: dict[str, Callable[..., bytes]] = {"_labelIds.png": label_ids} if official else {".png": mask}
    made |= {"_overlay.png": overlaid} if overlay else {}
    return made | ({"_probabilities.npy": probability} if probabilities else {})


def prediction(logits: torch.Tensor) -> np.ndarray:
    """Return the (H, W) uint8 numbers of the likeliest classes of (C, H, W) logits."""
    return logits.argmax(0).to(torch.uint8).cpu().numpy()


def mask(image: np.ndarray, logits: torch.Tensor, colours: Colours) -> bytes:
    """Return an indexed PNG: each pixel is its class's number, and the palette shows that class's colour."""
    picture = Image.fromarray(prediction(logits))
    picture.putpalette([channel for colour in colours for channel in colour])
    return _png(picture)


def overlaid(image: np.ndarray, logits: torch.Tensor, colours: Colours) -> bytes:
    """Return the picture half under its classes' colours; of two classes the background is left as it is."""
    numbers = prediction(logits)
    mixed = (image.astype(np.uint16) + np.array(colours, np.uint16)[numbers] + 1) // 2
    if len(colours) == 2:
        mixed = np.where(numbers[..., None] == 0, image, mixed)
    return _png(Image.fromarray(mixed.astype(np.uint8)))


def probability(image: np.ndarray, logits: torch.Tensor, colours: Colours) -> bytes:
    """Return the .npy of (C, H, W) float16 probabilities, which sum to 1 over the classes."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, logits.softmax(0).to(torch.float16).cpu().numpy(), allow_pickle=False)
    return buffer.getvalue()


def label_ids(image: np.ndarray, logits: torch.Tensor, colours: Colours) -> bytes:
    """Return a grey PNG of Cityscapes' label ids (7 is road), not of the 19 numbers that a network predicts."""
    table = np.array([label_id for label_id, _ in CLASSES.values()], np.uint8)
    return _png(Image.fromarray(table[prediction(logits)]))


def official_name(name: PurePath) -> str:
    """Return how the name of the file begins that Cityscapes' server looks for: city, sequence and frame.

    Raises:
        ValueError: the picture is not called as Cityscapes calls its images.
    """
    match = OFFICIAL.fullmatch(name.stem)
    if not match:
        expected = "berlin_000000_000019_leftImg8bit.png"
        raise ValueError(f"{name}: the server matches results by official names, expected one like {expected}")
    return match[1]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()

"""What the sets of fundus photographs share: vessels seen by two observers inside a field of view."""

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from repro.data.base import VOID, SegmentationSet
from repro.data.isic import MASK

CLASSES = {"background": (0, 0, 0), "vessel": (230, 60, 60)}
DARK = 20  # a pixel of the surround has no channel above it


class VesselSet(SegmentationSet):
    """A set of fundus photographs with labels of 0 and 255."""

    class_names = tuple(CLASSES)
    colours = tuple(CLASSES.values())
    train_ids: ClassVar[Mapping[int, int]] = MASK
    ignored = VOID
    binary = True
    field_of_view_source: str  # where the field of view comes from, as people would say it


def derive_field_of_view(image: np.ndarray) -> np.ndarray:
    """Return (H, W) bool, the field of view of an (H, W, 3) uint8 fundus photograph, found in the image alone.

    The rule: take the pixels whose brightest channel is above 20 of 255; of their pieces take the largest; fill its
    holes.

    Raises:
        ValueError: no pixel is that bright.
    """
    bright = (image.max(axis=2) > DARK).astype(np.uint8)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        raise ValueError(
            "an image without a pixel brighter than 20 of 255 has no field of view; get it again."
        )
    filled = np.zeros(bright.shape, np.uint8)
    cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled.astype(bool)

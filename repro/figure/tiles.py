"""The pictures that panels are made of: images, labels and predictions in colours, and where a prediction errs."""

from collections.abc import Sequence

import numpy as np

VOID = 255
LONGEST = 360  # pixels of a tile's longer side: 300 an inch at the width a tile is printed
RIGHT, WRONG, UNCOUNTED = (222, 222, 222), (213, 94, 0), (255, 255, 255)
MISSED, INVENTED, FOUND = (0, 114, 178), (213, 94, 0), (120, 120, 120)  # of two classes; blue and orange differ to all


def photograph(image: np.ndarray) -> np.ndarray:
    """Return (height, width, 3) uint8 RGB made small."""
    from PIL import Image

    picture = Image.fromarray(image)
    return np.asarray(picture.resize(_small(picture.size), Image.Resampling.BOX))


def coloured(ids: np.ndarray, colours: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Return (height, width) train ids as small (h, w, 3) uint8 RGB; void is white."""
    table = np.full((256, 3), 255, np.uint8)
    table[: len(colours)] = colours
    return table[nearest(ids)]


def errors(label: np.ndarray, prediction: np.ndarray, *, binary: bool) -> np.ndarray:
    """Return where a (height, width) prediction errs as small (h, w, 3) uint8 RGB; void is white.

    Of two classes: found foreground dark grey, missed blue, invented orange. Of more: wrong orange, right light grey.
    """
    label, prediction = nearest(label), nearest(prediction)
    picture = np.empty((*label.shape, 3), np.uint8)
    picture[:] = RIGHT
    picture[label != prediction] = WRONG
    if binary:
        picture[(label == 1) & (prediction == 1)] = FOUND
        picture[(label == 1) & (prediction == 0)] = MISSED
        picture[(label == 0) & (prediction == 1)] = INVENTED
    picture[label == VOID] = UNCOUNTED
    return picture


def nearest(ids: np.ndarray) -> np.ndarray:
    """Return (height, width) ids made small without inventing any."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(ids, np.uint8))
    return np.asarray(picture.resize(_small(picture.size), Image.Resampling.NEAREST))


def _small(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) with the longer side at most LONGEST."""
    scale = min(1.0, LONGEST / max(size))
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)

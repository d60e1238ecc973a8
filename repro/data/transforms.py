"""What happens to a training pair: resize, random crop and the papers' augmentations, each a function of its seed."""

import hashlib
import math
import os
from collections.abc import Callable, Sequence

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the package index at import

import albumentations as A
import cv2
import numpy as np
from albucore import multiply, multiply_add, sz_lut

from repro.data.base import VOID

cv2.setNumThreads(0)  # its threads deadlock in forked workers and swamp the others

Size = tuple[int, int]  # (height, width)

FILL = (124, 116, 104)  # ImageNet's mean colour: zero once normalised
SHIFT = 0.1  # of height and width, either way
SCALE = (0.9, 1.1)
BRIGHTNESS = (0.8, 1.2)  # factor
COLOUR = {"contrast": (0.8, 1.2), "saturation": (0.8, 1.2), "hue": (-0.05, 0.05)}


def _affine(**change: object) -> A.Affine:
    return A.Affine(
        **change,
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,  # bilinear would invent class 7 between 6 and 8
        border_mode=cv2.BORDER_CONSTANT,
        fill=FILL,
        fill_mask=VOID,
        p=1,
    )


class _HorizontalFlip(A.HorizontalFlip):
    """The library's flip, but the image is only looked at from the other side until its numbers are needed."""

    def apply(self, img: np.ndarray, **params: object) -> np.ndarray:
        return img[:, ::-1]

    def apply_to_mask(self, mask: np.ndarray, **params: object) -> np.ndarray:
        return cv2.flip(mask, 1)


def _copy(image: np.ndarray, target: np.ndarray) -> None:
    """Copy an image, by OpenCV what is mirrored: numpy would take ten times as long."""
    if image.strides[1] < 0:
        cv2.flip(image[:, ::-1], 1, dst=target)
    else:
        target[:] = image


class _ColorJitter(A.ColorJitter):
    """The library's jitter of uint8 images, whose steps `_recoloured` takes to the bit in a third of the time."""

    def steps(
        self, *, brightness: float, contrast: float, saturation: float, hue: float, order: Sequence[int], **_: object
    ) -> list["Step"]:
        """Return what it does, in the order that was drawn."""
        makers = (_brighten, brightness, 1), (_contrast, contrast, 1), (_saturate, saturation, 1), (_turn_hue, hue, 0)
        return [(make, factor) for make, factor, still in map(makers.__getitem__, order) if factor != still]


def _recoloured(image: np.ndarray, steps: Sequence["Step"]) -> np.ndarray:
    """Take these steps, in place where the image may be changed, with as few journeys through memory as they allow.

    A mirrored image is turned round in memory too.

    What is a function of one channel's value alone is looked up in a table that the library's own function made
    (`sz_lut`: a third of the time of `cv2.LUT`), and the image is worked on in strips of rows: each takes all steps
    while it is in the processor's cache.
    """
    if not steps and image.strides[1] > 0:
        return image
    mean = math.nan
    for place, passed in enumerate(passes := _passes(steps), 1):
        changes = [make(factor, mean) for make, factor in passed]
        target = image if image.flags.carray else np.empty(image.shape, np.uint8)
        grey = 0.0
        for top in range(0, len(image), STRIP):
            strip = target[top : top + STRIP]
            if target is not image:
                _copy(image[top : top + STRIP], strip)
            for change in changes:
                change(strip)
            if place < len(passes):
                grey += cv2.sumElems(cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY))[0]
        image, mean = target, grey / image[..., 0].size
    return image


def _passes(steps: Sequence["Step"]) -> list[list["Step"]]:
    """Split steps before each contrast: it needs the mean of the whole image as the steps before it left it."""
    passes: list[list[Step]] = [[]]
    for step in steps:
        if step[0] is _contrast:
            passes.append([])
        passes[-1].append(step)
    return passes


STRIP = 128  # rows: a strip of 1024 pixels and its copy in another colour space take 0.8 MB
VALUES = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
Change = Callable[[np.ndarray], None]  # of a strip, in place
Step = tuple[Callable[[float, float], Change], float]  # what makes the change, given the factor and the mean grey


def _brighten(factor: float, mean: float) -> Change:
    table = multiply(VALUES, factor, inplace=False).ravel()
    return lambda strip: sz_lut(strip, table, inplace=True)


def _contrast(factor: float, mean: float) -> Change:
    table = multiply_add(VALUES, factor, mean * (1 - factor), inplace=False).ravel()
    return lambda strip: sz_lut(strip, table, inplace=True)


def _saturate(factor: float, mean: float) -> Change:
    def change(strip: np.ndarray) -> None:
        grey = cv2.cvtColor(cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        cv2.addWeighted(strip, factor, grey, 1 - factor, 0, dst=strip)

    return change


def _turn_hue(factor: float, mean: float) -> Change:
    table = np.mod(np.arange(256, dtype=np.int16) + 180 * factor, 180).astype(np.uint8)

    def change(strip: np.ndarray) -> None:
        hsv = cv2.cvtColor(strip, cv2.COLOR_RGB2HSV)
        cv2.insertChannel(sz_lut(cv2.extractChannel(hsv, 0), table, inplace=True), hsv, 0)
        cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, dst=strip)

    return change


def _jitter(**factors: tuple[float, float]) -> A.ColorJitter:
    still = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
    return _ColorJitter(**{**still, **factors}, p=1)


AUGMENTATIONS: dict[str, Callable[[], A.BasicTransform]] = {
    "horizontal_flip": lambda: _HorizontalFlip(p=0.5),
    "vertical_flip": lambda: A.VerticalFlip(p=0.5),
    "diagonal_flip": lambda: A.Transpose(p=0.5),
    "shift": lambda: _affine(translate_percent={"x": (-SHIFT, SHIFT), "y": (-SHIFT, SHIFT)}),
    "scale": lambda: _affine(scale=SCALE, keep_ratio=True),
    "brightness": lambda: _jitter(brightness=BRIGHTNESS),
    "colour": lambda: _jitter(**COLOUR),
}


def resize_image(image: np.ndarray, size: Size) -> np.ndarray:
    """Return the (H, W, 3) uint8 image at `size`: pixel areas averaged when it shrinks, bilinear when it grows."""
    if image.shape[:2] == tuple(size):
        return image
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR_EXACT)


def resize_label(label: np.ndarray, size: Size) -> np.ndarray:
    """Return the (H, W) uint8 label at `size`, nearest pixel centre: no value that was not there."""
    if label.shape == tuple(size):
        return label
    return cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


class Augmentation:
    """Crop and augment a pair of arrays as (seed, epoch, index) say, and as nothing else does.

    Args:
        crop: (height, width) of a random crop, taken first; a smaller image is padded with void. None crops nothing.
        augmentations: keys of `AUGMENTATIONS`, applied in this order.

    Raises:
        ValueError: an unknown augmentation.
    """

    def __init__(self, *, crop: Size | None, augmentations: Sequence[str]):
        unknown = [key for key in augmentations if key not in AUGMENTATIONS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not an augmentation; there are {', '.join(AUGMENTATIONS)}.")
        steps = [AUGMENTATIONS[key]() for key in augmentations]
        self._transforms = [_crop(crop), *steps] if crop else steps

    def __call__(
        self, image: np.ndarray, label: np.ndarray, *, seed: int, epoch: int, index: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the (h, w, 3) image and (h, w) label, both uint8, of this (seed, epoch, index); or views of the pair.

        They are what the library's `Compose` makes with the same seed, to the bit. It would copy what a crop or a flip
        only looks at, and run through the image for each change of colour.
        """
        seed = sample_seed(seed, epoch, index)
        image, label = image.view(), label.view()
        image.flags.writeable = label.flags.writeable = False  # what came in is never changed in place
        colours: list[Step] = []  # taken together
        for transform in self._transforms:
            transform.set_random_seed(seed)
            if not transform.should_apply():
                continue
            params = _drawn(transform, {"image": image, "mask": label})
            if isinstance(transform, _ColorJitter):
                colours += transform.steps(**params)
                continue
            image, colours = _recoloured(image, colours), []
            image, label = transform.apply(image, **params), transform.apply_to_mask(label, **params)
        return _recoloured(image, colours), label


def _drawn(transform: A.BasicTransform, pair: dict[str, np.ndarray]) -> dict[str, object]:
    """What the library draws for a transform of this pair."""
    params = transform.update_transform_params(transform.get_params(), pair)
    return params | transform.get_params_dependent_on_data(params, pair)


def _crop(crop: Size) -> A.RandomCrop:
    return A.RandomCrop(*crop, pad_if_needed=True, pad_position="random", fill=FILL, fill_mask=VOID, p=1)


def sample_seed(seed: int, epoch: int, index: int) -> int:
    """Return 63 bits that are a function of the three numbers; albumentations would repeat itself every epoch."""
    digest = hashlib.sha256(f"{seed},{epoch},{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

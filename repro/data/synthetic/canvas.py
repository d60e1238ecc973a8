"""A picture in the making: image and label painted together, far things first, then seen by a noisy camera."""

from dataclasses import dataclass

import cv2
import numpy as np

SHIFT = 4  # fractional bits of a polygon's corners
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole above the ground. X is right, Y up from the ground, Z ahead, in metres."""

    focal: float  # pixels
    horizon: float  # row
    centre: float  # column
    height: float  # metres above the ground

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return the (n, 2) pixel (column, row) of (n, 3) points."""
        x, y, z = np.asarray(points, np.float64).T
        z = np.maximum(z, 0.3)
        return np.stack(
            [self.centre + self.focal * x / z, self.horizon + self.focal * (self.height - y) / z], axis=1
        )


class Canvas:
    """An (H, W, 3) uint8 RGB image with its (H, W) uint8 label ids."""

    def __init__(self, size: tuple[int, int], camera: Camera, *, haze: Colour, clear: float):
        self.size, self.camera = size, camera
        self.image = np.zeros((*size, 3), np.uint8)
        self.label = np.zeros(size, np.uint8)
        self.haze = np.array(haze)
        self.clear = clear  # metres at which half of a thing's colour is lost to haze

    def hazy(self, colour: np.ndarray | Colour, z: float | np.ndarray) -> np.ndarray:
        """Return the colour, (3,) or (..., 3), seen through `z` metres of air."""
        kept = np.asarray(self.clear / (self.clear + z))[..., None]
        return np.asarray(colour) * kept + self.haze * (1 - kept)

    def polygon(self, pixels: np.ndarray, colour: np.ndarray | Colour, label: int | None) -> None:
        """Fill the polygon of (n, 2) pixel corners; label None leaves the labels as they are."""
        corners = [np.rint(np.clip(pixels, -4e4, 4e4) * 2**SHIFT).astype(np.int32)]
        cv2.fillPoly(self.image, corners, _rgb(colour), shift=SHIFT)
        if label is not None:
            cv2.fillPoly(self.label, corners, label, shift=SHIFT)

    def solid(self, points: list, colour: np.ndarray | Colour, label: int | None) -> None:
        """Fill the polygon of (n, 3) points in space."""
        points = np.asarray(points, np.float64)
        self.polygon(self.camera.project(points), self.hazy(colour, points[:, 2].mean()), label)

    def flat(self, x: float, z: float, outline: list, colour: np.ndarray | Colour, label: int | None) -> None:
        """Fill an outline of (right, up) metres that stands at (x, 0, z) and faces the camera."""
        scale = self.camera.focal / z
        pixels = np.array(outline, np.float64) * (scale, -scale)
        pixels += (self.camera.centre + x * scale, self.camera.horizon + self.camera.height * scale)
        self.polygon(pixels, self.hazy(colour, z), label)

    def disc(
        self,
        x: float,
        y: float,
        z: float,
        radii: tuple[float, float],
        colour: np.ndarray | Colour,
        label: int | None,
    ) -> None:
        """Fill an ellipse of (horizontal, vertical) radii in metres about the point (x, y, z), facing the camera."""
        self.flat(x, z, _CIRCLE * radii + (0, y), colour, label)

    def shade(self, points: list, share: int) -> None:
        """Darken the ground inside a polygon of (n, 3) points to `share` of 256 parts of its light."""
        pixels = self.camera.project(np.asarray(points, np.float64))
        low = np.clip(np.floor(pixels.min(0)).astype(int), 0, self.size[::-1])
        high = np.clip(np.ceil(pixels.max(0)).astype(int) + 1, 0, self.size[::-1])
        if (high <= low).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        corners = np.rint(np.clip(pixels - low, -4e4, 4e4) * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1, shift=SHIFT)
        part = self.image[low[1] : high[1], low[0] : high[0]]
        dark = (part.astype(np.uint16) * share >> 8).astype(np.uint8)
        np.copyto(part, dark, where=mask[..., None].astype(bool))

    def place(self, mask: np.ndarray, colours: np.ndarray, label: int | np.ndarray) -> None:
        """Set the pixels of `mask` (H, W) to `colours` (H, W, 3) and the label (a number or (H, W))."""
        np.copyto(self.image, np.clip(colours, 0, 255).astype(np.uint8), where=mask[..., None])
        np.copyto(self.label, np.asarray(label, np.uint8), where=mask)


def _rgb(colour: np.ndarray | Colour) -> tuple[int, int, int]:
    return tuple(int(min(max(channel, 0), 255)) for channel in colour)


_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_CIRCLE = np.round(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1), 6)  # equal on every processor


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Return (H, W) float32 in [-1, 1] that varies over `cells` (rows, columns), the same on every processor."""
    grid = rng.integers(0, 256, (cells[0] + 1, cells[1] + 1), dtype=np.uint8)
    return cv2.resize(grid, size[::-1], interpolation=cv2.INTER_LINEAR_EXACT).astype(np.float32) / 127.5 - 1


def photograph(
    image: np.ndarray, rng: np.random.Generator, *, gain: Colour, vignette: float, noise: float
) -> np.ndarray:
    """Return the uint8 image as a camera gives it: soft edges, white balance, darker corners, shot and read noise.

    Only sums, products and square roots of single numbers, so that every processor gives the same bytes.
    """
    height, width = image.shape[:2]
    padded = np.pad(image.astype(np.uint16), ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    soft = (rows[:, :-2] + 6 * rows[:, 1:-1] + rows[:, 2:]).astype(np.float32) / 32
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    light = (1 - vignette * (x * x + y * y))[..., None] * np.array(gain, np.float32)
    seen = soft * light
    grain = rng.standard_normal(image.shape, np.float32)
    seen += grain * (noise * np.sqrt(np.maximum(seen, 0) / 128 + 0.35))
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)

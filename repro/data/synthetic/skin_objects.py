"""What lies on skin beside the lesion: hair, rulers, ink, stickers, air bubbles, and the frame around the picture."""

import cv2
import numpy as np

from repro.data.synthetic.canvas import SHIFT

HAIRS = ((38, 26, 22), (62, 42, 30), (20, 18, 20), (150, 120, 88))
STICKERS = ((60, 160, 220), (70, 170, 165), (232, 140, 70), (150, 130, 190), (90, 160, 80))
INK = (96, 60, 150)


def litter(rng: np.random.Generator, image: np.ndarray, label: np.ndarray) -> None:
    """Draw onto the (H, W, 3) uint8 `image` what this picture has; stickers keep off the (H, W) lesion `label`."""
    for share, draw in ((0.08, _sticker), (0.12, _ink), (0.3, _bubbles), (0.22, _ruler), (0.5, _hair)):
        if rng.random() < share:
            draw(rng, image, label)


def _line(image: np.ndarray, points: np.ndarray, colour: tuple, thickness: int) -> None:
    corners = [np.rint(np.clip(points, -4e3, 1e4) * 2**SHIFT).astype(np.int32)]
    cv2.polylines(image, corners, False, tuple(int(c) for c in colour), thickness, cv2.LINE_AA, SHIFT)


def _hair(rng: np.random.Generator, image: np.ndarray, _: np.ndarray) -> None:
    """A few long bent hairs, or a coat of short ones that lie the same way."""
    height, width = image.shape[:2]
    colour = np.array(HAIRS[rng.integers(len(HAIRS))])
    coat = rng.random() < 0.3
    way = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(0, 1, 12)[:, None]
    for _ in range(rng.integers(25, 70) if coat else rng.integers(3, 18)):
        start = rng.uniform((-0.1, -0.1), (1.1, 1.1)) * (width, height)
        angle = way + rng.normal(0, 0.25) if coat else rng.uniform(0, 2 * np.pi)
        length = rng.uniform(0.08, 0.3) * min(height, width) if coat else rng.uniform(0.4, 1.3) * width
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        bend = (start + end) / 2 + rng.uniform(-0.3, 0.3, 2) * length
        points = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * bend + steps**2 * end
        thick = max(1, round(min(height, width) / 220 * rng.uniform(0.5, 2)))
        layer = image.copy()
        _line(layer, np.round(points, 3), np.clip(colour * rng.uniform(0.8, 1.3), 0, 255), thick)
        seen = round(rng.uniform(0.35, 0.85), 3)
        cv2.addWeighted(layer, seen, image, 1 - seen, 0, dst=image)


def _ruler(rng: np.random.Generator, image: np.ndarray, _: np.ndarray) -> None:
    """Ticks along one edge, or a small scale somewhere in a lower corner."""
    height, width = image.shape[:2]
    colour = (30, 30, 34) if rng.random() < 0.7 else (226, 226, 220)
    step = min(height, width) / rng.uniform(14, 26)
    if rng.random() < 0.5:
        side = width * (0.985 if rng.random() < 0.5 else 0.015)
        inward = -1 if side > width / 2 else 1
        for number, y in enumerate(np.arange(step, height - step, step)):
            reach = step * (1.3 if number % 5 == 0 else 0.7)
            _line(image, np.array([(side, y), (side + inward * reach, y)]), colour, 1)
        return
    tilt = rng.uniform(-0.35, 0.35)
    along = np.round(np.array([np.cos(tilt), np.sin(tilt)]), 6)
    start = np.array([width * rng.uniform(0.12, 0.5), height * rng.uniform(0.84, 0.92)])
    _line(image, np.stack([start, start + along * step * 9]), colour, 1)
    for number in range(10):
        foot = start + along * step * number
        _line(image, np.stack([foot, foot + (along[1] * step * 0.5, -along[0] * step * 0.5)]), colour, 1)


def _ink(rng: np.random.Generator, image: np.ndarray, _: np.ndarray) -> None:
    """Violet strokes of a pen near an edge."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 4)):
        corner = np.array([rng.choice([0.08, 0.92]) * width, rng.uniform(0.05, 0.95) * height])
        strokes = corner + rng.uniform(-0.09, 0.09, (rng.integers(6, 22), 2)) * min(height, width)
        tone = np.array(INK) * rng.uniform(0.8, 1.25)
        layer = image.copy()
        _line(layer, np.round(strokes, 3), np.clip(tone, 0, 255), max(1, min(height, width) // 110))
        cv2.addWeighted(layer, 0.7, image, 0.3, 0, dst=image)


def _sticker(rng: np.random.Generator, image: np.ndarray, label: np.ndarray) -> None:
    """A round coloured sticker that reaches in from the left or the right, where it does not touch the lesion."""
    height, width = image.shape[:2]
    radius = rng.uniform(0.25, 0.45) * height
    out = rng.uniform(0.0, 0.7) * radius
    x = width + out if rng.random() < 0.5 else -out
    centre = (round(x), round(height * rng.uniform(0.2, 0.8)))
    shape = np.zeros(label.shape, np.uint8)
    cv2.circle(shape, centre, round(radius * 1.1), 1, cv2.FILLED)
    if (shape & label).any():
        return
    colour = STICKERS[rng.integers(len(STICKERS))]
    cv2.circle(image, centre, round(radius), colour, cv2.FILLED, cv2.LINE_AA)
    if rng.random() < 0.4:
        inner = STICKERS[rng.integers(len(STICKERS))]
        cv2.circle(image, centre, round(radius * 0.6), inner, cv2.FILLED, cv2.LINE_AA)


def _bubbles(rng: np.random.Generator, image: np.ndarray, _: np.ndarray) -> None:
    """Rings and glints of air in the gel."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(2, 12)):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        radius = max(1, round(min(height, width) * rng.uniform(0.006, 0.035)))
        layer = image.copy()
        cv2.circle(layer, centre, radius, (246, 244, 240), 1, cv2.LINE_AA)
        cv2.circle(
            layer,
            (centre[0] - radius // 2, centre[1] - radius // 2),
            max(1, radius // 3),
            (252, 252, 250),
            -1,
        )
        cv2.addWeighted(layer, 0.5, image, 0.5, 0, dst=image)


def framed(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Return the picture, or, for some, what the round mouth of the instrument leaves of it: dark corners."""
    if rng.random() > 0.22:
        return image
    height, width = image.shape[:2]
    reach = rng.uniform(1.0, 1.28)
    soft = rng.uniform(0.02, 0.12)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(max(1.0, width / height / 1.15))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    inside = np.clip((reach - np.sqrt(across * across + down * down)) / soft, 0, 1)[..., None]
    dark = rng.uniform(4, 18)
    return np.clip(np.rint(image * inside + dark * (1 - inside)), 0, 255).astype(np.uint8)

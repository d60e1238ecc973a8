"""Photographs of the back of the eye. They are fixed: what they look like never follows a score."""

from dataclasses import dataclass

import cv2
import numpy as np

from repro.data.synthetic.canvas import photograph, smooth_noise
from repro.data.synthetic.vessels import draw_habit, grow, paint, seen_by_another

GROUNDS = ((188, 92, 44), (206, 108, 58), (168, 84, 40), (150, 96, 44), (214, 84, 34), (178, 110, 66))
BLOOD = {
    True: (0.58, 0.46, 0.52),
    False: (0.74, 0.60, 0.62),
}  # share of red, green, blue left by vein and artery
DISC = (246, 190, 104)
COVERED = 0.5  # a pixel is vessel if at least this share of it is


@dataclass(frozen=True)
class Fundus:
    """One photograph with everything that is known about it, all (H, W) or (H, W, 3) uint8."""

    image: np.ndarray  # RGB, black around the field of view
    label: np.ndarray  # 0 background, 1 vessel, by the first observer
    second_label: np.ndarray  # the same by the second observer
    field_of_view: np.ndarray  # 1 inside


def fundus_picture(
    rng: np.random.Generator, size: tuple[int, int], *, right: bool, reach: float = 0.93
) -> Fundus:
    """Return one photograph; about a tenth of its field of view is vessel.

    Args:
        rng: draws everything of this picture; the same state gives the same bytes.
        size: (height, width).
        right: a right eye, whose disc lies to the right of the macula.
        reach: diameter of the field of view, in heights.
    """
    height, width = size
    radius = height * reach / 2 * rng.uniform(0.985, 1.0)
    centre = (width / 2 - 0.5 + rng.uniform(-1, 1), height / 2 - 0.5 + rng.uniform(-0.5, 0.5))
    towards = 1 if right else -1
    disc = (towards * rng.uniform(0.02, 0.42), rng.uniform(-0.14, 0.14))
    habit = draw_habit(rng)
    vessels = grow(rng, disc, -towards, habit)
    away = _distance(size, centre) / np.float32(radius)
    inside = (away <= 1).astype(np.uint8)
    covered = {
        vein: paint([vessel for vessel in vessels if vessel.vein == vein], size, centre, radius)
        for vein in (False, True)
    }
    label = _label(np.maximum(*covered.values()), inside)
    second = paint(seen_by_another(rng, vessels, habit), size, centre, radius)
    image = _ground(rng, size, centre, radius, disc)
    for vein, share in covered.items():
        image *= 1 - share[..., None] * (1 - np.array(BLOOD[vein], np.float32)) * np.float32(
            rng.uniform(0.75, 1.1)
        )
    return Fundus(_camera(rng, image, away, radius), label, _label(second, inside), inside)


def _label(covered: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return (covered >= COVERED).astype(np.uint8) * inside


def _distance(size: tuple[int, int], centre: tuple[float, float]) -> np.ndarray:
    """(H, W) float32 pixels from the point (x, y)."""
    across = np.arange(size[1], dtype=np.float32)[None] - np.float32(centre[0])
    down = np.arange(size[0], dtype=np.float32)[:, None] - np.float32(centre[1])
    return np.sqrt(across * across + down * down)


def _ground(
    rng: np.random.Generator,
    size: tuple[int, int],
    centre: tuple[float, float],
    radius: float,
    disc: tuple[float, float],
) -> np.ndarray:
    """(H, W, 3) float32: the retina with its light gradient, the disc, the macula and some sheen."""
    colour = np.array(GROUNDS[rng.integers(len(GROUNDS))], np.float32) * rng.uniform(0.8, 1.12)
    cells = max(2, round(size[0] / radius * 6))
    mottle = 1 + 0.07 * cv2.blur(smooth_noise(rng, size, (cells, cells)), (5, 5))
    streaks = 1 + rng.uniform(0.01, 0.04) * smooth_noise(rng, size, (cells * 3, cells * 3))
    lamp = (centre[0] + rng.uniform(-0.7, 0.7) * radius, centre[1] + rng.uniform(-0.5, 0.5) * radius)
    light = 1.12 - rng.uniform(0.16, 0.5) * (_distance(size, lamp) / (1.5 * radius)) ** 2
    image = (mottle * streaks * np.maximum(light, 0.3))[..., None] * colour
    place = (centre[0] + disc[0] * radius, centre[1] + disc[1] * radius)
    edge = _distance(size, place) / (radius * rng.uniform(0.15, 0.2))
    bright, cup = np.clip((1.05 - edge) / 0.16, 0, 1)[..., None], np.clip((0.5 - edge) / 0.3, 0, 1)[..., None]
    image = image * (1 - bright) + bright * (
        0.35 * colour * light[..., None] + np.array(DISC, np.float32) * 0.68
    )
    image = image * (1 - 0.7 * cup) + 0.7 * cup * np.array((250, 226, 150), np.float32)
    macula = (place[0] - np.sign(disc[0]) * radius * 0.82, place[1] + rng.uniform(-0.05, 0.08) * radius)
    dark = np.clip(1 - _distance(size, macula) / (radius * 0.3), 0, 1) ** 2
    image *= 1 - rng.uniform(0.2, 0.42) * dark[..., None]
    sheen = np.clip(smooth_noise(rng, size, (cells, cells * 2)) - 0.62, 0, 1) * rng.uniform(0, 50)
    return (image + sheen[..., None] * np.array((1, 0.95, 0.6), np.float32)).astype(np.float32)


def _camera(rng: np.random.Generator, image: np.ndarray, away: np.ndarray, radius: float) -> np.ndarray:
    """The uint8 photograph: dark towards the rim, black beyond it, grainy."""
    squared = np.square(np.clip(away, 0, 1))
    rim = 1 - rng.uniform(0.08, 0.3) * np.square(squared)  # numpy's fourth power differs between processors
    image = image * rim[..., None] * np.clip((1 - away) * radius + 0.5, 0, 1)[..., None]
    taken = photograph(
        np.clip(image, 0, 255).astype(np.uint8),
        rng,
        gain=(1.0, 1.0, 1.0),
        vignette=0.0,
        noise=rng.uniform(2.2, 4.0),
    )
    return np.where((away > 1.02)[..., None], np.minimum(taken, 6), taken).astype(np.uint8)

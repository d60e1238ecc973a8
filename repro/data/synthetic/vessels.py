"""Trees of retinal vessels: where they leave the optic disc, how they bend, branch and taper."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

FINE = 4  # trees are drawn this many times larger, so that widths need not be whole pixels
SHIFT = 4  # fractional bits of a line's ends


@dataclass(frozen=True)
class Vessel:
    """One unbranched piece: (n, 2) points (x, y) and the width at each, in radii of the field of view."""

    points: np.ndarray
    widths: np.ndarray
    vein: bool


@dataclass(frozen=True)
class Habit:
    """What the vessels of one eye share."""

    width: float  # of a vein where it leaves the disc
    branching: float  # branches a radius of length
    winding: float  # change of direction, radians a step
    thinnest: float  # where a vessel is too thin to be seen


def draw_habit(rng: np.random.Generator) -> Habit:
    """Draw the habit of one eye."""
    return Habit(
        width=rng.uniform(0.044, 0.053),
        branching=rng.uniform(3.2, 4.2),
        winding=rng.uniform(0.05, 0.09),
        thinnest=rng.uniform(0.0095, 0.0125),
    )


def grow(rng: np.random.Generator, disc: tuple[float, float], macula: float, habit: Habit) -> list[Vessel]:
    """Return the vessels of one eye, thick ones before the branches that leave them.

    Args:
        rng: draws every bend and branch.
        disc: (x, y) of the optic disc, in radii from the middle of the field of view.
        macula: +1 where it lies to the right of the disc, -1 to the left; the two large arcs bend around it.
        habit: of the eye.
    """
    vessels: list[Vessel] = []
    for up in (-1, 1):
        for vein in (True, False):
            width = habit.width * (1.0 if vein else rng.uniform(0.68, 0.8))
            lean = rng.uniform(0.05, 0.3) + (0.16 if vein else 0)
            angle = math.atan2(up, macula * lean)
            vessels += _tree(
                rng, disc, angle, -up * macula * 0.055, width, vein, habit, 2
            )  # around the macula
            angle = math.atan2(up, -macula * rng.uniform(0.5, 1.4))
            vessels += _tree(
                rng, disc, angle, up * macula * 0.012, width * rng.uniform(0.4, 0.65), vein, habit, 2
            )
    for _ in range(rng.integers(2, 6)):  # small ones straight out of the disc
        angle = rng.uniform(0, 2 * math.pi)
        vessels += _tree(
            rng, disc, angle, 0.0, habit.width * rng.uniform(0.24, 0.4), rng.random() < 0.5, habit, 1
        )
    return sorted(vessels, key=lambda vessel: -float(vessel.widths[0]))


def _tree(
    rng: np.random.Generator,
    start: tuple[float, float],
    angle: float,
    turn: float,
    width: float,
    vein: bool,
    habit: Habit,
    depth: int,
    origin: tuple[float, float] | None = None,
) -> Iterator[Vessel]:
    """A vessel that goes on until it is too thin or far outside, and whatever branches off it."""
    origin = origin or start
    x, y = start
    points, widths = [(x, y)], [width]
    side = 1 if rng.random() < 0.5 else -1
    bend, step, taper = 0.0, 0.045, 0.978
    while width > habit.thinnest and x * x + y * y < 1.15 and len(points) < 70:
        bend = 0.5 * bend + 0.87 * float(rng.standard_normal())  # bends last for a few steps
        angle += turn * max(0.0, 1 - len(points) / 26) + habit.winding * bend
        angle += 0.05 * math.sin(math.atan2(y - origin[1], x - origin[0]) - angle)  # away from the disc
        x, y = round(x + step * math.cos(angle), 6), round(y + step * math.sin(angle), 6)
        width *= taper
        points.append((x, y))
        widths.append(width)
        if depth and len(points) > 3 and rng.random() < habit.branching * step * 2 ** (2 - depth):
            side = -side
            share = rng.uniform(0.34, 0.64)
            away = angle + side * rng.uniform(0.5, 1.1)
            yield from _tree(rng, (x, y), away, -side * 0.02, width * share, vein, habit, depth - 1, origin)
            width *= (1 - 0.42 * share**3) ** (1 / 3)
            angle -= side * 0.12 * share
    if len(points) > 2:
        yield Vessel(np.array(points), np.array(widths), vein)


def paint(
    vessels: list[Vessel], size: tuple[int, int], centre: tuple[float, float], radius: float
) -> np.ndarray:
    """Return (H, W) float32, the share of each pixel that the vessels cover.

    Args:
        vessels: in radii from the middle of the field of view.
        size: (height, width).
        centre: (x, y) pixels of that middle.
        radius: of the field of view, pixels.
    """
    large = np.zeros((size[0] * FINE, size[1] * FINE), np.uint8)
    for vessel in vessels:
        corners = np.rint((np.array(centre) + 0.5 + vessel.points * radius) * FINE * 2**SHIFT).astype(
            np.int32
        )
        thickness = np.maximum(1, np.rint(vessel.widths * radius * FINE)).astype(int)
        for one, other, thick in zip(corners[:-1], corners[1:], thickness[1:], strict=True):
            cv2.line(large, one.tolist(), other.tolist(), 255, int(thick), cv2.LINE_8, SHIFT)
    return cv2.resize(large, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def seen_by_another(rng: np.random.Generator, vessels: list[Vessel], habit: Habit) -> list[Vessel]:
    """Return the vessels as a second observer draws them: a little off, thinner or wider, some small ones missing."""
    hand = rng.uniform(0.84, 1.02)
    drawn = []
    for vessel in vessels:
        small = float(vessel.widths[0]) < habit.width * 0.36
        if small and rng.random() < 0.3:
            continue
        off = np.cumsum(rng.normal(0, 0.0012, vessel.points.shape), axis=0) + rng.normal(0, 0.002, 2)
        end = len(vessel.points) - (int(rng.integers(0, len(vessel.points) // 2 + 1)) if small else 0)
        widths = vessel.widths[:end] * hand * rng.uniform(0.92, 1.08)
        if end > 2:
            drawn.append(Vessel(np.round(vessel.points + off, 6)[:end], widths, vessel.vein))
    return drawn

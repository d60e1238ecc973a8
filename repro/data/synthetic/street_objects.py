"""What moves or stands in a street: cars, vans, buses, trams, people, riders, trees, poles, lights and signs.

Every function paints one thing at (x, z) metres on a canvas whose farther things are already there.
"""

import numpy as np

from repro.data.synthetic.canvas import Canvas
from repro.data.synthetic.street_backdrop import DYNAMIC, STATIC, VEGETATION

POLE, LIGHT, SIGN, PERSON, RIDER, CAR, TRUCK, BUS, TRAM, MOTORCYCLE, BICYCLE = (
    17,
    19,
    20,
    24,
    25,
    26,
    27,
    28,
    31,
    32,
    33,
)
PAINTS = (
    (28, 30, 34),
    (200, 202, 205),
    (120, 124, 130),
    (150, 24, 26),
    (26, 52, 110),
    (232, 232, 228),
    (60, 84, 66),
)
CLOTHES = (
    (34, 36, 46),
    (120, 30, 34),
    (40, 64, 110),
    (86, 80, 70),
    (190, 186, 178),
    (52, 84, 58),
    (196, 150, 60),
)
SKIN = ((226, 186, 160), (190, 142, 110), (118, 80, 58))


def _pick(rng: np.random.Generator, colours: tuple) -> np.ndarray:
    return np.array(colours[rng.integers(len(colours))], np.float64) * rng.uniform(0.85, 1.15)


def _box(x0: float, x1: float, y0: float, y1: float) -> list:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def car(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A saloon or hatchback seen from behind, with the flank that faces the camera."""
    half, tall, long = rng.uniform(0.84, 0.93), rng.uniform(1.4, 1.62), rng.uniform(3.8, 4.6)
    paint, rear = _pick(rng, PAINTS), rng.uniform(0.35, 0.9)
    canvas.shade([(x - half * 1.1, 0, z - 0.3), (x + half * 1.1, 0, z - 0.3), (x + half * 1.1, 0, z + long),
                  (x - half * 1.1, 0, z + long)], 95)  # fmt: skip
    belt = tall * 0.6
    if abs(x) > half:  # the flank
        flank = x - np.sign(x) * half
        body = [(0, 0.28), (long, 0.28), (long, belt * 0.82), (long * 0.76, belt), (0, belt)]
        cabin = [(0, belt), (long * 0.76, belt), (long * 0.55, tall), (rear, tall)]
        panes = [(rear * 0.6 + 0.15, belt + 0.04), (long * 0.7, belt + 0.04), (long * 0.53, tall - 0.1),
                 (rear + 0.1, tall - 0.1)]  # fmt: skip
        for outline, colour in ((body, paint * 0.8), (cabin, paint * 0.75), (panes, (38, 44, 52))):
            canvas.solid([(flank, up, z + along) for along, up in outline], colour, CAR)
        for along in (0.75, long - 0.8):
            for radius, grey in ((0.33, 18), (0.17, 120)):
                ring = [(flank, 0.33 + radius * up, z + along + radius * a) for a, up in _OCTAGON]
                canvas.solid(ring, (grey,) * 3, CAR)
    canvas.solid([(x - half, belt, z), (x + half, belt, z), (x + half * 0.84, tall, z + rear),
                  (x - half * 0.84, tall, z + rear)], paint * 0.9, CAR)  # fmt: skip
    canvas.solid([(x - half * 0.82, belt + 0.05, z), (x + half * 0.82, belt + 0.05, z),
                  (x + half * 0.72, tall - 0.09, z + rear), (x - half * 0.72, tall - 0.09, z + rear)],
                 (52, 60, 70), CAR)  # fmt: skip
    for side in (-1, 1):
        canvas.flat(x, z, _box(side * half * 0.95, side * half * 0.62, 0, 0.34), (16, 16, 17), CAR)
    canvas.flat(x, z, _box(-half, half, 0.24, belt), paint, CAR)
    canvas.flat(x, z, _box(-half, half, 0.24, 0.42), paint * 0.55, CAR)
    for side in (-1, 1):
        canvas.flat(
            x, z, _box(side * half * 0.96, side * half * 0.66, belt - 0.3, belt - 0.12), (178, 20, 22), CAR
        )
    canvas.flat(x, z, _box(-0.26, 0.26, 0.46, 0.58), (225, 225, 215), CAR)


_OCTAGON = [(1, 0), (0.71, 0.71), (0, 1), (-0.71, 0.71), (-1, 0), (-0.71, -0.71), (0, -1), (0.71, -0.71)]


def _coach(canvas: Canvas, x: float, z: float, *, half: float, tall: float, long: float, paint: np.ndarray, label: int,
           panes: tuple[float, float]) -> None:  # fmt: skip
    """A box on wheels: a flank, a rear, and a band of windows between two heights."""
    canvas.shade(
        [(x - half, 0, z - 0.4), (x + half, 0, z - 0.4), (x + half, 0, z + long), (x - half, 0, z + long)], 95
    )
    flank = x - np.sign(x) * half
    if abs(x) > half:
        canvas.solid([(flank, 0.35, z), (flank, 0.35, z + long), (flank, tall, z + long), (flank, tall, z)],
                     paint * 0.8, label)  # fmt: skip
        for start in np.arange(0.5, long - 1.2, 1.5) if panes[1] > panes[0] else ():
            ends = (z + start, z + start + 1.2)
            corners = [(flank, up, end) for up, end in zip(panes, ends, strict=True)]
            corners = [corners[0], (flank, panes[0], ends[1]), corners[1], (flank, panes[1], ends[0])]
            canvas.solid(corners, (40, 46, 54), label)
        for along in (1.2, long - 1.5):
            canvas.solid(
                [(flank, 0.45 + 0.45 * up, z + along + 0.45 * a) for a, up in _OCTAGON], (20, 20, 20), label
            )
    canvas.flat(x, z, _box(-half * 0.9, half * 0.9, 0, 0.5), (18, 18, 19), label)
    canvas.flat(x, z, _box(-half, half, 0.4, tall), paint, label)
    if panes[1] > panes[0]:
        canvas.flat(x, z, _box(-half * 0.85, half * 0.85, panes[0], panes[1]), (46, 54, 62), label)
    for side in (-1, 1):
        canvas.flat(x, z, _box(side * half * 0.95, side * half * 0.75, 0.65, 0.9), (180, 24, 20), label)


def truck(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A delivery truck: a plain box."""
    _coach(canvas, x, z, half=1.1, tall=rng.uniform(2.6, 3.4), long=rng.uniform(5.5, 8), label=TRUCK, panes=(0, 0),
           paint=_pick(rng, ((214, 214, 210), (196, 160, 60), (70, 90, 130), (170, 60, 50))))  # fmt: skip


def bus(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A city bus with a band of windows."""
    _coach(canvas, x, z, half=1.25, tall=3.0, long=11, label=BUS, panes=(1.4, 2.5),
           paint=_pick(rng, ((205, 60, 40), (225, 190, 70), (60, 120, 90))))  # fmt: skip


def tram(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A tram: narrow, tall, long, two-coloured."""
    _coach(
        canvas,
        x,
        z,
        half=1.15,
        tall=3.4,
        long=22,
        label=TRAM,
        panes=(1.5, 2.6),
        paint=np.array([226, 222, 205.0]),
    )
    canvas.flat(x, z, _box(-1.15, 1.15, 0.5, 1.3), (40, 90, 150), TRAM)


def _figure(canvas: Canvas, rng: np.random.Generator, x: float, z: float, *, foot: float, tall: float, stride: float,
            label: int) -> None:  # fmt: skip
    """Legs, coat, arms and head of somebody `tall` metres whose feet are at height `foot`."""
    trousers, coat, skin = _pick(rng, CLOTHES) * 0.7, _pick(rng, CLOTHES), _pick(rng, SKIN)
    hip, neck, wide = foot + tall * 0.48, foot + tall * 0.84, tall * 0.125
    for leg in (-1, 1):
        toe = leg * stride
        canvas.flat(x, z, [(leg * 0.02, hip), (leg * wide * 0.8, hip), (toe + wide * 0.35, foot),
                           (toe - wide * 0.35, foot)], trousers * (0.9 + 0.1 * leg), label)  # fmt: skip
    canvas.flat(x, z, [(-wide * 0.85, hip - 0.08), (wide * 0.85, hip - 0.08), (wide * 1.15, neck - 0.1),
                       (wide * 0.4, neck), (-wide * 0.4, neck), (-wide * 1.15, neck - 0.1)], coat, label)  # fmt: skip
    for arm in (-1, 1):
        canvas.flat(x, z, [(arm * wide * 1.05, neck - 0.06), (arm * wide * 1.45, hip + 0.12),
                           (arm * wide * 1.1, hip), (arm * wide * 0.8, neck - 0.2)], coat * 0.82, label)  # fmt: skip
    canvas.disc(x, foot + tall * 0.92, z, (tall * 0.062, tall * 0.078), skin, label)
    canvas.disc(x, foot + tall * 0.955, z, (tall * 0.062, tall * 0.045), skin * 0.3, label)


def person(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Somebody on foot, child or adult."""
    canvas.shade(
        [(x - 0.3, 0, z - 0.2), (x + 0.5, 0, z - 0.1), (x + 0.5, 0, z + 0.2), (x - 0.3, 0, z + 0.2)], 130
    )
    _figure(
        canvas, rng, x, z, foot=0, tall=rng.uniform(1.3, 1.9), stride=rng.uniform(0.02, 0.26), label=PERSON
    )


def bicycle(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A bicycle from the side: wheels as rings of spokes and a frame."""
    paint = _pick(rng, PAINTS)
    for along in (-0.52, 0.52):
        canvas.disc(x + along, 0.34, z, (0.34, 0.34), (24, 24, 26), BICYCLE)
        canvas.disc(x + along, 0.34, z, (0.25, 0.25), (112, 112, 110), BICYCLE)
    bars = (((-0.52, 0.34), (-0.2, 0.85)), ((-0.2, 0.85), (0.4, 0.8)), ((0.4, 0.8), (0.52, 0.34)),
            ((-0.02, 0.34), (-0.2, 0.85)), ((-0.02, 0.34), (0.4, 0.75)), ((0.4, 0.8), (0.36, 1.05)))  # fmt: skip
    for (x0, y0), (x1, y1) in bars:
        canvas.flat(
            x, z, [(x0 - 0.05, y0), (x0 + 0.05, y0), (x1 + 0.05, y1), (x1 - 0.05, y1)], paint, BICYCLE
        )


def rider(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Somebody on a bicycle, from the side."""
    bicycle(canvas, rng, x, z)
    _figure(canvas, rng, x - 0.1, z, foot=0.25, tall=rng.uniform(1.45, 1.65), stride=0.2, label=RIDER)


def motorcyclist(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Somebody on a motorcycle, from behind."""
    paint = _pick(rng, PAINTS)
    canvas.flat(x, z, _box(-0.09, 0.09, 0, 0.62), (20, 20, 22), MOTORCYCLE)
    canvas.flat(x, z, [(-0.26, 0.45), (0.26, 0.45), (0.32, 0.95), (-0.32, 0.95)], paint, MOTORCYCLE)
    canvas.flat(x, z, _box(-0.09, 0.09, 0.62, 0.74), (190, 26, 24), MOTORCYCLE)
    _figure(canvas, rng, x, z, foot=0.3, tall=1.45, stride=0.22, label=RIDER)


def tree(canvas: Canvas, rng: np.random.Generator, x: float, z: float, *, leaves: np.ndarray) -> None:
    """A trunk under a crown of leaf clumps, darker below."""
    crown, wide = rng.uniform(4.0, 6.0), rng.uniform(1.3, 2.4)
    canvas.shade(
        [(x - wide, 0, z - 1), (x + wide, 0, z - 1), (x + wide, 0, z + 1.5), (x - wide, 0, z + 1.5)], 150
    )
    canvas.flat(x, z, [(-0.17, 0), (0.17, 0), (0.11, crown), (-0.11, crown)], (74, 60, 48), VEGETATION)
    spots = rng.normal(0, 0.5, (46, 2)) * (wide, wide * 0.85)
    for right, up in spots[np.argsort(spots[:, 1])]:
        tint = np.array(leaves) * (0.95 + 0.22 * up / wide + rng.uniform(-0.16, 0.16))
        radius = wide * rng.uniform(0.2, 0.38)
        canvas.disc(x + right, crown + up, z, (radius, radius * 0.85), tint, VEGETATION)


def lamp(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A street lamp with an arm over the road."""
    tall, arm = rng.uniform(5.5, 8), -np.sign(x) * rng.uniform(0.8, 1.6)
    grey = rng.uniform(70, 130)
    canvas.flat(x, z, [(-0.09, 0), (0.09, 0), (0.06, tall), (-0.06, tall)], (grey,) * 3, POLE)
    canvas.flat(
        x, z, [(0, tall - 0.12), (arm, tall), (arm, tall + 0.12), (0, tall + 0.05)], (grey,) * 3, POLE
    )


def sign(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A sign on a pole: round, triangular or square."""
    top, kind = rng.uniform(2.1, 2.8), rng.integers(4)
    canvas.flat(x, z, _box(-0.045, 0.045, 0, top), (135, 138, 140), POLE)
    if kind == 0:  # prohibition
        canvas.disc(x, top, z, (0.34, 0.34), (190, 24, 30), SIGN)
        canvas.disc(x, top, z, (0.22, 0.22), (232, 232, 230), SIGN)
    elif kind == 1:  # warning
        for scale, colour in ((0.4, (196, 26, 32)), (0.24, (236, 234, 228))):
            canvas.flat(
                x,
                z,
                [(-scale, top - scale * 0.6), (scale, top - scale * 0.6), (0, top + scale)],
                colour,
                SIGN,
            )
    elif kind == 2:  # mandatory
        canvas.disc(x, top, z, (0.34, 0.34), (24, 74, 160), SIGN)
        canvas.flat(x, z, _box(-0.05, 0.05, top - 0.2, top + 0.2), (232, 234, 236), SIGN)
    else:  # a direction board
        canvas.flat(x, z, _box(-0.6, 0.6, top - 0.2, top + 0.25), (226, 190, 40), SIGN)
        canvas.flat(x, z, _box(-0.45, 0.4, top - 0.02, top + 0.08), (40, 40, 40), SIGN)


def traffic_light(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A signal head on a pole, one lamp on."""
    canvas.flat(x, z, _box(-0.07, 0.07, 0, 2.6), (96, 100, 102), POLE)
    canvas.flat(x, z, _box(-0.22, 0.22, 2.3, 3.3), (24, 26, 26), LIGHT)
    on = rng.integers(3)
    for place, colour in enumerate(((230, 40, 34), (236, 180, 40), (50, 210, 110))):
        canvas.disc(x, 3.1 - 0.3 * place, z, (0.12, 0.12), colour if place == on else (50, 48, 44), LIGHT)


def bin_or_pram(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A litter bin or something pushed along: things that count as void."""
    still = rng.random() < 0.7
    colour = (70, 84, 72) if still else _pick(rng, CLOTHES)
    canvas.flat(x, z, _box(-0.28, 0.28, 0.05, rng.uniform(0.7, 1.1)), colour, STATIC if still else DYNAMIC)

"""Street scenes with Cityscapes' 34 label ids. They are fixed: what they look like never follows a score."""

from collections.abc import Callable, Iterator

import numpy as np

from repro.data.synthetic import street_objects as things
from repro.data.synthetic.canvas import Camera, Canvas, photograph
from repro.data.synthetic.street_backdrop import (
    EGO_VEHICLE,
    OUT_OF_ROI,
    Street,
    Style,
    houses,
    paint_distance,
    paint_ground,
    paint_row,
    paint_sky,
)

Placed = tuple[float, Callable, float]  # distance, what, position across
WALLS = (
    (186, 168, 140),
    (204, 190, 164),
    (150, 104, 84),
    (170, 170, 168),
    (206, 176, 128),
    (128, 118, 112),
    (216, 210, 200),
)
ROOFS = ((120, 62, 48), (84, 80, 82), (104, 76, 62), (70, 72, 80))
SKIES = (
    ((88, 136, 200), (196, 214, 232)),
    ((150, 164, 180), (214, 218, 222)),
    ((116, 136, 176), (226, 206, 188)),
)


def city_style(rng: np.random.Generator) -> Style:
    """Draw what the streets of one city share: its houses, its trees, its weather and the camera's white balance."""
    warm = rng.uniform(-0.05, 0.05)
    return Style(
        walls=tuple(WALLS[i] for i in rng.permutation(len(WALLS))[:4]),
        roofs=tuple(ROOFS[i] for i in rng.permutation(len(ROOFS))[:2]),
        sky=SKIES[rng.integers(len(SKIES))],
        clouds=rng.uniform(-0.5, 0.6),
        clear=rng.uniform(110, 260),
        asphalt=rng.uniform(84, 116),
        paving=tuple(np.array([148, 142, 136]) * rng.uniform(0.88, 1.15)),
        leaves=tuple(np.array([66, 92, 44]) * rng.uniform(0.85, 1.2)),
        gain=(1 + warm, 1.0, 1 - warm),
        greenery=rng.uniform(0.2, 0.5),
        sun=float(rng.integers(-1, 2)),
    )


def street_scene(
    rng: np.random.Generator, size: tuple[int, int], style: Style
) -> tuple[np.ndarray, np.ndarray]:
    """Return one scene: the (H, W, 3) uint8 RGB image and its (H, W) uint8 label ids.

    Args:
        rng: draws everything of this scene; the same state gives the same bytes.
        size: (height, width); streets are framed for twice as wide as high.
        style: the city's.
    """
    height, width = size
    camera = Camera(
        focal=width * rng.uniform(0.95, 1.15),
        horizon=height * rng.uniform(0.4, 0.46),
        centre=width * rng.uniform(0.42, 0.58),
        height=rng.uniform(1.2, 1.5),
    )
    canvas = Canvas(size, camera, haze=style.sky[1], clear=style.clear)
    street = _street(rng)
    paint_sky(canvas, rng, style)
    paint_distance(canvas, rng)
    paint_ground(canvas, rng, street, style)
    for right in (
        (False, True) if street.curve > 0 else (True, False)
    ):  # the inner side of the bend hides the outer
        light = 1 + 0.18 * style.sun * (1 if right else -1)
        paint_row(canvas, rng, houses(rng, style), street=street, right=right, light=light)
    for z, thing, x in sorted(_things(rng, street, style), key=lambda placed: -placed[0]):
        thing(canvas, rng, x + street.bend(z), z)
    _own_car(canvas, rng)
    light = rng.uniform(0.82, 1.12)
    gain = tuple(light * channel for channel in style.gain)
    image = photograph(
        canvas.image, rng, gain=gain, vignette=rng.uniform(0.04, 0.12), noise=rng.uniform(2.6, 4.2)
    )
    return image, canvas.label


def _street(rng: np.random.Generator) -> Street:
    left, right = -rng.uniform(3.2, 7.0), rng.uniform(3.2, 5.8)
    lanes = (left + 3.2,) if left < -4.6 else ()
    return Street(
        left=left,
        right=right,
        pavement=rng.uniform(1.6, 4.0),
        verge=rng.choice([0.0, 0.0, 1.5, 3.0]),
        curve=rng.uniform(-0.0016, 0.0016),
        crossing=rng.uniform(9, 30) if rng.random() < 0.3 else 0.0,
        lanes=lanes,
    )


def _things(rng: np.random.Generator, street: Street, style: Style) -> Iterator[Placed]:
    """Everything that stands in the street, in no order."""
    yield from _parked(rng, street)
    yield from _traffic(rng, street)
    for right in (False, True):
        kerb, out = (street.right, 1) if right else (street.left, -1)
        yield from _furniture(rng, kerb, out, street, style)
        yield from _walkers(rng, kerb, out, street)
    if rng.random() < 0.45:  # somebody crosses
        for _ in range(rng.integers(1, 4)):
            yield (
                (street.crossing or rng.uniform(10, 30)) + rng.uniform(-1, 1),
                things.person,
                rng.uniform(street.left, street.right),
            )


def _parked(rng: np.random.Generator, street: Street) -> Iterator[Placed]:
    for kerb, inward in ((street.left, 1), (street.right, -1)):
        if rng.random() < 0.5:
            z = rng.uniform(6, 14)
            while z < 70:
                if rng.random() < 0.55:
                    yield z, things.car, kerb + inward * rng.uniform(0.9, 1.1)
                z += rng.uniform(5.2, 7.0)


def _traffic(rng: np.random.Generator, street: Street) -> Iterator[Placed]:
    large = (things.truck, things.bus, things.tram)
    z = rng.uniform(9, 26)
    for _ in range(rng.integers(0, 3)):
        thing = large[rng.integers(3)] if rng.random() < 0.4 else things.car
        yield z, thing, rng.uniform(-0.5, 0.5)
        z += rng.uniform(9, 24)
    if street.left < -4.6:
        z = rng.uniform(12, 40)
        for _ in range(rng.integers(0, 3)):
            thing = large[rng.integers(3)] if rng.random() < 0.4 else things.car
            yield z, thing, street.left + rng.uniform(1.7, 2.3)
            z += rng.uniform(12, 30)
    for _ in range(rng.poisson(1.2)):
        who = things.rider if rng.random() < 0.6 else things.motorcyclist
        yield rng.uniform(7, 30), who, rng.uniform(street.left + 0.8, street.right - 0.8)


def _furniture(
    rng: np.random.Generator, kerb: float, out: int, street: Street, style: Style
) -> Iterator[Placed]:
    """Trees, lamps, signs, lights, bins and bicycles near the kerb of one side."""

    def grown(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
        things.tree(canvas, rng, x, z, leaves=style.leaves)

    if rng.random() < 0.25 + style.greenery:
        for z in np.arange(rng.uniform(9, 20), 80, rng.uniform(8, 14)):
            yield z, grown, kerb + out * rng.uniform(0.7, 1.0)
    for z in np.arange(rng.uniform(7, 22), 90, rng.uniform(14, 26)):
        yield z, things.lamp, kerb + out * rng.uniform(0.35, 0.6)
    for _ in range(rng.poisson(1.6)):
        yield rng.uniform(6, 38), things.sign, kerb + out * rng.uniform(0.3, 0.8)
    if rng.random() < 0.55:
        yield street.crossing + 2 or rng.uniform(10, 30), things.traffic_light, kerb + out * 0.5
    for _ in range(rng.poisson(0.7)):
        yield rng.uniform(6, 22), things.bin_or_pram, kerb + out * rng.uniform(0.5, street.pavement)
    for _ in range(rng.poisson(0.8)):
        yield rng.uniform(6, 18), things.bicycle, kerb + out * rng.uniform(0.6, street.pavement)


def _walkers(rng: np.random.Generator, kerb: float, out: int, street: Street) -> Iterator[Placed]:
    for _ in range(rng.poisson(3.2)):
        z = rng.uniform(6, 45)
        for _ in range(rng.integers(1, 3)):
            yield (
                z + rng.uniform(-0.4, 0.4),
                things.person,
                kerb + out * rng.uniform(0.4, street.pavement - 0.3),
            )


def _own_car(canvas: Canvas, rng: np.random.Generator) -> None:
    """The bonnet at the lower edge and the border that rectification leaves: void in Cityscapes, too."""
    height, width = canvas.size
    rise, across = height * rng.uniform(0.05, 0.11), np.linspace(-0.02, 1.02, 25)
    curve = height - rise * (1 - (2 * across - 1) ** 2 * 0.8)
    outline = [
        *zip(across * width, curve, strict=True),
        (width * 1.02, height + 2),
        (-0.02 * width, height + 2),
    ]
    canvas.polygon(np.array(outline), (44, 46, 52), EGO_VEHICLE)
    canvas.polygon(np.array(outline) + [0, rise * 0.3], (30, 31, 36), EGO_VEHICLE)
    border = max(1, width // 300)
    for edge in (
        canvas.label[:, :border],
        canvas.label[:, -border:],
        canvas.label[:border],
        canvas.label[-border:],
    ):
        edge[...] = OUT_OF_ROI

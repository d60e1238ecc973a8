"""What stands still in a street: sky, ground, the rows of houses on both sides and what closes the view."""

from dataclasses import dataclass

import numpy as np

from repro.data.synthetic.canvas import Canvas, Colour, smooth_noise

UNLABELLED, EGO_VEHICLE, OUT_OF_ROI, STATIC, DYNAMIC, GROUND, PARKING = 0, 1, 3, 4, 5, 6, 9
ROAD, PAVEMENT, BUILDING, WALL, FENCE, VEGETATION, TERRAIN, SKY = 7, 8, 11, 12, 13, 21, 22, 23
FAR = 160.0  # metres to where houses end


@dataclass(frozen=True)
class Street:
    """The layout of one street, metres; `curve` bends everything by curve * Z squared to the right."""

    left: float  # of the road's edges, negative
    right: float
    pavement: float  # width of either pavement
    verge: float  # width of grass behind the pavement, 0 in the centre
    curve: float
    crossing: float  # distance of a zebra crossing, 0 for none
    lanes: tuple[float, ...]  # positions of broken lines

    def side(self, right: bool) -> float:
        """Where the houses of that side begin."""
        return self.right + self.pavement + self.verge if right else self.left - self.pavement - self.verge

    def bend(self, z: float) -> float:
        return self.curve * z * z


@dataclass(frozen=True)
class Style:
    """What the streets of one city have in common."""

    walls: tuple[Colour, ...]
    roofs: tuple[Colour, ...]
    sky: tuple[Colour, Colour]  # at the top, at the horizon
    clouds: float
    clear: float  # metres at which half of the colour is lost to haze
    asphalt: float
    paving: Colour
    leaves: Colour
    gain: Colour
    greenery: float  # share of the roadside that is not built up
    sun: float  # which side is lit: -1 left facade, 1 right facade, 0 overcast


def paint_sky(canvas: Canvas, rng: np.random.Generator, style: Style) -> None:
    """A gradient with soft clouds."""
    share = np.clip(np.arange(canvas.size[0]) / canvas.camera.horizon, 0, 1)[:, None, None]
    colours = np.array(style.sky[0]) * (1 - share) + np.array(style.sky[1]) * share
    veil = smooth_noise(rng, canvas.size, (5, 4)) + 0.5 * smooth_noise(rng, canvas.size, (14, 10))
    cover = np.clip((veil + style.clouds) * 0.8, 0, 1)[..., None]
    canvas.place(np.ones(canvas.size, bool), colours * (1 - cover) + 238 * cover, SKY)


def paint_distance(canvas: Canvas, rng: np.random.Generator) -> None:
    """Trees and houses that close the view, a few metres to a few dozen above the horizon."""
    height, width = canvas.size
    rows = np.arange(height)[:, None]
    for label, shade, cells, tall in (
        (BUILDING, (120, 115, 115), 14, 15.0),
        (VEGETATION, (70, 88, 60), 40, 9.0),
    ):
        tops = tall * (0.8 + 0.35 * smooth_noise(rng, (1, width), (0, cells))[0])
        if label == BUILDING:
            tops = tops[(np.arange(width) // max(width // 24, 1)) * max(width // 24, 1)]  # flat roofs
        mask = (rows < canvas.camera.horizon + 1) & (
            rows > canvas.camera.horizon - canvas.camera.focal * tops / FAR
        )
        texture = 14 * smooth_noise(rng, canvas.size, (height // 3, width // 3))
        canvas.place(mask, canvas.hazy(shade, FAR * 0.5) + texture[..., None], label)


def paint_ground(canvas: Canvas, rng: np.random.Generator, street: Street, style: Style) -> None:
    """Road with lines and patches, kerb, paving stones, verge."""
    camera, (height, width) = canvas.camera, canvas.size
    first = int(camera.horizon) + 1
    z = camera.focal * camera.height / (np.arange(first, height) + 0.5 - camera.horizon)[:, None]
    x = (np.arange(width) + 0.5 - camera.centre)[None] * z / camera.focal - street.curve * z * z
    road = (x > street.left) & (x < street.right)
    beyond = np.maximum(street.left - x, x - street.right)
    paved = ~road & (beyond < street.pavement)

    grain = smooth_noise(rng, x.shape, (30, 60)) * 5 + smooth_noise(rng, x.shape, (4, 6)) * 9
    tracks = np.clip(1 - np.abs(np.abs(np.mod(x - street.left, 3.2) - 1.6) - 0.8) * 3, 0, 1) * -7
    colour = np.empty((*x.shape, 3))
    colour[:] = style.asphalt + (grain + tracks)[..., None]
    colour[_lines(x, z, street)] = 215
    stones = np.where((np.mod(x, 0.8) < 0.06) | (np.mod(z, 0.8) < 0.08), -16, 0) * (z < 25)
    colour[paved] = (np.array(style.paving) + (grain + stones)[..., None])[paved]
    colour[~road & (beyond < 0.18)] = np.array(style.paving) * 1.12
    green = ~road & ~paved
    colour[green] = (np.array(style.leaves) * 1.15 + 3 * grain[..., None])[green]

    label = np.where(road, ROAD, np.where(paved, PAVEMENT, TERRAIN))
    whole, labels, mask = (
        np.zeros((height, width, 3)),
        np.zeros(canvas.size, np.uint8),
        np.zeros(canvas.size, bool),
    )
    whole[first:], labels[first:], mask[first:] = canvas.hazy(colour, z), label, True
    canvas.place(mask, whole, labels)


def _lines(x: np.ndarray, z: np.ndarray, street: Street) -> np.ndarray:
    """Where the road is painted white: broken lines, edge lines and the bars of a crossing."""
    white = (np.abs(x - street.left - 0.3) < 0.06) | (np.abs(x - street.right + 0.3) < 0.06)
    for lane in street.lanes:
        white |= (np.abs(x - lane) < 0.08) & (np.mod(z, 6) < 3)
    inside = (x > street.left + 0.3) & (x < street.right - 0.3)
    bars = (np.abs(z - street.crossing) < 1.6) & (np.mod(x, 1.0) < 0.5)
    return inside & np.where(np.abs(z - street.crossing) < 2.4, bars, white)


@dataclass
class Row:
    """The houses along one side: for every stretch its start (metres ahead), kind, height and looks."""

    starts: np.ndarray
    label: np.ndarray
    height: np.ndarray
    colour: np.ndarray
    roof: np.ndarray
    floor: np.ndarray  # height of a floor
    pitch: np.ndarray  # distance of windows


def houses(rng: np.random.Generator, style: Style) -> Row:
    """Draw the row of one side: buildings, and between them hedges, walls and fences."""
    starts = np.cumsum(rng.uniform(6, 16, 26)) - rng.uniform(4, 14)
    built = rng.random(26) > style.greenery
    other = rng.choice([VEGETATION, WALL, FENCE], 26, p=[0.4, 0.25, 0.35])
    label = np.where(built, BUILDING, other)
    low = np.select(
        [other == VEGETATION, other == WALL], [rng.uniform(2.5, 6, 26), rng.uniform(1.6, 2.6, 26)], 1.4
    )
    colour = np.array(style.walls)[rng.integers(0, len(style.walls), 26)] * rng.uniform(0.85, 1.1, (26, 1))
    colour[label == VEGETATION] = np.array(style.leaves) * 0.85
    colour[label == WALL] = (140, 132, 128)
    colour[label == FENCE] = (112, 92, 78)
    return Row(
        starts=starts,
        label=label,
        height=np.where(built, rng.uniform(6, 16, 26), low),
        colour=colour,
        roof=np.array(style.roofs)[rng.integers(0, len(style.roofs), 26)],
        floor=rng.uniform(2.8, 3.6, 26),
        pitch=rng.uniform(1.8, 3.2, 26),
    )


def paint_row(
    canvas: Canvas, rng: np.random.Generator, row: Row, *, street: Street, right: bool, light: float
) -> None:
    """Paint the row of one side: every column of pixels meets the upright plane of the houses at one distance."""
    camera, (height, width) = canvas.camera, canvas.size
    side = street.side(right)
    ahead = np.arange(width) + 0.5 - camera.centre
    root = ahead * ahead - 4 * street.curve * camera.focal**2 * side
    with np.errstate(divide="ignore", invalid="ignore"):
        z = 2 * camera.focal * side / (ahead + np.sign(side) * np.sqrt(root))
    seen = np.isfinite(z) & (z > 1) & (z < FAR)
    z = np.where(seen, z, FAR)
    part = np.clip(np.searchsorted(row.starts, z) - 1, 0, len(row.starts) - 1)
    up = camera.height - (np.arange(height)[:, None] + 0.5 - camera.horizon) * (z / camera.focal)[None]
    along = np.broadcast_to((z - row.starts[part])[None], up.shape)

    label = np.broadcast_to(row.label[part], up.shape)
    ragged = smooth_noise(rng, (1, width), (0, 50))[0] * (row.label[part] == VEGETATION)
    top = row.height[part] * (1 + 0.25 * ragged)
    mask = seen[None] & (up >= 0) & (up <= top[None])
    colour = _faces(rng, row, part, up=up, along=along, light=light)
    leafy = smooth_noise(rng, canvas.size, (height // 3, width // 3)) * np.where(label == VEGETATION, 26, 5)
    canvas.place(mask, canvas.hazy(colour + leafy[..., None], z[None]), label)


def _faces(
    rng: np.random.Generator, row: Row, part: np.ndarray, *, up: np.ndarray, along: np.ndarray, light: float
) -> np.ndarray:
    """The (H, W, 3) colours of facades: wall, windows floor by floor, a darker ground floor, a roof, pickets."""
    built = (row.label[part] == BUILDING)[None]
    storey, bay = up / row.floor[part], along / row.pitch[part]
    which_storey, which_bay = np.floor(storey), np.floor(bay)
    high, across = storey - which_storey, bay - which_bay
    wall = row.colour[part][None] * light
    lit = np.broadcast_to(wall, (*up.shape, 3)).copy()

    def paint(where: np.ndarray, colours: np.ndarray) -> None:
        np.copyto(lit, colours, where=where[..., None])

    panes = rng.uniform(35, 120, 257)[(which_bay * 7 + which_storey * 31 + part * 13).astype(int) % 257]
    pane = panes[..., None] * np.array([0.85, 0.95, 1.1])
    window = (across > 0.26) & (across < 0.74) & (high > 0.28) & (high < 0.8)
    paint(window & built & (storey > 1), pane)
    shop = built & (part % 2 == 0)[None] & (storey < 0.85) & ((across > 0.24) | (which_bay % 2 == 1))
    paint(shop, pane * 0.75 + np.array([12, 8, 4]))
    paint(built & (storey > 0.88) & (storey < 1.02), wall * 0.72)
    paint(built & (up > row.height[part] - 2.2), row.roof[part][None] * light)
    picket = (row.label[part] == FENCE)[None] & (along * 3.3 - np.floor(along * 3.3) < 0.4)
    paint(picket, row.colour[part][None] * 0.55)
    return lit

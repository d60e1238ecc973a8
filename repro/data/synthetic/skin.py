"""Lesions on skin as a dermatoscope shows them. They are fixed: what they look like never follows a score."""

import cv2
import numpy as np

from repro.data.synthetic import skin_objects as things
from repro.data.synthetic.canvas import photograph, smooth_noise

SKINS = (  # pale, pink, fair, yellowish, orange, tan, brown, dark
    (226, 206, 198),
    (222, 168, 162),
    (232, 200, 172),
    (214, 192, 150),
    (214, 150, 106),
    (188, 142, 112),
    (146, 104, 82),
    (108, 78, 64),
)
SKIN_SHARES = (0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.06, 0.04)
PIGMENTS = (  # share of the skin's red, green and blue that comes back: light brown, brown, dark, red, blue-black
    (0.82, 0.68, 0.56),
    (0.62, 0.46, 0.38),
    (0.34, 0.26, 0.25),
    (0.86, 0.56, 0.56),
    (0.30, 0.32, 0.38),
)
PIGMENT_SHARES = (0.24, 0.38, 0.22, 0.1, 0.06)
MEDIAN_SHARE, SPREAD = 0.155, 0.95  # of the lesion's share of the picture, and of its logarithm
SHARES = (0.012, 0.68)


def skin_picture(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return one picture: the (H, W, 3) uint8 RGB image and its (H, W) uint8 label, 0 skin and 1 lesion.

    On average about a fifth of the pixels are lesion, as in ISIC 2017. Every lesion is one piece without holes.

    Args:
        rng: draws everything of this picture; the same state gives the same bytes.
        size: (height, width).
    """
    skin = np.array(SKINS[_draw(rng, SKIN_SHARES)]) * rng.uniform(0.88, 1.08)
    depth = _lesion_depth(rng, size)
    label = _one_piece(depth > 0)
    image = _skin(rng, size, skin)
    image = _pigmented(rng, image, depth, label)
    image = np.clip(image, 0, 255).astype(np.uint8)
    things.litter(rng, image, label)
    light = rng.uniform(0.86, 1.1)
    warm = rng.uniform(-0.06, 0.06)
    image = photograph(
        image,
        rng,
        gain=(light * (1 + warm), light, light * (1 - warm)),
        vignette=rng.uniform(0.02, 0.22),
        noise=rng.uniform(2.0, 4.5),
    )
    return things.framed(rng, image), label


def _draw(rng: np.random.Generator, shares: tuple[float, ...]) -> int:
    return int(np.searchsorted(np.cumsum(shares), rng.random() * sum(shares)))


def _lesion_depth(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32, 1 in the middle of the lesion, 0 on its uneven border, negative outside."""
    height, width = size
    share = float(np.clip(np.exp(np.log(MEDIAN_SHARE) + SPREAD * rng.standard_normal()), *SHARES))
    stretch = rng.uniform(0.68, 1.0)
    area = share * height * width / np.pi
    radii = np.round([np.sqrt(area / stretch), np.sqrt(area * stretch)], 3)
    angle = rng.uniform(0, np.pi)
    cosine, sine = np.round([np.cos(angle), np.sin(angle)], 6)
    slack = max(0.0, 0.3 - 0.3 * np.sqrt(share))
    across = np.arange(width, dtype=np.float32) - np.float32(width * (0.5 + rng.uniform(-slack, slack)))
    down = np.arange(height, dtype=np.float32)[:, None] - np.float32(
        height * (0.5 + rng.uniform(-slack, slack))
    )
    along = (across * cosine + down * sine) / radii[0]
    aside = (down * cosine - across * sine) / radii[1]
    depth = 1 - (along * along + aside * aside)
    cell = float(radii.mean())
    roughness = rng.uniform(0.5, 2.4)
    for cells_a_radius, weight in ((1.2, 0.5), (2.6, 0.34), (6.0, 0.2)):
        depth += roughness * weight * _noise(rng, size, cell / cells_a_radius)
    return depth.astype(np.float32)


def _noise(rng: np.random.Generator, size: tuple[int, int], cell: float) -> np.ndarray:
    """(H, W) in [-1, 1] that varies over about `cell` pixels, blurred so that its grid cannot be seen."""
    cells = tuple(max(1, round(side / max(cell, 1.5))) for side in size)
    noise = smooth_noise(rng, size, cells)
    reach = int(max(cell, 2) / 2) * 2 + 1
    return cv2.blur(noise, (reach, reach), borderType=cv2.BORDER_REFLECT_101) if max(cell, 2) >= 3 else noise


def _one_piece(mask: np.ndarray) -> np.ndarray:
    """The largest piece of a mask, its holes filled, as uint8 0 and 1."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    filled = np.zeros(mask.shape, np.uint8)
    if count > 1:
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        outlines, _ = cv2.findContours(
            (pieces == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled


def _skin(rng: np.random.Generator, size: tuple[int, int], skin: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 skin: mottled, creased, brighter on one side, some with freckles."""
    short = min(size)
    mottled = 1 + rng.uniform(0.02, 0.06) * _noise(rng, size, short / 5)
    mottled += rng.uniform(0.01, 0.04) * _noise(rng, size, short / 24)
    down = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None] * np.float32(rng.uniform(-0.08, 0.08))
    across = np.linspace(-1, 1, size[1], dtype=np.float32)[None] * np.float32(rng.uniform(-0.08, 0.08))
    shade = mottled + down + across
    flush = rng.uniform(0, 0.09) * _noise(rng, size, short / 7)
    image = shade[..., None] * skin.astype(np.float32)
    image[..., 1] *= 1 - flush
    image[..., 2] *= 1 - flush
    if rng.random() < 0.25:
        spots = np.clip(_noise(rng, size, short / 16) * 3 - 0.9, 0, 1)[..., None]
        image *= 1 - spots * (1 - np.array((0.9, 0.8, 0.72), np.float32)) * rng.uniform(0.4, 1)
    return image


def _pigmented(
    rng: np.random.Generator, image: np.ndarray, depth: np.ndarray, label: np.ndarray
) -> np.ndarray:
    """The skin with the lesion's pigment in it: two colours that mix, a net or spots, a soft border."""
    size, short = label.shape, min(label.shape)
    one, other = (np.array(PIGMENTS[_draw(rng, PIGMENT_SHARES)], np.float32) for _ in range(2))
    mixed = np.clip(0.5 + 0.9 * _noise(rng, size, short / 5) + rng.uniform(-0.6, 0.6), 0, 1)[..., None]
    if rng.random() < 0.4:
        mixed = (
            np.clip(depth * rng.uniform(0.8, 1.6), 0, 1)[..., None] * mixed
        )  # darker, or paler, in the middle
    pigment = one * (1 - mixed) + other * mixed
    texture = (
        1 + rng.uniform(0.05, 0.2) * _noise(rng, size, short / 30) + 0.12 * _noise(rng, size, short / 10)
    )
    soft = rng.uniform(0.1, 0.9)
    inside = np.clip(0.5 + depth / soft, 0, 1) * (0.08 + 0.92 * _near(label, reach=max(3, short // 24) | 1))
    strength = rng.uniform(0.55, 1.0) * inside[..., None]
    return image * (1 - strength * (1 - np.clip(pigment * texture[..., None], 0, 1)))


def _near(label: np.ndarray, *, reach: int) -> np.ndarray:
    """(H, W) float32: 1 well inside the label, 0 well outside, so that stray pieces of the depth stay pale."""
    grown = cv2.dilate(label, np.ones((reach, reach), np.uint8))
    return cv2.blur(grown.astype(np.float32), (reach, reach))

"""Street scenes written in Cityscapes' layout."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.cityscapes import CLASSES
from repro.data.synthetic.streets import city_style, street_scene


def write_cityscapes(
    root: Path, cities: Mapping[str, Mapping[str, int]], *, size: tuple[int, int], seed: int
) -> None:
    """Write scenes under `root` as Cityscapes has them: images, label ids and coloured labels, split by split.

    Instance ids and polygons are not written, as no loader here reads them. The bytes depend on the arguments and
    the versions of Pillow and numpy only.

    Args:
        root: an existing folder.
        cities: split -> city -> number of images; city and position fix a scene, whatever else is written.
        size: (height, width) of every image.
        seed: of all scenes.
    """
    for split, numbers in cities.items():
        for city, number in numbers.items():
            folders = [root / kind / split / city for kind in ("leftImg8bit", "gtFine")]
            for folder in folders:
                folder.mkdir(parents=True)
            key = [seed, *city.encode()]
            style = city_style(np.random.default_rng(key))
            for position in range(number):
                scene = street_scene(np.random.default_rng([*key, 0, position]), size, style)
                _write_pair(*folders, f"{city}_{position:06d}_000019", *scene)


def _write_pair(images: Path, labels: Path, name: str, image: np.ndarray, label: np.ndarray) -> None:
    coloured = Image.fromarray(label)
    coloured.putpalette(_palette())
    Image.fromarray(image).save(images / f"{name}_leftImg8bit.png", compress_level=6)
    Image.fromarray(label).save(labels / f"{name}_gtFine_labelIds.png", compress_level=6)
    coloured.save(labels / f"{name}_gtFine_color.png", compress_level=6)


def _palette() -> list[int]:
    colours = np.zeros((256, 3), int)
    for label_id, colour in CLASSES.values():
        colours[label_id] = colour
    return colours.ravel().tolist()

"""Street scenes written in CamVid's layout, their 34 label ids made its 11 classes and void."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data.camvid import CLASSES, UNLABELLED
from repro.data.cityscapes import CLASSES as CITYSCAPES
from repro.data.synthetic.streets import city_style, street_scene

SAME = {  # Cityscapes' class -> CamVid's; the others are unlabelled
    "sidewalk": "pavement",
    "wall": "fence",
    "traffic light": "sign",
    "traffic sign": "sign",
    "vegetation": "tree",
    "person": "pedestrian",
    "rider": "bicyclist",
    "bicycle": "bicyclist",
    **{name: "car" for name in ("car", "truck", "bus", "train", "motorcycle")},
    **{name: name for name in ("road", "building", "fence", "pole", "sky")},
}
DRIVES = {"train": ("0001TP", "0006R0", "0016E5"), "val": ("0016E5",), "test": ("0001TP", "Seq05VD")}
SHARES = {"train": (62, 101, 204), "val": (101,), "test": (62, 171)}  # images of each drive, officially


def write_camvid(root: Path, counts: Mapping[str, int], *, size: tuple[int, int], seed: int) -> None:
    """Write scenes under `root` as CamVid has them: images, labels 0 to 11, and a list of pairs a split.

    Args:
        root: an existing folder.
        counts: split -> number of images, which its drives share as they do officially.
        size: (height, width) of every image.
        seed: of all scenes; split and position fix a scene, whatever else is written.
    """
    table = np.full(256, UNLABELLED, np.uint8)
    for name, (label_id, _) in CITYSCAPES.items():
        if name in SAME:
            table[label_id] = list(CLASSES).index(SAME[name])
    for split, number in counts.items():
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir()
        lines = []
        for position in range(number):
            drive = _drive(split, position, number)
            style = city_style(np.random.default_rng([seed, *drive.encode()]))
            scene = np.random.default_rng([seed, *split.encode(), 0, position])
            image, label = street_scene(scene, size, style)
            name = f"{drive}_{position:06d}.png"
            Image.fromarray(image).save(root / split / name)
            Image.fromarray(table[label]).save(root / f"{split}annot" / name)
            lines.append(f"/SegNet/CamVid/{split}/{name} /SegNet/CamVid/{split}annot/{name}\n")
        (root / f"{split}.txt").write_text("".join(lines))


def _drive(split: str, position: int, number: int) -> str:
    """The drive that the image at `position` of `number` belongs to."""
    ends = np.cumsum(SHARES[split]) / sum(SHARES[split])
    return DRIVES[split][int(np.searchsorted(ends, (position + 0.5) / number))]

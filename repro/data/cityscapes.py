"""Cityscapes, fine annotations: 19 classes of street scenes, cut from training by city."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from repro.data.base import VOID, Part, Sample, SegmentationSet, require_folder

CLASSES = {  # name: (id in *_labelIds.png, colour), in the order of the train ids 0..18
    "road": (7, (128, 64, 128)),
    "sidewalk": (8, (244, 35, 232)),
    "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)),
    "fence": (13, (190, 153, 153)),
    "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)),
    "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)),
    "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)),
    "person": (24, (220, 20, 60)),
    "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)),
    "truck": (27, (0, 0, 70)),
    "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)),
    "motorcycle": (32, (0, 0, 230)),
    "bicycle": (33, (119, 11, 32)),
}
LABEL_IDS = range(
    34
)  # 0 unlabelled, 1 ego vehicle, 2 rectification border, 3 out of roi, 4 static, ... 33 bicycle
ENDING = "_leftImg8bit.png"
SELECTION_CITIES = ("krefeld", "monchengladbach", "ulm")


def train_ids_of_label_ids() -> dict[int, int]:
    """Return label id -> train id; the fifteen others are void, and so is 255, which is how a file stores -1."""
    scored = {label_id: train_id for train_id, (label_id, _) in enumerate(CLASSES.values())}
    return {label_id: scored.get(label_id, VOID) for label_id in (*LABEL_IDS, 255)}


class Cityscapes(SegmentationSet):
    """Cityscapes in the official layout, `leftImg8bit/<split>/<city>/` beside `gtFine/<split>/<city>/`.

    Read are `*_leftImg8bit.png` and `*_gtFine_labelIds.png`; polygons, colours and instances are passed over. The
    lists: "train" is the official training split without the cities Krefeld, Mönchengladbach and Ulm (2687 images),
    those three cities are "selection" (288), "report" is the official validation split (500, three other cities).
    The test labels are withheld by the publisher, so there is no list of them.

    Source: Cordts et al. 2016; ids as in cityscapesscripts/helpers/labels.py.
    """

    name = "cityscapes"
    folders = ("cityscapes",)
    markers = ("leftImg8bit", "gtFine")
    class_names = tuple(CLASSES)
    colours = tuple(colour for _, colour in CLASSES.values())
    train_ids = train_ids_of_label_ids()
    counts: ClassVar[dict[str, int]] = {"train": 2975, "val": 500, "test": 1525}
    lists: ClassVar[dict[str, Part]] = {
        "train": Part("train", without=SELECTION_CITIES),
        "selection": Part("train", only=SELECTION_CITIES),
        "report": Part("val"),
    }
    unit = "city"
    citation = "Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016"
    terms = "non-commercial research and teaching; redistribution forbidden"
    where = (
        "https://www.cityscapes-dataset.com (login; unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip "
        "into one folder called cityscapes)"
    )
    remedy = "Unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip again."
    hidden: ClassVar[tuple[str, ...]] = ("test",)  # splits whose labels are withheld

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train" or "val", sorted by city and file name."""
        if split in self.hidden:
            raise ValueError(
                f"{self.name}: the labels of split {split!r} are withheld by the publisher; use val."
            )
        for kind in ("leftImg8bit", "gtFine"):
            require_folder(self.root / kind / split, f"{kind} of {self.name}'s split {split!r}", self.remedy)
        cities = sorted(folder for folder in (self.root / "leftImg8bit" / split).iterdir() if folder.is_dir())
        return [sample for city in cities for sample in self._city(split, city)]

    def _city(self, split: str, city: Path) -> Sequence[Sample]:
        names = [
            path.name.removesuffix(ENDING) for path in sorted(city.iterdir()) if path.name.endswith(ENDING)
        ]
        labels = self.root / "gtFine" / split / city.name
        return [
            Sample(
                name=name,
                unit=city.name,
                image=city / f"{name}{ENDING}",
                label=labels / f"{name}_gtFine_labelIds.png",
            )
            for name in names
        ]

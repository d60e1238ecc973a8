"""DRIVE: vessels in 40 fundus photographs, with the publisher's split, observers and fields of view."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from repro.data.base import Part, Sample, require_folder
from repro.data.vessel_counts import DRIVE
from repro.data.vessels import VesselSet

FOLDERS = {"train": "training", "test": "test"}
SELECTION_IMAGES = ("25", "30", "35", "40")


class Drive(VesselSet):
    """DRIVE as published: `training/` (images 21 to 40) and `test/` (1 to 20).

    Each image is of a patient of its own. "report" is the official test split by the first observer; "selection" is
    every fifth training image (25, 30, 35, 40), "train" the other 16. A second observer saw the test images only; where
    a copy has no folder `test/2nd_manual` there is none.

    Source: Staal et al. 2004.
    """

    name = "drive"
    folders = ("DRIVE",)
    markers = ("training/1st_manual",)
    counts: ClassVar[Mapping[str, int]] = {"train": 20, "test": 20}
    lists: ClassVar[Mapping[str, Part]] = {
        "train": Part("train", without=SELECTION_IMAGES),
        "selection": Part("train", only=SELECTION_IMAGES),
        "report": Part("test"),
    }
    unit = "patient"
    published_pixels = DRIVE
    field_of_view_source = "the publisher's masks"
    citation = (
        "Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004"
    )
    terms = "research only, after registration; redistribution forbidden"
    where = "https://drive.grand-challenge.org (account; unpack training.zip and test.zip into one folder called DRIVE)"
    remedy = "Unpack training.zip and test.zip again."

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train" or "test", sorted by number.

        Raises:
            ValueError: a folder is missing; the present download may lack the labels of the test images.
        """
        folder = self.root / FOLDERS[split]
        for kind in ("images", "mask"):
            require_folder(folder / kind, f"{kind} of {self.name}'s split {split!r}", self.remedy)
        if split == "test" and not (folder / "1st_manual").is_dir():
            raise ValueError(
                f"{folder / '1st_manual'}: the labels of the test images are missing, as in the present download; "
                "copy the folder from a DRIVE that has them, for without them nothing can be scored."
            )
        require_folder(folder / "1st_manual", f"1st_manual of {self.name}'s split {split!r}", self.remedy)
        second = (folder / "2nd_manual").is_dir()
        numbers = sorted(path.name.partition("_")[0] for path in (folder / "images").glob("*.tif"))
        return [
            Sample(
                name=f"{number}_{FOLDERS[split]}",
                unit=number,
                image=folder / "images" / f"{number}_{FOLDERS[split]}.tif",
                label=folder / "1st_manual" / f"{number}_manual1.gif",
                field_of_view=folder / "mask" / f"{number}_{FOLDERS[split]}_mask.gif",
                second_label=folder / "2nd_manual" / f"{number}_manual2.gif" if second else None,
            )
            for number in numbers
        ]

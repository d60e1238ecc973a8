"""CHASE_DB1: vessels in 28 fundus photographs, both eyes of 14 children, divided by child."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from repro.data.base import Part, Sample
from repro.data.vessel_counts import CHASEDB1
from repro.data.vessels import VesselSet, derive_field_of_view

FIELDS_OF_VIEW = "CHASEDB1_FOV"
SELECTION_CHILDREN = ("09", "10")


class ChaseDB1(VesselSet):
    """CHASE_DB1 as published, one flat folder: `Image_01L.jpg` with `_1stHO.png` and `_2ndHO.png`.

    The publisher has no split. As in most work the first 20 images by file name are for training and the last 8 for
    the report; so no child is in both. "selection" is both eyes of children 9 and 10, "train" of children 1 to 8.

    The publisher has no fields of view either. Where a folder `CHASEDB1_FOV` with `Image_01L.gif` (or .png) lies in
    the set's folder or beside it, it is read; else the field of view is derived from the image by the rule of
    `repro.data.vessels.derive_field_of_view`. `field_of_view_source` says which.

    Source: Fraz et al. 2012.
    """

    name = "chasedb1"
    folders = ("CHASEDB1", "CHASE_DB1", "CHASE")
    markers = ("Image_01L.jpg",)
    counts: ClassVar[Mapping[str, int]] = {"train": 20, "test": 8}
    lists: ClassVar[Mapping[str, Part]] = {
        "train": Part("train", without=SELECTION_CHILDREN),
        "selection": Part("train", only=SELECTION_CHILDREN),
        "report": Part("test"),
    }
    unit = "child"
    published_pixels = CHASEDB1
    citation = (
        "Fraz et al., An ensemble classification-based approach applied to retinal blood vessel segmentation, IEEE "
        "TBME 59(9), 2012"
    )
    terms = "CC BY 4.0, Kingston University"
    where = "https://researchdata.kingston.ac.uk/96 (CHASEDB1.zip, unpacked into a folder called CHASEDB1)"
    remedy = "Unpack CHASEDB1.zip again."

    @cached_property
    def supplied(self) -> Path | None:
        """The folder of supplied fields of view, None where there is none."""
        for folder in (self.root, self.root.resolve().parent):
            for inner in sorted(folder.iterdir()):
                if inner.name.lower() == FIELDS_OF_VIEW.lower() and inner.is_dir():
                    return inner
        return None

    @property
    def field_of_view_source(self) -> str:
        """Where the fields of view come from: a folder, or the images."""
        return f"supplied in {self.supplied.name}" if self.supplied else "derived from the images"

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train" (the first 20 by file name) or "test" (all after them)."""
        found = sorted(
            match.groups()
            for path in self.root.iterdir()
            if (match := re.fullmatch(r"(Image_(\d\d)[LR])\.jpg", path.name))
        )
        first = self.counts["train"]
        return [
            self._sample(name, child)
            for name, child in (found[:first] if split == "train" else found[first:])
        ]

    def _sample(self, name: str, child: str) -> Sample:
        return Sample(
            name=name,
            unit=child,
            image=self.root / f"{name}.jpg",
            label=self.root / f"{name}_1stHO.png",
            second_label=self.root / f"{name}_2ndHO.png",
            field_of_view=self._supplied_field_of_view(name),
        )

    def _supplied_field_of_view(self, name: str) -> Path | None:
        if self.supplied is None:
            return None
        choices = [self.supplied / f"{name}{ending}" for ending in (".gif", ".png")]
        return next((choice for choice in choices if choice.is_file()), choices[0])

    def read_field_of_view(self, sample: Sample) -> np.ndarray:
        """Return (height, width) bool, True inside the field of view, supplied or derived."""
        read = super().read_field_of_view(sample)
        return derive_field_of_view(self.read_image(sample)) if read is None else read

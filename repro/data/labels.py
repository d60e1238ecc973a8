"""A folder of labels without images: enough to score predictions against."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data import images
from repro.data.base import Part, Sample, SegmentationSet, require_folder
from repro.data.own import COLOURS, ENDINGS, read_classes
from repro.files import all_there, pictures_below

BINARY = {0: 0, 255: 1}  # the masks that need no list of classes


class LabelFolder(SegmentationSet):
    """The label files of a folder, one an image, named after it; without a file of classes, masks of 0 and 255.

    Args:
        root: the folder, with subfolders or without.
        classes: as `repro.data.own.read_classes` takes it.

    Raises:
        ValueError: no labels, two of one name, no such classes, or other values than 0 and 255 without a file of them.
    """

    name = "own-labels"
    folders = ()
    markers = ()
    class_names = ("background", "foreground")  # these four are the defaults
    colours = COLOURS[:2]
    train_ids = BINARY
    counts = {"report": 0}
    lists = {"report": Part("report")}
    unit = "image"
    citation = terms = "the user's own"
    where = "your own folder"
    remedy = "Correct the file, or the list of classes."

    def __init__(self, root: Path, classes: Path | None = None):
        require_folder(Path(root), "a folder of labels")
        super().__init__(root)
        if classes:
            names, self.train_ids = read_classes(classes)
            self.class_names = tuple(names)
            self.colours = tuple(COLOURS[place % len(COLOURS)] for place in range(len(names)))
        self._samples = self._find()
        self.counts = {"report": len(self._samples)}
        if not classes:
            self._require_binary()

    def split(self, split: str) -> Sequence[Sample]:
        """Return every label, sorted by path; a label stands for its image, which is not there."""
        return self._samples

    def _find(self) -> list[Sample]:
        found: dict[str, Sample] = {}
        for path in all_there(pictures_below(self.root, ENDINGS)):
            if path.stem in found:
                raise ValueError(f"{path}: {found[path.stem].label} has the same name; rename one.")
            found[path.stem] = Sample(path.stem, path.stem, path, path)
        if not found:
            raise ValueError(f"{self.root}: no labels here, expected a PNG an image.")
        return [*found.values()]

    def _require_binary(self) -> None:
        for sample in self._samples:
            others = np.setdiff1d(images.read_ids(sample.label), [*BINARY])
            if len(others):
                raise ValueError(
                    f"{sample.label}: value {others[0]}, and no list of classes; give one with --classes FILE, a line "
                    "a value such as '255: lesion'."
                )

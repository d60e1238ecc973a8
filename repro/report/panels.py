"""Image, label and each network's prediction side by side, as small pictures inside the page."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from repro import plan
from repro.data import find_root, open_dataset, search_folders
from repro.folders import kept_predictions
from repro.metrics import per_image
from repro.papers.spec import Suite
from repro.records import Record
from repro.report.tables import Exhibit

MAY_BE_PASSED_ON = ("toy_", "chasedb1", "isic2017")  # how the names of sets begin whose images may leave a machine
BUDGET = 2_400_000  # bytes of all pictures of a page, so that a full suite stays under 5 MB
LONGEST = 480  # pixels of a picture's longer side
VOID = 255


@dataclass
class Panels:
    """The pictures of a page.

    Attributes:
        groups: one a table and data set: its networks and images, each layer by the key of its picture.
        pictures: key -> data URI, each picture once.
        notes: why some are not there, a sentence each.
    """

    groups: list[dict] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """How long all pictures are."""
        return sum(map(len, self.pictures.values()))

    def note(self, sentence: str) -> None:
        """Say why something is not there, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def panels(exhibits: Sequence[Exhibit], suite: Suite, runs: Path, data: Sequence[str], *, to_pass_on: bool) -> Panels:
    """Return the pictures of the images that some run kept its prediction of.

    Args:
        exhibits: whose rows are shown.
        suite: whose data stand behind them.
        runs: the folder that holds the suite's runs, `<id>/predictions/<content hash of the image>.png` in each.
        data: what `--data` said.
        to_pass_on: leave out images of sets whose terms forbid to pass them on.
    """
    found = Panels()
    for exhibit in exhibits:
        for name, stand in plan.stands(exhibit.table, suite).items():
            try:
                kept = _kept(exhibit, name, runs)
            except ValueError as error:
                found.note(str(error))
                continue
            if not kept:
                continue
            if to_pass_on and not stand.test.startswith(MAY_BE_PASSED_ON):
                found.note(f"{stand.name}: its terms forbid to pass images on; a page below runs/ shows them.")
                continue
            try:
                opened = open_dataset(stand.test, find_root(stand.test, search_folders(stand.test, data)))
                _add(found, exhibit, stand.name, opened, kept)
            except (ValueError, OSError, ImportError) as error:
                found.note(f"{stand.name}: {' '.join(str(error).split())}")
    return found


@dataclass(frozen=True)
class _Row:
    """A row's run with its kept predictions by the content hash of the image."""

    name: str
    record: Record
    predictions: dict[str, Path]
    worst: set[str]  # those that were kept since the network does worst on them


def _kept(exhibit: Exhibit, data: str, runs: Path) -> list[_Row]:
    rows = []
    for findings in exhibit.comparison.rows:
        record = next((f.records[0] for f in findings if f.column.data == data and f.records), None)
        files = sorted((runs / record.id / "predictions").glob("*.png")) if record else []
        if files:
            predictions = {path.stem: path for path in files}
            worst = {each["image"] for each in kept_predictions(files[0].parent) if each["kind"] == "worst"}
            rows.append(_Row(findings[0].row.name, record, predictions, worst))
    return rows


def _add(found: Panels, exhibit: Exhibit, name: str, opened, kept: list[_Row]) -> None:
    """Add the images of one table and data set; those that most networks kept come first, until the budget is spent."""
    order = next(iter(kept[0].record.evidence().values())).images.tolist()
    samples = dict(zip(order, opened.samples("report"), strict=True))
    count = {image: sum(image in row.predictions for row in kept) for image in order}
    wanted = sorted((image for image in order if count[image]), key=lambda image: -count[image])
    images = []
    for image in wanted:
        made = dict(_pictures(opened, samples[image], image, kept, found.pictures))
        if found.bytes + sum(map(len, made.values())) > BUDGET:
            found.note(f"{exhibit.table.id}, {name}: images are left out to keep the page small.")
            break
        found.pictures |= made
        images.append(_image(opened, samples[image], image, kept))
    if images:
        classes = [[name, f"#{bytes(colour).hex()}"] for name, colour in zip(opened.class_names, opened.colours)]
        title = f"{exhibit.table.id}: {exhibit.table.title}, {name}"
        found.groups.append({"name": title, "images": images, "classes": classes})


def _image(opened, sample, image: str, kept: list[_Row]) -> dict:
    """One image: its layers from left to right with the key of each picture, and each network's score on it alone."""
    layers = [["image", f"{opened.name}-{image}", ""], ["label", f"{opened.name}-{image}-label", ""]]
    metric = "jaccard" if opened.binary else "miou"
    for row in kept:
        if image in row.predictions:
            layers.append([row.name, f"{row.record.id}-{image}", _score(row, image, metric)])
    return {"name": sample.name, "layers": layers}


def _score(row: _Row, image: str, metric: str) -> str:
    """The score on one image as text, "Jaccard 81.2 on this image"."""
    evidence = row.record.evidence()["last native whole"]
    place = evidence.images.tolist().index(image)
    score = per_image(evidence, metric, row.record.data["classes"])[place]
    name = {"jaccard": "Jaccard", "miou": "mIoU"}[metric]
    among = ", one of its worst" if image in row.worst else ""
    return "" if np.isnan(score) else f"{name} {100 * score:.1f} on this image{among}"


def _pictures(opened, sample, image: str, kept: list[_Row], there: dict) -> Iterator[tuple[str, str]]:
    """(key, data URI) of each picture of an image that is not there yet."""
    from repro.data.base import content_hash

    if content_hash(sample.image) != image:
        raise ValueError(f"{sample.image} is not the image that was evaluated; the data folder has changed")
    key = f"{opened.name}-{image}"
    if key not in there:
        pixels = opened.read_image(sample)
        yield key, photograph(pixels)
        yield f"{key}-label", classes_picture(opened.read_label(sample), opened.colours)
    for row in kept:
        if image in row.predictions and f"{row.record.id}-{image}" not in there:
            ids = _read_ids(row.predictions[image])
            yield f"{row.record.id}-{image}", classes_picture(ids, opened.colours)


def _read_ids(path: Path) -> np.ndarray:
    """The (height, width) class ids of an indexed PNG."""
    from PIL import Image

    with Image.open(path) as opened:
        if opened.mode not in ("P", "L"):
            raise ValueError(f"{path}: a picture of mode {opened.mode}, expected class ids in an indexed PNG")
        return np.asarray(opened)


def photograph(pixels: np.ndarray) -> str:
    """Return (height, width, 3) uint8 RGB as the data URI of a small JPEG."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture = picture.resize(_small(picture.size), Image.Resampling.LANCZOS)
    return _uri(picture, "JPEG", quality=82, optimize=True)


def classes_picture(ids: np.ndarray, colours: Sequence[Sequence[int]]) -> str:
    """Return (height, width) class ids as the data URI of a small indexed PNG; void and unknown ids are grey."""
    from PIL import Image

    palette = np.full((256, 3), 128, np.uint8)
    palette[: len(colours)] = colours
    picture = Image.fromarray(np.ascontiguousarray(ids, np.uint8), mode="L")
    picture = picture.resize(_small(picture.size), Image.Resampling.NEAREST)
    picture = picture.convert("P")
    picture.putpalette(palette.tobytes())
    return _uri(picture, "PNG", optimize=True)


def _small(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) with the longer side at most LONGEST."""
    scale = min(1.0, LONGEST / max(size))
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def _uri(picture, format: str, **options) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"

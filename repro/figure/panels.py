"""Qualitative panels: image, label, each network's prediction, and below it where it errs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.patches import Patch

from repro.compare import Comparison
from repro.data import find_root, open_dataset, search_folders
from repro.figure import tiles
from repro.figure.said import context
from repro.figure.style import GREY, canvas, empty, headline, notes
from repro.folders import kept_predictions

ACROSS = 6  # tiles in a line
KEYS = 7  # colours in a line of the key
WIDTH = 7.2  # inches
KINDS = {"panels": "first", "worst": "worst"}  # ending of a figure's id -> which kept predictions


@dataclass(frozen=True)
class Kept:
    """A prediction that a run kept: (H, W) uint8 train ids in a PNG, and the image's own mean IoU."""

    system: str
    image: str  # content hash
    name: str
    score: float
    path: Path


@dataclass(frozen=True)
class Scene:
    """An image that is here: its pixels and its label."""

    image: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class Band:
    """Two lines of tiles: what is above and, below each, where it errs or what is right. None is an empty place."""

    above: tuple[tuple[str, np.ndarray | None], ...]
    below: tuple[np.ndarray | None, ...]


def kept_of(comparison: Comparison, data: str, runs: Path, kind: str) -> tuple[list[Kept], list[str]]:
    """Return the kept predictions on one data set by the order of the rows, and what is missing, a sentence each."""
    found, missing, lacking = [], [], []
    for findings in comparison.rows:
        system = findings[0].row.name
        records = [each for f in findings if f.column.data == data for each in f.records]
        if not records:
            lacking.append(system)
            continue
        folders = (runs / each.id / "predictions" for each in records)
        folder, index = next(((folder, index) for folder in folders if (index := kept_predictions(folder))), (None, []))
        if folder is None:
            missing.append(f"{system}: run {records[0].id} left no predictions in this checkout.")
            continue
        for each in index:
            path = folder / f"{each['image']}.png"
            if each["kind"] == kind and path.exists():
                found.append(Kept(system, each["image"], each["name"], each["score"], path))
    return found, [*([f"Not run: {', '.join(lacking)}."] if lacking else []), *missing]


class Scenes:
    """The images of a data set's report list by content hash, read as they are asked for."""

    def __init__(self, data: str, options: Sequence[str]):
        from repro.data.base import content_hash

        self.dataset = open_dataset(data, find_root(data, search_folders(data, options)))
        self._samples = {sample.name: sample for sample in self.dataset.samples("report")}
        self._hash = content_hash

    def get(self, kept: Kept) -> Scene | None:
        """Return the image that was predicted, None where it is not here or is another file."""
        sample = self._samples.get(kept.name)
        if sample is None or self._hash(sample.image) != kept.image:
            return None
        return Scene(self.dataset.read_image(sample), self.dataset.read_label(sample))


def draw(comparison: Comparison, title: str, *, kind: str, data: str, runs: Path, options: Sequence[str]):
    """Yield the drawn figure of one data set.

    Args:
        comparison: whose rows.
        title: of the table.
        kind: "first" or "worst".
        data: the paper's data set, a key of the suite's.
        runs: the folder that holds the suite's runs.
        options: what `--data` said.
    """
    stand = comparison.suite.data[data]
    kept, missing = kept_of(comparison, data, runs, kind)
    try:
        scenes = Scenes(stand.test, options)
    except (ValueError, OSError, ImportError) as error:
        scenes, kept = None, []
        missing.append(f"The images are not here. {' '.join(str(error).split())}")
    bands = [*(_first if kind == "first" else _worst)(kept, scenes)] if scenes else []
    lost = sorted({each.name for each in kept if scenes.get(each) is None}) if scenes else []
    if lost:
        missing.append(f"{len(lost)} images are not those that were evaluated, {lost[0]} for one.")
    heading = {"first": "The first report images", "worst": "The three worst report images of each system"}[kind]
    yield from _draw(bands, f"{heading}: {title}", scenes, (*missing, *context(comparison)))


def _first(kept: list[Kept], scenes: Scenes) -> Iterator[Band]:
    """A band or more an image: image above label, then each system's prediction above its errors."""
    for image in dict.fromkeys(each.image for each in kept):
        seen = [each for each in kept if each.image == image]
        scene = scenes.get(seen[0])
        if scene is None:
            continue
        lines = -(-len(seen) // (ACROSS - 1))
        fair = -(-len(seen) // lines)  # so that no system stands alone in the last line
        for start in range(0, len(seen), fair):
            part = seen[start : start + fair]
            above, below = zip(_given(scene, scenes), *(_pair(each, scene, scenes, each.system) for each in part))
            yield Band(above, below)


def _worst(kept: list[Kept], scenes: Scenes) -> Iterator[Band]:
    """A band a system: three times image above label, and prediction above errors."""
    for system in dict.fromkeys(each.system for each in kept):
        places = []
        for each in (each for each in kept if each.system == system):
            scene = scenes.get(each)
            if scene is not None:
                text = f"{system}: {100 * each.score:.1f}"
                places += [_given(scene, scenes), _pair(each, scene, scenes, text)]
        if places:
            yield Band(*zip(*places[:ACROSS]))


def _given(scene: Scene, scenes: Scenes) -> tuple[tuple[str, np.ndarray], np.ndarray]:
    return ("image, label", tiles.photograph(scene.image)), tiles.coloured(scene.label, scenes.dataset.colours)


def _pair(kept: Kept, scene: Scene, scenes: Scenes, text: str) -> tuple[tuple[str, np.ndarray], np.ndarray]:
    from PIL import Image

    with Image.open(kept.path) as file:
        prediction = np.array(file)
    if prediction.shape != scene.label.shape:
        raise ValueError(f"{kept.path}: {prediction.shape}, its label is {scene.label.shape}; evaluate the run again.")
    errors = tiles.errors(scene.label, prediction, binary=len(scenes.dataset.class_names) == 2)
    return (text, tiles.coloured(prediction, scenes.dataset.colours)), errors


def _draw(bands: list[Band], title: str, scenes: Scenes | None, said: Sequence[str]):
    aspect = max((tile.shape[0] / tile.shape[1] for band in bands for _, tile in band.above[:1]), default=0.5)
    keys = _key(scenes) if bands else []
    heights = [WIDTH / ACROSS * aspect + 0.1] * (2 * len(bands) or 1) + [0.17 * -(-len(keys) // KEYS) + 0.08]
    with canvas(rows=len(heights), columns=ACROSS, width=WIDTH, height=0.4 + sum(heights), squeeze=False,
                gridspec_kw={"height_ratios": heights}) as (figure, axes):  # fmt: skip
        figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0.0, hspace=0.0)
        for cell in axes.flat:
            cell.axis("off")
        for number, band in enumerate(bands):
            for place, ((text, tile), under) in enumerate(zip(band.above, band.below)):
                axes[2 * number][place].imshow(tile, interpolation="nearest")
                axes[2 * number][place].set_title(_short(text), fontsize=6.5, fontweight="normal", pad=2)
                axes[2 * number + 1][place].imshow(under, interpolation="nearest")
        if bands:
            key = axes[-1][0].legend(handles=keys, loc="upper left", bbox_to_anchor=(0, 1), ncols=KEYS, fontsize=6.5,
                                     handlelength=1.1, borderaxespad=0)  # fmt: skip
            key.set_in_layout(False)  # it is wider than the column it begins in
        else:
            empty(axes[0][0], "")
            axes[0][0].text(0, 0.5, "No image and prediction are here together.", fontsize=8, color=GREY)
        headline(figure, title, letters=11.5)
        notes(figure, said)
        yield figure


def _short(text: str) -> str:
    return text if len(text) < 23 else f"{text[:21]}…"


def _key(scenes: Scenes) -> list[Patch]:
    """The colours of classes and errors."""
    classes = zip(scenes.dataset.class_names, scenes.dataset.colours)
    keys = [_patch(name, colour) for name, colour in classes]
    if len(scenes.dataset.class_names) == 2:
        words = {"found": tiles.FOUND, "missed": tiles.MISSED, "invented": tiles.INVENTED}
    else:
        words = {"wrong": tiles.WRONG}
    return [*keys, *(_patch(name, colour) for name, colour in (words | {"right": tiles.RIGHT}).items()),
            _patch("void", tiles.UNCOUNTED)]  # fmt: skip


def _patch(name: str, colour: Sequence[int]) -> Patch:
    return Patch(facecolor=[channel / 255 for channel in colour], edgecolor=GREY, linewidth=0.4, label=name)

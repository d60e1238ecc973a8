"""An architecture as the runner traced it from the live network: every box and every arrow is in a record."""

import csv
import io
import re

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from repro.compare import Comparison, Finding
from repro.figure.layout import Arrow, Box, Drawing, lay_out
from repro.figure.said import context
from repro.figure.style import COLOURS, GREY, canvas, headline, notes
from repro.records import Record

WIDTH, MARGIN, END = 7.2, 0.5, 0.45  # inches: of the figure, for the levels' names, and for the logits' arrow
BOX, ROW = (0.98, 0.46), 0.66  # (width, height) of a box, and from one level to the next
HEAD = 0.45  # above each network, for its name
PLAIN = COLOURS[0]
_UNNAMED = re.compile(r"Norm|ReLU|GELU|Dropout|Identity|Pool|Activation")


def traced(comparison: Comparison) -> list[tuple[Finding, Record | None]]:
    """Return each row's first finding with the first of its records that holds a structure, None if there is none."""
    found = []
    for findings in comparison.rows:
        records = [record for finding in findings for record in finding.records]
        found.append((findings[0], next((each for each in records if each.structure), None)))
    return found


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: the networks one below the other, levels from top to bottom by the size of the maps."""
    rows = traced(comparison)
    drawings = [record and lay_out(record.structure) for _, record in rows]
    heights = [HEAD + (ROW * len(drawing.sizes) if drawing else 0.3) for drawing in drawings]
    width = max([WIDTH, *(MARGIN + END + BOX[0] * (1 + 1.2 * drawing.gaps) for drawing in drawings if drawing)])
    with canvas(width=width, height=sum(heights) + 0.45) as (figure, axes):
        axes.set(xlim=(0, width), ylim=(sum(heights), 0), aspect="equal")
        axes.axis("off")
        top, colours = 0.0, _colours(drawings)
        for (finding, record), drawing, height in zip(rows, drawings, heights):
            if record is None:
                axes.text(0, top + HEAD / 2, finding.row.name, fontsize=9, fontweight="bold", va="center")
                axes.text(0, top + HEAD + 0.1, _missing(finding), fontsize=8, color=GREY, va="center")
            else:
                axes.text(0, top + HEAD / 2, _name(finding, record), fontsize=9, fontweight="bold", va="center")
                _Network(axes, drawing, top + HEAD, width, colours).draw()
            top += height
        headline(figure, title)
        notes(figure, (*_said(rows), *context(comparison)))
        yield figure


def _colours(drawings: list[Drawing | None]) -> dict[str, str]:
    """A colour for each class of the networks' own."""
    own = dict.fromkeys(box.part for drawing in drawings if drawing for box in drawing.boxes if box.own)
    return {part: COLOURS[1 + index % 5] for index, part in enumerate(own)}


def _name(finding: Finding, record: Record) -> str:
    parameters = record.data["network"]["parameters"] / 1e6
    return f"{finding.row.name}: {record.data['run']['network']}, {parameters:.2f} million parameters"


def _missing(finding: Finding) -> str:
    if finding.why:
        return f"Not built: {finding.why}."
    return "Its records hold no structure." if finding.records else "Not run, so there is no structure to draw."


def _said(rows: list[tuple[Finding, Record | None]]) -> list[str]:
    there = [record for _, record in rows if record]
    if not there:
        return []
    runs = ", ".join(f"{record.id}@{record.kind}" for record in there)
    return [
        f"Traced from the networks of runs {runs} at work. Nothing is drawn by hand.",
        "Arrows: what an output is computed from. Shapes: channels × height × width; on the left their share of the "
        "image's height.",
        "Blue: torch's layers; normalisation and activation are not named. Other colours: the networks' own classes.",
    ]


class _Network:
    """One network on the axes, in inches from its top."""

    def __init__(self, axes, drawing: Drawing, top: float, width: float, colours: dict[str, str]):
        self.axes, self.drawing, self.top, self.width, self.colours = axes, drawing, top, width, colours
        self.pitch = min((width - MARGIN - END - BOX[0]) / max(drawing.gaps, 1), 2 * BOX[0])

    def draw(self) -> None:
        for level, size in enumerate(self.drawing.sizes):
            y = self.top + ROW * (level + 0.5)
            self.axes.text(0, y, _share(size, self.drawing.sizes[0]), fontsize=8, va="center", color=GREY)
        for arrow in self.drawing.arrows:
            self._arrow(arrow)
        for box in self.drawing.boxes[:-1]:
            self._box(box)

    def _centre(self, box: Box) -> tuple[float, float]:
        return MARGIN + BOX[0] / 2 + self.pitch * box.column, self.top + ROW * (box.level + 0.5)

    def _box(self, box: Box) -> None:
        x, y = self._centre(box)
        colour = self.colours.get(box.part, PLAIN) if box.parameters else GREY
        corner = (x - BOX[0] / 2, y - BOX[1] / 2)
        style = {"boxstyle": "round,pad=0,rounding_size=0.05", "linewidth": 1.0, "edgecolor": colour}
        self.axes.add_patch(FancyBboxPatch(corner, *BOX, **style, facecolor=_tint(colour), zorder=3))
        for line, (text, weight) in enumerate(_lines(box)):
            place = y + (line - (len(_lines(box)) - 1) / 2) * 0.13
            size = 6.2 * min(1.0, 15 / len(text))
            self.axes.text(x, place, text, fontsize=size, fontweight=weight, ha="center", va="center", zorder=4)

    def _arrow(self, arrow: Arrow) -> None:
        source, target = self.drawing.boxes[arrow.source], self.drawing.boxes[arrow.target]
        colour = self.colours.get(target.part, PLAIN) if target.own else GREY
        path, label = self._path(source, target, self._entry(arrow, source, target))
        style = {"arrowstyle": "-|>", "mutation_scale": 6, "linewidth": 0.9, "color": colour, "zorder": 2}
        self.axes.add_patch(FancyArrowPatch(path=path, shrinkA=0, shrinkB=0, **style))
        if arrow.through:
            self.axes.text(*label, arrow.through, fontsize=6, color=GREY, va="center", zorder=4)
        if target is self.drawing.boxes[-1]:
            self.axes.text(self.width, path.vertices[-1][1] - 0.06, "logits", fontsize=6.2, ha="right", va="bottom")

    def _entry(self, arrow: Arrow, source: Box, target: Box) -> float:
        """How far from the middle of its target's left side an arrow ends: those from above end above."""
        boxes = self.drawing.boxes
        into = [a for a in self.drawing.arrows if a.target == arrow.target and boxes[a.source].column < target.column]
        if source.column == target.column:
            return 0.0
        order = sorted(into, key=lambda each: (boxes[each.source].level, each.source))
        return (order.index(arrow) - (len(order) - 1) / 2) * min(0.1, 0.36 / len(order))

    def _path(self, source: Box, target: Box, entry: float) -> tuple[Path, tuple[float, float]]:
        """The way from box to box, and where its label stands: straight, or along a row with a bend in a gap."""
        (x, y), (u, v) = self._centre(source), self._centre(target)
        if source.column == target.column:
            side = BOX[1] / 2 if v > y else -BOX[1] / 2
            return Path([(x, y + side), (u, v - side)]), (x + 0.06, (y + v) / 2)
        start, end, v = x + BOX[0] / 2, u - BOX[0] / 2, v + entry
        label = (start + 0.06, y + 0.1)
        if target is self.drawing.boxes[-1]:
            return Path([(start, y), (self.width, y)]), label
        if abs(y - v) < 1e-6 and self._free(source.level, source.column, target.column):
            return Path([(start, y), (end, y)]), label
        gap = self.pitch - BOX[0]
        bend = end - gap if self._free(source.level, source.column, target.column) else start
        middle, out = bend + gap / 2, bend + gap - 0.07
        points = [(start, y), (bend, y), (middle, y), (middle, v), (out, v), (end, v)]
        codes = [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO]
        return Path(points, codes), label

    def _free(self, level: int, left: int, right: int) -> bool:
        return not any(box.level == level and left < box.column < right for box in self.drawing.boxes[:-1])


def _lines(box: Box) -> list[tuple[str, str]]:
    """What a box says: class or name, name or layers, shape."""
    name = ".".join(box.name.split(".")[-2:])
    first, second = (box.part, name) if box.own else (name, _named_layers(box.layers))
    shape = " × ".join(map(str, box.shape))
    return [(first, "bold"), *([(second, "normal")] if second else []), (shape, "normal")]


def _named_layers(layers: str) -> str:
    """The layers that have a name in the picture, counted by class; where none has, all."""
    counts: dict[str, int] = {}
    listed = [each for each in layers.split(", ") if each]
    for each in [each for each in listed if not _UNNAMED.search(each)] or listed:
        number, _, name = each.rpartition(" ")
        counts[name] = counts.get(name, 0) + int(number or 1)
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())


def _share(size: tuple[int, int], image: tuple[int, int]) -> str:
    return f"1/{image[0] // size[0]}" if image[0] % size[0] == 0 else f"{size[0]} high"


def _tint(colour: str) -> tuple[float, float, float]:
    """A colour four fifths of the way to white."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return tuple(0.82 + 0.18 * part for part in parts)


def as_csv(comparison: Comparison) -> str:
    """Return every traced block: row, index, name, part, layers, parameters, shape and the indices of its inputs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", "block", "name", "part", "layers", "parameters", "shape", "times", "inputs"])
    for finding, record in traced(comparison):
        for index, block in enumerate(record.structure["blocks"] if record else ()):
            shape, inputs = "x".join(map(str, block["shape"])), " ".join(map(str, block["inputs"]))
            described = [block[key] for key in ("name", "part", "layers", "parameters")]
            writer.writerow([finding.row.name, index, *described, shape, block["times"], inputs])
    return buffer.getvalue()

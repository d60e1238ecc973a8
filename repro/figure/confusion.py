"""Confusion matrices: one panel a system, each row the share of a class's pixels that went to which class."""

import csv
import io
import textwrap

import numpy as np

from repro.compare import Comparison
from repro.figure.said import context
from repro.figure.style import canvas, empty, headline, notes
from repro.table.classes import Matrix, matrices_of

FEW = 12  # classes up to which shares are written into the cells
TWO, MORE = (4, 1.5), (3, 2.05)  # panels in a row, and inches of each: of two classes, of more


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: light is no pixel, dark is all of a class's."""
    found = matrices_of(comparison)
    several = len({matrix.data for matrix in found}) > 1
    across, side = TWO if all(len(matrix.classes) == 2 for matrix in found) else MORE
    down = max(-(-len(found) // across), 1)
    names = max((len(name) for each in found for name in each.classes), default=0)
    width = 28 if across < 4 else 22  # letters over a panel
    height = 0.5 + down * (side + (0.6 if several else 0.3)) + 0.06 * names
    with canvas(rows=down, columns=across, width=7.2, height=height, squeeze=False) as (figure, axes):
        cells = list(axes.flat)
        if not found:
            empty(cells[0], "Nothing was measured.")
        for place, matrix in enumerate(found):
            picture = _panel(cells[place], matrix, left=place % across == 0, bottom=place + across >= len(found))
            lines = textwrap.wrap(matrix.row, width) + (textwrap.wrap(matrix.data, width) if several else [])
            cells[place].set_title("\n".join(lines), fontsize=8 if across < 4 else 6.5)
        for cell in cells[max(len(found), 1) :]:
            cell.axis("off")
        if found:
            bar = figure.colorbar(picture, ax=axes, location="right", shrink=min(1.0, 1.2 / down), aspect=14, pad=0.02)
            bar.set_label("% of the label's pixels", fontsize=7.5)
            bar.ax.tick_params(labelsize=7)
            bar.outline.set_visible(False)
        headline(figure, f"Confusion: {title}", letters=11.5)
        notes(figure, (*_said(found), *context(comparison)))
        yield figure


def _panel(panel, matrix: Matrix, *, left: bool, bottom: bool):
    """One matrix, with the names of the classes where the panel is at the left or has none below it."""
    classes, shares = len(matrix.classes), 100 * matrix.shares
    picture = panel.imshow(np.ma.masked_invalid(shares), cmap="Blues", vmin=0, vmax=100, interpolation="nearest")
    panel.set_facecolor("#E4E4E4")
    panel.grid(visible=False)
    for side in panel.spines.values():
        side.set_visible(False)
    size = 6.5 if classes <= FEW else 5
    ticks = range(classes)
    panel.set_xticks(ticks, matrix.classes if bottom else [""] * classes, rotation=90, fontsize=size)
    panel.set_yticks(ticks, matrix.classes if left else [""] * classes, fontsize=size)
    panel.tick_params(length=0, pad=1.5)
    if left:
        panel.set_ylabel("label", fontsize=7.5)
    if bottom:
        panel.set_xlabel("prediction", fontsize=7.5)
    if classes <= FEW:
        _write(panel, shares, size=7.5 if classes < 4 else 4.8)
    return picture


def _write(panel, shares: np.ndarray, *, size: float) -> None:
    """The shares of half a per cent and more as whole numbers; of few classes with a decimal."""
    digits = 1 if len(shares) < 4 else 0
    for (label, prediction), share in np.ndenumerate(shares):
        if share >= 0.5 or (digits and share == share):
            colour = "white" if share > 55 else "black"
            panel.text(prediction, label, f"{share:.{digits}f}", ha="center", va="center", fontsize=size, color=colour)


def _said(found: list[Matrix]) -> list[str]:
    if not found:
        return []
    counts = sorted({matrix.n for matrix in found})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lines = [f"Pixels of the whole report list are added up, also over seeds (n = {seeds}); each row is then 100 %."]
    if any(np.isnan(matrix.shares).any() for matrix in found):
        lines.append("Grey rows: the class is not labelled there.")
    return lines


def as_csv(comparison: Comparison) -> str:
    """Return the counts behind the figure: row, data, seeds, label, prediction, pixels."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", "data", "seeds", "label", "prediction", "pixels"])
    for matrix in matrices_of(comparison):
        for (label, prediction), pixels in np.ndenumerate(matrix.counts):
            names = matrix.classes[label], matrix.classes[prediction]
            writer.writerow([matrix.row, matrix.data, matrix.n, *names, int(pixels)])
    return buffer.getvalue()

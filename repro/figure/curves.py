"""Loss curves: training and selection loss over epochs or steps, with the spread over seeds as a band."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.ticker import MaxNLocator

from repro.compare import Comparison, Finding
from repro.curves import points_of
from repro.figure.said import context
from repro.figure.style import COLOURS, DASHES, MARKERS, canvas, empty, headline, notes

MARKED = 15  # points of a curve that bear a mark, at most
LETTER = 0.062  # inches a letter of the key takes
NAMES = {"train_loss": "training loss", "selection_loss": "validation loss", "report_loss": "test loss"}


@dataclass(frozen=True)
class Curve:
    """One curve of one row: `mean` and `spread` over the seeds that reach a position.

    Attributes:
        row, quantity: what it shows.
        position: (k,) epochs or steps.
        mean: (k,) over seeds.
        spread: (k,) standard deviation over seeds, NaN under two.
        n: (k,) seeds.
        auxiliary: it counts the network's auxiliary outputs too, as a training loss does and no other.
    """

    row: str
    quantity: str
    position: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    n: np.ndarray
    auxiliary: bool

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return int(self.n.max())

    def shared(self) -> "Curve":
        """Return it as far as all seeds go: beyond, a mean over fewer would jump."""
        whole = self.n == self.seeds
        return replace(self, **{name: getattr(self, name)[whole] for name in ("position", "mean", "spread", "n")})


def curves_of(comparison: Comparison) -> list[Curve]:
    """Return the declared curves of every row that was measured, in declared order."""
    table = comparison.table
    found = []
    for findings in comparison.rows:
        measured = next((finding for finding in findings if finding.records), None)
        if measured is None or measured.records[0].data["training"] is None:
            continue
        for quantity in table.curves:
            curve = _curve(measured, quantity, table.axis)
            if curve is not None:
                found.append(curve)
    return found


def _curve(finding: Finding, quantity: str, axis: str) -> Curve | None:
    """The mean over seeds of one quantity, or None where it was not recorded."""
    by_position: dict[float, list[float]] = {}
    for record in finding.records:
        for position, value in points_of(record.curve(), quantity, axis):
            by_position.setdefault(position, []).append(value)
    if not by_position:
        return None
    positions = sorted(by_position)
    values = [np.array(by_position[position]) for position in positions]
    n = np.array([len(each) for each in values])
    return Curve(
        row=finding.row.name,
        quantity=quantity,
        position=np.array(positions),
        mean=np.array([each.mean() for each in values]),
        spread=np.array([each.std(ddof=1) if len(each) > 1 else np.nan for each in values]),
        n=n,
        auxiliary=quantity == "train_loss" and bool(finding.records[0].data["run"]["recipe"].get("auxiliary_weights")),
    )


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: one panel a quantity, one colour a row."""
    table = comparison.table
    curves = curves_of(comparison)
    rows = list(dict.fromkeys(curve.row for curve in curves))
    with canvas(columns=len(table.curves), width=2.9 * max(len(table.curves), 2), sharey=True, squeeze=False) as (
        figure,
        axes,
    ):
        for panel, quantity in zip(axes[0], table.curves):
            shown = [curve.shared() for curve in curves if curve.quantity == quantity]
            panel.set_title(NAMES[quantity])
            panel.set_xlabel(table.axis)
            panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
            if not shown:
                empty(panel, "not measured")
            for curve in shown:
                index = rows.index(curve.row)
                colour, dash = COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]
                marked = {"marker": MARKERS[index % len(MARKERS)], "markevery": -(-len(curve.position) // MARKED)}
                panel.plot(curve.position, curve.mean, dash, color=colour, label=curve.row, markersize=3.5, **marked)
                if curve.seeds > 1:
                    low, high = curve.mean - curve.spread, curve.mean + curve.spread
                    panel.fill_between(curve.position, low, high, color=colour, alpha=0.2, linewidth=0)
        axes[0][0].set_ylabel("loss")
        handles, labels = axes[0][0].get_legend_handles_labels()
        if handles:
            figure.set_figwidth(figure.get_figwidth() + LETTER * max(map(len, labels)) + 0.5)
            figure.legend(handles, labels, loc="outside right center", fontsize=8)
        headline(figure, title)
        notes(figure, filter(None, (_seeds(curves), auxiliary(curves), *context(comparison))))
        yield figure


def _seeds(curves: list[Curve]) -> str:
    """How many seeds are behind the curves, and what the bands are."""
    counts = sorted({curve.seeds for curve in curves})
    if not counts:
        return ""
    if counts[-1] == 1:
        return "Curves: one seed (n = 1), so no spread is shown."
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    ends = "; a mean ends with the first of its seeds" if any(curve.n.min() < curve.seeds for curve in curves) else ""
    return f"Curves: means over seeds ({n}); bands: plus and minus their standard deviation{ends}."


def auxiliary(curves: Iterable[Curve]) -> str:
    """Return which rows' training loss counts more than one output, or ""."""
    rows = ", ".join(curve.row for curve in curves if curve.auxiliary)
    return rows and f"The training loss of {rows} counts auxiliary outputs too; other losses are the main output's."


def as_csv(comparison: Comparison) -> str:
    """Return the points behind the figure: row, quantity, position, mean, spread, n."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", "curve", comparison.table.axis, "mean", "spread", "n"])
    for curve in curves_of(comparison):
        for position, mean, spread, n in zip(curve.position, curve.mean, curve.spread, curve.n):
            deviation = f"{spread:.6g}" if n > 1 else ""
            writer.writerow([curve.row, curve.quantity, f"{position:g}", f"{mean:.6g}", deviation, n])
    return buffer.getvalue()

"""A sweep: each score against the setting that the rows vary, with the spread over seeds and the paper's optimum."""

from collections.abc import Iterator

from matplotlib.lines import Line2D

from repro import plan
from repro.compare import Comparison, Finding
from repro.figure.said import context, differences, headline_findings, nothing, seeds_text
from repro.figure.style import COLOURS, GREY, canvas, headline, notes
from repro.papers.spec import Above, Column, Figure
from repro.statistics import t_interval
from repro.table.grid import DEFAULT_DIGITS, SCALE, number

POINT, OPTIMUM = COLOURS[0], COLOURS[1]
ACROSS = 3  # panels in a row


def declared_optimum(figure: Figure) -> tuple[str, ...]:
    """Return the rows that the paper claims to be above the others of this figure."""
    claims = (claim.predicate for claim in plan.paper_of(figure.id).claims)
    return tuple(dict.fromkeys(claim.row for claim in claims if isinstance(claim, Above) and claim.table == figure.id))


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: one panel a score, each with its own scale."""
    panels = headline_findings(comparison)
    down = -(-(len(panels) + 1) // ACROSS)  # one cell more, for the key
    findings = [finding for _, column in panels for finding in column]
    optimum = [position for name in declared_optimum(comparison.table) if (position := _position(name)) is not None]
    with canvas(columns=ACROSS, rows=down, width=7.2, height=0.7 + 1.75 * down, squeeze=False) as (figure, axes):
        cells = list(axes.flat)
        for panel, (column, shown) in zip(cells, panels):
            _panel(panel, column, shown, optimum)
            panel.set_xlabel(comparison.table.axis)
        for cell in cells[len(panels) :]:
            cell.axis("off")
        cells[len(panels)].legend(handles=list(_key(findings, optimum)), loc="center left", fontsize=8)
        headline(figure, title)
        said = (seeds_text(findings, "Points"), *_floors(panels), *differences(comparison), *context(comparison))
        notes(figure, filter(None, said))
        yield figure


def _panel(panel, column: Column, findings: list[Finding], optimum: list[float]) -> None:
    panel.set_title(f"{column.name} (%)" if column.unit == "percent" else column.name)
    along = [(position, finding) for finding in findings if (position := _position(finding.row.name)) is not None]
    positions = [position for position, _ in along]
    panel.set_xticks(positions, [finding.row.name for _, finding in along], fontsize=7.5)
    width = max(positions) - min(positions) or 1.0
    panel.set_xlim(min(positions) - width / 20, max(positions) + width / 20)
    panel.margins(y=0.15)
    for position in optimum:
        panel.axvline(position, color=OPTIMUM, linestyle="--", linewidth=1.2)
    missing = [position for position, finding in along if finding.mean is None]
    panel.plot(missing, [0.03] * len(missing), **_MISSING, transform=panel.get_xaxis_transform())
    measured = sorted((position, finding) for position, finding in along if finding.mean is not None)
    if not measured:
        panel.text(0.02, 0.9, nothing(findings[0]), transform=panel.transAxes, style="italic", color=GREY)
        panel.set_yticks([])
        return
    scale = SCALE[column.unit]
    means = [scale * finding.mean for _, finding in measured]
    panel.plot([position for position, _ in measured], means, **_POINT)
    for (position, finding), mean in zip(measured, means):
        _spread(panel, position, finding, scale, beside=width / 45)
        if mean == max(means):
            panel.plot(position, mean, **_RING)


_POINT = {"color": POINT, "marker": "o", "markersize": 4, "linewidth": 1}
_INTERVAL = {"color": POINT, "marker": "_", "markersize": 5, "linewidth": 1}
_SEED = {"color": GREY, "marker": ".", "markersize": 3, "linestyle": "none"}
_RING = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgecolor": "black", "linestyle": "none"}
_MISSING = {"marker": "x", "markersize": 4, "color": GREY, "linestyle": "none"}


def _spread(panel, position: float, finding: Finding, scale: float, *, beside: float) -> None:
    """The 95 % interval of the mean, and every seed as a dot to the right of it, where there are two or more."""
    interval = t_interval(finding.scores)
    if interval is None:
        return
    low, high = (scale * min(max(each, 0.0), 1.0) for each in interval)  # no score lies beyond
    panel.plot((position, position), (low, high), **_INTERVAL)
    panel.plot([position + beside] * len(finding.scores), [scale * score for score in finding.scores], **_SEED)


def _key(findings: list[Finding], optimum: list[float]) -> Iterator[Line2D]:
    along = [finding for finding in findings if _position(finding.row.name) is not None]
    if any(finding.scores for finding in along):
        several = any(len(finding.scores) > 1 for finding in along)
        yield Line2D([], [], **_POINT, label="mean over seeds" if several else "one seed")
        if several:
            yield Line2D(
                [], [], color=POINT, marker="|", markersize=11, linestyle="none", label="95 % interval of the mean"
            )
            yield Line2D([], [], **_SEED, label="each seed")
        yield Line2D([], [], **_RING, label="highest measured")
    if any(not finding.scores for finding in along):
        yield Line2D([], [], **_MISSING, label="not run")
    for position in optimum:
        yield Line2D([], [], color=OPTIMUM, linestyle="--", linewidth=1.2, label=f"the paper's best: {position:g}")


def _floors(panels: list[tuple[Column, list[Finding]]]) -> Iterator[str]:
    """The rows that are no setting, in words: they lie far below the others."""
    for place, first in enumerate(panels[0][1]):
        if _position(first.row.name) is None and first.mean is not None:
            shown = [(column, column_findings[place].mean) for column, column_findings in panels]
            scores = (f"{column.name} {number(mean, column, DEFAULT_DIGITS[column.unit])}" for column, mean in shown)
            yield f"Not on the axis: {first.row.name}, {', '.join(scores)}."


def _position(name: str) -> float | None:
    """Where on the axis a row stands: its name as a number; None for the floors."""
    try:
        return float(name)
    except ValueError:
        return None

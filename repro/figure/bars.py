"""Bars: one panel a metric, one bar a system, the paper's number outlined where it is of the same data."""

from matplotlib.patches import Patch

from repro.compare import Comparison, Finding
from repro.figure.said import context, differences, headline_findings, nothing, seeds_text
from repro.figure.style import COLOURS, GREY, canvas, headline, notes
from repro.papers.spec import Column
from repro.statistics import t_interval
from repro.table.grid import DEFAULT_DIGITS, SCALE, number

MEASURED, FLOOR, PAPER = COLOURS[0], "#B8B8B8", "#000000"
ALONE, BESIDE = 0.62, 0.42  # height of a bar; of one with the paper's beside it
FULL = 1.0  # the largest score, a fraction
LETTER, PANEL = 0.058, 1.95  # inches: a letter beside a bar; the width of a panel, bar and letters together


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: systems from top to bottom as the paper lists them, the floors below a rule."""
    panels = headline_findings(comparison)
    rows = [finding.row for finding in panels[0][1]]
    findings = [finding for _, column in panels for finding in column]
    longest = max(len(text) for finding in findings for text in (_label(finding, findings), _paper_label(finding)))
    room = FULL / (PANEL / (LETTER * longest + 0.05) - 1)  # beside a full bar, in scores
    with canvas(
        columns=len(panels), width=7.2, height=1.1 + 0.27 * len(rows), squeeze=False, sharey=True
    ) as (figure, axes):  # fmt: skip
        for panel, (column, shown) in zip(axes[0], panels):
            _frame(panel, column, room)
            for place, finding in enumerate(shown):
                _bar(panel, place, finding, _label(finding, findings))
            extra = [place for place, row in enumerate(rows) if row.extra]
            if extra and extra[0] > 0:
                panel.axhline(extra[0] - 0.5, color=GREY, linewidth=0.6, xmax=FULL / (FULL + room))
        axes[0][0].set_yticks(range(len(rows)), [row.name for row in rows])
        axes[0][0].set_ylim(len(rows) - 0.4, -0.6)
        if any(_paper(finding) for finding in findings):
            keys = (Patch(color=MEASURED, label="measured"), Patch(**_OUTLINE, label="the paper's, on the same data"))
            figure.legend(handles=keys, loc="outside upper right", ncols=2, fontsize=8)
        headline(figure, title)
        notes(figure, filter(None, (seeds_text(findings, "Bars"), *differences(comparison), *context(comparison))))
        yield figure


_OUTLINE = {"facecolor": "white", "edgecolor": PAPER, "linewidth": 1.0}


def _frame(panel, column: Column, room: float) -> None:
    scale = SCALE[column.unit]
    panel.set_title(f"{column.name} (%)" if column.unit == "percent" else column.name)
    panel.set_xlim(0, scale * (FULL + room))
    panel.set_xticks([0, scale * FULL / 2, scale * FULL])
    panel.spines["bottom"].set_bounds(0, scale * FULL)
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")


def _bar(panel, place: int, finding: Finding, label: str) -> None:
    """One system: its bar, interval and number, and the paper's beside it; or why there is none."""
    scale, paper = SCALE[finding.column.unit], _paper(finding)
    height = BESIDE if paper else ALONE
    above = place - height / 2 if paper else place
    if paper:
        panel.barh(place + height / 2, float(paper), height=height, **_OUTLINE)
        _say(panel, place + height / 2, float(paper), _paper_label(finding), scale)
    if finding.mean is None:
        panel.text(0.02 * scale, above, label, va="center", fontsize=7.5, style="italic", color=GREY)
        return
    colour = FLOOR if finding.row.untrained and finding.row.extra else MEASURED
    panel.barh(above, scale * finding.mean, height=height, color=colour)
    interval, end = t_interval(finding.scores), scale * finding.mean
    if interval:
        low, high = (scale * min(max(each, 0.0), FULL) for each in interval)  # no score lies beyond
        panel.plot((low, high), (above, above), color="black", linewidth=1.1, marker="|", markersize=4.5)
        end = max(end, high)
    _say(panel, above, end, label, scale)


def _say(panel, place: float, end: float, text: str, scale: float) -> None:
    panel.text(end + 0.03 * scale, place, text, va="center", fontsize=7.5).set_in_layout(False)


def _label(finding: Finding, among: list[Finding]) -> str:
    """The mean, and how many seeds where systems differ in that; or why there is none."""
    if finding.mean is None:
        return nothing(finding)
    text = number(finding.mean, finding.column, DEFAULT_DIGITS[finding.column.unit])
    counts = {len(each.scores) for each in among if each.scores and not each.row.untrained}
    return text if finding.row.untrained or len(counts) == 1 else f"{text} (n = {len(finding.scores)})"


def _paper(finding: Finding) -> str | None:
    """The paper's number where it may stand beside ours: stated, and of the data that stand here."""
    own = finding.stand is not None and finding.stand.own
    return finding.reported if own and finding.reported else None


def _paper_label(finding: Finding) -> str:
    return f"paper {_paper(finding)}" if _paper(finding) else ""

"""Score against cost: a point a system, by the operations of one image and, where it was measured, by its time."""

import csv
import io

from repro import measurements, plan
from repro.compare import Comparison, Finding
from repro.figure.said import context, headline_findings, nothing, seeds_text
from repro.figure.style import COLOURS, GREY, MARKERS, canvas, headline, in_decades, notes
from repro.statistics import t_interval
from repro.table.grid import SCALE

Point = tuple[Finding, float]  # with its cost


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: the same scores over two costs, both on logarithmic axes."""
    ((column, findings), *_) = headline_findings(comparison)
    trained = [finding for finding in findings if not finding.row.untrained]
    measured = [finding for finding in trained if finding.mean is not None]
    kind, times = _times(comparison, measured)
    panels = [("GFLOP of one image", [(each, _operations(each)) for each in measured])]
    panels += [(f"ms for one image ({kind})", times)] if times else []
    look = {finding.row.name: mark(i) for i, finding in enumerate(trained)}
    with canvas(columns=len(panels), width=7.2, height=3.3, squeeze=False, sharey=True) as (figure, axes):
        for panel, (label, points) in zip(axes[0], panels):
            panel.set_xlabel(label)
            _points(panel, points, SCALE[column.unit], look)
        axes[0, 0].set_ylabel(f"{column.name} (%)" if column.unit == "percent" else column.name)
        if measured:
            handles, names = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside right center", fontsize=7.5)
        else:
            axes[0, 0].text(0.5, 0.5, nothing(trained[0]), transform=axes[0, 0].transAxes, ha="center", color=GREY)
        headline(figure, f"Score against cost: {title}")
        notes(figure, filter(None, (seeds_text(findings, "Points"), _missing(trained), *context(comparison))))
        yield figure


def mark(number: int) -> dict[str, str]:
    """Return how the points of a system look, by its number; from the ninth on they are hollow."""
    which = number % len(MARKERS)
    return {"marker": MARKERS[which], "color": COLOURS[which], "fillstyle": "full" if number < len(MARKERS) else "none"}


def as_csv(comparison: Comparison) -> str:
    """Return a line a measured system: its score as a fraction, operations, and its time where it was measured."""
    ((_, findings), *_) = headline_findings(comparison)
    measured = [each for each in findings if each.mean is not None and not each.row.untrained]
    kind, times = _times(comparison, measured)
    by_name = {finding.row.name: f"{milliseconds:.2f}" for finding, milliseconds in times}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["system", "score", "n", "gflop", "milliseconds", "kind"])
    for each in measured:
        name, cost = each.row.name, f"{_operations(each):.2f}"
        writer.writerow([name, f"{each.mean:.6f}", len(each.scores), cost, by_name.get(name, ""), kind])
    return buffer.getvalue()


def _missing(findings: list[Finding]) -> str:
    """One sentence for all that has no point."""
    absent = [f"{each.row.name} ({nothing(each)})" for each in findings if each.mean is None]
    return f"Without a point: {', '.join(absent)}." if 0 < len(absent) < len(findings) else ""


def _points(panel, points: list[Point], scale: float, look: dict[str, dict]) -> None:
    """The systems, each with the 95 % interval of its mean where it has two seeds or more."""
    for finding, cost in points:
        panel.plot(cost, scale * finding.mean, linestyle="none", label=finding.row.name, **look[finding.row.name])
        interval = t_interval(finding.scores)
        if interval:
            ends = [scale * min(max(each, 0.0), 1.0) for each in interval]
            panel.plot((cost, cost), ends, color=look[finding.row.name]["color"], linewidth=1)
    if points:
        in_decades(panel)
        costs = [cost for _, cost in points]
        panel.set_xlim(min(costs) / 1.5, max(costs) * 1.5)
        panel.margins(y=0.12)


def _operations(finding: Finding) -> float:
    return finding.records[0].data["network"]["flops"] / 1e9


def _times(comparison: Comparison, measured: list[Finding]) -> tuple[str, list[Point]]:
    """The machine kind that timed the most of the systems, and their milliseconds for one image."""
    by_kind: dict[str, list[Point]] = {}
    for finding in measured:
        run = plan.run_of(comparison.table, finding.row, finding.column.data, comparison.suite)
        size = finding.records[0].data["network"]["size"]
        for kind, line in measurements.cost_of(run.network, run.options, size).items():
            by_kind.setdefault(kind, []).append((finding, 1000 * float(line["median_seconds"])))
    kind = max(by_kind, key=lambda name: (len(by_kind[name]), name), default="")
    return kind, by_kind.get(kind, [])

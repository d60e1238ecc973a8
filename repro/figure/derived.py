"""Figures that no paper prints, of any of its tables: drawn on request, named `<table>_confusion` and so on."""

from collections.abc import Sequence
from pathlib import Path

from repro import plan, records
from repro.compare import compare
from repro.figure import agreement, confusion, cost, panels
from repro.figure.style import as_png, as_svg
from repro.papers.spec import FactTable, Suite, Table
from repro.records import Folder
from repro.table.grid import title_of

DRAWN = {"confusion": confusion, "agreement": agreement, "cost": cost}
ENDINGS = {
    "confusion": "where each class's pixels went, a matrix a system",
    "agreement": "reported against measured, with the line of equality",
    "cost": "score against operations and time of one image",
    "panels": "the first four report images with every system's prediction and errors",
    "worst": "the three worst report images of each system",
}


def of_id(id: str) -> tuple[Table, str] | None:
    """Return the table and the ending of a derived figure's id; None where it is none."""
    name, _, ending = id.rpartition("_")
    table = plan.exhibits().get(name)
    return (table, ending) if ending in ENDINGS and table is not None and not isinstance(table, FactTable) else None


def files_of(
    table: Table, ending: str, suite: Suite, folder: Folder, *, runs: Path, options: Sequence[str] = ()
) -> dict[str, bytes]:
    """Return a derived figure's files by how their names go on: "_confusion.png", ".svg", and the CSV of the numbers.

    Panels come for each data set apart: "_panels_drive.png" where a table has several.

    Args:
        table: of a paper.
        ending: a key of `ENDINGS`.
        suite: whose numbers.
        folder: where its records are.
        runs: where its runs are, for panels.
        options: what `--data` said, for panels.
    """
    comparison = compare(table, suite, folder)
    title = title_of(comparison)
    if ending in DRAWN:
        module = DRAWN[ending]
        for drawn in module.draw(comparison, title):
            found = {".png": as_png(drawn), ".svg": as_svg(drawn), ".csv": module.as_csv(comparison).encode()}
        return {f"_{ending}{kind}": data for kind, data in found.items()}
    found = {}
    there = plan.stands(table, suite)
    for data in there:
        how = {"kind": panels.KINDS[ending], "data": data, "runs": runs, "options": options}
        for drawn in panels.draw(comparison, title, **how):
            name = f"_{ending}_{data}" if len(there) > 1 else f"_{ending}"
            found |= {f"{name}.png": as_png(drawn), f"{name}.svg": as_svg(drawn)}
    return found


def home_of(suite: Suite, root: Path = records.ROOT) -> Path:
    """Return where derived figures are written unless told otherwise: below `runs/`, which git ignores."""
    return root / "runs" / "figures" / suite.name


def runs_of(suite: Suite, root: Path = records.ROOT) -> Path:
    """Return the folder that holds a suite's runs."""
    return root / "runs" / suite.name if suite.toy else root / "runs"


def check_target(table: Table, ending: str, suite: Suite, target: Path, root: Path = records.ROOT) -> None:
    """Raise a ValueError where pictures of a set that may not be passed on would enter the repository."""
    from repro.report.panels import MAY_BE_PASSED_ON

    inside = target.resolve().is_relative_to(root) and not target.resolve().is_relative_to(root / "runs")
    if ending not in panels.KINDS or not inside:
        return
    for stand in plan.stands(table, suite).values():
        if not stand.test.startswith(MAY_BE_PASSED_ON):
            raise ValueError(
                f"--to {target}: its terms forbid to pass images of {stand.name} on, and this folder is in the "
                "repository; leave --to out, or name a folder outside it."
            )

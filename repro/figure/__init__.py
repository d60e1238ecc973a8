"""A figure drawn from records: `python -m repro.figure paper1_figure2`."""

from repro.compare import compare
from repro.figure import architecture, bars, curves, sweep
from repro.figure.style import as_png, as_svg
from repro.papers.spec import Figure, Suite
from repro.records import Folder
from repro.table import as_csv, make_grid

KINDS = {"architecture": architecture, "bars": bars, "curves": curves, "sweep": sweep}

__all__ = ["KINDS", "files_of", "is_drawn"]


def is_drawn(figure: Figure) -> bool:
    """Whether this version can draw a figure of that kind."""
    return figure.kind in KINDS


def files_of(figure: Figure, suite: Suite, folder: Folder) -> dict[str, bytes]:
    """Return a figure's files by ending: `.png`, `.svg`, and the `.csv` of what is in them.

    Raises:
        ValueError: this version draws no figure of that kind.
    """
    if not is_drawn(figure):
        raise ValueError(f"{figure.id}: {figure.kind} figures are not built; for its numbers: repro.table {figure.id}")
    comparison = compare(figure, suite, folder)
    title = make_grid(comparison).title
    module = KINDS[figure.kind]
    csv = module.as_csv(comparison) if hasattr(module, "as_csv") else as_csv(comparison)
    for drawn in module.draw(comparison, title):
        return {".png": as_png(drawn), ".svg": as_svg(drawn), ".csv": csv.encode()}
    raise AssertionError(f"{figure.kind} drew nothing")

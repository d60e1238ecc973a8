"""Figures of what the benchmarks committed in `tables/bench/`, written to `figures/bench/`."""

from pathlib import Path

from repro import measurements
from repro.figure import receptive_field, speed
from repro.figure.style import as_png, as_svg

FIGURES = {  # id -> (what draws it, the benchmarks' rows that it reads)
    "bench": (speed, ("data", "step", "evaluate", "large-kernel", "overhead")),
    "paper2_receptive_field": (receptive_field, ("receptive-field",)),
}


def files_of(id: str, tables: Path = measurements.TABLES) -> dict[str, bytes]:
    """Return a figure's files by ending: `.png`, `.svg`, and the `.csv` of what is in them.

    Args:
        id: a key of `FIGURES`.
        tables: the folder that `bench/` is in.
    """
    module, rows = FIGURES[id]
    lines = [{"row": row, **line} for row in rows for line in measurements.lines_of(row, tables)]
    for drawn in module.draw(lines):
        return {".png": as_png(drawn), ".svg": as_svg(drawn), ".csv": module.as_csv(lines).encode()}
    raise AssertionError(f"{id} drew nothing")


def home(tables: Path = measurements.TABLES) -> Path:
    """Return where they are committed."""
    return tables.parent / "figures" / "bench"

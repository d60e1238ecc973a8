"""A table with reported and measured numbers side by side: `python -m repro.table paper1_table1`."""

from repro.compare import compare
from repro.papers.spec import FactTable, Suite, Table
from repro.plan import headline_columns
from repro.records import Folder
from repro.table.classes import classes_grid, confusion_grid
from repro.table.cost import cost_grid
from repro.table.facts import facts_grid
from repro.table.formats import FORMATS, as_csv, as_text
from repro.table.grid import Grid, make_grid

__all__ = ["FORMATS", "Grid", "as_csv", "as_text", "grid_of", "make_grid", "render"]

OTHERS = {  # what is shown instead of scores, from a comparison and the folder of tables that its records are in
    "cost": cost_grid,
    "classes": lambda comparison, tables: classes_grid(comparison),
    "confusion": lambda comparison, tables: confusion_grid(comparison),
}


def grid_of(table: Table | FactTable, suite: Suite, folder: Folder, *, columns: str = "paper") -> Grid:
    """Return a table as people read it.

    Args:
        table: as declared.
        suite: whose numbers.
        folder: where its records are.
        columns: "paper" as printed, "all" that are declared, or one of `OTHERS` instead of scores.
    """
    if isinstance(table, FactTable):
        return facts_grid(table, folder)
    if columns in OTHERS:
        return OTHERS[columns](compare(table, suite, folder), folder.records.parent)
    shown = table.columns if columns == "all" else headline_columns(table) or table.columns
    return make_grid(compare(table, suite, folder, columns=shown))


def render(table: Table | FactTable, suite: Suite, folder: Folder, format: str, *, columns: str = "paper") -> str:
    """Return a table in one of `FORMATS`; a CSV of scores always has every column."""
    if format == "csv" and columns not in OTHERS and not isinstance(table, FactTable):
        return as_csv(compare(table, suite, folder))
    return FORMATS[format](grid_of(table, suite, folder, columns=columns))

"""A reproducibility summary in Markdown, ready for a workshop: every sentence in it carries a number of the records."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from repro.report import said
from repro.report.page import Content
from repro.report.tables import Exhibit
from repro.report.verdicts import WORDS
from repro.table import make_grid
from repro.table.formats import as_markdown as grid_markdown
from repro.table.notes import UNRESOLVED
from repro.words import many

_GIBIBYTE = 2**30


class Markdown(str):
    """Text that is Markdown already; any other is escaped."""


@dataclass(frozen=True)
class System:
    """A system that the papers print numbers of: whether it could be built, and why not."""

    name: str
    why: str


def as_markdown(content: Content) -> str:
    """Return the summary: scope, claims, results, what was easy, what was hard, environment."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # it is no HTML; every value is escaped for Markdown instead
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("summary.md").render(
        content=content,
        said=said,
        results=[Markdown(result(each)) for each in content.exhibits if each.comparison.measured and any(each.printed)],
        words=verdict_counts(content),
        systems=list(dict.fromkeys(systems(content))),
        data=list(data_rows(content)),
        effort=effort(content),
        facts=said.environment(content.records, content.gathered.machines),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escaped(value: object) -> str:
    """Return text in one line that no renderer takes for markup."""
    return value if isinstance(value, Markdown) else re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", " ".join(str(value).split()))


def result(exhibit: Exhibit) -> str:
    """Return a table's printed columns in Markdown, without the marks of the small print that is left out here."""
    columns = tuple(column for column, shown in zip(exhibit.table.columns, exhibit.headline) if shown)
    places = [exhibit.table.columns.index(column) for column in columns]
    rows = tuple(tuple(row[place] for place in places) for row in exhibit.comparison.rows)
    grid = make_grid(replace(exhibit.comparison, columns=columns, rows=rows, externals=()))
    bare = tuple((replace(row[0], mark=""), *row[1:]) for row in grid.rows)
    below = tuple(line for line in grid.below if line.startswith(("measured", "†", "‡", UNRESOLVED, "Rows below")))
    return grid_markdown(replace(grid, rows=bare, below=below, references=()))


def verdict_counts(content: Content) -> str:
    """Return how many printed numbers have each verdict, "3 below, 2 reproduced"; those of all words that occur."""
    found = [cell.word.word for cell in content.cells]
    return ", ".join(f"{found.count(word)} {word}" for word in WORDS if word in found) or "none"


def systems(content: Content) -> Iterator[System]:
    """Yield the systems that the papers print numbers of, in the suite's tables."""
    for exhibit in content.exhibits:
        for row in exhibit.rows:
            if any(cell.word is not None for cell in row):
                yield System(row[0].finding.row.name, row[0].finding.why)


def data_rows(content: Content) -> Iterator[tuple[str, ...]]:
    """Yield (the paper's data, what stands for it, images trained on, selected on, scored) as text."""
    for name, stand in content.suite.data.items():
        lists = next((r.data["lists"] for r in content.records if r.data["lists"]["report"]["data"] == stand.test
                      and r.data["training"] is not None), None)  # fmt: skip
        counts = ["–"] * 3 if lists is None else [str(lists[each]["n"]) for each in ("train", "selection", "report")]
        yield (name, stand.name, *counts)


def effort(content: Content) -> str:
    """Return what the runs took: "61 runs, 12 minutes in all, at most 1.3 GiB"; "" where there are none."""
    provenance = [record.data["provenance"] for record in content.records]
    if not provenance:
        return ""
    minutes = sum(each["seconds"] for each in provenance) / 60
    time = f"{minutes / 60:.1f} hours" if minutes >= 60 else f"{minutes:.0f} minutes"
    memory = max((each.get("peak_memory_bytes") or 0 for each in provenance), default=0) / _GIBIBYTE
    return f"{many(len(provenance), 'run')}, {time} in all" + (f", at most {memory:.1f} GiB each" if memory else "")

"""One self-contained HTML file: templates, style and script of this folder, with the data inside."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from repro import views
from repro.compare import is_own
from repro.papers.spec import Suite
from repro.records import Folder, Record
from repro.report import plots, said
from repro.report.evidence import Gathered
from repro.report.panels import Panels, panels
from repro.report.tables import Cell, Exhibit, exhibits, facts, printed_cells
from repro.report.verdicts import WORDS
from repro.table.grid import Grid

_HERE = Path(__file__).parent
SCRIPTS = ("start", "tables", "evidence", "chart", "curves", "cost", "panels")  # in the order they run


@dataclass(frozen=True)
class Content:
    """Everything a page says of a suite, before any markup.

    Attributes:
        suite: whose.
        folder: where its records are.
        exhibits: tables and figures that declare scores.
        facts: tables that report none.
        papers: claims, audit and deviations by paper.
        records: of the suite's own runs.
        gathered: the evidence behind each number.
        panels: the pictures.
    """

    suite: Suite
    folder: Folder
    exhibits: list[Exhibit]
    facts: list[Grid]
    papers: list[said.PaperSaid]
    records: list[Record]
    gathered: Gathered
    panels: Panels

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells in which the papers print a number."""
        return list(printed_cells(self.exhibits))

    @property
    def own(self) -> bool:
        """Whether the numbers stand beside the papers' own."""
        return is_own(self.suite)


def content(suite: Suite, folder: Folder, *, runs: Path, data: Sequence[str] = (), to_pass_on: bool = True) -> Content:
    """Return what a page says of a suite.

    Args:
        suite: as `repro.compare.shown_as` gives it.
        folder: where its records are.
        runs: the folder that holds its runs, for the pictures alone.
        data: what `--data` said, for the pictures alone.
        to_pass_on: leave out images that may not be passed on.
    """
    found = exhibits(suite, folder)
    return Content(
        suite=suite,
        folder=folder,
        exhibits=found,
        facts=facts(suite, folder),
        papers=[said.said_of(paper, suite, folder) for paper in said.papers_of(suite)],
        records=views.of_suite(suite, folder),
        gathered=Gathered(found),
        panels=panels(found, suite, runs, data, to_pass_on=to_pass_on),
    )


def as_html(content: Content) -> str:
    """Return the page; every name in it is escaped, and its policy lets no other script run and nothing be loaded."""
    script = "\n".join((_HERE / "static" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    data = {
        "cells": content.gathered.cells,
        "groups": content.gathered.groups,
        "machines": content.gathered.machines,
        "curves": plots.curves(content.exhibits, content.folder),
        "costs": plots.costs(content.exhibits),
        "panels": content.panels.groups,
        "pictures": content.panels.pictures,
    }
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        content=content,
        said=said,
        words=WORDS,
        has=data,
        style=Markup((_HERE / "static" / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=json_for_script(data),
    )


def json_for_script(data: object) -> Markup:
    """Return JSON that can stand inside a script element: no <, > or & is in it, and nothing beyond ASCII.

    So no name can end the element or begin a comment, and U+2028 is written as an escape.
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)

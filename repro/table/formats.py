"""The formats of a table: text, Markdown, LaTeX, CSV and HTML."""

import csv
import io
import re
import sys
from collections.abc import Callable

from repro.compare import Comparison
from repro.table.grid import Entry, Grid, digits_of, number
from repro.table.html import as_html
from repro.table.parts import VERDICT, VERDICTS, Part, parts

WIDTH = 120  # characters of a line where there is no terminal that says how many it has


def as_text(grid: Grid) -> str:
    """Return the table for a terminal: bold best and underlined second where the terminal has them.

    What does not fit into a line is shown in parts, one below the other.
    """
    from rich.console import Console
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(file=io.StringIO(), force_terminal=terminal, width=None if terminal else WIDTH, highlight=False)
    lines = console.width
    shown = parts(grid, lines)
    console.print(Text(f"{grid.id}: {grid.title}", style="bold"))
    for line in grid.above:
        console.print(Text(line, style="dim"))
    for part in shown:
        console.width = max(lines, part.width(grid))  # no column is cut
        if part.caption:
            console.print(Text(f"\n {part.caption}", style="bold"), end="")
        console.print(_text_table(grid, part))
    console.width = lines
    for line in (*grid.below, *grid.references):
        console.print(Text(line, style="dim"))
    text = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"


def _text_table(grid: Grid, part: Part):
    """One part of a grid as rich prints it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, header in zip(part.columns, part.headers):
        verdicts = grid.headers[index] == VERDICT
        table.add_column(
            Text(header),
            justify="left" if index == 0 or verdicts else "right",
            vertical="bottom",
            no_wrap=not verdicts,
            max_width=VERDICTS if verdicts else None,
        )
    for place, row in enumerate(grid.rows):
        if place in grid.rule_before:
            table.add_section()
        entries = [row[index] for index in part.columns]
        table.add_row(*(Text(entry.shown, style=("", "bold", "underline")[entry.rank]) for entry in entries))
    return table


def as_markdown(grid: Grid) -> str:
    """Return the table as Markdown: bold best, second in italics."""
    lines = [f"**{grid.id}** {_markdown(grid.title)}", "", *(f"{_markdown(line)}  " for line in grid.above), ""]
    lines.append("| " + " | ".join(map(_markdown, grid.headers)) + " |")
    lines.append("|:--|" + "--:|" * (len(grid.headers) - 2) + ":--|")
    for index, row in enumerate(grid.rows):
        if index in grid.rule_before:
            lines.append("| *not in the paper* " + "| " * (len(grid.headers) - 1) + "|")
        lines.append("| " + " | ".join(_emphasised(entry) for entry in row) + " |")
    lines += ["", *(f"{_markdown(line)}  " for line in (*grid.below, *grid.references))]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(text: str) -> str:
    """Text that no Markdown renderer takes for markup."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)


def _emphasised(entry: Entry) -> str:
    text = _markdown(entry.shown)
    return {0: text, 1: f"**{text}**", 2: f"*{text}*"}[entry.rank]


_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "−": "$-$",
        "†": r"\dag{}", "‡": r"\ddag{}",
        "[": "{[}", "]": "{]}"}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def as_latex(grid: Grid) -> str:
    """Return the table as LaTeX for `booktabs`: bold best, second underlined."""
    aligned = "l" + "r" * (len(grid.headers) - 2) + "l"
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(grid.title)}}}", rf"\label{{tab:{grid.id}}}"]
    lines += [rf"\begin{{tabular}}{{{aligned}}}", r"\toprule"]
    lines += [" & ".join(map(_tex, grid.headers)) + r" \\", r"\midrule"]
    for index, row in enumerate(grid.rows):
        if index in grid.rule_before:
            lines.append(r"\midrule")
        marked = [("{}", r"\textbf{{{}}}", r"\underline{{{}}}")[entry.rank].format(_tex(entry.shown)) for entry in row]
        lines.append(" & ".join(marked) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {_tex(line)}" for line in (*grid.above, *grid.below)]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def as_csv(comparison: Comparison) -> str:
    """Return a line a printed row; `<column> reported|measured|spread|n|verdict`, empty where nothing was measured."""
    buffer = io.StringIO()
    fields = ("reported", "measured", "spread", "n", "verdict")
    names = [f"{column.name} {name}" for column in comparison.columns for name in fields]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", *names])
    for findings in (*comparison.rows, *comparison.externals):
        line = [_harmless(findings[0].row.name)]
        for finding in findings:
            digits = digits_of(comparison.table, finding.column) + 2
            mean, spread = (number(value, finding.column, digits) for value in (finding.mean, finding.spread))
            n = str(len(finding.scores)) if finding.scores else ""
            word = finding.kind if findings in comparison.externals else str(finding.verdict or "")
            line += [finding.reported or "", mean, spread, n, word]
        writer.writerow(line)
    return buffer.getvalue()


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def grid_csv(grid: Grid) -> str:
    """Return a grid's own headers and entries as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(grid.headers)
    writer.writerows([_harmless(entry.text) for entry in row] for row in grid.rows)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Grid], str]] = {
    "text": as_text,
    "md": as_markdown,
    "tex": as_latex,
    "csv": grid_csv,
    "html": as_html,
}

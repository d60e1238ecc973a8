"""The formats of a table: text, Markdown, LaTeX and CSV."""

import csv
import io
import re
import sys
from collections.abc import Callable

from repro.compare import Comparison
from repro.table.grid import Entry, Grid, digits_of, number

_WIDEST, _FOLD = 10_000, 200  # characters a table may take where nothing limits it; where notes below it are folded


def as_text(grid: Grid) -> str:
    """Return the table for a terminal: bold best and underlined second where the terminal has them."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, header in enumerate(grid.headers):
        last = index in (0, len(grid.headers) - 1)
        table.add_column(Text(header), justify="left" if last else "right", no_wrap=index == 0)
    for index, row in enumerate(grid.rows):
        if index in grid.rule_before:
            table.add_section()
        table.add_row(*(Text(entry.text, style=("", "bold", "underline")[entry.rank]) for entry in row))
    terminal = sys.stdout.isatty()
    console = Console(file=io.StringIO(), force_terminal=terminal, highlight=False)
    needed = console.measure(table, options=console.options.update(width=_WIDEST))
    lines = max((len(line) for line in (*grid.above, *grid.below, grid.title)), default=0)
    console.width = max(console.width, needed.minimum) if terminal else max(needed.maximum, min(lines, _FOLD))
    console.print(Text(f"{grid.id}: {grid.title}", style="bold"))
    for line in grid.above:
        console.print(Text(line, style="dim"))
    console.print(table)
    for line in grid.below:
        console.print(Text(line, style="dim"))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def as_markdown(grid: Grid) -> str:
    """Return the table as Markdown: bold best, second in italics."""
    lines = [f"**{grid.id}** {_markdown(grid.title)}", "", *(f"{_markdown(line)}  " for line in grid.above), ""]
    lines.append("| " + " | ".join(map(_markdown, grid.headers)) + " |")
    lines.append("|:--|" + "--:|" * (len(grid.headers) - 2) + ":--|")
    for index, row in enumerate(grid.rows):
        if index in grid.rule_before:
            lines.append("| *not in the paper* " + "| " * (len(grid.headers) - 1) + "|")
        lines.append("| " + " | ".join(_emphasised(entry) for entry in row) + " |")
    lines += ["", *(f"{_markdown(line)}  " for line in grid.below)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(text: str) -> str:
    """Text that no Markdown renderer takes for markup."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)


def _emphasised(entry: Entry) -> str:
    text = _markdown(entry.text)
    return {0: text, 1: f"**{text}**", 2: f"*{text}*"}[entry.rank]


_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--",
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
        marked = [("{}", r"\textbf{{{}}}", r"\underline{{{}}}")[entry.rank].format(_tex(entry.text)) for entry in row]
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
    for findings in comparison.rows:
        line = [_harmless(findings[0].row.name)]
        for finding in findings:
            digits = digits_of(comparison.table, finding.column) + 2
            mean, spread = (number(value, finding.column, digits) for value in (finding.mean, finding.spread))
            n = str(len(finding.scores)) if finding.scores else ""
            word = "" if finding.verdict is None else str(finding.verdict)
            line += [finding.reported or "", mean, spread, n, word]
        writer.writerow(line)
    return buffer.getvalue()


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in "=+-@" else text


def grid_csv(grid: Grid) -> str:
    """Return a grid's own headers and entries as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(grid.headers)
    writer.writerows([_harmless(entry.text) for entry in row] for row in grid.rows)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Grid], str]] = {"text": as_text, "md": as_markdown, "tex": as_latex, "csv": grid_csv}

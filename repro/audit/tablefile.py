"""Tables in CSV, Markdown and LaTeX as rows of plain cells; nothing here knows what a score is."""

import csv
import html
import io
import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

_END = "the end of the file"  # a row of its own, unless a cell before it is still open
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LARGEST = 5_000_000  # bytes: a table of a paper has a few thousand
_BRACED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # braces in braces, as in @{\extracolsep{\fill}}
_RULES = re.compile(
    r"\\(?:(?:toprule|midrule|bottomrule|addlinespace|[hc]dashline)(?:\[[^]]*\])?|hline"
    r"|(?:cline|cmidrule|cdashline|Xhline|noalign|specialrule)(?:\[[^]]*\])?(?:\([^)]*\))?(?:" + _BRACED + r")+)"
)
_SPAN = re.compile(r"\\multicolumn\s*\{(\d{1,2})\}\s*" + _BRACED + r"\s*\{")
_DROPPED = re.compile(
    r"\\(?:cite[a-z]*|ref|label|caption|footnote|[vh]space|h?phantom|href|(?:rotate|scale|raise|par)box"
    r"|(?:cell|row|text|arrayrule)?color|colorbox)\*?(?:\[[^]]*\])*\{[^}]*\}"
    r"|\\(?:rule|fontsize)(?:\[[^]]*\])?\{[^}]*\}\{[^}]*\}"
    r"|\\multirow\s*(?:\[[^]]*\]\s*)?\{[^}]*\}\s*(?:\[[^]]*\]\s*)?(?:\{[^}]*\}|\*|=)\s*(?:\[[^]]*\])?"
)
# A head of several lines in one cell: \\ in it ends no row.
_LINES = re.compile(
    r"\\(?:makecell|shortstack|thead)(?:\[[^]]*\])?(" + _BRACED + r")"
    r"|\\begin\{tabular\}(?:\[[^]]*\])?" + _BRACED + r"((?:(?!\\begin|\\end|(?<!\\)&).)*)\\end\{tabular\}",
    re.S,
)
_BODY = re.compile(
    r"\\begin\{((?:xl)?tabular[*xy]?|NiceTabular[*X]?|tabu|longtable|array|(?:long|tall)?tblr)\}(.*?)\\end\{\1\}", re.S
)
_WRAPPED = re.compile(r"\\[A-Za-z]+\*?(?:\[[^]]*\])?\{([^{}]*)\}")
_SYMBOLS = {
    r"\pm": "±",
    r"\textpm": "±",
    r"\checkmark": "✓",
    r"\ding{51}": "✓",
    r"\ding{55}": "✗",
    r"\,": " ",
    r"\;": " ",
    r"\ ": " ",
    r"\%": "%",
    r"\percent": "%",
    r"\_": "_",
    r"\&": "&",
    r"\#": "#",
    "~": " ",
    "$": "",
}


@dataclass(frozen=True)
class RawTable:
    """Rows of equally many cells, plain text; a cell over several columns is repeated in each."""

    rows: list[list[str]]


def read_tables(path: Path) -> list[RawTable]:
    """Return the tables of a file, by its ending (.csv, .tsv, .md, .tex) or by what it looks like.

    Raises:
        ValueError: no such file, not text, too large, or no table in it.
    """
    text = _text(path)
    kind = path.suffix.lower()
    if kind in (".tex", ".latex") or (kind not in (".csv", ".tsv", ".md") and r"\\" in text and "&" in text):
        tables = _latex(text)
    elif kind in (".md", ".markdown") or (kind not in (".csv", ".tsv") and re.search(r"^\s*\|?\s*:?-{3,}", text, re.M)):
        tables = _markdown(text)
    else:
        tables = _separated(path, text)
    tables = [RawTable(_even(rows)) for rows in tables if len(rows) > 1]
    if not tables:
        raise ValueError(f"{path}: no table of at least a head and a row found; expected CSV, Markdown or LaTeX")
    return tables


def _text(path: Path) -> str:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no regular file" if path.exists() else "no such file"
        raise ValueError(f"{path}: {found}; expected paper1, paper2 or a table in CSV, Markdown or LaTeX")
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, expected a table of at most {_LARGEST}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text in UTF-8 (byte {error.start}); save the table as UTF-8") from None
    if odd := _CONTROL.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise ValueError(f"{path}: a control character ({odd[0]!a}) in line {line}; save the table as UTF-8")
    return text


def _separated(path: Path, text: str) -> list[list[list[str]]]:
    """Return the tables of a CSV; the separator is the tab, semicolon or comma that its first such line has most of.

    Another table begins where an empty line has a head below it, with or without a title between.
    """
    head = next((line for line in text.split("\n") if re.search(r"[;\t,]", line)), "")
    separator = "\t" if path.suffix.lower() == ".tsv" else max(";\t,", key=head.count)
    rows = csv.reader(io.StringIO(f"{text}\n{_END}"), delimiter=separator, skipinitialspace=True)
    try:
        ends, plain = zip(*((rows.line_num, [_plain(cell) for cell in row]) for row in rows))
    except csv.Error as error:
        raise ValueError(f"{path}: line {rows.line_num} is no CSV: {error}") from None
    if plain[-1] != [_END]:
        raise ValueError(f"{path}: a quotation mark from line {[0, *ends][-2] + 1} on is never closed; close it")
    plain = plain[:-1]
    tables, titles = [], []
    for block in (list(lines) for filled, lines in groupby(plain, any) if filled):
        titles += block
        if not any(map(_is_wide, block)):
            continue  # words alone go with what follows
        if any(map(_is_head, block[:2])) or not tables:
            tables.append([])
        tables[-1] += titles
        titles = []
    return tables or [titles]


def _is_wide(row: list[str]) -> bool:
    return sum(map(bool, row)) > 1


def _is_head(row: list[str]) -> bool:
    """Return whether a row has several cells, and words in all of them."""
    return _is_wide(row) and not any(re.fullmatch(r"[\W\d_]+", cell) for cell in row if cell)


def _markdown(text: str) -> list[list[list[str]]]:
    """Return the pipe tables: runs of lines with a pipe, without the line of dashes."""
    tables, rows = [], []
    for line in [*text.splitlines(), ""]:
        if "|" in line:
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in cells):
                rows.append([_plain(cell.replace(r"\|", "|")) for cell in cells])
        elif rows:
            tables.append(rows)
            rows = []
    return tables


def _latex(text: str) -> list[list[list[str]]]:
    """Return the tabulars, or the rows of a bare fragment."""
    text = re.sub(r"(?<!\\)((?:\\\\)*)%.*", r"\1", text)  # a comment may follow \\ at once
    text = _LINES.sub(lambda found: (found[1] or found[2]).replace(r"\\", " "), text)
    bodies = [found[2] for found in _BODY.finditer(text)]
    tables = []
    for body in bodies or [text]:
        rows = (re.sub(r"^\*?\s*\[[^]]*\]", "", row) for row in re.split(r"\\\\|\\tabularnewline", body))
        cells = [re.split(r"(?<!\\)&", _RULES.sub("", row)) for row in rows]
        if bodies and cells:
            cells[0][0] = re.sub(rf"^\s*(?:\[[^]]*\])?(?:{_BRACED}\s*)+", "", cells[0][0])
        tables.append([row for row in map(_spread, _from_the_top(cells)) if len(row) > 1])
    return tables


def _from_the_top(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows, what stands in the last row of a \\multirow{-n} in its first one."""
    for i, row in enumerate(rows):
        for column, cell in enumerate(row):
            found = re.search(r"\\multirow\s*(?:\[[^]]*\])?\s*\{-(\d+)\}", cell)
            top = i + 1 - int(found[1]) if found else i
            if 0 <= top < i and column < len(rows[top]) and not rows[top][column].strip():
                rows[top][column], row[column] = cell, ""
    return rows


def _spread(row: list[str]) -> list[str]:
    """Return the cells of a LaTeX row, \\multicolumn repeated over its columns."""
    cells = []
    for cell in row:
        span = _SPAN.search(cell)
        plain = _plain(_SPAN.sub("{", cell))
        cells += [plain] * (int(span.group(1)) if span else 1)
    return cells


def _plain(cell: str) -> str:
    """Return a cell without markup: bold, underline, math, links, citations."""
    cell = _DROPPED.sub("", cell)
    for symbol, text in _SYMBOLS.items():
        cell = cell.replace(symbol, text)
    cell = re.sub(r"(?<=[\d}])(?=\\[A-Za-z]+\{)|<su[bp]>", "^", cell)  # 92.5\textsuperscript{1} is not 92.51
    while _WRAPPED.search(cell):
        cell = _WRAPPED.sub(r"\1", cell)
    cell = re.sub(r"\\[A-Za-z]+\s?|[{}]", "", cell)
    cell = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", cell)
    cell = re.sub(r"(?<!\*)\*(\w+)\*(?!\*)", r"\1", cell)
    cell = re.sub(r"</?[a-z]+(?: [^>]*)?/?>", "", cell.replace("<br>", " "))
    cell = html.unescape(re.sub(r"\\([*#~])", r"\1", cell))
    return re.sub(r"\s+", " ", cell.replace("**", "").replace("__", "").replace("`", "")).strip(" *^_")


def _even(rows: list[list[str]]) -> list[list[str]]:
    width = max(len(row) for row in rows)
    return [row + [""] * (width - len(row)) for row in rows]

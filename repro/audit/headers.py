"""Which score a column of somebody's table holds, on which data set, in which unit."""

import re
from dataclasses import dataclass
from itertools import pairwise

from repro.audit.group import SHORT, Printed
from repro.audit.known import is_set
from repro.audit.names import is_mean, metric_of, names_no_scores
from repro.audit.tablefile import RawTable

_NUMBER = re.compile(r"(\d*[.,]?\d+|\d+\.)\s*(%?)\s*[†‡§¶*∗⋆#¹²³]*\s*(?:[±+(\[_^↑↓].*)?")
_WITH_MORE = re.compile(r"[\d.,]+\s*%?\W?\s*[±(\[]")  # a number with its spread or interval
_SIGNED = re.compile(r"[+\-−–]\s*[\d.,]*\d")
_MISSING = {"", "-", "--", "---", "–", "—", "−", "/", "n/a", "na", "nan", "none", "n.a.", "nr", "n.r.", "?", "...", "…"}
_MISSING |= {"not run", "not built", "not stated", "not reported", "not available"}
_COUNTED = {"no", "nr", "number", "id", "index", "run", "seed", "trial", "repetition", "year", "rank"}
_TICKS = {"✓", "✔", "√", "✅", "✗", "✘", "×", "❌", "x", "+", "●", "○", "yes", "no", "y", "n"}
_MOST_PERCENT = 100
_LETTER = re.compile(r"^([PR])(\s*[(\[]?%?[)\]]?\s*[↑↓]?)$")
_IN_FULL = {"P": "Precision", "R": "Recall"}
# Heads of columns whose rows were not scored on the same pixels.
_SETS_IN_ROWS = {"dataset", "datasets", "database", "data", "testset", "image", "fold", "class", "category", "organ"}
_SETS_IN_ROWS |= {"case", "subject", "patient", "split", "site", "cohort", "modality", "region", "structure", "target"}
_SETS_IN_ROWS |= {"set", "domain", "images", "sequence", "video", "scan", "slice", "volume", "scene"}
_SETS_IN_ROWS |= {"test", "teston", "testing", "testedon", "evaluatedon", "traintest", "sourcetarget"}
_OF_A_SET = {"test", "testing", "target", "evaluation", "name", "no", "number", "id"}  # "Test dataset", "Image No."


@dataclass(frozen=True, kw_only=True)
class ScoreColumn:
    """A column of scores: its place, its metric, the data set printed over it, and how it was printed."""

    index: int
    metric: str
    group: str
    header: str


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A table whose head is understood: score columns, other columns by header, and the rows below.

    `parts` has for each row what it says of its images: the section it stands in and its data set, fold or the like.
    """

    columns: list[ScoreColumn]
    others: list[str]
    name_header: str
    rows: list[tuple[str, list[str]]]  # name, cells
    parts: list[str]


def understand(table: RawTable) -> ReadTable:
    """Return a table with its head understood.

    The head is the first row in which a column is called like a score; rows above it name the data sets, and so may a
    row of words below it.

    Raises:
        ValueError: no column is called like a score, or a row has more cells than the head.
    """
    rows = _upright(_spelt_out(table.rows))
    first = next((i for i, row in enumerate(rows) if _scores_named(row)), None)
    if first is None:
        raise ValueError(
            f"no column is called like a score; found {', '.join(filter(None, rows[0]))}; expected names such as "
            "Acc, Sen, Sp, JA, DI, IoU, F1, Recall, Precision"
        )
    above = rows[:first]
    head, rows = _whole_head(rows[first:])
    head = _with_organs(head)
    columns = _score_columns(head, above, rows)
    scores = {column.index for column in columns}
    head = [cell if cell or i in scores else _right_over(above, i) for i, cell in enumerate(head)]
    sets = [i for i, cell in enumerate(head) if i not in scores and _is_of_sets(cell)]
    if 0 not in scores and not sets and sum(is_set(row[0]) or _is_of_sets(row[0]) for row in rows) > 1:
        sets = [0]
    named = [i for i in range(len(head)) if i not in scores and (i == 0 or i in sets or _is_text(rows, i))]
    found = _rows(rows, [i for i in named if i not in sets], sets)
    for (name, cells), _ in found:
        if any(cells[_width([head, *above]) :]):
            raise ValueError(f"row {name}: more cells than the head; with decimal commas, put semicolons between cells")
    filled = [i for i in range(len(head)) if head[i] and any(row[i] for row in rows)]
    others = [head[i] for i in filled if i not in scores and i not in named]
    kept = [one for one in found if not _is_no_scores(*one[0], scores)]
    return ReadTable(
        columns=columns,
        others=others + [f"row {row[0]}" for row, _ in found if _is_no_scores(*row, scores)],
        name_header=head[0] if 0 in named else "",
        rows=[row for row, _ in kept],
        parts=[part for _, part in kept],
    )


def has_scores(table: RawTable) -> bool:
    """Return whether a column is called like a score."""
    return any(map(_scores_named, _spelt_out(table.rows)))


def _spelt_out(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows with P and R written out where one head has both: neither parameters nor a correlation then."""
    for line in (*rows, *zip(*rows)):
        if {found[1] for cell in line if (found := _LETTER.fullmatch(cell))} == {*_IN_FULL}:
            return [[_LETTER.sub(lambda found: _IN_FULL[found[1]] + found[2], cell) for cell in row] for row in rows]
    return rows


def _scores_named(row: list[str]) -> int:
    """Return how many cells of a row are called like scores; 0 for a title over all columns."""
    return 0 if _is_section(row) else sum(bool(metric_of(cell, spread=True)[0]) for cell in row)


def _upright(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows, or the columns where each score has a row and each method a column.

    The scores are named in the first column, or in the second where the first names the data sets; where the first
    names the methods, the others are of data sets.
    """
    columns = [list(column) for column in zip(*rows)]
    named = [_scores_named([cell for row, cell in zip(rows, column) if not _is_section(row)]) for column in columns]
    if max(named[:2]) < 2 or sum(map(bool, named)) > 1:
        return rows
    if any(named[1:2]) and not _is_of_sets(columns[0][0]):
        columns[1][0] = "Dataset"
    return columns


def _whole_head(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the head, each score with the words in a second row of it, and the rows below without repeated heads."""
    head, rows = rows[0], [row for row in rows[1:] if row != rows[0]]
    below = rows[0] if rows else head
    over = [cell if cell else _over([head], i) for i, cell in enumerate(head)]
    scores = [i for i, cell in enumerate(over) if below[i] and metric_of(cell)[0]]
    if (head[0] and below[0] not in ("", head[0])) or not scores or not all(_is_word(below[i]) for i in scores):
        return head, rows
    return [f"{over[i]} {below[i]}" if i in scores else head[i] or below[i] for i in range(len(head))], rows[1:]


def _with_organs(head: list[str]) -> list[str]:
    """Return the head with SP and PA written out where they stand among organs, and are no specificity and accuracy."""
    if not any(re.search(r"\b(?:aorta|liver|gallbladder|stomach)\b", cell, re.I) for cell in head):
        return head
    return [re.sub(r"\bPA\b", "pancreas", re.sub(r"\bSP\b", "spleen", cell, flags=re.I), flags=re.I) for cell in head]


def _score_columns(head: list[str], above: list[list[str]], rows: list[list[str]]) -> list[ScoreColumn]:
    columns, counts = [], {}
    for i, cell in enumerate(head):
        metric, group = metric_of(cell, spread=any(_WITH_MORE.match(row[i]) for row in rows))
        if metric and not _is_ticked(rows, i):
            group = group or _over(above, i)
            repeat = counts[metric, group] = counts.get((metric, group), 0) + 1
            group = f"{group} {repeat}".strip() if repeat > 1 else group
            columns.append(ScoreColumn(index=i, metric=metric, group=group, header=cell))
    return columns


def _rows(rows: list[list[str]], named: list[int], sets: list[int]) -> list[tuple[tuple[str, list[str]], str]]:
    """Return each row with its part; an empty cell of a column of `sets` goes on with the one over it."""
    found, section, last = [], "", [""] * len(sets)
    for number, row in enumerate(rows, 1):
        if _is_section(row):
            section, last = row[0], [""] * len(sets)
            continue
        last = [row[i] or before for i, before in zip(sets, last)]
        part = ", ".join(filter(None, (section, *last)))
        name = " ".join(row[i] for i in named if row[i]) or " ".join(filter(None, last)) or str(number)
        found.append(((name, row), name if is_mean(name) else part))
    return found


def _is_section(row: list[str]) -> bool:
    """Return whether a row is a title over those below: words in its first cell alone, or in one over all columns."""
    return len(row) > 1 and _is_word(row[0]) and (not any(row[1:]) or set(row) == {row[0]})


def counts_rows(header: str) -> bool:
    """Return whether a column of numbers says which row it is, and not what was tried in it."""
    return header == "#" or bool(set(re.findall("[a-z]+", header.lower())) & _COUNTED)


def _is_ticked(rows: list[list[str]], column: int) -> bool:
    """Return whether a column ticks what a row has, such as the SE blocks of an ablation."""
    filled = {row[column].lower().strip("\N{VARIATION SELECTOR-16}") for row in rows} - _MISSING
    return bool(filled) and filled <= _TICKS


def _is_no_scores(name: str, row: list[str], columns: set[int]) -> bool:
    """Return whether a row holds spreads or gains: by its name, or by a sign before every number of the columns."""
    if names_no_scores(name):
        return True
    filled = [row[i] for i in columns if row[i].strip().lower() not in _MISSING]
    return bool(filled) and all(map(_SIGNED.match, filled))


def _is_word(cell: str) -> bool:
    return cell.strip().lower() not in _MISSING and not _NUMBER.fullmatch(cell)


def _width(rows: list[list[str]]) -> int:
    """Return how many columns have a filled cell in these rows, or one to their right."""
    return max(i + 1 for row in rows for i, cell in enumerate(row) if cell)


def _is_of_sets(cell: str) -> bool:
    """Return whether a column is headed as one of data sets, folds, images or the like."""
    words = re.findall("[a-z]+", cell.lower())
    return bool({"".join(words), "".join(word for word in words if word not in _OF_A_SET)} & _SETS_IN_ROWS)


def printed_number(cell: str) -> tuple[str, bool] | None:
    """Return the digits of a cell and whether it has a per cent sign; None where the cell says nothing.

    Raises:
        ValueError: the cell holds something else.
    """
    if cell.strip().lower() in _MISSING:
        return None
    found = _NUMBER.fullmatch(cell.strip())
    if not found:
        raise ValueError(f"{cell!r} is not a number; expected digits such as 92.5, 92.5%, 0.925 or 92.5 ± 0.3, or -")
    return found.group(1).replace(",", "."), bool(found.group(2))


def column_scores(table: ReadTable, column: ScoreColumn, unit: str | None) -> list[Printed | None]:
    """Return the printed scores of one column, row by row; the unit is per cent where a number exceeds 1 or says so.

    Raises:
        ValueError: a cell is no number, exceeds what its unit allows, or seems to have another unit than the others.
    """
    numbers = []
    for name, cells in table.rows:
        try:
            numbers.append(printed_number(cells[column.index]))
        except ValueError as error:
            raise ValueError(f"row {name}, column {column.header}: {error}") from None
    values = [float(number[0]) for number in numbers if number]
    says_percent = "%" in re.sub(r"\b9\d ?%", "", column.header) or any(number and number[1] for number in numbers)
    asked, unit = unit, unit or ("percent" if says_percent or any(value > 1 for value in values) else "fraction")
    if values and max(values) > (_MOST_PERCENT if unit == "percent" else 1):
        raise ValueError(f"column {column.header}: {max(values)} is no score in {unit}; check the column or --unit")
    if not asked and unit == "percent" and values and 0 < min(values) <= 1:
        raise ValueError(
            f"column {column.header}: {min(values)} beside per cent; write one unit a column, or give --unit percent"
        )
    return [Printed(text=number[0], unit=unit) if number else None for number in numbers]


def audited(metric: str) -> bool:
    """Return whether the arithmetic takes a metric of this table at all."""
    return metric in SHORT or metric.startswith("class ")


def _over(above: list[list[str]], column: int) -> str:
    """Return the nearest heading over a column: a cell over it, or the last one to its left in that row.

    Where a row spells its spans out, as LaTeX's are here, an empty cell stands under nothing to its left.
    """
    for row in reversed(above):
        spelt_out = any(one and one == two for one, two in pairwise(row))
        filled = [cell for cell in row[column if spelt_out else 0 : column + 1] if cell]
        if filled:
            return filled[-1]
    return ""


def _right_over(above: list[list[str]], column: int) -> str:
    """Return the nearest cell over a column whose own cell in the head is empty, as under a \\multirow."""
    return next((row[column] for row in reversed(above) if row[column] and not _is_section(row)), "")


def _is_text(rows: list[list[str]], column: int) -> bool:
    """Return whether a column holds words rather than numbers."""
    cells = [row[column] for row in rows if row[column].strip().lower() not in _MISSING]
    return bool(cells) and sum(map(_is_word, cells)) > len(cells) / 2

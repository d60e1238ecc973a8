"""Which score a column of somebody's table holds, on which data set, in which unit."""

import re
from dataclasses import dataclass

from repro.audit.group import SHORT, Printed
from repro.audit.tablefile import RawTable

ALIASES = {
    "accuracy": "acc ac accuracy pa pixelacc pixelac pixelaccuracy pixelwiseaccuracy oa overallaccuracy aacc",
    "sensitivity": "sen se sens sensitivity recall rec tpr truepositiverate",
    "specificity": "sp spe spec specificity tnr truenegativerate",
    "precision": "pre prec precision ppv",
    "jaccard": "ja jac js ji jaccard jaccardindex iou intersectionoverunion",
    "dice": "di dc dice dsc f1 f1score fscore fmeasure dicescore dicecoefficient dicesimilaritycoefficient",
    "class jaccard": "miou meaniou mjaccard",
    "class dice": "mdice mf1 meandice meanf1 macrof1 mdsc",
    "auc": "auc aucroc rocauc auroc",
}
_METRIC = {alias: metric for metric, aliases in ALIASES.items() for alias in aliases.split()}
_NUMBER = re.compile(r"[<~≈]?\s*(\d*[.,]?\d+|\d+\.)\s*(%?)\s*(?:(?:±|\+/-|\+-|\().*)?[†‡*]*")
_MISSING = {"", "-", "--", "---", "–", "—", "/", "n/a", "na", "nan", "none", "n.a.", "?"}
_MOST_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class ScoreColumn:
    """A column of scores: its place, its metric, the data set printed over it, and how it was printed."""

    index: int
    metric: str
    group: str
    header: str


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A table whose head is understood: score columns, other columns by header, and the rows below."""

    columns: list[ScoreColumn]
    others: list[str]
    name_header: str
    rows: list[tuple[str, list[str]]]  # name, cells


def understand(table: RawTable) -> ReadTable:
    """Return a table with its head understood.

    The head is the first row in which a column is called like a score; rows above it name the data sets.

    Raises:
        ValueError: no column is called like a score.
    """
    heads = [i for i, row in enumerate(table.rows) if any(metric_of(cell)[0] for cell in row)]
    if not heads:
        raise ValueError(
            f"no column is called like a score; found {', '.join(filter(None, table.rows[0]))}; expected names such as "
            "Acc, Sen, Sp, JA, DI, IoU, F1, Recall, Precision"
        )
    head, above = table.rows[heads[0]], table.rows[: heads[0]]
    columns, counts = [], {}
    for i, cell in enumerate(head):
        metric, group = metric_of(cell)
        if metric:
            group = group or _over(above, i)
            repeat = counts[metric, group] = counts.get((metric, group), 0) + 1
            group = f"{group} {repeat}".strip() if repeat > 1 else group
            columns.append(ScoreColumn(index=i, metric=metric, group=group, header=cell))
    scores = {column.index for column in columns}
    rows = table.rows[heads[0] + 1 :]
    named = [i for i in range(len(head)) if i not in scores and (i == 0 or _is_text(rows, i))]
    return ReadTable(
        columns=columns,
        others=[head[i] for i in range(len(head)) if i not in scores and i not in named and head[i]],
        name_header=head[0] if 0 in named else "",
        rows=[(_name(row, named, number), row) for number, row in enumerate(rows, 1)],
    )


def metric_of(header: str) -> tuple[str, str]:
    """Return the metric a header names and what else it says: ("accuracy", "DRIVE") for "DRIVE Acc (%)"; "" if none."""
    words = re.findall(r"[^\s,;:/()\[\]%↑↓]+", header.replace("CHASE_DB1", "CHASEDB1"))
    words = [part for word in words for part in re.split(r"[_]", word) if part]
    for size in (3, 2, 1):
        for metric_words, rest in ((words[-size:], words[:-size]), (words[:size], words[size:])):
            metric = _METRIC.get("".join(letter for letter in "".join(metric_words).lower() if letter.isalnum()))
            if metric and len(metric_words) == size:
                return metric, " ".join(rest)
    return "", ""


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
    says_percent = "%" in column.header or any(number and number[1] for number in numbers)
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
    """Return the nearest heading over a column: a cell over it, or the last one to its left in that row."""
    for row in reversed(above):
        filled = [cell for cell in row[: column + 1] if cell]
        if filled:
            return filled[-1]
    return ""


def _is_text(rows: list[list[str]], column: int) -> bool:
    """Return whether a column holds words rather than numbers."""
    cells = [row[column] for row in rows if row[column].strip().lower() not in _MISSING]
    return bool(cells) and sum(not _NUMBER.fullmatch(cell) for cell in cells) > len(cells) / 2


def _name(row: list[str], columns: list[int], number: int) -> str:
    return " ".join(row[i] for i in columns if row[i]) or str(number)

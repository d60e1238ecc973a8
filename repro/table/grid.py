"""A comparison as strings in rows and columns, before any format: what every rendering of a table shows."""

from collections.abc import Iterator
from dataclasses import dataclass

from repro import plan
from repro.compare import Comparison, Finding, is_own, own_suite
from repro.external import WORD
from repro.papers.spec import Column, Table
from repro.table.notes import UNRESOLVED, notes_of

DEFAULT_DIGITS = {"percent": 1, "fraction": 3}
SCALE = {"percent": 100.0, "fraction": 1.0}


@dataclass(frozen=True)
class Entry:
    """One printed cell.

    Attributes:
        text: what stands in it.
        rank: 1 for the best measured number of its column, 2 for the second, else 0.
        mark: what points to a note below: "†", " [1, 3]".
    """

    text: str
    rank: int = 0
    mark: str = ""

    @property
    def shown(self) -> str:
        """The text with its mark."""
        return self.text + self.mark


@dataclass(frozen=True)
class Grid:
    """A table ready to be printed.

    Attributes:
        id, title: of the table; the title names the data that were measured.
        above: lines between title and table: what a suite replaced.
        headers: one a printed column.
        rows: entries in the order of the headers.
        rule_before: indices of rows that begin a new part ("not in the paper").
        below: notes under the table.
        references: third parties' numbers on the same data, for people: under the table in text, Markdown and HTML.
    """

    id: str
    title: str
    above: tuple[str, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    rule_before: tuple[int, ...]
    below: tuple[str, ...]
    references: tuple[str, ...] = ()


def digits_of(table: Table, column: Column) -> int:
    """Return the decimals a column is printed with: the paper's, or one for per cent and three for fractions."""
    printed = [row.reported.get(column.reading_of or column.name) for row in table.rows]
    decimals = [len(text.partition(".")[2]) for text in printed if text]
    return max(decimals, default=DEFAULT_DIGITS[column.unit])


def number(value: float | None, column: Column, digits: int) -> str:
    """Return a fraction as the column prints it, "" for None."""
    return "" if value is None else f"{SCALE[column.unit] * value:.{digits}f}"


def measured_text(finding: Finding, digits: int, *, with_n: bool = True) -> str:
    """Return "75.1 ± 0.4 (n = 3)", "75.1 (n = 1)", or "" where nothing was measured."""
    if finding.mean is None:
        return ""
    text = number(finding.mean, finding.column, digits)
    if finding.spread is not None:
        text += f" ± {number(finding.spread, finding.column, digits)}"
    return text + (f" (n = {len(finding.scores)})" if with_n else "")


def make_grid(comparison: Comparison) -> Grid:
    """Return a comparison as people read it: reported and measured side by side, one verdict a row.

    Their difference stands beside them where both are of the paper's data and protocol.
    """
    table, columns = comparison.table, comparison.columns
    digits = [digits_of(table, column) for column in columns]
    counts = {len(finding.scores) for row in comparison.rows for finding in row if finding.scores}
    kinds = _Kinds(comparison)
    headers = [_first_header(table)]
    for index, column in enumerate(columns):
        headers += [_reported_header(comparison, column)] if kinds.reported[index] else []
        headers += [f"{column.name} measured"]
        headers += [f"{column.name} difference"] if kinds.difference[index] else []
    ranks = [_ranks(comparison, index) for index in range(len(columns))]
    notes = notes_of(comparison)
    rows = []
    for row_index, findings in enumerate(comparison.rows):
        name = findings[0].row.name
        entries = [Entry(name, mark=notes.rows.get(name, ""))]
        for index, finding in enumerate(findings):
            if kinds.reported[index]:
                printed = (name, finding.column.reading_of or finding.column.name)
                entries.append(Entry(finding.reported or "", mark=notes.cells.get(printed, "")))
            text = measured_text(finding, digits[index], with_n=len(counts) > 1) or _nothing(finding)
            entries.append(Entry(text, ranks[index].get(row_index, 0), UNRESOLVED if finding.unresolved else ""))
            entries += [Entry(_difference(finding, digits[index]))] if kinds.difference[index] else []
        rows.append((*entries, Entry(_verdicts(findings))))
    rows += [_external(findings, kinds, digits) for findings in comparison.externals]
    return Grid(
        id=table.id,
        title=title_of(comparison),
        above=above_of(comparison),
        headers=(*headers, "verdict"),
        rows=tuple(rows),
        rule_before=rules_of(comparison),
        below=(*_below(comparison, counts), *notes.below),
        references=notes.references,
    )


class _Kinds:
    """For each column whether the paper prints numbers, and whether any of them stands beside a comparable one."""

    def __init__(self, comparison: Comparison):
        columns = [[row[index] for row in comparison.rows] for index in range(len(comparison.columns))]
        self.reported = [any(finding.reported for finding in column) for column in columns]
        self.difference = [any(finding.difference is not None for finding in column) for column in columns]


def _difference(finding: Finding, digits: int) -> str:
    """Measured minus reported with its sign, in the column's unit; "" where the two are not comparable."""
    return "" if finding.difference is None else f"{SCALE[finding.column.unit] * finding.difference:+.{digits}f}"


def _external(findings: tuple[Finding, ...], kinds: _Kinds, digits: list[int]) -> tuple[Entry, ...]:
    """The line of other tools' predictions: measured here, and not judged."""
    entries = [Entry(findings[0].row.name)]
    for index, finding in enumerate(findings):
        entries += [Entry("")] if kinds.reported[index] else []
        entries.append(Entry(measured_text(finding, digits[index], with_n=False) or "–"))
        entries += [Entry("")] if kinds.difference[index] else []
    return (*entries, Entry(WORD))


def _reported_header(comparison: Comparison, column: Column) -> str:
    """The header over the paper's numbers; beside other data it says whose they are."""
    stand = comparison.suite.data.get(column.data)
    if stand is None or stand.own:
        return f"{column.name} reported"
    return f"{column.name} reported on {own_suite().data[column.data].name}"


def _first_header(table: Table) -> str:
    return "learning rate" if table.id == "paper1_table2" else "system"


def _nothing(finding: Finding) -> str:
    """What stands where no number is."""
    if finding.why:
        return "not built"
    if finding.column.extra or finding.row.extra:
        return "–"
    return "not run"


def _ranks(comparison: Comparison, index: int) -> dict[int, int]:
    """Row -> 1 or 2 for the best and second best measured mean of a column; a floor or an external row has none.

    Nor has an unresolved one, or any row of a column in which all are equal, as networks are that learned nothing.
    """
    means = {
        number: row[index].mean
        for number, row in enumerate(comparison.rows)
        if row[index].mean is not None
        and not (row[index].row.untrained and row[index].row.extra)
        and not row[index].unresolved
    }
    if len(means) < 3:
        return {}
    levels = sorted(set(means.values()), reverse=True)[:2]
    if len(levels) < 2:
        return {}
    return {number: levels.index(mean) + 1 for number, mean in means.items() if mean in levels}


def _verdicts(findings: tuple[Finding, ...]) -> str:
    """One verdict where all columns agree, else one a data set where its columns do, else each column's."""
    judged = [finding for finding in findings if finding.verdict is not None]
    if len({str(finding.verdict) for finding in judged}) <= 1:
        return str(judged[0].verdict) if judged else ""
    said = []
    for data in dict.fromkeys(finding.column.data for finding in judged):
        words = {finding.column.name: str(finding.verdict) for finding in judged if finding.column.data == data}
        shared = {name.partition(" ")[0] for name in words}  # "DRIVE" of "DRIVE Acc" and "DRIVE Sen"
        if len(words) > len(shared) == len(set(words.values())) == 1:
            words = {min(shared): min(words.values())}
        said += [f"{name} {word}" for name, word in words.items()]
    return "; ".join(said)


def title_of(comparison: Comparison) -> str:
    """Return the table's title with whose data stand behind it: a declared title names none."""
    stands = plan.stands(comparison.table, comparison.suite)
    names = [*dict.fromkeys(stand.name for stand in stands.values())]
    reading = f" ({comparison.reading.name})" if comparison.reading else ""
    return f"{comparison.table.title}{reading}, on {' and '.join(names)}"


def above_of(comparison: Comparison) -> tuple[str, ...]:
    """Return the lines between title and table: the paper, and what the suite replaced."""
    suite, table = comparison.suite, comparison.table
    lines = [f"{plan.paper_of(table.id).title}; {table.place}"]
    if is_own(suite):
        return tuple(lines)
    changes = suite.changes | plan.matching(suite.table_changes, table.id)
    if suite.epochs is not None:
        changes["epochs"] = suite.epochs
    if suite.limit is not None:
        changes["training images"] = suite.limit
    replaced = _listed(changes)
    if suite.toy:
        lines.append("Generated data: this shows that everything runs, not which network is better.")
    if plan.is_reduced(suite):
        lines.append("A reduced suite: other epochs or fewer images than declared, so nothing is judged by it.")
    if replaced:
        lines.append(f"Suite {suite.name} replaces: {replaced}.")
    lines += _replaced_in_rows(comparison)
    return tuple(lines)


def _replaced_in_rows(comparison: Comparison) -> Iterator[str]:
    """What a suite replaces in some rows only, and the reason for all it replaces; a line each."""
    suite, table = comparison.suite, comparison.table
    networks = dict.fromkeys(row.network for row in table.rows if row.network in suite.options)
    if networks:
        yield f"Smaller networks: {'; '.join(f'{name} with {_listed(suite.options[name])}' for name in networks)}."
    rows = {row.name: plan.matching(suite.row_changes, f"{table.id}/{row.name}") for row in table.rows}
    if any(rows.values()):
        yield f"Rows: {'; '.join(f'{name} with {_listed(changes)}' for name, changes in rows.items() if changes)}."
    if suite.why and not suite.toy:
        yield suite.why


def _listed(changes: dict[str, object]) -> str:
    return ", ".join(f"{name} {plan.written(value)}" for name, value in changes.items())


def rules_of(comparison: Comparison) -> tuple[int, ...]:
    """Return where the rows that are not in the paper begin."""
    extra = [index for index, row in enumerate((*comparison.rows, *comparison.externals)) if row[0].row.extra]
    return (extra[0],) if extra and extra[0] > 0 else ()


def _masks(finding: Finding) -> str:
    """What an external row is of: the masks, by their folder's hash."""
    masks = finding.records[0].data["predictions"]
    return (
        f"{finding.row.name}: {masks['n']} masks made elsewhere and scored here by repro.score; sha256 of the folder "
        f"{masks['sha256']}"
    )


def _below(comparison: Comparison, counts: set[int]) -> tuple[str, ...]:
    lines = []
    findings = [finding for row in comparison.rows for finding in row]
    kinds = sorted({finding.kind for finding in findings if finding.kind})
    if counts:
        seeds = f"n = {next(iter(counts))}" if len(counts) == 1 else "n in each cell"
        spread = "mean ± standard deviation over seeds, " if max(counts) > 1 else ""
        weights = " and ".join(dict.fromkeys(column.weights for column in comparison.columns))
        lines.append(f"measured: {weights} weights, {spread}{seeds}; {', '.join(kinds)}")
    if rules_of(comparison):
        lines.append("Rows below the rule are not in the paper.")
    lines += dict.fromkeys(f"{f.row.name}: not built: {f.why}" for f in findings if f.why)
    lines += [f"{kind}: a re-run, {f.row.name}, {f.column.name}" for f in findings for kind, _ in f.reruns]
    lines += dict.fromkeys(_masks(finding) for row in comparison.externals for finding in row if finding.records)
    return (*lines, *comparison.table.notes)

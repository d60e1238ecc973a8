"""What stands in the small print of a table: choices the paper leaves open, the audit, third parties' numbers."""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from repro import plan
from repro.audit import INCONSISTENT, Finding
from repro.audit.declared import check_table
from repro.compare import Comparison
from repro.metrics import BINS
from repro.papers.spec import Column, Deviation, Paper, Reference, Row, Table

INCONSISTENT_MARK, IF_POOLED_MARK, UNRESOLVED = "†", "‡", "~"
_MOST_REFERENCES = 12  # where none of the systems has a row in the table
_BACKBONES = {"resnet18": "ResNet-18", "resnet34": "ResNet-34", "resnet50": "ResNet-50", "vgg16_bn": "VGG16-BN"}


@dataclass(frozen=True)
class Notes:
    """Marks and the lines they point to.

    Attributes:
        rows: row name -> mark behind it, " [1, 3]".
        cells: (row, column) -> mark behind the printed number.
        below: the lines, in the order of the marks.
        references: third parties' numbers on the same data, a line each.
    """

    rows: dict[str, str] = field(default_factory=dict)
    cells: dict[tuple[str, str], str] = field(default_factory=dict)
    below: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


def notes_of(comparison: Comparison) -> Notes:
    """Return the small print of a compared table."""
    paper = plan.paper_of(comparison.table.id)
    rows, choices = _deviations(comparison, paper)
    cells, findings = _audit(comparison, paper)
    lines = (*_unresolved(comparison), *findings, *_alike(comparison), *choices, *_left_out(comparison))
    return Notes(rows, cells, lines, tuple(_references(comparison, paper)))


def _unresolved(comparison: Comparison) -> Iterator[str]:
    """A line for the AUC of networks whose pixels share bins."""
    findings = [finding for row in comparison.rows for finding in row if finding.unresolved]
    if findings:
        cells = (f"{f.column.name} of {f.row.name} can be {f.unresolved:.3f} off" for f in findings)
        yield f"{UNRESOLVED} pixels that share one of {BINS} bins of their logits count as ties: {', '.join(cells)}"


def _alike(comparison: Comparison) -> Iterator[str]:
    """A line for rows that are one run: the suite replaces what tells them apart."""
    table, suite = comparison.table, comparison.suite
    names: dict[tuple[str, ...], list[str]] = {}
    for row in table.rows:
        runs = [plan.run_of(table, row, data, suite) for data in plan.stands(table, suite)]
        names.setdefault(tuple(run.id for run in runs if run), []).append(row.name)
    for ids, alike in names.items():
        if ids and len(alike) > 1:
            yield f"one run, as {suite.name} replaces what tells them apart: {', '.join(alike)}"


def _left_out(comparison: Comparison) -> Iterator[str]:
    """A line for each run that went on without some of its steps."""
    findings = [finding for row in comparison.rows for finding in row]
    behind = {record.id: (finding.row, record) for finding in findings for record in finding.records}
    for id, (row, record) in behind.items():
        if steps := (record.data["training"] or {}).get("skipped_steps"):
            yield f"{row.name}: {len(steps)} steps of run {id} were left out, their loss or gradient was not finite"


def _deviations(comparison: Comparison, paper: Paper) -> tuple[dict[str, str], list[str]]:
    """Row marks and a line for each choice that touches some rows; one line for those that touch the whole paper."""
    table = comparison.table
    there = {name for stand in plan.stands(table, comparison.suite).values() for name in (stand.train, stand.test)}
    names = [row.name for row in table.rows if not row.extra] or [row.name for row in table.rows]
    numbers: dict[str, list[int]] = {}
    lines, count = [], 0
    for one in paper.deviations:
        touched = touched_rows(one, table)
        if not touched or (one.data and there.isdisjoint(one.data)):
            continue
        if set(names) <= set(touched):
            lines.append(f"every row: {one.subject}: {one.choice}")
            continue
        count += 1
        lines.append(f"[{count}] {one.subject}: {one.choice} (the paper: {one.paper})")
        for name in touched:
            numbers.setdefault(name, []).append(count)
    whole = sum(not one.rows for one in paper.deviations)
    lines.append(f"and {whole} choices that touch the whole paper: see docs/{paper.id}.md")
    return {name: f" [{_ranges(found)}]" for name, found in numbers.items()}, lines


def touched_rows(deviation: Deviation, table: Table) -> list[str]:
    """Return the rows of a table that a deviation names; none where it is about the whole paper."""
    cells = {f"{table.id}/{row.name}": row.name for row in table.rows}
    return [name for cell, name in cells.items() if any(fnmatch.fnmatchcase(cell, glob) for glob in deviation.rows)]


def _ranges(numbers: Sequence[int]) -> str:
    """Rising numbers in as few words: 1, 3-5."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _audit(comparison: Comparison, paper: Paper) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Marks of printed numbers that cannot stand together, and a line for each verdict of the audit."""
    table = comparison.table
    shown = {column.reading_of or column.name for column in comparison.columns}
    marks: dict[tuple[str, str], str] = {}
    by_verdict: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
    for finding in check_table(table, paper.references):
        cells = [cell for cell in _cells(finding, table) if cell[1] in shown]
        if not finding.word.startswith(INCONSISTENT) or not cells:
            continue
        mark = INCONSISTENT_MARK if finding.word == INCONSISTENT else IF_POOLED_MARK
        by_verdict.setdefault((mark, finding.verdict), {}).update(dict.fromkeys(cells))
        for cell in cells:
            marks[cell] = min(mark, marks.get(cell, mark))  # the dagger comes before the double one
    lines = [
        f"{mark} the audit: {verdict}: {_rows_and_columns(cells)}" for (mark, verdict), cells in by_verdict.items()
    ]
    if lines:
        lines.append(
            f"The arithmetic behind {' and '.join(sorted({m for m, _ in by_verdict}))}: repro.audit {paper.id}."
        )
    return marks, sorted(lines[:-1]) + lines[-1:]


def _cells(finding: Finding, table: Table) -> Iterator[tuple[str, str]]:
    """The (row, column) pairs of a finding's addresses in a table."""
    for address in finding.cells:
        name, _, rest = address.partition("/")
        if name == table.id:
            row, _, column = rest.rpartition("/")
            yield row, column


def _rows_and_columns(cells: dict[tuple[str, str], None]) -> str:
    rows, columns = (dict.fromkeys(each[i] for each in cells) for i in (0, 1))
    return f"{', '.join(rows)} ({', '.join(columns)})"


def _references(comparison: Comparison, paper: Paper) -> Iterator[str]:
    """Third parties' numbers on the data that were measured, each with its protocol; those of the table's systems."""
    columns = [c for c in comparison.columns if c.data in comparison.suite.data and comparison.suite.data[c.data].own]
    columns = [c for c in columns if c.weights == "last" and c.labels == "native"]
    fitting = [one for one in paper.references if any(_fits(one, column) for column in columns)]
    systems = {_plain(row.name): row for row in comparison.table.rows}
    own = [one for one in fitting if _plain(one.system) in systems]
    shown = own or fitting[:_MOST_REFERENCES]
    grouped: dict[str, list[str]] = {}
    for one in shown:
        found = [column for column in columns if _fits(one, column)]
        row = systems.get(_plain(one.system))
        same = row is not None and all(same_protocol(one, comparison.table, row, column) for column in found)
        word = "our protocol" if same else "other protocol"
        grouped.setdefault(f"{word}: {protocol_text(one)}; {one.source}", []).append(_scores(one, found))
    for protocol, scores in grouped.items():
        yield f"third parties: {'; '.join(scores)} ({protocol})"
    if len(shown) < len(fitting):
        yield f"third parties: {len(fitting) - len(shown)} more on this data in docs/{paper.id}.md"


def _fits(reference: Reference, column: Column) -> bool:
    return reference.data == column.data and column.metric in reference.scores


def _scores(one: Reference, columns: Sequence[Column]) -> str:
    """A third party's numbers in the columns that have that score, the first column of each."""
    by_metric = {column.metric: column for column in reversed(columns)}
    return f"{one.system} " + ", ".join(
        f"{by_metric[metric].name} {_printed(text, by_metric[metric])}"
        for metric, text in one.scores.items()
        if metric in by_metric
    )


def protocol_text(reference: Reference) -> str:
    """Return a third party's protocol in words, what is unknown last."""
    known = {key: text for key, text in reference.protocol.items() if text != "unknown"}
    unknown = [key for key, text in reference.protocol.items() if text == "unknown"]
    if reference.split == "unknown":
        unknown = ["split", *unknown]
    else:
        known = {"split": reference.split} | known
    words = [f"{key} {text}" for key, text in known.items()]
    return ", ".join([*words, f"unknown: {', '.join(unknown)}"] if unknown else words)


def _printed(fraction: str, column: Column) -> str:
    return str(Decimal(fraction).scaleb(2)) if column.unit == "percent" else fraction


def same_protocol(reference: Reference, table: Table, row: Row, column: Column) -> bool:
    """Return whether a third party's protocol is that of a row: every field it has is stated and equal to ours."""
    recipe = replace(table.recipe, **row.changes)
    size = recipe.size or recipe.crop
    ours = {
        "backbone": _BACKBONES.get(str(row.options.get("encoder_name")), "none"),
        "weights": recipe.weights,
        "schedule": f"{recipe.epochs} epochs",
        "resolution": "x".join(map(str, size)) if size else "native",
        "region": column.region.replace("_", " "),
        "aggregation": "mean over images" if column.metric.startswith("mean_") else "pooled",
        "loss": recipe.loss,
    }
    return all(_plain(text) == _plain(ours.get(key, "")) for key, text in reference.protocol.items())


def _plain(name: str) -> str:
    """A name without case and punctuation: "U-Net" and "UNet" are one, "U-Net++" is another."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())

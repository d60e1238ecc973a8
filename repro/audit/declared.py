"""The audit of a declared paper: its tables, its text against its tables, and what is declared of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from repro.audit.claims import check_claim, check_fact, exhibit, printed_score, short
from repro.audit.finding import NOTED, Finding, decimals
from repro.audit.gains import Gain, check_gains
from repro.audit.group import SHORT, Group, Printed, PrintedRow, true_shares
from repro.audit.known import known_set
from repro.audit.readings import any_share, of_set
from repro.audit.rows import check_group, true_positives
from repro.audit.sweep import SweepRow, check_sweep, identical_rows
from repro.papers.spec import Column, Contradiction, Difference, FactTable, Figure, Paper, Reference, Row, Table

COVERED = frozenset(  # contradictions declared for a paper's page whose arithmetic is done here
    {
        "paper1_epochs",
        "paper1_identical_rows",
        "paper1_edge_of_grid",
        "paper2_share_of_vessels",
        "paper2_dice_against_jaccard",
        "paper2_share_of_lesion",
        "paper2_differences",
        "paper2_iterations",
    }
)


def check_paper(paper: Paper) -> list[Finding]:
    """Return every finding on a declared paper: arithmetic, text against tables, counts, and what is declared."""
    tables = [table for table in (*paper.tables, *paper.figures) if isinstance(table, Table)]
    findings = [finding for table in tables for finding in check_table(table, paper.references)]
    for figure in paper.figures:
        findings += check_gains(_gains(paper, figure), short(figure.place))
    findings += identical_rows([row for table in tables for row in _sweep_rows(table)])
    for claim in paper.claims:
        findings += check_claim(paper, claim)
    for table in paper.tables:
        if isinstance(table, FactTable):
            findings += [finding for fact in table.rows if (finding := check_fact(table, fact))]
    return findings + [_stated(paper, one) for one in paper.contradictions if one.id not in COVERED]


def check_table(table: Table, references: Sequence[Reference] = ()) -> list[Finding]:
    """Return the findings on one declared table by itself, with third parties' rows for comparison."""
    findings = [finding for group in groups(table, references) for finding in check_group(group)]
    return findings + check_sweep(_sweep_rows(table), short(table.place))


def groups_of(paper: Paper) -> list[Group]:
    """Return every group of printed two-class scores of a paper."""
    tables = (table for table in (*paper.tables, *paper.figures) if isinstance(table, Table))
    return [group for table in tables for group in groups(table, paper.references)]


def groups(table: Table, references: Sequence[Reference] = ()) -> Iterator[Group]:
    """Yield the printed two-class scores of a table, one group a data set, with every reading they may have."""
    printed = [column for column in table.columns if not column.extra and column.reading_of is None]
    for data in dict.fromkeys(column.data for column in printed):
        columns = {_metric(one): one for one in printed if one.data == data and _metric(one) in SHORT}
        rows = tuple(
            PrintedRow(name=row.name, scores=scores) for row in table.rows if (scores := _scores(table, row, columns))
        )
        key = known_set(data)
        readings = of_set(key) if key else any_share()
        if rows:
            yield Group(
                place=short(table.place),
                title=_title(columns),
                rows=rows,
                readings=readings,
                truth=true_shares(readings),
                resized=of_set(key, resized=True) if key else (),
                published_hits=_published_hits(references, data),
            )


def _metric(column: Column) -> str:
    """Return which score a column prints; how we average it is our reading, not the paper's."""
    return column.metric.removeprefix("mean_")


def _scores(table: Table, row: Row, columns: dict[str, Column]) -> dict:
    found = {metric: printed_score(table, row, column.name) for metric, column in columns.items()}
    return {metric: printed for metric, printed in found.items() if printed}


def _title(columns: dict[str, Column]) -> str:
    """Return the data set as the page prints it over its columns ("DRIVE Acc"), or "" where it does not."""
    first = next(iter(columns.values())).name.split(" ")
    return first[0] if len(first) > 1 else ""


def _published_hits(references: Sequence[Reference], data: str) -> tuple[Fraction, Fraction] | None:
    """Return the least and the most share of true positives that third parties' rows imply on a data set."""
    rows = [one.scores for one in references if one.data == data]
    shares = [
        true_positives(Fraction(row[f"{prefix}accuracy"]), "jaccard", Fraction(row[f"{prefix}jaccard"]))
        for row in rows
        for prefix in ("mean_", "")
        if {f"{prefix}accuracy", f"{prefix}jaccard"} <= set(row)
    ]
    return (min(shares), max(shares)) if shares else None


def _gains(paper: Paper, figure: Figure) -> list[Gain]:
    """Return the pairs of differences in Jaccard and Dice that the text states for the same two rows."""
    columns = {column.name: column for column in figure.columns}
    by_rows: dict[tuple[str, str], dict] = {}
    for one in figure.differences:
        printed = _difference(figure, one)
        by_rows.setdefault((one.row, one.other), {})[_metric(columns[one.column])] = printed
    return [
        Gain(
            row=row,
            other=other,
            jaccard=scores["jaccard"],
            dice=scores["dice"],
            lowest=_lowest(paper, figure.columns[0].data),
        )
        for (row, other), scores in by_rows.items()
        if {"jaccard", "dice"} <= set(scores)
    ]


def _difference(figure: Figure, one: Difference) -> Printed:
    unit = next(column.unit for column in figure.columns if column.name == one.column)
    return Printed(text=one.reported, unit=unit, cell=f"{figure.id}/{one.row} - {one.other}/{one.column}")


def _lowest(paper: Paper, data: str) -> Fraction | None:
    """Return the lowest Jaccard that third parties published on a data set, or None."""
    scores = (one.scores.get("mean_jaccard", one.scores.get("jaccard")) for one in paper.references if one.data == data)
    return min((Fraction(score) for score in scores if score), default=None)


def _sweep_rows(table: Table) -> list[SweepRow]:
    """Return the rows with printed numbers, each with its system and, where it changes one number, its setting."""
    rows = []
    for row in table.rows:
        printed = {name: printed_score(table, row, name) for name in row.reported}
        changed = [(name, value) for name, value in row.changes.items() if isinstance(value, (int, float))]
        recipe = replace(table.recipe, **row.changes)
        if printed:
            rows.append(
                SweepRow(
                    name=row.name,
                    place=short(table.place),
                    system=repr((row.network, sorted(row.options.items()), recipe)),
                    setting=changed[0] if len(row.changes) == len(changed) == 1 else None,
                    scores=printed,
                )
            )
    return rows


def _stated(paper: Paper, one: Contradiction) -> Finding:
    """Return a declared contradiction as a finding without arithmetic, its inputs looked up where they are declared."""
    inputs = {name: _lookup(paper, text) for name, text in one.inputs.items()}
    return Finding(
        check="stated",
        place=one.place,
        word=NOTED,
        inputs=inputs,
        inequalities=(one.text,),
        explanation=f"Source: {one.source}." if one.source else "",
        sentence=f"{one.place}: {one.text}",
        cells=tuple(text for text in one.inputs.values() if _lookup(paper, text) != text),
    )


def _lookup(paper: Paper, text: str) -> str:
    """Return what stands at an address ("paper1_table1/ours/mIoU"), or the text itself where it is none."""
    name, _, rest = text.partition("/")
    table = exhibit(paper, name)
    claim = next((claim for claim in paper.claims if claim.id == name), None)
    if claim is not None and rest:
        return str(getattr(claim.predicate, rest))
    if table is None or not rest:
        return text
    row_name, _, column = rest.rpartition("/")
    if isinstance(table, FactTable):
        return next(fact.reported.get(column, "not stated") for fact in table.rows if fact.name == row_name)
    if row_name == "recipe":
        return str(getattr(table.recipe, column))
    row = next((row for row in table.rows if row.name == row_name), None)
    printed = printed_score(table, row, column) if row else None
    return decimals(printed.value) if printed else "not stated"

"""What a paper's text says against its own printed numbers, epochs and counts."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from repro.audit.finding import INCONSISTENT, POSSIBLE, Finding, decimals
from repro.audit.group import Printed
from repro.audit.known import TRAINING_IMAGES
from repro.papers.spec import Above, Claim, ConvergedBy, Fact, FactTable, Figure, LossAt, Paper, Rising, Row, Table

_COUNTS = ("Training", "Validation", "Testing")


def check_claim(paper: Paper, claim: Claim) -> list[Finding]:
    """Return what the paper's own numbers say against one claim: nothing, or a finding."""
    match claim.predicate:
        case Above(table=table, row=row, others=others, columns=columns):
            return _order(paper, claim, table, [(other, row) for other in others], columns)
        case Rising(table=table, rows=rows, columns=columns):
            ends = [(rows[0], rows[-1])]
            return _order(paper, claim, table, [*pairwise(rows)], columns, ends=ends)
        case ConvergedBy():
            return _convergence(paper, claim)
        case LossAt():
            return _times(paper, claim)
    return []


def check_fact(table: FactTable, fact: Fact) -> Finding | None:
    """Return the finding that printed counts of images are not the publisher's, or more than there are."""
    differing = [
        f"{name.lower()} {fact.reported[name]} against {fact.official[name]}"
        for name in _COUNTS
        if {name} <= set(fact.reported) & set(fact.official) and fact.reported[name] != fact.official[name]
    ]
    printed, official = (_total(counts) for counts in (fact.reported, fact.official))
    if not differing or not official:
        return None
    too_many = printed > official
    return Finding(
        check="counts against the publisher's",
        place=f"{short(table.place)}, {fact.name}",
        word=INCONSISTENT if too_many else POSSIBLE,
        under="the publisher's count" if too_many else "a split of the paper's own",
        inputs={name: count for name, count in fact.reported.items() if name in _COUNTS},
        inequalities=(f"{'; '.join(differing)}; {printed} images in all, the publisher has {official}",),
        explanation=f"Source: {fact.source}.",
        sentence=f"{fact.name} is said to have {printed} images ({'; '.join(differing)}): please state which images "
        "were used for what.",
        cells=tuple(f"{table.id}/{fact.name}/{name}" for name in _COUNTS if name in fact.reported),
    )


def printed_score(table: Table, row: Row, column: str) -> Printed | None:
    """Return the number a table prints for a row in a column, or None."""
    if column not in row.reported:
        return None
    unit = next(one.unit for one in table.columns if one.name == column)
    return Printed(text=row.reported[column], unit=unit, cell=f"{table.id}/{row.name}/{column}")


def short(place: str) -> str:
    """Return a place without the caption: `Table 3` of `Table 3, "Ablation ..."`; other places as they are."""
    return place.split(', "')[0] if place.startswith(("Table", "Figure")) else place


def exhibit(paper: Paper, name: str) -> Table | FactTable | None:
    """Return the paper's table or figure of that id, or None."""
    return next((one for one in (*paper.tables, *paper.figures) if one.id == name), None)


def _total(counts: dict[str, str]) -> int:
    return sum(int(counts[name]) for name in _COUNTS if counts.get(name, "").isdecimal())


Fall = tuple[str, str, str, Printed, Printed]  # column, first row, second row, and what is printed there


def _falls(table: Table, pairs: Sequence[tuple[str, str]], columns: Sequence[str]) -> list[Fall]:
    """Where the second row of a pair is printed below the first, rounding considered."""
    rows = {row.name: row for row in table.rows}
    found = []
    for low, high in pairs:
        for column in columns:
            first, second = (printed_score(table, rows[name], column) for name in (low, high))
            if first and second and second.interval[1] < first.interval[0]:
                found.append((column, low, high, first, second))
    return found


def _order(
    paper: Paper,
    claim: Claim,
    table_id: str,
    pairs: Sequence[tuple[str, str]],
    columns: Sequence[str],
    ends: Sequence[tuple[str, str]] = (),
) -> list[Finding]:
    """Return the finding that a second row of a pair is printed below the first; possible where `ends` alone rise."""
    table = exhibit(paper, table_id)
    broken = _falls(table, pairs, columns)
    if not broken:
        return []
    possible = bool(ends) and not _falls(table, ends, columns)
    numbers = "; ".join(
        f"{column} falls from {decimals(a.value)} ({low}) to {decimals(b.value)} ({high})"
        for column, low, high, a, b in broken
    )
    return [
        Finding(
            check="text against table",
            place=f"{short(table.place)}; {claim.place}",
            word=POSSIBLE if possible else INCONSISTENT,
            under="the first and the last row alone" if possible else "the printed numbers",
            inputs={
                f"{column}, {name}": decimals(printed.value)
                for column, low, high, a, b in broken
                for name, printed in ((low, a), (high, b))
            },
            inequalities=(f"{claim.text} But {numbers}",),
            explanation="From the first row to the last they rise." if possible else "One of them may be misprinted.",
            sentence=f"In {short(table.place)} {numbers}: "
            f"{'please say what the text means' if possible else 'the text says otherwise'} ({claim.place}).",
            cells=tuple(printed.cell for *_, a, b in broken for printed in (a, b)),
        )
    ]


def _convergence(paper: Paper, claim: Claim) -> list[Finding]:
    """Return the finding that a loss is said to converge after the last epoch of its training."""
    figure, wanted = exhibit(paper, claim.predicate.figure), claim.predicate.epoch
    epochs, batch = figure.recipe.epochs, figure.recipe.batch
    if wanted <= epochs:
        return []
    steps = _steps(paper, figure)
    iterations = f", {steps * epochs} against {steps * wanted} iterations at batch {batch}" if steps else ""
    return [
        Finding(
            check="epochs against curve",
            place=f"{short(figure.place)}; {claim.place}",
            word=INCONSISTENT,
            under="the stated epochs",
            inputs={"epochs": str(epochs), "converged after": str(wanted), "batch": str(batch)},
            inequalities=(f"convergence after {wanted} epochs cannot be seen in {epochs}{iterations}",),
            explanation="The curve may be of another, longer run than the table.",
            sentence=f"Training is said to last {epochs} epochs and the curve to converge after about {wanted}: please "
            "state how long the reported models were trained.",
            cells=(f"{figure.id}/recipe/epochs", f"{claim.id}/epoch"),
        )
    ]


def _times(paper: Paper, claim: Claim) -> list[Finding]:
    """Return what "times" of training can mean: epochs if there are so many, else steps."""
    figure, predicate = exhibit(paper, claim.predicate.figure), claim.predicate
    epochs, steps = figure.recipe.epochs, _steps(paper, figure)
    if predicate.flat_from <= epochs or not steps:
        return []
    whole = f"{steps} an epoch, {steps * epochs} in all"
    fits = predicate.flat_from <= steps * epochs
    return [
        Finding(
            check="iterations against curve",
            place=f"{short(figure.place)}; {claim.place}",
            word=POSSIBLE if fits else INCONSISTENT,
            under="steps" if fits else "epochs or steps",
            inputs={"epochs": str(epochs), "times": f"{predicate.step} and {predicate.flat_from}"},
            inequalities=(
                f"{predicate.step} and {predicate.flat_from} times exceed {epochs} epochs; as steps ({whole}) "
                f"they are epochs {predicate.step / steps:.0f} and {predicate.flat_from / steps:.0f}",
            ),
            explanation="The axis of the curve may count steps.",
            sentence=f"Training lasts {epochs} epochs, and the curve is flat after {predicate.flat_from} "
            "'times': please name the axis.",
            cells=(f"{claim.id}/step", f"{claim.id}/flat_from"),
        )
    ]


def _steps(paper: Paper, figure: Figure) -> int | None:
    """Return the steps of an epoch by the paper's own count of training images, else the publisher's; or None."""
    data = figure.columns[0].data
    facts = [fact for table in paper.tables if isinstance(table, FactTable) for fact in table.rows]
    printed = next((fact.reported["Training"] for fact in facts if fact.key == f"data.{data}"), None)
    images = int(printed) if printed else TRAINING_IMAGES.get(data)
    return ceil(images / figure.recipe.batch) if images else None

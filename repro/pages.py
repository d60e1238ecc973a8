"""The pages in docs/ that are generated, one a paper and one of what was found, and the README's table of speed."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from repro import found, markdown, plan, records
from repro.audit.declared import COVERED, check_paper
from repro.audit.finding import NOTED
from repro.claims import data_of
from repro.command import Parser, run
from repro.files import write_atomically
from repro.papers import PAPERS
from repro.papers.spec import (
    Above,
    BackgroundAbove,
    ConvergedBy,
    Deviation,
    FactTable,
    Faster,
    LossAt,
    LowestLoss,
    Paper,
    Predicate,
    Recipe,
    Reference,
    Rising,
    SmallGap,
)
from repro.table.bench import bench_page, speed_table
from repro.table.notes import protocol_text

SPEED = ("<!-- speed -->", "<!-- /speed -->")  # what is between them in the README is generated

_RULES = {  # how each kind of claim is judged, in a line
    Above: "above every one of the others by the exact permutation test over seeds",
    Rising: "every step up by the exact permutation test over seeds",
    ConvergedBy: "the validation loss stays near its end from that epoch on, in every seed",
    LossAt: "the training loss at that step and its slope after it, in every seed",
    SmallGap: "validation against training loss in the last epoch, in every seed",
    BackgroundAbove: "counted in the training labels",
    Faster: "seconds an image on one machine by the exact permutation test",
    LowestLoss: "below every one of the others by the exact permutation test over seeds",
}


def page(paper: Paper) -> str:
    """Return a paper's page as Markdown. It follows from the declarations and the audit alone, not from any record."""
    lines = [
        f"# {paper.id}: {paper.title}",
        "",
        f"{paper.authors}. {paper.source}.",
        "",
        f"This page is generated from `repro/papers/{paper.id}/` by `python -m repro.pages`.",
        "",
        *_stated(paper),
        *_chosen(paper),
        *_contradicts(paper),
        *_claims(paper),
        *_references(paper),
    ]
    return "\n".join(lines).rstrip() + "\n"


def files(root: Path = records.ROOT) -> dict[Path, bytes]:
    """Return the bytes of every page by where it is committed below `root`."""
    pages = {paper.id: page(paper) for paper in PAPERS}
    pages |= {"found": found.page(root), "bench": bench_page(root / "tables")}
    found_pages = {root / "docs" / f"{name}.md": text.encode() for name, text in pages.items()}
    return found_pages | _readme(root)


def _readme(root: Path) -> dict[Path, bytes]:
    """The README with its table of speed as it follows from `tables/bench/`; the rest of it is written by hand."""
    path = root / "README.md"
    if not path.is_file():
        return {}
    head, begin, rest = path.read_text().partition(SPEED[0])
    _, end, tail = rest.partition(SPEED[1])
    assert begin and end, f"{path}: {' and '.join(SPEED)} are not both there"
    return {path: f"{head}{begin}\n{speed_table(root / 'tables')}{end}{tail}".encode()}


def outdated(root: Path = records.ROOT) -> list[str]:
    """Return a sentence for each committed page that does not follow from declarations and records."""
    if not (root / "docs").is_dir():
        return []
    return [
        f"{path}: does not follow from declarations and records; python -m repro.pages rewrites it"
        for path, data in files(root).items()
        if not path.exists() or path.read_bytes() != data
    ]


def _stated(paper: Paper) -> Iterator[str]:
    """Tables, figures and the recipe they share, with the other readings."""
    yield from ("## What is declared of it", "")
    yield from markdown.table(
        ("id", "what", "where it stands"),
        [(f"`{each.id}`", each.title, each.place) for each in (*paper.tables, *paper.figures)],
    )
    exhibits = [each for each in (*paper.tables, *paper.figures) if not isinstance(each, FactTable)]
    yield from ("### Recipe", "")
    yield from ("What of it is chosen and not stated is in the next section, with the reason.", "")
    fields = [(name, plan.written(value)) for name, value in _recipe(exhibits[0].recipe)]
    yield from markdown.table(("field", "value"), fields)
    readings = {reading.name: reading for each in exhibits for reading in each.readings}
    if readings:
        yield from ("Other readings of the protocol, run with `--ablations`:", "")
        rows = [(each.name, ", ".join(f"{key} {plan.written(value)}" for key, value in each.changes.items()), each.why)
                for each in readings.values()]  # fmt: skip
        yield from markdown.table(("reading", "replaces", "why"), rows)
    notes = list(dict.fromkeys(note for each in (*paper.tables, *paper.figures) for note in each.notes))
    yield from (*(f"- {markdown.text(note)}" for note in notes), "")


def _recipe(recipe: Recipe) -> Iterator[tuple[str, object]]:
    """The fields of a recipe that are not off."""
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if value is not None and value is not False and value != ():
            yield field.name.replace("_", " "), value


def _chosen(paper: Paper) -> Iterator[str]:
    yield from ("## What it leaves open, and what was chosen", "")
    whole = [one for one in paper.deviations if not one.rows]
    some = [one for one in paper.deviations if one.rows]
    for title, choices in (("Of the whole paper", whole), ("Of some rows", some)):
        yield from (f"### {title}", "")
        yield from markdown.table(("what", "the paper", "here", "why"), [_choice(one) for one in choices])


def _choice(one: Deviation) -> tuple[str, ...]:
    where = f" ({', '.join(one.rows)})" if one.rows else ""
    return f"{one.subject}{where}", one.paper, one.choice, one.why


def _contradicts(paper: Paper) -> Iterator[str]:
    """The audit's arithmetic, and what is declared beside it."""
    yield from ("## Where it contradicts itself, its data or the world", "")
    yield from ("### By arithmetic from the printed numbers", "")
    yield from (f"`python -m repro.audit {paper.id}` shows each step.", "")
    for finding in check_paper(paper):
        if finding.word != NOTED:
            yield f"- {markdown.text(finding.place)}: **{finding.verdict}**. {markdown.text(finding.sentence)}"
    yield from ("", "### By reading", "")
    for one in paper.contradictions:
        source = f" Source: {one.source}." if one.source else ""
        arithmetic = " (By arithmetic, in the audit.)" if one.id in COVERED else ""
        yield f"- {markdown.text(one.place)}: {markdown.text(one.text)}{arithmetic}{markdown.text(source)}"
    yield ""


def _claims(paper: Paper) -> Iterator[str]:
    yield from ("## What it claims", "")
    yield from ("`python -m repro.check --claims --suite NAME` judges each from a suite's records.", "")
    rows = [(one.text, one.place, _rule(one.predicate)) for one in paper.claims]
    yield from markdown.table(("claim", "where it stands", "how it is judged"), rows)


def _rule(predicate: Predicate) -> str:
    """How a claim is judged, and on what."""
    data = ", ".join(sorted(data_of(predicate)))
    return f"{_RULES[type(predicate)]} ({data})"


def _references(paper: Paper) -> Iterator[str]:
    yield from ("## Third parties' numbers on the same data", "")
    yield from ("For orientation: none is known to have our protocol. Scores are fractions.", "")
    rows = [_reference(one) for one in paper.references]
    yield from markdown.table(("system", "data", "scores", "protocol", "source"), rows)


def _reference(one: Reference) -> tuple[str, ...]:
    scores = ", ".join(f"{metric} {text}" for metric, text in one.scores.items())
    return one.system, one.data, scores, protocol_text(one), one.source


EXAMPLES = ("repro pages     after a change of the declarations or the records",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.pages")


def _main(arguments: Sequence[str] | None) -> int:
    what = "Rewrite the generated pages in docs/: one a paper, and one of what was found."
    Parser(prog="repro.pages", description=what, examples=EXAMPLES).parse_args(arguments)
    for path, data in files().items():
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, data)
        print(path.relative_to(records.ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())

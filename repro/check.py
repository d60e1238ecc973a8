"""Check what is committed: views follow from records, scores from evidence, and the demo agrees with its lock."""

import io
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from repro import plan, records, views
from repro.command import Parser, run
from repro.compare import Comparison, compare, find_suite
from repro.papers.spec import Suite
from repro.papers.suites import SUITES
from repro.records import Folder, Record

# How far a freshly trained demo may lie from the lock, in points of a printed per cent and in loss. Declared from the
# spread over thread counts and instruction sets, times three; docs/demo-tolerance.md has the measurement.
POINTS = 6.0
LOSS = 0.06


@dataclass
class Report:
    """What a check found: `failures` make it fail, `notes` do not."""

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 where something does not follow, 2 for bad input."""
    return run(_main, arguments, "repro.check")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.check", description=__doc__)
    parser.add_argument("--suite", help="only this suite; default: everything that is committed, and the demo")
    parser.add_argument("--fresh", action="store_true", help="fail where no demo was trained in this checkout")
    options = parser.parse_args(arguments)
    report = Report()
    suites = [find_suite(options.suite)] if options.suite else committed_suites()
    for suite in suites:
        folder = records.lock_of(suite.name) if suite.toy else records.folder_of(_name(suite), toy=False)
        check_views(suite, folder, report)
        if suite.toy:
            check_records(folder.records, report)
            check_demo(suite, report, fresh=options.fresh)
    if not options.suite:
        check_records(records.folder_of(None, toy=False).records, report)
    for note in report.notes:
        print(f"note: {note}")
    for failure in report.failures:
        print(f"FAILED: {failure}")
    print(f"{len(suites)} suites checked: {len(report.failures)} failures, {len(report.notes)} notes.")
    return 1 if report.failures else 0


def _name(suite: Suite) -> str | None:
    from repro.compare import is_own

    return None if is_own(suite) else suite.name


def committed_suites(root: Path = records.ROOT) -> list[Suite]:
    """Return the suites that have views in `tables/`: the papers' own, and each folder that bears a suite's name."""
    found = [find_suite(None)]
    for path in sorted((root / "tables").iterdir()):
        if path.is_dir() and path.name not in ("records", "bench"):
            found.append(find_suite(path.name))
    if not any(suite.name == "demo" for suite in found):
        found.append(SUITES["demo"])
    return found


def check_views(suite: Suite, folder: Folder, report: Report) -> None:
    """Make every view of a suite anew in memory and compare: text as bytes, PNG as pixels."""
    if not records.ids(folder.records) and not folder.tables.is_dir():
        report.notes.append(f"{suite.name}: nothing is committed yet")
        return
    for kind, name, made in views.files(suite, folder):
        path = getattr(folder, kind) / name
        if not path.exists():
            report.failures.append(f"{path}: missing; a view of {suite.name} that follows from its records")
        elif not same_view(path.read_bytes(), made, name):
            report.failures.append(f"{path}: does not follow from the records; run_all.sh {suite.name} rewrites it")


def same_view(found: bytes, made: bytes, name: str) -> bool:
    """Whether two files show the same: PNG by their pixels, anything else byte by byte."""
    if found == made:
        return True
    if not name.endswith(".png"):
        return False
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(found)), imread(io.BytesIO(made))
    return pixels[0].shape == pixels[1].shape and np.array_equal(*pixels)


def check_records(folder: Path, report: Report) -> None:
    """Check that each record's id, scores and lists are what its identity, evidence and images make them."""
    for record in records.every(folder):
        for sentence in record_faults(record):
            report.failures.append(f"{record.path}: {sentence}")


def record_faults(record: Record) -> Iterator[str]:
    """Yield what is wrong with a record, a sentence each."""
    try:
        data, evidence = record.data, record.evidence()
        named = plan.from_identity(data["run"]).id
    except (ValueError, KeyError) as error:
        yield f"cannot be read: {error}"
        return
    if named != record.id or data["id"] != record.id:
        yield f"its identity has the id {named}, its name says {record.id}"
    for name, scores in records.scores_of(evidence, data["classes"]).items():
        for metric, value in scores.items():
            recorded = data["scores"].get(name, {}).get(metric)
            if not _same(value, recorded):
                yield f"{metric} of {name} is {recorded}, its evidence gives {value}"
    yield from _shared(data["lists"])
    images = next(iter(evidence.values())).images.tolist()
    if images != data["lists"]["report"]["images"]:
        yield "the images of its evidence are not those of its report list"


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)


def _shared(lists: dict) -> Iterator[str]:
    """What selection and report lists share: an image, or a unit."""
    selection, report = lists["selection"], lists["report"]
    images = set(selection["images"]) & set(report["images"])
    if images:
        yield f"selection and report share {len(images)} images, {sorted(images)[0]} for one"
    if selection["data"] == report["data"]:
        units = set(selection["units"]) & set(report["units"])
        if units:
            yield f"selection and report share {', '.join(sorted(units)[:3])}"


def check_demo(suite: Suite, report: Report, *, fresh: bool) -> None:
    """Compare this checkout's freshly trained demo with the lock, cell by cell, within the declared tolerance."""
    trained = records.folder_of(suite.name, toy=True)
    locked = records.lock_of(suite.name)
    if not records.ids(trained.records):
        sentence = f"{suite.name} was not trained in this checkout; train it with ./run_all.sh {suite.name}"
        (report.failures if fresh else report.notes).append(sentence)
        return
    there = records.ids(trained.records)
    missing = [record.id for record in records.every(locked.records) if record.id not in there]
    if missing and fresh:
        report.failures.append(f"{suite.name}: {len(missing)} locked runs were not trained here, {missing[0]} for one")
    for id in plan.tables_of(suite):
        table = plan.exhibit(id)
        report.failures += table_differences(compare(table, suite, locked), compare(table, suite, trained))
    for record in records.every(locked.records):
        for mine in records.find(trained.records, record.id):
            report.failures += curve_differences(record, mine)


def table_differences(locked: Comparison, trained: Comparison) -> list[str]:
    """Return the cells whose measured means lie further apart than `POINTS`; one measured on one side only is left to
    the missing runs."""
    found = []
    for expected, row in zip(locked.rows, trained.rows):
        for one, other in zip(expected, row):
            if one.mean is not None and other.mean is not None and abs(one.mean - other.mean) * 100 > POINTS:
                found.append(
                    f"{locked.table.id}/{one.row.name}, {one.column.name}: {100 * other.mean:.2f} %, "
                    f"locked {100 * one.mean:.2f} %, tolerated {POINTS} points"
                )
    return found


def curve_differences(locked: Record, trained: Record) -> list[str]:
    """Return the first point at which two training curves of one run lie further apart than `LOSS`."""
    one, other = locked.curve(), trained.curve()
    if [point["step"] for point in one] != [point["step"] for point in other]:
        return [f"run {locked.id}: the curve has other steps than the locked one"]
    for expected, point in zip(one, other):
        for name in ("train_loss", "selection_loss"):
            if expected[name] is not None and abs(expected[name] - point[name]) > LOSS:
                return [f"run {locked.id}: {name} {point[name]} at step {point['step']:.0f}, locked {expected[name]}"]
    return []


if __name__ == "__main__":
    sys.exit(main())

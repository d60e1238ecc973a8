"""Check what is committed: views follow from records, scores from evidence, and the demo agrees with its lock."""

import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from repro import claims, external, pages, records, views
from repro.command import Parser, run, sentence
from repro.compare import find_suite, folder_of, home_of, shown_as, suite_called
from repro.demo import demo_differences
from repro.faults import UNREADABLE, contradictions, record_faults, unreadable, wrong_report, wrong_scores
from repro.papers.spec import Suite
from repro.records import Folder, Record
from repro.words import many

OTHERS = ("records", "external", "bench")  # folders in tables/ that are no suite's
EXAMPLES = (
    "repro check                             everything that is committed, and the demo where it was trained",
    "repro check --fresh                     what continuous integration runs after the demo",
    "repro check --claims --suite camvid     the papers' claims: holds, does not hold, undecided",
)


@dataclass
class Report:
    """What a check found: `failures` make it fail, `notes` do not."""

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    suites: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 where something does not follow, 2 for bad input."""
    return run(_main, arguments, "repro.check")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.check", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--suite", help="only this suite; default: everything that is committed, and the demo")
    parser.add_argument("--fresh", action="store_true", help="fail where no demo was trained in this checkout")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="only judge a bundle that came from others")
    parser.add_argument("--claims", action="store_true", help="only judge the papers' claims, and leave with 0")
    options = parser.parse_args(arguments)
    if options.bundle and (options.suite or options.claims):
        parser.error("--bundle goes alone: it only looks at that file")
    if options.fresh and (options.bundle or options.claims):
        parser.error(f"--fresh does not go with {'--bundle' if options.bundle else '--claims'}, which looks at no demo")
    if options.bundle:
        return check_bundle(options.bundle)
    if options.claims:
        suite = shown_as(find_suite(options.suite))
        print(claims.as_text(suite, folder_of(suite)), end="")
        return 0
    suites = [shown_as(find_suite(options.suite))] if options.suite else None
    report = check_all(suites, fresh=options.fresh)
    for note in report.notes:
        print(f"note: {note}")
    for failure in report.failures:
        print(f"FAILED: {failure}")
    print(f"Suites checked: {report.suites}; failures: {len(report.failures)}; notes: {len(report.notes)}.")
    return 1 if report.failures else 0


def check_bundle(path: Path) -> int:
    """Print what is wrong with a bundle before it is published; return the exit code."""
    from repro import bundle

    verdict = bundle.judge(path)
    for fault in verdict.faults:
        print(f"FAILED: {fault}")
    print(f"{path}: {many(verdict.records, 'record')} checked: {many(len(verdict.faults), 'failure')}.")
    return 1 if verdict.faults else 0


def check_all(suites: Sequence[Suite] | None = None, *, fresh: bool = False, root: Path = records.ROOT) -> Report:
    """Return what is wrong with the given suites, or with everything that `root` holds."""
    report = Report()
    for suite in views.committed_suites(root) if suites is None else suites:
        folder = views.committed_folder(suite, root)
        report.suites += 1
        check_views(suite, folder, report)
        if suite.toy:
            check_folder(folder.records, report)
            check_demo(suite, report, fresh=fresh, root=root)
        elif suites is not None:
            check_records(views.of_suite(suite, folder), report)
    if suites is None:
        check_committed(root, report)
    return report


def check_committed(root: Path, report: Report) -> None:
    """Check the published records, the papers' pages, and that every folder of views is a suite's."""
    published = records.folder_of(None, toy=False, root=root)
    check_folder(published.records, report)
    check_external(published, report)
    report.failures += pages.outdated(root)
    for path in records.differing(root / "runs", published.records):
        report.notes.append(f"{path}: its numbers are not those published under its name")
    for kind in ("tables", "figures"):
        for path in sorted((root / kind).glob("*")):
            if path.is_dir() and path.name not in OTHERS and suite_called(path.name) is None:
                report.failures.append(f"{path}: no suite has this name")


def check_views(suite: Suite, folder: Folder, report: Report) -> None:
    """Make every view of a suite anew in memory and compare: text as bytes, PNG as pixels; no other file is there."""
    there = {path for kind in (folder.tables, folder.figures) for path in visible_files(kind)}
    try:
        if not there and not views.of_suite(suite, folder):
            report.notes.append(f"{suite.name}: nothing is committed yet")
            return
        made = {getattr(folder, kind) / name: data for kind, name, data in views.files(suite, folder)}
    except UNREADABLE as error:
        report.failures.append(f"{suite.name}: its views cannot be made from its records: {sentence(error)}")
        return
    for path, data in made.items():
        if path not in there:
            report.failures.append(f"{path}: missing; a view of {suite.name} that follows from its records")
        elif not same_view(path.read_bytes(), data, path.name):
            report.failures.append(f"{path}: does not follow from the records; repro table --all rewrites it")
    report.failures += [f"{path}: follows from no record; remove it" for path in sorted(there - set(made))]


def visible_files(folder: Path) -> list[Path]:
    """Return the files of a folder, without hidden ones and folders."""
    return [path for path in sorted(folder.glob("*")) if path.is_file() and not path.name.startswith(".")]


def same_view(found: bytes, made: bytes, name: str) -> bool:
    """Whether two files show the same: PNG by their pixels, anything else byte by byte."""
    if found == made:
        return True
    if not name.endswith(".png"):
        return False
    from matplotlib.image import imread

    try:
        pixels = imread(io.BytesIO(found)), imread(io.BytesIO(made))
    except (OSError, ValueError, SyntaxError):  # no picture any more
        return False
    return pixels[0].shape == pixels[1].shape and np.array_equal(*pixels)


def check_folder(folder: Path, report: Report) -> None:
    """Check a folder's records, and that nothing else is there."""
    check_records(records.every(folder), report)
    report.failures += [f"{path}: part of no whole record; restore its companions" for path in records.strays(folder)]


def check_external(folder: Folder, report: Report) -> None:
    """Check that the scores of other tools' predictions are what their evidence makes them."""
    for each in external.find_external(folder):
        try:
            evidence = each.evidence()
            faults = [*wrong_scores(each, evidence)]
            faults += wrong_report(each.data["list"], evidence)
            if each.data["name"] != each.id:
                faults.append(f"its file is called {each.id}, it says {each.data['name']}")
        except UNREADABLE as error:
            faults = [unreadable(each, error)]
        report.failures += [f"{each.path}: {fault}" for fault in faults]
    report.failures += [f"{path}: part of no whole external score; remove it" for path in external.strays(folder)]


def check_records(found: Iterable[Record], report: Report) -> None:
    """Check that each record follows from its identity, evidence and images, and that no two contradict each other."""
    sound = []
    for record in found:
        faults = record_faults(record)
        report.failures += [f"{record.path}: {fault}" for fault in faults]
        sound += [] if faults else [record]
    report.failures += contradictions(sound)


def check_demo(suite: Suite, report: Report, *, fresh: bool, root: Path = records.ROOT) -> None:
    """Compare this checkout's freshly trained demo with the lock, cell by cell, within the declared tolerance."""
    trained, locked = home_of(suite, root), records.lock_of(suite.name, root)
    there = records.ids(trained.records)
    if not there:
        untrained = f"{suite.name} was not trained in this checkout; train it with ./run_all.sh {suite.name}"
        (report.failures if fresh else report.notes).append(untrained)
        return
    missing = [record.id for record in records.every(locked.records) if record.id not in there]
    if missing and fresh:
        report.failures.append(f"{suite.name}: {len(missing)} locked runs were not trained here, {missing[0]} for one")
    try:
        report.failures += demo_differences(suite, locked, trained)
    except UNREADABLE as error:
        report.failures.append(f"{suite.name}: cannot be compared with its lock: {sentence(error)}")


if __name__ == "__main__":
    sys.exit(main())

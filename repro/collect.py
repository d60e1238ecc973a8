"""Bring the records of several machines together, or pack them into a file that can be sent."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repro import bundle, records
from repro.command import DONE, FAILED, Parser, run
from repro.data.archive import unpack
from repro.faults import record_faults
from repro.plan import suite as suite_named
from repro.records import FILES, Record
from repro.words import many

EXAMPLES = (
    "repro collect DIR                        add the records of another checkout to this one's",
    "repro collect camvid --pack sent.zip     a suite's records in a file, without pixels",
)


@dataclass
class Collected:
    """What came of the records found, by their names.

    Attributes:
        added: new here.
        there: already, with the same bytes.
        differing: here with other bytes, and how they differ.
        refused: damaged, or its numbers do not follow, and why.
        passed_over: runs on generated or a user's own data, which are published nowhere.
    """

    added: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    differing: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    passed_over: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 where a record was refused, 2 for bad input."""
    return run(_main, arguments, "repro.collect")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.collect", description=__doc__, examples=EXAMPLES)
    add = parser.add_argument
    add("sources", metavar="DIR", nargs="+", help="holds records or finished runs, or is a bundle; with --pack a suite")
    add("--into", metavar="TABLES", type=Path, default=records.ROOT / "tables", help="default: this checkout's tables")
    add("--pack", metavar="FILE", type=Path, help="write a bundle of records without pixels instead")
    add("--dry-run", action="store_true", help="say what would be done, and write nothing")
    options = parser.parse_args(arguments)
    if options.pack:
        return _pack(options.sources, options.pack, dry_run=options.dry_run)
    if options.into.exists() and not options.into.is_dir():
        raise ValueError(f"--into {options.into}: a file, expected a folder")
    found = collect([Path(source) for source in options.sources], options.into / "records", dry_run=options.dry_run)
    for name, how in found.differing.items():
        print(f"differs: {name}: {how}; the one that is here stays")
    for name, why in found.refused.items():
        print(f"REFUSED: {name}: {why}")
    print(
        f"{many(len(found.added), 'record')} {'would be added' if options.dry_run else 'added'}, "
        f"{len(found.there)} there "
        f"already, {len(found.differing)} differ, {len(found.refused)} refused"
        + (f", {found.passed_over} on data that nobody publishes." if found.passed_over else ".")
    )
    if found.added and not options.dry_run:
        print("Their tables and figures: python -m repro.table --all")
    return FAILED if found.refused else DONE


def collect(sources: Sequence[Path], to: Path, *, dry_run: bool = False) -> Collected:
    """Copy the records of the sources to the records folder `to`, each only after its numbers follow from its evidence.

    Args:
        sources: folders that hold records (`<id>@<kind>.json` and its companions) or finished runs at any depth,
            or bundles.
        to: a records folder; records are only ever added to it.
        dry_run: find out and write nothing.

    Raises:
        ValueError: a source is not there, or holds nothing.
    """
    result = Collected()
    with tempfile.TemporaryDirectory() as folder:
        for number, source in enumerate(sources):
            found = _records_in(source, Path(folder) / str(number), result.refused)
            if not found and not result.refused:
                raise ValueError(f"{source}: no record or finished run is below it; name a folder of runs or tables")
            for record in found:
                _take(record, to, result, dry_run=dry_run, strange=source.is_file())
    return result


def _take(record: Record, to: Path, result: Collected, *, dry_run: bool, strange: bool) -> None:
    """Add one record, or note why not; what came in a bundle is looked at as a stranger's."""
    name, target = record.path.stem, Record(to / record.path.name)
    faults = bundle.content_faults(record) if strange else record_faults(record)
    if faults:
        result.refused[name] = faults[0]
    elif bundle.is_unpublished(record.data["lists"]["report"]["data"]):
        result.passed_over += 1
    elif target.path.exists() and (how := difference(record, target)):
        result.differing[name] = how
    elif not all(each.exists() for each in target.files):
        if not dry_run:
            records.copy(record, to)
        if name not in result.added:
            result.added.append(name)
    elif name not in result.added:
        result.there.append(name)


def difference(one: Record, other: Record) -> str:
    """Return in what two records of one name differ, in words; "" where each file that is there has the same bytes."""
    differing = [a.suffix for a, b in zip(one.files, other.files) if b.exists() and a.read_bytes() != b.read_bytes()]
    if not differing:
        return ""
    try:
        here, there = other.data["scores"], one.data["scores"]
    except (ValueError, KeyError, TypeError):
        return "the one that is here is damaged; restore it from git"
    for evaluation in sorted({*here, *there}):
        mine, its = here.get(evaluation, {}), there.get(evaluation, {})
        for metric in sorted({*mine, *its}):
            if mine.get(metric) != its.get(metric):
                return f"{metric} of {evaluation} is {its.get(metric)}, here it is {mine.get(metric)}"
    if differing == [FILES["record"]]:
        return "equal scores and evidence, another session (provenance)"
    return f"equal scores, other bytes in {' and '.join(differing)}"


def _records_in(source: Path, staged: Path, refused: dict[str, str]) -> list[Record]:
    """The records of a source; finished runs appear under `staged` with the names they would be published by."""
    if source.is_file():
        unpack(source, staged / "bundle", limits=bundle.LIMITS)
        opened = staged / "bundle"
        fault = next(bundle.manifest_faults(opened, records.every(opened / "records")), "")
        if fault:
            refused[source.name] = fault
            return []
        source = opened
    if not source.is_dir():
        raise ValueError(f"{source}: there is no such folder or file")
    paths = [path for path in sorted(source.rglob("*.json")) if not _is_hidden(path.relative_to(source))]
    found = [record for folder in dict.fromkeys(path.parent for path in paths) for record in records.every(folder)]
    for half in sorted({path for path in paths if records.is_name(path.name)} - {record.path for record in found}):
        missing = next(each.name for each in Record(half).files if not each.exists())
        refused[half.stem] = f"{missing} is not beside it; get the three files again"
    for number, path in enumerate(path for path in paths if path.name == "record.json"):
        try:
            found.append(_staged(path.parent, staged / str(number)))
        except ValueError as error:
            refused[path.parent.name] = str(error)
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _staged(folder: Path, at: Path) -> Record:
    """A finished run's three files under the name of its record, as links: nothing is copied to be looked at."""
    try:
        kind = Record(folder / "record.json").data["provenance"]["kind"]
        name = f"{folder.name}@{kind}.json"
    except (KeyError, TypeError):
        name = ""
    if not records.is_name(name):
        raise ValueError(f"{folder / 'record.json'}: not the record of a run; remove the folder, or get it again")
    at.mkdir(parents=True)
    for each, ending in FILES.items():
        (at / name).with_suffix(ending).symlink_to((folder / f"{each}{ending}").absolute())
    return Record(at / name)


def _pack(sources: Sequence[str], file: Path, *, dry_run: bool) -> int:
    """Write a bundle of one suite's records, or of those below a folder."""
    if len(sources) != 1:
        raise ValueError(f"--pack takes one suite or one folder, found {len(sources)}")
    if file.suffix != ".zip":
        raise ValueError(f"--pack {file}: a bundle is a zip; give a name that ends in .zip")
    with tempfile.TemporaryDirectory() as folder:
        found, logs = _to_pack(sources[0], Path(folder))
        if dry_run:
            print(f"{many(len(found), 'record')} would be packed into {file}.")
            return DONE
        size = bundle.pack(found, logs, file)
    print(f"{file}: {many(len(found), 'record')}, {len(logs)} with their log, {size / 1e6:.1f} MB, no pixels. "
          f"repro check --bundle {file} looks at it as its receiver will.")  # fmt: skip
    return DONE


def _to_pack(source: str, staged: Path) -> tuple[list[Record], dict[str, Path]]:
    """The records of a suite or a folder, and the logs of those whose run is at hand."""
    if Path(source).is_dir():
        refused: dict[str, str] = {}
        found = _records_in(Path(source), staged, refused)
        if refused:
            raise ValueError(f"nothing was packed: {next(iter(refused.values()))}")
        logs = {each.path.stem: each.path.resolve().parent / "log.jsonl" for each in found if each.path.is_symlink()}
    else:
        suite_named(source)
        found = bundle.of_suite(source)
        runs = {each.path.stem: records.ROOT / "runs" / each.id for each in found}
        logs = {name: run / "log.jsonl" for name, run in runs.items() if (run / "record.json").exists()}
    unique = {record.path.stem: record for record in found}
    return list(unique.values()), {name: log for name, log in logs.items() if log.exists()}


if __name__ == "__main__":
    sys.exit(main())

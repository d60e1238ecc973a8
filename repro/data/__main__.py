"""List the data sets, fetch, verify or prepare one, or write generated data in a set's layout."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from repro.command import Parser, run
from repro.data import DATASETS, check_options, dataset_class, find_root, open_dataset, search_folders
from repro.data.base import require_folder
from repro.data.verify import SHOWN, Report, compare_manifest, verify, write_manifest
from repro.files import write_atomically

EXAMPLES = (
    "repro data list --data DIR                       what is found where",
    "repro data fetch chasedb1 --to DIR               download it, or say where to get it",
    "repro data verify chasedb1 --data DIR            read every file and compare it",
    "repro data prepare cityscapes --data DIR         decode once, map ever after",
    "repro data toy isic2018 DIR                      generated data in that layout",
)
FOUND_WRONG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if a verified set is wrong, 2 for bad input."""
    return run(_main, arguments, "repro.data")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.data", description=__doc__, examples=EXAMPLES)
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=Parser)
    listing = verbs.add_parser("list", help="what is found where, with counts")
    verifying = verbs.add_parser(
        "verify", help="read every file of a set and compare it with what it should be"
    )
    verifying.add_argument("name", help="a data set, e.g. chasedb1")
    verifying.add_argument("--json", metavar="FILE", type=Path, help="write the whole report there, too")
    preparing = verbs.add_parser("prepare", help="decode and resize a set once, to be mapped ever after")
    preparing.add_argument("name", help="a data set, e.g. cityscapes")
    preparing.add_argument(
        "--size", type=_size, metavar="HxW", action="append", default=[],
        help="height x width, or native; repeatable; default: what the suites train at",
    )  # fmt: skip
    preparing.add_argument("--cache", metavar="DIR", help="where; default: $REPRO_CACHE or ~/.cache/repro")
    preparing.add_argument("--dry-run", action="store_true", help="only say how large it would be")
    for each in (listing, verifying, preparing):
        each.add_argument(
            "--data", metavar="DIR", action="append", default=[], help="a data folder, or NAME=DIR"
        )
    fetching = verbs.add_parser(
        "fetch", help="download what may be, say where to get the rest, unpack what was brought"
    )
    fetching.add_argument("name", help="a data set, e.g. isic2018")
    fetching.add_argument(
        "--archive", metavar="FILE", type=Path, action="append", default=[], help="unpack this; repeatable"
    )
    fetching.add_argument("--to", metavar="DIR", type=Path, help="data folder; default: $REPRO_DATA or ./data")
    fetching.add_argument("--all", action="store_true", help="also official splits that no list here uses")
    toy = verbs.add_parser("toy", help="write generated data in a set's layout")
    toy.add_argument("name", help="whose layout, e.g. isic2018")
    toy.add_argument("folder", metavar="DIR", type=Path, help="a new folder")
    toy.add_argument("--images", metavar="N", type=int, help="how many; default: the set's own number")
    options = parser.parse_args(arguments)
    return {"list": _list, "fetch": _fetch, "verify": _verify, "prepare": _prepare, "toy": _toy}[
        options.verb
    ](options)


def _list(options) -> int:
    check_options(options.data)
    for name in sorted(DATASETS):
        if not name.startswith("toy_") and name != "own":
            print(_found(name, options.data))
    toys = ", ".join(sorted(name for name in DATASETS if name.startswith("toy_")))
    print(f"Generated on first use: {toys}.")
    return 0


def _found(name: str, data: Sequence[str]) -> str:
    """One line on a data set: where it is and how many images each split has, or where to get it."""
    declared = dataset_class(name)
    try:
        root = find_root(name, search_folders(name, data))
    except ValueError:
        return f"{name:13} not found; get it from {declared.where}"
    counts = []
    for split, expected in declared.counts.items():
        try:
            number = len(open_dataset(name, root).split(split))
        except (ValueError, OSError):
            number = 0
        counts.append(f"{split} {number}/{expected}")
    return f"{name:13} {root}: {', '.join(counts)}"


def _verify(options) -> int:
    check_options(options.data)
    if options.json:
        require_folder(options.json.absolute().parent, "the folder of --json", "Make it, or name another file.")
    dataset = open_dataset(options.name, find_root(options.name, search_folders(options.name, options.data)))
    with _bars() as bars:
        task = bars.add_task(f"verifying {dataset.name}", total=None)
        report = verify(dataset, on_sample=lambda done, total: bars.update(task, completed=done, total=total))
    report = replace(report, checks=(*report.checks, compare_manifest(report)))
    print(_table(report))
    if options.json:
        write_atomically(options.json, (json.dumps(report.as_json(), indent=1) + "\n").encode())
    if report.wrong:
        return FOUND_WRONG
    print(f"SHA-256 of {len(report.manifest)} files: {write_manifest(report)}")
    return 0


def _table(report: Report) -> str:
    """The report for people: a line for each check, its details under it."""
    wide = max(len(check.what) for check in report.checks)
    lines = [f"{report.name} in {report.root}"]
    for check in report.checks:
        lines.append(f"{check.state:5}  {check.what:{wide}}  {check.found}")
        lines += [f"       - {detail}" for detail in check.details[:SHOWN]]
        if len(check.details) > SHOWN:
            lines.append(f"       - and {len(check.details) - SHOWN} more; --json FILE has all")
    verdict = (
        "wrong: " + ", ".join(check.what for check in report.wrong) if report.wrong else "as it should be"
    )
    return "\n".join([*lines, f"{report.name} is {verdict}."])


def _size(text: str) -> tuple[int, int] | None:
    if text == "native":
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size, expected HEIGHTxWIDTH such as 448x448, or native")
    return int(found[1]), int(found[2])


def _sizes_trained_at(name: str) -> list[tuple[int, int] | None]:
    """The sizes that the declared runs resize the set's training images to."""
    from repro import plan
    from repro.papers.suites import SUITES

    runs = (job.run for suite in SUITES.values() for job in plan.plan(suite, seeds=(0,)))
    sizes = dict.fromkeys(run.recipe.size for run in runs if run.train.data == name and run.trained)
    return [*sizes] or [None]


def _prepare(options) -> int:
    from repro.data.cache import Prepared, free_bytes

    check_options(options.data)
    if options.cache:
        os.environ["REPRO_CACHE"] = options.cache
    dataset = open_dataset(options.name, find_root(options.name, search_folders(options.name, options.data)))
    if "train" not in dataset.lists:
        raise ValueError(f"{dataset.name}: is for testing only; there is no training list to prepare.")
    samples = dataset.samples("train")
    for size in options.size or _sizes_trained_at(options.name):
        prepared = Prepared(dataset, samples, size=size)
        damaged = 0 if options.dry_run else prepared.check()
        missing = prepared.missing
        needed, free = prepared.needed_bytes(missing), free_bytes(prepared.folder)
        print(
            f"{prepared.folder}: {len(samples) - len(missing)} of {len(samples)} training pairs are there"
            f"{f', {damaged} damaged ones were deleted' if damaged else ''}; the others need {needed / 1e9:.2f} GB, "
            f"{free / 1e9:.1f} GB are free."
        )
        if missing and not options.dry_run:
            if needed > free:
                raise ValueError(f"{prepared.folder}: there is no room; name another folder with --cache DIR.")
            print(f"{_make(prepared)} pairs prepared.")
    return 0


def _make(prepared) -> int:
    with _bars() as bars:
        task = bars.add_task(f"preparing {prepared.dataset.name}", total=None)
        return prepared.make(on_pair=lambda done, total: bars.update(task, completed=done, total=total))


def _bars() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _fetch(options) -> int:
    from repro.data.fetch import fetch

    folder = options.to or Path(os.environ.get("REPRO_DATA") or "data")
    if fetch(options.name, folder, archives=options.archive, everything=options.all):
        print(f"Now: python -m repro.data verify {options.name} --data {folder}")
    return 0


def _toy(options) -> int:
    from repro.data.synthetic.layouts import write_layout  # OpenCV, only needed to generate

    name = options.name.removeprefix("toy_")
    numbers = write_layout(name, options.folder, images=options.images)
    print(
        f"{options.folder}: {', '.join(f'{split} {number}' for split, number in numbers.items())} generated images"
    )
    expected = dict(dataset_class(name).counts)
    if any(expected[split] != number for split, number in numbers.items()):
        counts = ", ".join(f"{split} {number}" for split, number in expected.items())
        print(
            f"The loader of {name} refuses other numbers than the official ones ({counts}); leave --images away."
        )
    else:
        print(f"Try: python -m repro.data verify {name} --data {name}={options.folder}")
        if dataset_class(name).published_pixels:
            print("It will say that this is not a genuine copy: generated vessels are not those that were counted.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

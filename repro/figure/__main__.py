"""Draw one figure from the records: PNG and SVG, with the CSV of what is in them beside."""

import sys
from collections.abc import Sequence
from pathlib import Path

from repro import plan
from repro.command import Parser, run
from repro.compare import find_suite, folder_of, home_of, shown_as
from repro.data import check_options
from repro.files import write_atomically
from repro.papers.spec import Suite

EXAMPLES = (
    "repro figure paper1_figure2                            PNG, SVG and the CSV behind them",
    "repro figure paper1_figure2 --suite demo --to plots    of another suite, into another folder",
    "repro figure paper1_table1_confusion                   of a table: also _agreement, _cost, _panels, _worst",
    "repro figure bench                                     of the benchmarks: also paper2_receptive_field",
)

BENCHES = ("bench", "paper2_receptive_field")  # drawn from what the benchmarks committed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.figure")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.figure", description=__doc__, examples=EXAMPLES)
    parser.add_argument("id", help="a figure, e.g. paper1_figure2, or a table's: paper1_table1_confusion, _agreement, "
                        "_cost, _panels (the first four images), _worst (each system's three worst)")  # fmt: skip
    parser.add_argument("--suite", help="whose records; default: the papers' own data")
    parser.add_argument("--to", type=Path, metavar="DIR", help="where; default: the suite's figures folder; of a "
                        "table's figures runs/figures/")  # fmt: skip
    parser.add_argument("--data", action="append", default=[], metavar="DIR", help="where the images of panels are")
    options = parser.parse_args(arguments)
    check_options(options.data)
    if options.to is not None and options.to.exists() and not options.to.is_dir():
        raise ValueError(f"--to {options.to} is a file; expected a folder, which is made where there is none")
    if options.id in BENCHES:
        from repro.figure import benches

        _write(options.to or benches.home(), options.id, benches.files_of(options.id))
        return 0
    asked = find_suite(options.suite)
    if options.id not in plan.exhibits() and options.id.rpartition("_")[0] in plan.exhibits():
        return _derived(options, asked)
    figure = plan.exhibit(options.id)
    if not plan.is_figure(figure):
        raise ValueError(f"{options.id} is a table; see it with python -m repro.table {options.id}")
    plan.check_stands(figure, asked)
    from repro.figure import files_of  # matplotlib takes half a second

    suite = shown_as(asked)
    target = options.to or home_of(suite).figures  # never a lock's
    _write(target, figure.id, files_of(figure, suite, folder_of(suite)))
    return 0


def _derived(options, asked: Suite) -> int:
    """Draw a figure that no paper prints, of one of its tables."""
    from repro.figure import derived

    found = derived.of_id(options.id)
    if found is None:
        endings = ", ".join(f"_{ending} ({what})" for ending, what in derived.ENDINGS.items())
        raise ValueError(f"there is no figure {options.id!r}; of a table there is {endings}")
    table, ending = found
    plan.check_stands(table, asked)
    suite = shown_as(asked)
    target = options.to or derived.home_of(suite)
    derived.check_target(table, ending, suite, target)
    runs = derived.runs_of(suite)
    _write(
        target, table.id, derived.files_of(table, ending, suite, folder_of(suite), runs=runs, options=options.data)
    )
    return 0


def _write(target: Path, name: str, files: dict[str, bytes]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for ending, data in files.items():
        write_atomically(target / f"{name}{ending}", data)
        print(target / f"{name}{ending}")


if __name__ == "__main__":
    sys.exit(main())

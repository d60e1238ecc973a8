"""Draw one figure from the records: PNG and SVG, with the CSV of what is in them beside."""

import sys
from collections.abc import Sequence
from pathlib import Path

from repro import plan
from repro.command import Parser, run
from repro.compare import find_suite, folder_of, home_of, shown_as
from repro.files import write_atomically


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.figure")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.figure", description=__doc__)
    parser.add_argument("id", help="a figure, e.g. paper1_figure2")
    parser.add_argument("--suite", help="whose records; default: the papers' own data")
    parser.add_argument("--to", type=Path, metavar="DIR", help="where; default: the suite's figures folder")
    options = parser.parse_args(arguments)
    figure = plan.exhibit(options.id)
    if not plan.is_figure(figure):
        raise ValueError(f"{options.id} is a table; see it with python -m repro.table {options.id}")
    suite = shown_as(find_suite(options.suite))
    from repro.figure import files_of  # matplotlib takes half a second

    target = options.to or home_of(suite).figures  # never a lock's
    files = files_of(figure, suite, folder_of(suite))
    target.mkdir(parents=True, exist_ok=True)
    for ending, data in files.items():
        write_atomically(target / f"{figure.id}{ending}", data)
        print(target / f"{figure.id}{ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

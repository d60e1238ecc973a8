"""Print one table, or the numbers behind a figure."""

import sys
from collections.abc import Sequence

from repro import plan
from repro.command import Parser, run
from repro.compare import find_suite, folder_of, shown_as, suites_with_numbers
from repro.papers.spec import FactTable
from repro.table import FORMATS, render


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.table")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.table", description=__doc__)
    parser.add_argument("id", help="a table or figure, e.g. paper1_table1")
    parser.add_argument("--suite", help="whose numbers; default: the papers' own data")
    parser.add_argument("--format", choices=sorted(FORMATS), default="text")
    parser.add_argument("--columns", choices=("paper", "all"), default="paper", help="as printed, or all declared ones")
    options = parser.parse_args(arguments)
    table = plan.exhibit(options.id)
    asked = find_suite(options.suite)
    if not isinstance(table, FactTable) and not plan.stands(table, asked):
        raise ValueError(f"suite {asked.name} has no data for {table.id}; it has {', '.join(plan.tables_of(asked))}")
    suite = shown_as(asked)
    folder = folder_of(suite)
    print(render(table, suite, folder, options.format, every_column=options.columns == "all"), end="")
    if options.suite is None and options.format == "text" and not isinstance(table, FactTable):
        names = suites_with_numbers(table)
        there = f"Suites with numbers for it: {', '.join(names)} (--suite NAME)."
        print(there if names else "No suite has numbers for it yet.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

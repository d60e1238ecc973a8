"""Print one table, or the numbers behind a figure; or rewrite all of them."""

import sys
from collections.abc import Sequence

from repro import plan
from repro.command import Parser, run
from repro.compare import find_suite, folder_of, shown_as, suites_with_numbers
from repro.papers.spec import FactTable
from repro.table import FORMATS, OTHERS, render

COLUMNS = ("paper", "all", *OTHERS)
EXAMPLES = (
    "repro table paper1_table1                         reported, measured, verdict",
    "repro table paper1_table1 --suite camvid          with the numbers of another suite",
    "repro table paper2_table3 --columns all --format md",
    "repro table paper1_table1 --columns cost          parameters, GFLOP, time, memory",
    "repro table --all                                 rewrite every view from its records",
)
_COLUMNS_HELP = "as printed, all declared ones, what each system costs, each class's IoU, or confusion matrices"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.table")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.table", description=__doc__, examples=EXAMPLES)
    parser.add_argument("id", nargs="?", help="a table or figure, e.g. paper1_table1")
    parser.add_argument("--all", action="store_true", help="rewrite every view of every suite with committed records")
    parser.add_argument("--suite", help="whose numbers; default: the papers' own data")
    parser.add_argument("--format", choices=sorted(FORMATS), default="text")
    parser.add_argument("--columns", choices=COLUMNS, default="paper", help=_COLUMNS_HELP)
    options = parser.parse_args(arguments)
    if options.all == (options.id is not None):
        parser.error("give the id of a table or figure, or --all")
    if options.all:
        if (options.suite, options.format, options.columns) != (None, "text", "paper"):
            parser.error("--all goes with no other option: it rewrites every suite's views in every format")
        return _rewrite_all()
    table = plan.exhibit(options.id)
    if isinstance(table, FactTable) and options.columns != "paper":
        raise ValueError(f"{table.id} is a table of facts and has no columns but its own; leave out --columns")
    asked = find_suite(options.suite)
    if not isinstance(table, FactTable):
        plan.check_stands(table, asked)
    suite = shown_as(asked)
    folder = folder_of(suite)
    print(render(table, suite, folder, options.format, columns=options.columns), end="")
    if options.format != "text" or isinstance(table, FactTable):
        return 0
    names = suites_with_numbers(table)
    if options.suite is None or (plan.is_reduced(asked) and asked.name not in names):
        there = f"Suites with numbers for it: {', '.join(names)} (--suite NAME)."
        print(there if names else "No suite has numbers for it yet.")
    return 0


def _rewrite_all() -> int:
    """Rewrite the views of every suite from its committed records; say which."""
    from repro import views

    for suite in views.committed_suites():
        folder = views.committed_folder(suite)
        if views.of_suite(suite, folder):
            views.write(suite, folder)
            print(f"{suite.title}: {folder.tables}, {folder.figures}")
        else:
            print(f"{suite.title}: no committed records")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure how fast our paths are beside what a user would write instead."""

import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from repro.bench import ROWS, as_csv, as_text, check_rows
from repro.command import Parser, run
from repro.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.bench")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.bench", description=__doc__)
    parser.add_argument("rows", metavar="ROW", nargs="*", help=f"{', '.join(ROWS)}; default: all of them")
    parser.add_argument("--write", action="store_true", help="also write tables/bench/ROW.csv")
    options = parser.parse_args(arguments)
    for row in check_rows(options.rows):
        result = pkgutil.resolve_name(ROWS[row])()
        if options.write:
            path = ROOT / "tables" / "bench" / f"{row}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, as_csv(result).encode())
            print(f"written: {path.relative_to(ROOT)}")
        print(as_text(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

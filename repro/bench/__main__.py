"""Measure how fast our paths are beside what a user would write instead."""

import csv
import io
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from repro.bench import ROWS, as_csv, as_text, check_rows
from repro.command import Parser, run
from repro.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = (
    "repro bench data             one row: reading pairs",
    "repro bench data --write     also tables/bench/data.csv",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.bench")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.bench", description=__doc__, examples=EXAMPLES)
    cheap = ", ".join(check_rows([]))
    parser.add_argument("rows", metavar="ROW", nargs="*", help=f"{', '.join(ROWS)}; default: {cheap}")
    parser.add_argument("--write", action="store_true", help="also write tables/bench/ROW.csv")
    parser.add_argument("--kills", type=int, metavar="N", help="faults: kills at random times; scales what is repeated")
    options = parser.parse_args(arguments)
    if options.kills is not None and (options.kills < 1 or options.rows != ["faults"]):
        parser.error(f"--kills {options.kills}: expected a number above 0, and the row faults alone")
    code = 0
    for row in check_rows(options.rows):
        measured = pkgutil.resolve_name(ROWS[row])(**({"kills": options.kills} if options.kills else {}))
        if options.write:
            path = ROOT / "tables" / "bench" / f"{row}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            there = path.read_text() if path.exists() else ""
            write_atomically(path, beside_other_devices(as_csv(measured), there).encode())
            print(f"written: {path.relative_to(ROOT)}; python -m repro.pages renews docs/bench.md")
        print(as_text(measured), flush=True)
        code = max(code, getattr(measured, "code", 0))
    return code


def beside_other_devices(new: str, there: str) -> str:
    """Return a CSV with the new lines, and those that were there of other devices: a card's do not replace a CPU's."""
    fresh = list(csv.DictReader(io.StringIO(new)))
    devices = {line["device"] for line in fresh}
    kept = [line for line in csv.DictReader(io.StringIO(there)) if line.get("device") not in devices]
    buffer = io.StringIO()
    names = dict.fromkeys(name for line in [*fresh, *kept] for name in line)
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted([*fresh, *kept], key=lambda line: line["device"]))
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())

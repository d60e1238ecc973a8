"""Write a suite's result as one self-contained page, or as a summary in Markdown."""

import sys
from collections.abc import Sequence
from pathlib import Path

from repro import records
from repro.command import Parser, run
from repro.compare import find_suite, folder_of, shown_as
from repro.data import check_options
from repro.files import write_atomically
from repro.papers.spec import Suite
from repro.report import FORMATS, content
from repro.words import many

EXAMPLES = (
    "repro report --suite demo --data DIR            runs/reports/demo.html, opens from disk",
    "repro report --suite camvid --format md         a reproducibility summary to paste",
)
_FORMATS_HELP = "html: a page that opens from disk; md: a reproducibility summary to paste"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.report")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.report", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--suite", help="whose numbers; default: the papers' own data")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: runs/reports/SUITE.html or .md")
    parser.add_argument("--format", choices=sorted(FORMATS), default="html", help=_FORMATS_HELP)
    parser.add_argument(
        "--data", action="append", default=[], metavar="DIR", help="where images are, as for run_all.sh; for pictures"
    )
    options = parser.parse_args(arguments)
    check_options(options.data)
    suite = shown_as(find_suite(options.suite))
    private = records.ROOT / "runs"
    output = options.output or private / "reports" / f"{suite.name}.{options.format}"
    if output.is_dir():
        raise ValueError(f"{output} is a folder; name a file, such as {output / f'{suite.name}.{options.format}'}")
    to_pass_on = not output.resolve().is_relative_to(private.resolve())
    found = content(suite, folder_of(suite), runs=runs_of(suite), data=options.data, to_pass_on=to_pass_on)
    text = FORMATS[options.format](found).encode()
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, text)
    held = f"{many(len(found.records), 'record')}, {many(len(found.cells), 'printed number')}"
    print(f"{_short(output)}: {len(text) / 1e6:.2f} MB; {held}.")
    for note in found.panels.notes:
        print(f"note: {note}")
    return 0


def _short(path: Path) -> Path:
    """A path as the user would type it."""
    return path.relative_to(records.ROOT) if path.is_relative_to(records.ROOT) else path


def runs_of(suite: Suite, root: Path = records.ROOT) -> Path:
    """Return the folder that holds a suite's runs."""
    return root / "runs" / suite.name if suite.toy else root / "runs"


if __name__ == "__main__":
    sys.exit(main())

"""`python -m repro.audit [paper1|paper2|FILE]`: does the arithmetic of a paper's numbers work out?"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from repro.audit.asked import Asked, counts_of, read_counts
from repro.audit.crosscheck import cross_check, in_words
from repro.audit.declared import check_paper, groups_of
from repro.audit.files import check_file, groups_of_file
from repro.audit.finding import Finding
from repro.audit.group import Group
from repro.audit.known import KNOWN_SETS, known_set
from repro.audit.report import as_json, as_text, is_inconsistent
from repro.command import Parser, run
from repro.papers import PAPERS

_DESCRIPTION = """Check the arithmetic of printed segmentation scores: of this suite's papers, or of any table.

FILE is a table in CSV, Markdown or LaTeX. Score columns are found by name (Acc, Sen/Se/Recall, Sp, Precision, JA/IoU,
DI/F1: of one foreground class; mIoU and mDice: means over classes), in per cent or fractions, each number with the
rounding of its own last digit (rounded, not cut off); with ±, or a spread in brackets, they are means. Columns of
several data sets are told apart by the heading over, in or under them, rows by a title between them or a column called
Dataset, Fold and the like.

Exit status: 1 where a finding says inconsistent, with or without "if pooled"; 2 where the input cannot be understood;
else 0."""
_EXAMPLES = (
    "repro audit paper2                                           the arithmetic of a declared paper",
    "repro audit table.csv --set chasedb1 --region field_of_view  anybody's table, on counted data",
    "repro audit table.tex --prevalence 0.19                      where the share of foreground is known",
    "repro audit table.md --counts pixels.csv --format json",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.audit")


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    asked = _asked(options)
    targets = options.target or [paper.id for paper in PAPERS]
    audits = [_audit(target, asked) for target in targets]
    groups = [_groups(target, asked) for target in targets]
    opinions = cross_check([one for each in groups for one in each]) if options.cross_check else []
    if options.format == "json":
        print(json.dumps([as_json(*audit) for audit in audits], indent=2, ensure_ascii=False))
    else:
        print("\n".join(as_text(*audit, tested=bool(each)) for audit, each in zip(audits, groups)), end="")
    if options.cross_check:
        print(in_words(opinions), file=sys.stderr if options.format == "json" else sys.stdout)
    return int(any(is_inconsistent(findings) for _, findings, _ in audits))


def _audit(target: str, asked: Asked) -> tuple[str, list[Finding], list[str]]:
    """Return title, findings and notes of a declared paper or of a file."""
    paper = next((paper for paper in PAPERS if paper.id == target), None)
    if paper is None:
        return (Path(target).name, *check_file(Path(target), asked))
    if asked != Asked():
        raise ValueError(f"{target} declares its data itself; options on data are for a FILE")
    return f"{paper.id}: {paper.title}", check_paper(paper), []


def _groups(target: str, asked: Asked) -> list[Group]:
    paper = next((paper for paper in PAPERS if paper.id == target), None)
    return groups_of(paper) if paper else groups_of_file(Path(target), asked)


def _asked(options: argparse.Namespace) -> Asked:
    """Return what the reader knows of the data, checked."""
    if (options.positives is None) != (options.negatives is None):
        raise ValueError("--positives and --negatives go together: pixels of all images")
    known = ("set", "prevalence", "counts", "positives")
    given = [f"--{name}" for name in known if getattr(options, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} say the same thing in several ways; give one")
    counts = None
    if options.counts is not None:
        counts = read_counts(options.counts)
    elif options.positives is not None:
        counts = counts_of([(options.positives, options.negatives)])
    data = known_set(options.set) if options.set is not None else None
    if options.set is not None and data is None:
        raise ValueError(
            f"--set {options.set}: not counted, as {', '.join(KNOWN_SETS)} are; give --prevalence or --counts"
        )
    return Asked(
        data=data,
        region=options.region,
        split=options.split,
        resized=options.resized,
        counts=counts,
        prevalence=options.prevalence,
        aggregation=options.aggregation,
        unit=options.unit,
        rows_are_sets=options.rows_are_sets,
    )


def _parser() -> Parser:
    parser = Parser(prog="repro.audit", description=_DESCRIPTION, examples=_EXAMPLES)
    parser.add_argument("target", nargs="*", help="paper1, paper2 or a FILE; both papers if none is given")
    sets = ", ".join(KNOWN_SETS)
    parser.add_argument("--set", metavar="NAME", help=f"the data set of every column, or of those headed so: {sets}")
    parser.add_argument("--region", choices=("whole", "field_of_view"), help="pixels that were scored; else both")
    parser.add_argument(
        "--split", metavar="NAME", help="images that were scored, such as 'last 8'; else the usual ones"
    )
    parser.add_argument(
        "--resized", action="store_true", help="labels may have been resized: shares within 5 %% of theirs"
    )
    parser.add_argument("--prevalence", metavar="P", help="share of foreground, 0.0876, or a range by image, 0.07-0.10")
    parser.add_argument("--counts", type=Path, metavar="CSV", help="pixels by image: columns positives, negatives")
    parser.add_argument("--positives", type=int, metavar="N", help="foreground pixels of all images, with --negatives")
    parser.add_argument("--negatives", type=int, metavar="N", help="background pixels of all images")
    parser.add_argument("--aggregation", choices=("pooled", "mean"), help="how scores were taken; else both are tested")
    parser.add_argument("--rows-are-sets", action="store_true", help="each row was scored on other images")
    parser.add_argument("--unit", choices=("percent", "fraction"), help="of every score; else decided by column")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--cross-check", action="store_true", help="also ask mlscorecheck, where it is installed")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Benchmarks: our path against what a user would write instead, in one process and in turn.

A row is a function that returns what it measured: a `Result` (or several) where paths are compared, a `Sheet` where
things are listed. `ROWS` is the one list of them.
"""

from collections.abc import Sequence

from repro.bench.result import Line, Result, in_turn
from repro.bench.sheet import Sheet

__all__ = ["NAMED_ONLY", "ROWS", "Line", "Result", "Sheet", "as_csv", "as_text", "check_rows", "in_turn"]

ROWS: dict[str, str] = {  # row -> the function that measures it
    "data": "repro.bench.data:measure",
    "step": "repro.bench.step:measure",
    "evaluate": "repro.bench.evaluate:measure",
    "large-kernel": "repro.bench.large_kernel:measure",
    "memory": "repro.bench.memory:measure",
    "overhead": "repro.bench.overhead:measure",
    "saving": "repro.bench.saving:measure",
    "views": "repro.bench.views:measure",
    "networks": "repro.bench.networks:measure",
    "overfit": "repro.bench.overfit:measure",
    "demo": "repro.bench.commands:measure_demo",
    "tests": "repro.bench.commands:measure_tests",
    "portable": "repro.bench.portable:measure",
    "receptive-field": "repro.bench.receptive_field:measure",
    "faults": "repro.bench.survival:measure",
    "defects": "repro.bench.defects:measure",
    "cluster": "repro.bench.cluster:measure",
}
# They take minutes, or what not every machine has.
NAMED_ONLY = {
    "cluster", "saving", "faults", "defects", "networks", "overfit", "receptive-field", "portable", "demo", "tests",
}  # fmt: skip

Measured = Result | Sheet | Sequence[Result]


def as_text(measured: Measured) -> str:
    """Return what a row measured for people; the ratio, or what was found, last."""
    return "\n".join(each.text() for each in _each(measured))


def as_csv(measured: Measured) -> str:
    """Return what a row measured as CSV: a line a way or thing, with the machine and its versions."""
    first, *others = [each.csv() for each in _each(measured)]
    return first + "".join(other.partition("\n")[2] for other in others)


def _each(measured: Measured) -> Sequence[Result | Sheet]:
    return [measured] if isinstance(measured, (Result, Sheet)) else measured


def check_rows(names: Sequence[str]) -> list[str]:
    """Return the rows asked for, without a name all that are cheap; ValueError for one that is not there."""
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not measured here; there is {', '.join(ROWS)}.")
    return [*names] or [name for name in ROWS if name not in NAMED_ONLY]

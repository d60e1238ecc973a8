"""Benchmarks: our path against what a user would write instead, in one process and in turn.

A row is a module with `measure() -> Result`; `ROWS` is the one list of them.
"""

import csv
import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ROWS: dict[str, str] = {  # row -> the function that measures it
    "data": "repro.bench.data:measure",
}


@dataclass(frozen=True)
class Line:
    """One measured thing: the median and the spread (first and third quartile) of `times`, in seconds."""

    name: str
    times: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def quartiles(self) -> tuple[float, float]:
        first, _, third = statistics.quantiles(self.times, n=4)
        return first, third


@dataclass(frozen=True)
class Result:
    """What a row measured.

    Attributes:
        row: its name.
        unit: what a time is of: "sample".
        lines: ours first, then the plain path, then the parts that explain them.
        goal: what was aimed at, in words.
        limit: the least time that ours could take, in seconds, and why.
        machine: processor, cores and versions.
    """

    row: str
    unit: str
    lines: tuple[Line, ...]
    goal: str
    limit: tuple[float, str]
    machine: Mapping[str, object]

    @property
    def ratio(self) -> float:
        """How many times as fast as the plain path ours is, of the medians."""
        return self.lines[1].median / self.lines[0].median


def in_turn(
    ways: Mapping[str, Callable[[int], object]], *, clock: Callable[[], float], rounds: int, calls: int = 1
) -> list[Line]:
    """Return the times of each way in turn, A B A B, of which the first round warms up.

    A turn is `calls` calls, each given its number, and its time is their mean: the ways do not share a cache that long.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = clock()
            for call in range(calls):
                way(number * calls + call)
            if number:
                times[name].append((clock() - began) / calls)
    return [Line(name, tuple(each)) for name, each in times.items()]


def as_text(result: Result) -> str:
    """Return the result for people: a line each, the limit, the goal, and the ratio last."""
    wide = max(len(line.name) for line in result.lines)
    lines = [f"{result.row}: seconds of one core per {result.unit}; {_machine(result.machine)}"]
    for line in result.lines:
        first, third = line.quartiles
        lines.append(
            f"  {line.name:{wide}}  {1e3 * line.median:8.2f} ms  (quartiles {1e3 * first:.2f} to {1e3 * third:.2f}, "
            f"{len(line.times)} turns)"
        )
    least, why = result.limit
    lines.append(f"limit: {1e3 * least:.2f} ms, {why}; ours takes {result.lines[0].median / least:.1f} times that")
    lines.append(f"goal: {result.goal}")
    lines.append(f"ratio: {result.ratio:.1f}")
    return "\n".join(lines)


def _machine(machine: Mapping[str, object]) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores"


def as_csv(result: Result) -> str:
    """Return the result as CSV: a line a way, with the machine and its versions."""
    buffer = io.StringIO()
    facts = {**{key: value for key, value in result.machine.items() if key != "libraries"}, **_versions(result.machine)}
    names = ["way", "milliseconds", "first_quartile", "third_quartile", "n", "ratio", "limit_milliseconds", *facts]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for line in result.lines:
        first, third = line.quartiles
        numbers = [f"{1e3 * seconds:.3f}" for seconds in (line.median, first, third)]
        ratio = f"{result.lines[1].median / line.median:.2f}" if line in result.lines[:2] else ""
        writer.writerow([line.name, *numbers, len(line.times), ratio, f"{1e3 * result.limit[0]:.3f}", *facts.values()])
    return buffer.getvalue()


def _versions(machine: Mapping[str, object]) -> Mapping[str, object]:
    return dict(machine.get("libraries", {}))


def check_rows(names: Sequence[str]) -> list[str]:
    """Return the rows asked for, all without a name; ValueError for one that is not there."""
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not measured here; there is {', '.join(ROWS)}.")
    return [*names] or [*ROWS]

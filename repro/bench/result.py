"""Paths that do the same, timed in turn."""

import csv
import io
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repro.bench.sheet import facts_of, machine_text


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
        if len(self.times) < 2:
            return self.times[0], self.times[0]
        first, _, third = statistics.quantiles(self.times, n=4)
        return first, third


@dataclass(frozen=True)
class Result:
    """What a row measured.

    Attributes:
        row: its name.
        unit: what a time is of: "sample".
        lines: ours first, then the plain path, then other whole paths, then the parts that explain them.
        goal: what was aimed at, in words.
        limit: the least time that ours could take, in seconds, and why.
        machine: device, processor, cores and versions, as `repro.machine.describe` says them.
        of: what was measured where a row measures several things: "U-Net, 2x128x256".
        wanted: the ratio aimed at; None where the goal is another number.
        paths: how many of the lines are whole paths; each has a ratio.
        clock: what a second is.
        notes: sentences on what else was found.
    """

    row: str
    unit: str
    lines: tuple[Line, ...]
    goal: str
    limit: tuple[float, str]
    machine: Mapping[str, object]
    of: str = ""
    wanted: float | None = None
    paths: int = 2
    clock: str = "seconds of one core"
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """How many times as fast as the plain path ours is, of the medians."""
        return self.lines[1].median / self.lines[0].median

    def text(self) -> str:
        """Return the result for people: a line each, the limit, the goal, and the ratio last."""
        wide = max(len(line.name) for line in self.lines)
        head = ", ".join(filter(None, [self.row, self.of]))
        lines = [f"{head}: {self.clock} per {self.unit}; {machine_text(self.machine)}"]
        for line in self.lines:
            first, third = line.quartiles
            lines.append(
                f"  {line.name:{wide}}  {1e3 * line.median:8.2f} ms  (quartiles {1e3 * first:.2f} to {1e3 * third:.2f},"
                f" {len(line.times)} turns)"
            )
        least, why = self.limit
        lines += self.notes
        lines.append(f"limit: {1e3 * least:.2f} ms, {why}; ours takes {self.lines[0].median / least:.1f} times that")
        lines.append(f"goal: {self.goal}")
        lines.append(f"ratio: {self.ratio:.{1 if self.ratio >= 3 else 2}f}")
        return "\n".join(lines)

    def csv(self) -> str:
        """Return the result as CSV: a line a way, with the machine and its versions."""
        buffer = io.StringIO()
        facts = facts_of(self.machine)
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*_COLUMNS, *facts])
        for number, line in enumerate(self.lines):
            first, third = line.quartiles
            times = [f"{1e3 * seconds:.3f}" for seconds in (line.median, first, third)]
            ratio = f"{self.lines[1].median / line.median:.2f}" if number < self.paths else ""
            wanted = "" if self.wanted is None or number else f"{self.wanted:g}"
            limit = [f"{1e3 * self.limit[0]:.3f}", self.limit[1]]
            about = [self.unit, self.clock, *limit, self.goal, "; ".join(self.notes)]
            writer.writerow([self.of, line.name, *times, len(line.times), ratio, wanted, *about, *facts.values()])
        return buffer.getvalue()


_COLUMNS = (
    *("of", "way", "milliseconds", "first_quartile", "third_quartile", "n", "ratio", "wanted", "unit", "clock"),
    *("limit_milliseconds", "limit", "goal", "notes"),
)


def in_turn(
    ways: Mapping[str, Callable[[int], object]],
    *,
    clock: Callable[[], float],
    rounds: int,
    calls: int = 1,
    lead: int = 0,
) -> list[Line]:
    """Return the times of each way in turn, A B A B, of which the first round warms up.

    A turn is `calls` calls, each given its number, and its time is their mean: the ways do not share a cache that long.
    `lead` calls before them are not timed: they find in the caches what another way has left there.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            for call in range(-lead, 0):
                way(number * calls + call)
            began = clock()
            for call in range(calls):
                way(number * calls + call)
            if number:
                times[name].append((clock() - began) / calls)
    return [Line(name, tuple(each)) for name, each in times.items()]

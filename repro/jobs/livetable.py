"""All runs of a call in one table, with the time left: drawn anew on a terminal, a line a minute elsewhere."""

import time
from collections.abc import Callable, Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from repro.jobs.messages import Report
from repro.words import duration

EVERY = 60.0  # seconds between two lines where there is no terminal
ROWS = 30  # runs shown at once; the heading counts the others


class LiveTable:
    """Follows many runs at once: what is under way, how far, how long still."""

    def __init__(
        self,
        console: Console,
        runs: Mapping[str, tuple[str, int]],
        clock: Callable[[], float] = time.monotonic,
    ):
        """Follow `runs`, their names and optimiser steps by id, on `console`."""
        self.console, self.runs, self.clock = console, dict(runs), clock
        self.under_way: dict[str, Report] = {}
        self.ended: set[str] = set()
        self.failed = 0
        self.said = clock()
        self.live = Live(console=console, get_renderable=self.draw, refresh_per_second=2, transient=True)
        self.drawn = console.is_terminal and not console.quiet

    def __enter__(self) -> "LiveTable":
        if self.drawn:
            self.live.start()
        return self

    def __exit__(self, *_) -> None:
        if self.drawn:
            self.live.stop()

    def hear(self, report: Report) -> None:
        """Take a run's newest report."""
        if report.id in self.runs and report.id not in self.ended:
            self.under_way[report.id] = report

    def lost(self, id: str, why: str) -> None:
        """The run's process is gone and it will be begun again."""
        step = self.under_way.pop(id, Report(id)).step
        self._say(f"{self.runs[id][0]}: {why} after step {step}; it is begun again from its checkpoint")

    def end(self, id: str, facts: str, seconds: float) -> None:
        """The run is done after `seconds`; `facts` is what came out."""
        self._over(id)
        self._say(f"[{len(self.ended)}/{len(self.runs)}] {self.runs[id][0]}: {facts} ({duration(seconds)})")

    def fail(self, id: str) -> None:
        """The run is over without a record."""
        self.failed += 1
        self._over(id)

    def tick(self) -> None:
        """Say how it goes where no table is drawn, once a minute."""
        if not self.drawn and self.clock() - self.said >= EVERY:
            self._say(self.heading())

    def step(self, id: str) -> int:
        """Return the step a run was last heard of at."""
        return self.under_way[id].step if id in self.under_way else 0

    def heading(self) -> str:
        """Return the counts and the time left: "3 of 70 runs done, 8 under way, 59 to come, 2.5 h left"."""
        done = len(self.ended) - self.failed
        to_come = len(self.runs) - len(self.ended) - len(self.under_way)
        counts = [f"{done} of {len(self.runs)} runs done", f"{len(self.under_way)} under way"]
        counts += [f"{self.failed} failed"] if self.failed else []
        counts += [f"{to_come} to come"] if to_come else []
        left = self.seconds_left()
        return ", ".join(counts + ([] if left is None else [f"{duration(left)} left"]))

    def seconds_left(self) -> float | None:
        """Return the seconds until all runs are done, at the speed of those under way; None before it is known.

        Steps that remain, over the steps a second of all runs together; never less than the slowest of them needs.
        """
        rate = sum(report.rate for report in self.under_way.values())
        if not rate:
            return None
        own = [self._left_of(report) for report in self.under_way.values()]
        remaining = sum(steps - self.step(id) for id, (_, steps) in self.runs.items() if id not in self.ended)
        return max([remaining / rate, *(seconds for seconds in own if seconds is not None)])

    def draw(self) -> Group:
        """Return the table as it stands."""
        table = Table(box=None, pad_edge=False)
        for column in ("run", "where", "step", "loss", "best", "left"):
            table.add_column(column, justify="left" if column in ("run", "where") else "right", no_wrap=True)
        for report in list(self.under_way.values())[:ROWS]:
            name, steps = self.runs[report.id]
            left = self._left_of(report)
            table.add_row(
                Text(name), Text(report.where), f"{report.step}/{steps}" if steps else "", _number(report.loss, 3),
                _number(100 * report.score, 1), "" if left is None else duration(left),
            )  # fmt: skip
        return Group(Text(self.heading()), table)

    def _left_of(self, report: Report) -> float | None:
        return (self.runs[report.id][1] - report.step) / report.rate if report.rate else None

    def _over(self, id: str) -> None:
        self.under_way.pop(id, None)
        self.ended.add(id)

    def _say(self, line: str) -> None:
        self.said = self.clock()
        self.console.print(line, markup=False)


def _number(value: float, digits: int) -> str:
    """A number, or nothing where it is not known yet."""
    return "" if value != value else f"{value:.{digits}f}"

"""What a run in another process says of itself, and hears: how far it is, and whether to stop."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repro.training import Events, Progress

INTERVAL = 1.0  # seconds between two reports of a run


@dataclass(frozen=True)
class Report:
    """How far a run is.

    Attributes:
        id: the run's.
        where: the machine it is on.
        step: optimiser steps done, also those of earlier sessions.
        first: the step this process began at; None before the first.
        seconds: since then.
        loss: mean training loss of the curve's last point.
        score: the best selection score so far, a fraction.
    """

    id: str
    where: str = ""
    step: int = 0
    first: int | None = None
    seconds: float = 0.0
    loss: float = float("nan")
    score: float = float("nan")

    @property
    def rate(self) -> float:
        """Optimiser steps a second of this process; 0 before it is known."""
        return (self.step - self.first) / self.seconds if self.first is not None and self.seconds > 0 else 0.0


class Reporter:
    """Sends a run's reports once a second from a thread of its own; what comes back is a reason to stop, or "".

    A step may take long, and a run that is evaluated has none: neither keeps a reason from coming.
    """

    def __init__(self, report: Report, send: Callable[[Report], str | None], clock: Callable[[], float]):
        """Report on the run of `report` by `send`; a send that fails means that nobody is there any more."""
        self.report, self.send, self.clock = report, send, clock
        self.reason = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> "Reporter":
        self._exchange()  # a reason that is there already is heard before anything is begun
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def events(self, should_stop: Callable[[], str]) -> "Events":
        """Return the hooks of a training; it stops for `should_stop`, too."""
        from repro.training import Events  # torch takes seconds to import: only where there is something to train

        self.began = self.clock()
        return Events(on_step=self._step, on_point=self._point, should_stop=lambda: should_stop() or self.reason)

    def _step(self, progress: "Progress") -> None:
        first, now = self.report.first, self.clock()
        if first is None:
            first, self.began = progress.step, now
        self.report = replace(self.report, step=progress.step, first=first, seconds=now - self.began)

    def _point(self, point: dict) -> None:
        score = point.get("selection_score", self.report.score)
        best = score if self.report.score != self.report.score else max(self.report.score, score)
        self.report = replace(self.report, loss=point["train_loss"], score=best)

    def _talk(self) -> None:
        while not self._over.wait(INTERVAL):
            self._exchange()

    def _exchange(self) -> None:
        try:
            self.reason = self.reason or self.send(self.report) or ""
        except Exception as error:  # whatever a pipe or a cluster raises when its other end is gone
            self.reason = f"nobody is listening any more: {type(error).__name__}"


class Board:
    """Where runs on other machines leave their reports, and where they read whether to stop."""

    def __init__(self):
        """Nothing is known yet, and nobody has to stop."""
        self.reason = ""
        self.fresh: dict[str, Report] = {}

    def hear(self, report: Report) -> str:
        """Take a run's report; return the reason to stop, or ""."""
        self.fresh[report.id] = report
        return self.reason

    def news(self) -> list[Report]:
        """Return what came since the last call, the newest of each run."""
        found, self.fresh = list(self.fresh.values()), {}
        return found

    def stop(self, reason: str) -> None:
        """Let every run stop at its next step."""
        self.reason = reason

"""Jobs done: what it is to do one, wherever, and one after another in this process."""

import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from repro.command import BUSY, DONE, FAILED, STOPPED, Stop, sentence
from repro.plan import Job
from repro.progress import Watch
from repro.runner import Busy, Setting, open_lists, perform, run_folder
from repro.schedule import steps_per_epoch
from repro.training import Events, Interrupted

RETRIES = 3  # times a run is begun again at the same step after its process was lost


@dataclass(frozen=True)
class Outcome:
    """How a job ended: an exit code, a sentence where it is not done, and how long it took."""

    code: int
    said: str = ""
    seconds: float = 0.0


def attempt(job: Job, setting: Setting, events: Events, *, patience: float = 0.0) -> Outcome:
    """Train and evaluate a job; a failure is said and stops no other.

    Args:
        job: which.
        setting: where and how.
        events: what the caller watches.
        patience: seconds to wait for a run's lock, which the system frees a moment after its last writer was killed.
    """
    started = time.monotonic()
    while True:
        try:
            perform(job.run, setting, events, report_loss=job.report_loss)
            return Outcome(DONE, seconds=time.monotonic() - started)
        except Busy as why:
            if time.monotonic() - started >= patience:
                return Outcome(BUSY, str(why))
            time.sleep(0.5)
        except Interrupted as why:
            return Outcome(STOPPED, f"Stopped ({why}) with a checkpoint; the same call goes on from it.")
        except (ValueError, OSError) as error:
            return Outcome(FAILED, f"{job.cells[0]}: {sentence(error)}")
        except Exception as error:  # a mistake of ours, or of the card: the others go on, and its traceback is kept
            return Outcome(FAILED, f"{job.cells[0]}: {_kept(job, setting, error)}")


def _kept(job: Job, setting: Setting, error: Exception) -> str:
    """Leave the traceback in the run's folder; return the error in a line, with where that is."""
    path = run_folder(setting, job.run) / "traceback.txt"
    with suppress(OSError):  # a full disk may be the reason
        path.write_text("".join(traceback.format_exception(error)))
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} (traceback in {path.parent.name}/{path.name} of the runs folder)"


def name_of(job: Job) -> str:
    """Return what people call a job: its first cell, and the seed where it is not 0."""
    return f"{job.cells[0]}, seed {job.run.seed}" if job.run.seed else job.cells[0]


def steps_of(job: Job, setting: Setting) -> int:
    """Return the optimiser steps of a job; 0 where nothing is trained."""
    if not job.run.trained:
        return 0
    return job.run.recipe.epochs * steps_per_epoch(len(open_lists(job.run, setting.data).train), job.run.recipe.batch)


def not_begun(reason: str) -> Outcome:
    """Return the outcome of a job that was not begun because of a reason to stop."""
    return Outcome(STOPPED, f"Stopped ({reason}); the same call goes on from here.")


def one_by_one(jobs: Sequence[Job], setting: Setting, watch: Watch, stop: Stop) -> Iterator[tuple[Job, Outcome]]:
    """Do jobs in this process; yield each as it ends. Nothing is begun after a reason to stop."""
    for job in jobs:
        if reason := setting.processes.agree(stop()):
            yield job, not_begun(reason)
            return
        outcome = attempt(job, setting, watch.begin(name_of(job), steps_of(job, setting), job.run.recipe.batch, stop))
        yield job, outcome
        if outcome.code == STOPPED:
            return


@dataclass
class Retries:
    """Which lost runs are worth another try: those that got further than before, and any three times."""

    furthest: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)

    def again(self, id: str, step: int) -> bool:
        """Whether a run whose process was lost at `step` is begun again."""
        if step > self.furthest.get(id, 0):
            self.furthest[id], self.lost[id] = step, 0
        self.lost[id] = self.lost.get(id, 0) + 1
        return self.lost[id] <= RETRIES

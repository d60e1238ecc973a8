"""Jobs done: one after another in this process, or several side by side, each in a process of its own."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import torch

from repro.command import BUSY, DONE, FAILED, STOPPED, Stop
from repro.plan import Job
from repro.progress import Watch
from repro.runner import Busy, Setting, note_failure, open_lists, perform, run_folder
from repro.training import Events, Interrupted, steps_per_epoch


@dataclass(frozen=True)
class Outcome:
    """How a job ended: an exit code, a sentence where it is not done, and how long it took."""

    code: int
    said: str = ""
    seconds: float = 0.0


def attempt(job: Job, setting: Setting, events: Events) -> Outcome:
    """Train and evaluate a job; a failure is said and stops no other."""
    started = time.monotonic()
    try:
        perform(job.run, setting, events, report_loss=job.report_loss)
    except Interrupted as why:
        return Outcome(STOPPED, f"Stopped ({why}) with a checkpoint; the same call goes on from it.")
    except Busy as why:
        return Outcome(BUSY, str(why))
    except (ValueError, OSError, torch.OutOfMemoryError) as error:
        note_failure(run_folder(setting, job.run), str(error))
        return Outcome(FAILED, f"{job.cells[0]}: {error}")
    return Outcome(DONE, seconds=time.monotonic() - started)


def name_of(job: Job) -> str:
    """Return what people call a job: its first cell, and the seed where it is not 0."""
    return f"{job.cells[0]}, seed {job.run.seed}" if job.run.seed else job.cells[0]


def steps_of(job: Job, setting: Setting) -> int:
    """Return the optimiser steps of a job; 0 where nothing is trained."""
    if not job.run.trained:
        return 0
    return job.run.recipe.epochs * steps_per_epoch(len(open_lists(job.run, setting.data).train), job.run.recipe.batch)


def one_by_one(jobs: Sequence[Job], setting: Setting, watch: Watch, stop: Stop) -> Iterator[tuple[Job, Outcome]]:
    """Do jobs in this process; yield each as it ends. Nothing is begun after a reason to stop."""
    for job in jobs:
        if reason := stop():
            yield job, Outcome(STOPPED, f"Stopped ({reason}); the same call goes on from here.")
            return
        outcome = attempt(job, setting, watch.begin(name_of(job), steps_of(job, setting), job.run.recipe.batch, stop))
        yield job, outcome
        if outcome.code == STOPPED:
            return


_stop = Stop(None)  # of a worker process


def _begin_worker(threads: int, deadline: float | None) -> None:
    """A worker computes on its share of the cores and checkpoints on SIGTERM; Ctrl-C is the parent's to pass on."""
    torch.set_num_threads(threads)
    _stop.deadline = deadline
    _stop.listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt_here(job: Job, setting: Setting) -> Outcome:
    if reason := _stop():
        return Outcome(STOPPED, f"Stopped ({reason}); the same call goes on from here.")
    return attempt(job, setting, Events(should_stop=_stop))


def side_by_side(
    jobs: Sequence[Job], setting: Setting, watch: Watch, stop: Stop, *, processes: int
) -> Iterator[tuple[Job, Outcome]]:
    """Do jobs in `processes` processes that share the cores; yield each as it ends.

    A signal is passed on, so that every worker checkpoints; a worker that dies takes the others' unfinished jobs with
    it, and the next call goes on from their checkpoints.
    """
    threads = max((os.cpu_count() or 1) // processes, 1)
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    with ProcessPoolExecutor(processes, context, _begin_worker, (threads, stop.deadline)) as pool:
        waiting = {pool.submit(_attempt_here, job, setting): job for job in jobs}
        while waiting:
            ended, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            if stop.signal:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list((pool._processes or {}).values()):
                    process.terminate()
                waiting = {future: job for future, job in waiting.items() if not future.cancelled()}
            for future in ended:
                job = waiting.pop(future, None)
                if job is None:
                    continue
                watch.begin(name_of(job), 0, 0, stop)
                try:
                    yield job, future.result()
                except BrokenProcessPool:
                    yield job, Outcome(FAILED, f"{name_of(job)}: its process died; the same call goes on from there")

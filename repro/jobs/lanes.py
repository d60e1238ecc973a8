"""Jobs side by side on one machine: a process a lane, each on its share of the cores or of a GPU."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from repro.command import FAILED, Stop
from repro.jobs.livetable import LiveTable
from repro.jobs.messages import Report, Reporter
from repro.jobs.one import RETRIES, Outcome, Retries, attempt, name_of, not_begun
from repro.plan import Job
from repro.runner import Setting

PATIENCE = 60.0  # seconds that a run waits for the lock of a process that was killed


@dataclass(frozen=True)
class Share:
    """What a lane computes on.

    Attributes:
        threads: of the processor.
        gpu: the one card it sees, as `CUDA_VISIBLE_DEVICES` names it; None leaves that alone.
        fraction: of the card's memory, so that a run which needs more fails alone and not its neighbours.
    """

    threads: int
    gpu: str | None = None
    fraction: float = 1.0

    def take(self) -> None:
        """Let this process see its share alone; before the first tensor is on a card."""
        torch.set_num_threads(self.threads)
        if self.gpu is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpu
        if self.fraction < 1 and torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(self.fraction)


def shares(cores: int, gpus: Sequence[str], *, lanes: int, per_gpu: int = 1) -> list[Share]:
    """Return what each of `lanes` lanes computes on: the cards in turn, the cores in equal parts.

    Args:
        cores: of the machine.
        gpus: the cards' names; none computes on the processor.
        lanes: how many runs go on at once, at most `per_gpu` a card where there are cards.
        per_gpu: runs that share a card.
    """
    threads = max(cores // lanes, 1)
    if not gpus:
        return [Share(threads)] * lanes
    return [Share(threads, gpus[lane % len(gpus)], 1 / per_gpu) for lane in range(lanes)]


def visible_gpus() -> list[str]:
    """Return the names of the cards this process may use, as `CUDA_VISIBLE_DEVICES` has them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(index) for index in range(torch.cuda.device_count())]


def _serve(connection: Connection, share: Share, setting: Setting, deadline: float | None) -> None:
    """A lane's process: do the jobs that come; checkpoint on SIGTERM. Ctrl-C is the parent's to pass on.

    A signal to the whole group comes twice, from the parent too; to end at once the parent kills.
    """
    stop = Stop(deadline, at_once=False)
    stop.listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    share.take()
    where = f"GPU {share.gpu}" if share.gpu else ""
    with suppress(EOFError, OSError):  # the parent has gone: a run under way has stopped with a checkpoint
        while not stop():
            job: Job = connection.recv()
            with Reporter(Report(job.run.id, where), connection.send, time.monotonic) as reporter:
                outcome = attempt(job, setting, reporter.events(stop), patience=PATIENCE)
            connection.send(outcome)


class Lane:
    """A process that does one job at a time."""

    def __init__(self, share: Share, setting: Setting, deadline: float | None):
        """Start the process."""
        self.arguments = share, setting, deadline
        self.job: Job | None = None
        self.start()

    def start(self) -> None:
        """Start the process, or another in its place."""
        context = multiprocessing.get_context("spawn")  # a forked torch may hang
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *self.arguments))
        self.process.start()
        theirs.close()  # so that its end is seen here

    def give(self, job: Job) -> None:
        """Let the process do `job`."""
        self.job = job
        with suppress(OSError):  # it has died: that is heard next
            self.connection.send(job)

    def hear(self) -> Report | Outcome | None:
        """Return what the process says, a report or how its job ended; None where it died."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        """Let the process end, and wait for that."""
        self.connection.close()
        self.process.join()


def side_by_side(
    jobs: Sequence[Job], setting: Setting, table: LiveTable, stop: Stop, on: Sequence[Share]
) -> Iterator[tuple[Job, Outcome]]:
    """Do jobs in a process for each share of `on`, in their order; yield each as it ends.

    A signal is passed on, so that every process checkpoints, and nothing is begun after a reason to stop. A process
    that dies is replaced, and its run goes on from the checkpoint.
    """
    due, retries, passed_on = deque(jobs), Retries(), False
    lanes = [Lane(share, setting, stop.deadline) for share in on[: len(due)]]
    try:
        while True:
            reason = stop()
            yield from ((due.popleft(), not_begun(reason)) for _ in range(len(due) if reason else 0))
            if stop.signal and not passed_on:  # once: a second signal would end a process without a checkpoint
                passed_on = True
                for lane in lanes:
                    lane.process.terminate()
            for lane in lanes:
                if lane.job is None and due:
                    lane.give(due.popleft())
            busy = {lane.connection: lane for lane in lanes if lane.job}
            if not busy:
                break
            for lane in [busy[connection] for connection in wait(busy, timeout=0.5)]:
                yield from _ended(lane, table, due, retries, stop)
            table.tick()
    except BaseException:
        for lane in lanes:
            lane.process.kill()
        raise
    finally:
        for lane in lanes:
            lane.close()


def _ended(lane: Lane, table: LiveTable, due: deque, retries: Retries, stop: Stop) -> Iterator[tuple[Job, Outcome]]:
    """What a lane's news mean: nothing yet, its job with how that ended, or a job that is due again."""
    news = lane.hear()
    if isinstance(news, Report):
        table.hear(news)
        return
    job, lane.job = lane.job, None
    id = job.run.id
    if (news is None or news.code == FAILED) and not stop():  # a card in error would fail the next run, too
        lane.close()
        lane.start()
    if news is not None:
        yield job, news
    elif reason := stop():
        yield job, not_begun(reason)
    elif retries.again(id, table.step(id)):
        table.lost(id, "its process died")
        due.appendleft(job)
    else:
        yield job, Outcome(FAILED, f"{name_of(job)}: its process died {RETRIES + 1} times at step {table.step(id)}")

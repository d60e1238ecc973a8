"""Processes that train a tiny run and are made to fail: forked, killed, resumed, and compared to the bit."""

import contextlib
import hashlib
import os
import pathlib
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from repro import evaluation, files, machine
from repro.bench import tiny_runs
from repro.command import DONE, Stop
from repro.jobs.one import attempt
from repro.runner import run_folder
from repro.training import Events, Trainer

EPOCHS = 4  # of two steps each
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Stage:
    """Where runs happen: a folder with `data` in it, and what an undisturbed run came to."""

    folder: Path
    data: Path
    whole: dict | None = None
    seconds: float = 0.0

    def bits(self, name: str) -> dict:
        """Return everything of the run called `name` that has to be equal: record, evidence, weights, curve."""
        found = tiny_runs.results(self.folder / name)
        for path in (self.folder / name).glob("*/selected.safetensors"):
            found["selected"] = path.read_bytes()
        for path in (self.folder / name).glob("*/curve.csv"):
            found["curve"] = [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]  # without the seconds
        return found

    def samples(self, name: str) -> dict[str, set[str]]:
        """Return what each step of a run saw, over all of its processes: the digests of its batches by step."""
        seen: dict[str, set[str]] = {}
        for line in (self.folder / f"{name}.seen").read_text().splitlines():
            step, _, digest = line.partition(" ")
            seen.setdefault(step, set()).add(digest)
        return seen


JOB = tiny_runs.job(0, epochs=EPOCHS)


def folder_of(stage: Stage, name: str) -> Path:
    """Return the folder of the run called `name`."""
    return run_folder(tiny_runs.setting(stage.folder / name, stage.data), JOB.run)


def fork(what: Callable[[], int]) -> int:
    """Run `what` in a forked process that ends with its exit code; return the process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        code = what()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def end_of(pid: int) -> int:
    """Wait for a process; return its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def start(stage: Stage, name: str, *, workers: int = 0, before: Callable[[Events], None] | None = None) -> int:
    """Start a process that does the run called `name` from where it stands; `before` prepares its misfortune."""

    def do() -> int:
        quiet = open(stage.folder / f"{name}.said", "a")  # noqa: SIM115 - it lasts as long as the process
        os.dup2(quiet.fileno(), 2)
        stop = Stop()
        stop.listen()
        events = Events(should_stop=stop)
        _note_samples(stage.folder / f"{name}.seen")
        if before:
            before(events)
        setting = replace(tiny_runs.setting(stage.folder / name, stage.data), workers=workers)
        outcome = attempt(JOB, setting, events)
        print(outcome.said, file=quiet, flush=True)
        return outcome.code

    return fork(do)


def _note_samples(path: Path) -> None:
    """Write down what each step of this process sees, at once: it may be its last."""
    real, file = Trainer._step, open(path, "ab", buffering=0)  # noqa: SIM115

    def step(self, image, label):
        digest = hashlib.sha256(image.numpy().tobytes() + label.numpy().tobytes()).hexdigest()
        file.write(f"{self.progress.step} {digest}\n".encode())
        return real(self, image, label)

    Trainer._step = step


def finish(stage: Stage, name: str, *, workers: int = 0) -> bool:
    """Go on with a run until it is done, as a user would who calls again; whether it was with the first call."""
    return end_of(start(stage, name, workers=workers)) == DONE


def said(stage: Stage, name: str) -> str:
    """Return what a run's processes said on stderr."""
    return (stage.folder / f"{name}.said").read_text()


def equal(stage: Stage, name: str) -> bool:
    """Whether a run came to the same bits as the undisturbed one, and saw the same samples at each step."""
    return stage.bits(name) == stage.whole["bits"] and stage.samples(name) == stage.whole["samples"]


# Misfortunes. Each is given the hooks of the process that is to suffer.


def die() -> None:
    """Kill this process as nothing can prevent."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(number: int, what: Callable[[], None]) -> Callable[[Events], None]:
    """Return the misfortune that does `what` after so many steps."""

    def before(events: Events) -> None:
        events.on_step = lambda progress: what() if progress.step == number else None

    return before


def in_evaluation(image: int) -> Callable[[Events], None]:
    """Return the misfortune of a kill while image number `image` (from 1) is evaluated, over all evaluations."""

    def before(_: Events) -> None:
        real, calls = evaluation._forward, []

        def forward(*given):
            calls.append(given)
            if len(calls) == image:
                die()
            return real(*given)

        evaluation._forward = forward

    return before


class Points:
    """Counts the points of a save of one file, and kills the process at the one asked for.

    They stand before and after every system call that changes the disk: opening the file aside, the first and the
    second half of its bytes, both fsyncs, the rename, and the removal of what came before.
    """

    def __init__(self, of: str, at: int, *, save: int = 1, note: Callable[[str], None] = lambda name: None):
        """Kill at point `at` (from 1) of save number `save` of the file whose name begins with `of`; 0 only counts."""
        self.of, self.at, self.save, self.note = of, at, save, note
        self.saves = self.count = 0
        self.on = False

    def reach(self, name: str) -> None:
        """This point is reached."""
        if not self.on or self.saves != self.save:
            return
        self.count += 1
        self.note(name)
        if self.count == self.at:
            die()

    def install(self, _: Events) -> None:
        """Put the points into this process."""
        files.os, files.open = _Watched(os, ("fsync", "replace"), self), self._open
        unlink = pathlib.Path.unlink

        def removed(path, *given, **named):
            self.reach("before unlink")
            unlink(path, *given, **named)
            self.reach("after unlink")

        pathlib.Path.unlink = removed

    def _open(self, path, mode="r", *given, **named):
        self.on = mode == "wb" and Path(path).name.startswith(f".{self.of}")
        self.saves += self.on
        self.reach("before open")
        return _Torn(open(path, mode, *given, **named), self)


class _Watched:
    """The module os, of which some functions have a point before and after them."""

    def __init__(self, real, names: tuple[str, ...], points: Points):
        self._real, self._names, self._points = real, names, points

    def __getattr__(self, name: str):
        found = getattr(self._real, name)
        if name not in self._names:
            return found

        def watched(*given):
            self._points.reach(f"before {name}")
            result = found(*given)
            self._points.reach(f"after {name}")
            return result

        return watched


class _Torn:
    """An open file whose bytes go to the disk in two halves."""

    def __init__(self, file, points: Points):
        self._file, self._points = file, points

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *ended):
        return self._file.__exit__(*ended)

    def write(self, data) -> None:
        """Write the first half, flush it, and then the second."""
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        self._points.reach("half written")
        self._file.write(data[len(data) // 2 :])


def fill_disk() -> None:
    """Let no file of this process grow beyond a few hundred bytes from here on, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (800, resource.RLIM_INFINITY))


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Draw the data, do the run once undisturbed, and give the stage; it is cleared away afterwards.

    The run is done in this process, too: what is imported and read here need not be in the hundreds that are forked.
    """
    before = os.environ.get("REPRO_COMMIT")
    os.environ["REPRO_COMMIT"] = "unknown"  # no git process for each of them
    try:
        with machine.threads(1, torch.device("cpu")):
            stage = Stage(folder, tiny_runs.draw(folder / "data"))
            assert attempt(JOB, tiny_runs.setting(folder / "warm", stage.data), Events()).code == DONE
            began = time.monotonic()
            assert finish(stage, "whole"), said(stage, "whole")
            whole = {"bits": stage.bits("whole"), "samples": stage.samples("whole")}
            yield replace(stage, whole=whole, seconds=time.monotonic() - began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("REPRO_COMMIT")
        os.environ |= {"REPRO_COMMIT": before} if before is not None else {}

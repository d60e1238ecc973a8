"""Faults injected, survived, and with equal bits: kills, damaged files, races, a full disk, signals, evil pickles."""

import hashlib
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from repro import checkpoint, machine
from repro.bench import victims
from repro.bench.sheet import Sheet
from repro.bench.tiny_runs import PARTS
from repro.bench.victims import (
    EPOCHS,
    KILLED,
    Points,
    Stage,
    at_step,
    die,
    end_of,
    equal,
    finish,
    folder_of,
    said,
    start,
)
from repro.command import BUSY, DONE, FAILED, STOPPED

KILLS = 100
GOAL = "every fault survived, none silently, every resumed run equal to the bit to one that was not disturbed"
SELECTION = PARTS["selection"]  # images evaluated at each epoch's end; those of the report follow the last
PATIENCE = 120.0  # seconds until a checkpoint is there: a disk that others write to may take that long
LANES = 2  # faults at once: one a core of the smallest machine
SAVED = ("checkpoint", "evidence", "record")  # what is written aside and renamed: in training, and at the end


@dataclass(frozen=True)
class Case:
    """A fault to inject: its row in the table, and what does it; that returns (survived, equal)."""

    row: str
    inject: Callable[[Stage, str], tuple[bool, bool]]


def measure(*, kills: int = KILLS) -> Sheet:
    """Inject every fault on a tiny network and generated squares, in processes of their own; return the table.

    Args:
        kills: how many at random times; the other repeated faults are scaled by it. The rest is done once.
    """
    folder = Path(tempfile.mkdtemp(prefix="repro-faults-"))
    with victims.staged(folder) as stage:
        cases = list(_cases(stage, kills))
        ends = _done(stage, cases)
    rows = []
    for row in dict.fromkeys(case.row for case in cases):
        found = [end for case, end in zip(cases, ends, strict=True) if case.row == row]
        rows.append((row, *(str(number) for number in (len(found), *map(sum, zip(*found, strict=True))))))
    survived, same = (sum(end[place] for end in ends) for place in (0, 1))
    whole = survived == same == len(ends)
    summary = f"{len(ends)} faults injected, {survived} survived, {same} with equal bits"
    return Sheet(
        "faults", "runs of eight steps with a fault each, and what came of them",
        ("fault", "injected", "survived", "bits equal"), tuple(rows), GOAL, machine.describe(torch.device("cpu")),
        summary if whole else f"{summary}: NOT ALL SURVIVED", code=DONE if whole else FAILED,
    )  # fmt: skip


def _done(stage: Stage, cases: list[Case]) -> list[tuple[bool, bool]]:
    """What came of each case, several at once, each in a process that forks its victims."""
    ends: dict[int, tuple[bool, bool]] = {}
    going: dict[int, int] = {}
    for number, case in enumerate(cases):
        if len(going) == LANES:
            _take(stage, going, ends)
        going[victims.fork(lambda number=number, case=case: _one(stage, case, number))] = number
    while going:
        _take(stage, going, ends)
    return [ends[number] for number in range(len(cases))]


def _one(stage: Stage, case: Case, number: int) -> int:
    """Inject one fault and leave what came of it in a file; say what the processes of a lost run said."""
    name, end = f"case{number}", (False, False)
    try:
        end = case.inject(stage, name)
    finally:
        if not all(end):
            print(f"{case.row}: not survived\n{said(stage, name)}", file=sys.stderr, flush=True)
    (stage.folder / f"{name}.json").write_text(json.dumps(end))
    return DONE


def _take(stage: Stage, going: dict[int, int], ends: dict[int, tuple[bool, bool]]) -> None:
    """Wait for one case; one that left no file, by a mistake of ours, was not survived."""
    pid, _ = os.wait()
    number = going.pop(pid)
    path = stage.folder / f"case{number}.json"
    ends[number] = tuple(json.loads(path.read_text())) if path.exists() else (False, False)


def _cases(stage: Stage, kills: int) -> Iterator[Case]:
    """Every fault of the table, the repeated ones as often as `kills` says."""
    some, half, draw = max(kills // 10, 1), max(kills // 2, 1), random.Random(kills)
    for number in range(kills):
        workers = 2 * (number % 2)
        yield Case(f"kill -9 at a random time, {workers} loader processes", _at_random(draw.random(), workers))
    for number in range(some):
        yield Case("kill -9 in mid-epoch", _killed(at_step(3 + 2 * (number % 3), die)))
        yield Case("kill -9 at an epoch's end", _killed(at_step(4 + 2 * (number % 2), die)))
        yield Case("kill -9 while the selection list is evaluated", _killed(victims.in_evaluation(SELECTION + 2)))
        yield Case("kill -9 while the report list is evaluated", _killed(victims.in_evaluation(EPOCHS * SELECTION + 2)))
    for of in SAVED:
        for at, name in enumerate(_points_of(stage, of), 1):
            yield Case(f"kill -9 at each point of saving a {of}", _at_point(of, at, name))
    for _ in range(half):
        yield Case("a checkpoint cut short", _damaged(_cut(draw.random())))
        yield Case("a byte of a checkpoint flipped", _damaged(_flipped(draw.random())))
    for _ in range(max(kills // 20, 1)):
        yield Case("eight processes race for a run, the writer is killed", _race)
        yield Case("a full disk (RLIMIT_FSIZE)", _full)
        yield Case("SIGTERM", _terminated(1))
        yield Case("SIGTERM twice", _terminated(2))
    for form in ("archive", "bare"):
        yield Case("a malicious pickle with a right hash", _malicious(form))


def _resumed(stage: Stage, name: str, workers: int = 0) -> tuple[bool, bool]:
    """Go on with a run: (it ended at the first call, its bits and samples are those of the undisturbed one)."""
    done = finish(stage, name, workers=workers)
    return done, done and equal(stage, name)


def _killed(how) -> Callable:
    def inject(stage: Stage, name: str) -> tuple[bool, bool]:
        if end_of(start(stage, name, before=how)) != KILLED:
            return False, False  # the fault was not injected: nothing is shown
        return _resumed(stage, name)

    return inject


def _at_random(share: float, workers: int) -> Callable:
    def inject(stage: Stage, name: str) -> tuple[bool, bool]:
        left = share
        for attempt in range(20):  # the run may be over sooner than the kill: an earlier one then, on a fresh run
            pid = start(stage, f"{name}.{attempt}", workers=workers)
            time.sleep(left * stage.seconds)
            os.kill(pid, signal.SIGKILL)
            if end_of(pid) == KILLED and not (folder_of(stage, f"{name}.{attempt}") / "record.json").exists():
                (stage.folder / f"{name}.{attempt}.seen").touch()
                return _resumed(stage, f"{name}.{attempt}", workers)
            left *= 0.7
        return False, False

    return inject


def _points_of(stage: Stage, of: str) -> list[str]:
    """The names of the points of a file's save; of the checkpoint the third, which removes the first."""
    path = stage.folder / f"points-{of}"
    points = Points(of, 0, save=_save(of), note=lambda name: path.open("a").write(f"{name}\n"))
    assert end_of(start(stage, f"count-{of}", before=points.install)) == DONE
    return path.read_text().splitlines()


def _save(of: str) -> int:
    return 3 if of == "checkpoint" else 1


def _at_point(of: str, at: int, name: str) -> Callable:
    def inject(stage: Stage, run: str) -> tuple[bool, bool]:
        if end_of(start(stage, run, before=Points(of, at, save=_save(of)).install)) != KILLED:
            return False, False
        record = folder_of(stage, run) / "record.json"
        written = record.stat().st_mtime_ns if record.exists() else None
        done, same = _resumed(stage, run)
        left = list(record.parent.glob("*checkpoint-*"))
        kept = written is None or record.stat().st_mtime_ns == written  # a record that is there is not made again
        return done and kept and not left, same

    return inject


def _interrupted(stage: Stage, name: str) -> Path:
    """Kill a run that has two generations of checkpoints; return the newer one."""
    assert end_of(start(stage, name, before=at_step(7, _once_saved(stage, name, [6, 4], die)))) == KILLED
    (_, newest), _ = checkpoint.generations(folder_of(stage, name))
    return newest


def _once_saved(stage: Stage, name: str, steps: list[int], what: Callable[[], None]) -> Callable[[], None]:
    """Do `what` when the checkpoints of these steps, and no others, are there: they are written beside training."""

    def wait() -> None:
        folder = folder_of(stage, name)
        there = _until(lambda: [step for step, _ in checkpoint.generations(folder)] == steps)
        assert there, "the checkpoints were not written"
        what()

    return wait


def _damaged(how: Callable[[bytearray], bytes]) -> Callable:
    def inject(stage: Stage, name: str) -> tuple[bool, bool]:
        newest = _interrupted(stage, name)
        newest.write_bytes(how(bytearray(newest.read_bytes())))
        (stage.folder / f"{name}.seen").unlink()  # only what the resumed process sees from here on
        done = finish(stage, name)
        first = min(int(step) for step in stage.samples(name)) if done else -1
        warned = f"{newest.name}: damaged checkpoint of step 6" in said(stage, name)
        same = done and stage.bits(name) == stage.whole["bits"]
        return done and warned and first == 4, same  # from the generation before, of step 4: never from zero

    return inject


def _cut(share: float) -> Callable[[bytearray], bytes]:
    return lambda data: bytes(data[: int(share * len(data))])


def _flipped(share: float) -> Callable[[bytearray], bytes]:
    def flip(data: bytearray) -> bytes:
        data[int(share * len(data))] ^= 1
        return bytes(data)

    return flip


def _race(stage: Stage, name: str) -> tuple[bool, bool]:
    """Eight begin at once; seven leave as busy; the one that writes is killed, and the next call goes on."""
    gate = stage.folder / f"{name}.gate"  # a late one would find the run free and write, if the first died before
    pids = [start(stage, name, before=at_step(5, lambda: _until(gate.exists) and die())) for _ in range(8)]
    _until(lambda: sum(map(_has_ended, pids)) >= 7)
    gate.touch()
    ends = sorted(end_of(pid) for pid in pids)
    done, same = _resumed(stage, name)
    return done and ends == [KILLED] + [BUSY] * 7, same


def _until(condition: Callable[[], bool]) -> bool:
    """Wait until something holds, at most so long that it is a mistake; return whether it does."""
    last = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < last:
        time.sleep(0.001)
    return condition()


def _has_ended(pid: int) -> bool:
    """Whether a child is over; it is left to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _full(stage: Stage, name: str) -> tuple[bool, bool]:
    """No file may grow: the run fails in a sentence, keeps its checkpoint, and goes on when there is room."""
    code = end_of(start(stage, name, before=at_step(5, _once_saved(stage, name, [4, 2], victims.fill_disk))))
    kept = [step for step, _ in checkpoint.generations(folder_of(stage, name))]
    sentence = "File too large" in said(stage, name) and "Traceback" not in said(stage, name)
    done, same = _resumed(stage, name)
    return done and code == FAILED and kept == [4, 2] and sentence, same


def _terminated(times: int) -> Callable:
    def tell() -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGTERM)

    def inject(stage: Stage, name: str) -> tuple[bool, bool]:
        code = end_of(start(stage, name, before=at_step(5, _once_saved(stage, name, [4, 2], tell))))
        kept = [step for step, _ in checkpoint.generations(folder_of(stage, name))]
        done, same = _resumed(stage, name)
        expected = (STOPPED, [5, 4]) if times == 1 else (128 + signal.SIGTERM, [4, 2])  # the second one: at once
        return done and (code, kept) == expected, same

    return inject


class _Evil:
    """What a pickle may do when it is loaded: here it makes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return pathlib.Path.touch, (self.marker,)


def _malicious(form: str) -> Callable:
    def inject(stage: Stage, name: str) -> tuple[bool, bool]:
        newest, marker, path = _interrupted(stage, name), stage.folder / f"{name}.marker", stage.folder / f"{name}.evil"
        torch.save({"network": _Evil(marker)}, path, _use_new_zipfile_serialization=form == "archive")
        newest.unlink()
        newest.with_name(f"checkpoint-000000006.{hashlib.sha256(path.read_bytes()).hexdigest()}.pt").write_bytes(
            path.read_bytes()
        )
        done, same = _resumed(stage, name)
        return done and not marker.exists() and "not plain tensors" in said(stage, name), same

    return inject

"""Where and how runs are made, and the folder each lives in."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

from repro.parallel import ALONE, Processes
from repro.plan import Run


class Busy(RuntimeError):
    """Another process is at work in this run's folder."""


@dataclass(frozen=True)
class Setting:
    """Where and how runs are made; nothing in it changes a score.

    Attributes:
        runs: the folder that holds a folder a run.
        data: what `--data` said.
        device: where tensors are.
        workers: loader processes.
        deterministic: on a GPU, only kernels that give the same bits each time.
        cache: read prepared pairs, and prepare them where they do not fit into memory.
        skip_nonfinite: steps of a run that may be left out because their loss or gradient is not finite. It decides
            whether there is a record, never what is in it; which steps were left out stands there.
        every_steps, every_seconds: a checkpoint at least so often, besides each epoch's end.
        processes: those that train each run together.
    """

    runs: Path
    data: tuple[str, ...]
    device: torch.device
    workers: int = 0
    deterministic: bool = False
    cache: bool = True
    skip_nonfinite: int = 0
    every_steps: int = 2000
    every_seconds: float = 300.0
    processes: Processes = ALONE


def run_folder(setting: Setting, run: Run) -> Path:
    """Return where a run lives."""
    return setting.runs / run.id


def is_exact(setting: Setting) -> bool:
    """Whether the same run on the same machine gives the same bits: on a GPU only where that was asked for."""
    return setting.device.type == "cpu" or setting.deterministic


def is_done(setting: Setting, run: Run) -> bool:
    """Whether this checkout has finished the run: its record is there, written last."""
    return (run_folder(setting, run) / "record.json").exists()


_held: set[IO] = set()  # the locks of this process
# A forked loader process lives some seconds longer than its killed parent; it must not hold the lock that long.
os.register_at_fork(after_in_child=lambda: [file.close() for file in _held])


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder for one writer; the system frees it however the process ends.

    Raises:
        Busy: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as file:
        if not _taken(file):
            time.sleep(0.05)  # `repro runs` holds it for the moment of a look
            if not _taken(file):
                raise Busy(f"{folder}: another process is training this run")
        _held.add(file)
        try:
            yield
        finally:
            _held.discard(file)


def _taken(file) -> bool:
    """Whether the lock of an open file is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

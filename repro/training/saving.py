"""Checkpoints written beside training: the step waits for the copy to the host, never for the disk."""

import threading
from pathlib import Path

import torch

from repro import checkpoint
from repro.training.state import Interrupted


class Saver:
    """Writes a run's checkpoints, one at a time, in a thread of its own; `with` it, every write has ended.

    A write that failed is raised by the next `save`, `check` or `wait`, or where the `with` ends.
    """

    def __init__(self, folder: Path):
        """Write to `folder`."""
        self.folder = folder
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(self, step: int, state: dict, *, settled: dict) -> None:
        """Copy `state` to the host and write it, with `settled`, as the checkpoint of `step`.

        Args:
            step: optimiser steps done.
            state: what training goes on to change.
            settled: what nobody changes any more; it is not copied.

        Raises:
            OSError: the write before this one failed.
        """
        self.wait()
        whole = on_host(state) | settled
        # A daemon: where the process has to leave at once, half a file aside is what a kill would leave too.
        self._thread = threading.Thread(target=self._write, args=(step, whole), daemon=True)
        self._thread.start()

    def _write(self, step: int, state: dict) -> None:
        try:
            checkpoint.save(self.folder, step, state)
        except BaseException as error:  # whatever it is, the training's thread has to hear of it
            self._error = error

    def check(self) -> None:
        """Raise what a write that has ended failed with; do not wait for one that goes on."""
        if self._thread is not None and not self._thread.is_alive():
            self.wait()

    def wait(self) -> None:
        """Wait until nothing is being written; raise what the write failed with."""
        if self._thread is not None:
            self._thread.join()
        self._thread, error, self._error = None, self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if kind is None or issubclass(kind, Interrupted):
            self.wait()  # a stop promises a checkpoint
        elif issubclass(kind, Exception) and self._thread is not None:
            self._thread.join()  # the failure at hand is what there is to say


def on_host(state):
    """Return `state` with every tensor copied to the host's memory; dicts, lists and tuples are gone through."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: on_host(value) for key, value in state.items()}
    return type(state)(on_host(value) for value in state) if isinstance(state, (list, tuple)) else state

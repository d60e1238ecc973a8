"""The loader of a training: its processes, how long they may be silent, how they end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch.utils.data import DataLoader, Dataset

SECONDS = 300  # a loader process that gives no batch for so long hangs: reading one takes a second at worst


@contextmanager
def loading(samples: Dataset, stream: Iterable, *, workers: int, pin: bool) -> Iterator[Iterator]:
    """Give the batches of a stream, each a pair of stacked tensors, from `workers` processes; none are left after.

    Raises:
        RuntimeError: a process died, or was silent for `SECONDS`; while the context lasts it may come at any moment.
    """
    batches = iter(
        DataLoader(
            samples,
            batch_sampler=stream,
            num_workers=workers,
            pin_memory=pin,
            timeout=SECONDS if workers else 0,
            worker_init_fn=_start_worker,
        )
    )
    try:
        yield _received(batches) if workers else batches
    finally:
        if workers:  # not left to the garbage: torch speaks of a dead process again whenever any other one ends
            batches._shutdown_workers()


def _received(batches: Iterator) -> Iterator:
    """The batches; a process that dies while it hands one over is said as torch says it of one that died before."""
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except (ConnectionError, EOFError, FileNotFoundError) as error:
            if "in DataLoader worker process" in str(error):  # what reading a file raised there
                raise
            raise RuntimeError("DataLoader worker (pid unknown) exited unexpectedly") from error
        yield batch


def _start_worker(_: int) -> None:
    """One thread a loader worker: OpenCV's own pool deadlocks or swamps the processor."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)

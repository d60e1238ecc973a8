"""The largest micro-batch that fits into memory: found before the first step, remembered, never changed later."""

import json
import math
import multiprocessing
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import psutil
import torch

from repro import forms
from repro.files import write_atomically
from repro.jobs.estimate import measure
from repro.machine import kind
from repro.networks import LEAST_IMAGES
from repro.parallel import ALONE
from repro.plan import Job, Run
from repro.runner import Setting, open_lists
from repro.training.failures import is_out_of_memory

NO_ROOM = 12  # the exit code of a probe that ran out of memory


def largest_that_fits(batch: int, fits: Callable[[int], bool], least: int = 1) -> int:
    """Return the largest divisor of `batch` that fits: equal parts, so that batch-norm sees as many images in each.

    Raises:
        ValueError: not even `least` images fit.
    """
    for micro in range(batch, least - 1, -1):
        if batch % micro == 0 and fits(micro):
            return micro
    raise ValueError(f"not even a micro-batch of {least} fits into memory; a smaller crop might, or a larger card")


def micro_batch_of(
    jobs: Sequence[Job], setting: Setting, *, name: str, probe: Callable | None = None, keep: bool = True
) -> int | None:
    """Return the micro-batch with which every run of a suite fits, one for all rows; None where whole batches do.

    What was found is kept beside the runs, by suite and kind of machine: a later call, in more or less memory, goes on
    with the same runs.

    Args:
        jobs: all of the suite's, done or due.
        setting: where and how.
        name: of the suite.
        keep: remember what was found.
        probe: whether (run, classes, setting, micro-batch) fits; a training step in a process of its own by default.
    """
    path = setting.runs / f"micro-batch.{name}.{kind(setting.device)}.json"
    if path.exists():
        complaint = "not a micro-batch that was found to fit ({}); delete it, and it is found anew"
        return forms.read(path, {"micro_batch": (forms.Count, None)}, complaint)["micro_batch"]
    runs = {}
    for job in jobs:
        if job.run.trained:
            recipe = job.run.recipe
            key = (job.run.network, str(job.run.options), recipe.size, recipe.crop, recipe.batch, recipe.precision)
            runs.setdefault(key, job.run)
    found = [_of_run(run, setting, probe or fits_here) for run in runs.values()]
    smaller = [micro for run, micro in zip(runs.values(), found, strict=True) if micro < run.recipe.batch]
    decided = min(smaller, default=None)
    if keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"micro_batch": decided}).encode())
    return decided


def _of_run(run: Run, setting: Setting, probe: Callable) -> int:
    classes = len(open_lists(run, setting.data).train_set.class_names)
    least = LEAST_IMAGES.get(run.network, 1)
    return largest_that_fits(run.recipe.batch, lambda micro: probe(run, classes, setting, micro), least)


def fits_here(run: Run, classes: int, setting: Setting, micro: int) -> bool:
    """Whether a training step in micro-batches of `micro` fits into the memory that is free now.

    It is tried in a process of its own: what it leaves behind, or the system's killer, touches nothing here. On a CPU
    that process may have what is available and no more, since Linux promises memory that it does not have.

    Raises:
        ValueError: the step failed for another reason; its traceback is on stderr.
    """
    whole = replace(run, recipe=replace(run.recipe, micro_batch=micro))
    setting = replace(setting, processes=ALONE)
    free = psutil.virtual_memory().available if setting.device.type == "cpu" else None
    process = multiprocessing.get_context("spawn").Process(target=_step, args=(whole, classes, setting, free))
    process.start()
    process.join()
    if process.exitcode not in (0, NO_ROOM) and process.exitcode > 0:
        raise ValueError(f"a training step of {run.network} on made-up images failed, see above; nothing was begun")
    return process.exitcode == 0


def _step(run: Run, classes: int, setting: Setting, free: int | None, step: Callable = measure) -> None:
    """Two steps, in at most `free` bytes; ends the process with `NO_ROOM` where that is too little.

    Two, since the optimiser's moments are made at the end of the first: only the second has them all the while.
    """
    if free is not None:
        limit = psutil.Process().memory_info().data + free
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        step(run, classes, setting, steps=2, at_most=math.inf)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            sys.exit(NO_ROOM)
        raise
    if setting.device.type == "cuda":
        torch.cuda.synchronize()

"""What a failure of the machine under a training means, in a sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from repro.papers.spec import Recipe

GOES_ON = "The same call goes on from the last checkpoint"


class Failed(ValueError):
    """The machine failed, not the caller: memory, a loader process, a missing kernel. Checkpoints are as they were."""


@contextmanager
def explained(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Turn what torch raises where the machine fails into `Failed` with one sentence; other errors pass.

    Raises:
        Failed: out of memory; a loader process died or hangs; an operation has no deterministic kernel.
        ValueError: a loader process's own, without its traceback.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if said := _sentence(error, recipe, device):
            raise Failed(said) from error
        raise
    except ValueError as error:
        if "in DataLoader worker process" in str(error):
            raise ValueError(_last_line(error)) from None
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: torch's on a GPU or its libraries', on a CPU torch's, Python's, C++'s.

    cuBLAS, cuDNN and cuFFT have memory of their own: CUBLAS_STATUS_ALLOC_FAILED and the like.
    """
    words = ("can't allocate memory", "cannot allocate memory", "std::bad_alloc", "out of memory", "_alloc_failed")
    found = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return found or (isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words))


def _sentence(error: Exception, recipe: Recipe, device: torch.device) -> str:
    """The sentence for a failure that is known, "" for another."""
    said = str(error)
    if is_out_of_memory(error):
        return out_of_memory(recipe, device)
    if "timed out after" in said and "DataLoader" in said:
        return (
            f"a loader process gave no batch for {re.search('after ([0-9]+)', said)[1]} s: the disk hangs, or the "
            f"process does. {GOES_ON}; --workers 0 reads in the process that trains"
        )
    if re.search(r"DataLoader worker \(pid.*\) (is killed|exited)", said):
        return (
            f"a loader process died ({' '.join(said.split('.')[0].split())}). {GOES_ON}; fewer --workers take less "
            "memory, and 0 takes no process"
        )
    if "does not have a deterministic implementation" in said:
        return f"{said.split()[0]} has no deterministic kernel, and --deterministic asks for one; leave it out"
    return ""


def out_of_memory(recipe: Recipe, device: torch.device) -> str:
    """Return what ran out of memory, at which batch and crop, and what to do."""
    shown = recipe.crop or recipe.size
    images = f"{shown[0]}x{shown[1]} images" if shown else "whole images"
    micro = recipe.micro_batch or recipe.batch
    smaller = "--micro-batch auto, a smaller batch" if micro > 1 else "a smaller crop"
    other = "fewer --jobs" if device.type == "cpu" else "a card with more memory"
    return (
        f"out of memory on {device.type} with a batch of {recipe.batch} in micro-batches of {micro}, {images}, "
        f"{recipe.precision}; give {smaller}, or {other}"
    )


def _last_line(error: Exception) -> str:
    """What a loader process raised: the last line of the traceback that torch puts into the message."""
    return str(error).strip().splitlines()[-1].removeprefix(f"{type(error).__name__}: ")

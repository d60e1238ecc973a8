"""Checkpoints that a kill, a full disk or a flipped bit cannot turn into a silent restart."""

import contextlib
import hashlib
import io
import pickle
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch

from repro.files import write_atomically

_NAME = re.compile(r"checkpoint-(\d{9})\.([0-9a-f]{64})\.pt")
GENERATIONS = 2
TRAINED = ("identity", "network", "average", "selected")  # what a training's state holds of its weights


def save(folder: Path, step: int, state: dict) -> Path:
    """Write `state` as the checkpoint of `step`, keep the last two, and return its path.

    The file's name holds the SHA-256 of its bytes, so one rename publishes both; it is written aside and fsynced
    first. A failure (full disk) leaves the earlier generations as they were.

    Args:
        folder: the run's folder.
        step: optimiser steps done.
        state: nested dicts and lists of tensors, numbers and strings, nothing else.

    Raises:
        OSError: the file could not be written; nothing is left behind.
    """
    data = encode(state)
    path = folder / f"checkpoint-{step:09d}.{hashlib.sha256(data).hexdigest()}.pt"
    write_atomically(path, data)
    found = generations(folder)
    # One of this step or a later one is damaged: a training came back behind it.
    kept = [path, *(old for old_step, old in found if old_step < step)][:GENERATIONS]
    for _, old in found:
        if old not in kept:
            old.unlink(missing_ok=True)
    return path


def generations(folder: Path) -> list[tuple[int, Path]]:
    """Return (step, path) of the checkpoints in a folder, newest first; a file half written is not among them."""
    found = []
    for path in folder.glob("checkpoint-*.pt"):
        if match := _NAME.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):  # who saves has just removed it
                found.append((int(match[1]), path.stat().st_mtime_ns, path))
    return [(step, path) for step, _, path in sorted(found, reverse=True)]


def load(folder: Path, device: torch.device | str = "cpu") -> dict | None:
    """Return the newest state whose bytes match its hash, or None where the folder has no checkpoint at all.

    A damaged generation is named in a warning and the one before it used.

    Raises:
        ValueError: there are checkpoints, and every one is damaged; starting anew is the user's decision.
    """
    found = generations(folder)
    for step, path in found:
        try:
            return read(path, device)
        except ValueError as error:
            reason = str(error)
        warnings.warn(f"{path}: damaged checkpoint of step {step} ({reason}); going back to the one before it")
    if found:
        raise ValueError(
            f"{folder}: all {len(found)} checkpoints are damaged ({reason}). Delete the folder to train from the start."
        )
    return None


def read(path: Path, device: torch.device | str = "cpu") -> dict:
    """Return the state in a file; ValueError where its bytes are not what its name says, or are no plain data."""
    data, named = path.read_bytes(), _NAME.fullmatch(path.name)
    if not named or hashlib.sha256(data).hexdigest() != named[2]:
        raise ValueError("its bytes do not match the SHA-256 in its name")
    return decode(data, device)


def lacking(state: object, parts: Iterable[str] = (*TRAINED, "progress", "optimiser", "scaler")) -> str:
    """Return which of `parts`, by default all that a training goes on from, a state lacks; "" where it has them."""
    return ", ".join(name for name in parts if not isinstance(state, dict) or name not in state)


def encode(state: object) -> memoryview:
    """Return the bytes of a state: nested dicts and lists of tensors, numbers and strings."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getbuffer()


def decode(data: bytes | memoryview, device: torch.device | str = "cpu") -> object:
    """Return the state that `encode` made bytes of; ValueError where they hold anything else."""
    try:
        return torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        first, *_ = (*str(error).splitlines(), "nothing is in it")
        raise ValueError(f"not plain tensors, numbers and strings: {first}") from None


def clear(folder: Path) -> None:
    """Remove a finished run's checkpoints and whatever a killed save left aside."""
    for path in folder.glob("checkpoint-*.pt"):
        path.unlink(missing_ok=True)
    clear_aside(folder)


def clear_aside(folder: Path) -> None:
    """Remove what killed saves left aside: many kills would fill the disk."""
    for path in folder.glob(".*.aside"):
        path.unlink(missing_ok=True)

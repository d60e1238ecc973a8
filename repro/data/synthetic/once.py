"""Generated data sets on disk: written once under the cache folder, whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Return `$REPRO_CACHE`, or ~/.cache/repro where it is not set."""
    return Path(os.environ.get("REPRO_CACHE") or "~/.cache/repro").expanduser()


def write_once(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill `folder` unless it is there already; a killed or failed attempt leaves no such folder.

    One process writes while others wait. It writes aside and renames at the end, so `folder` is complete if it exists.

    Raises:
        ValueError: the cache folder cannot be written to.
    """
    if folder.is_dir():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.parent / f".{folder.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                write_aside(folder, write)
    except OSError as error:
        raise ValueError(
            f"{folder}: generated data cannot be written ({error.strerror or error}); make room or name another "
            "cache folder with $REPRO_CACHE."
        ) from None


def write_aside(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder beside `folder` and rename it at the end; nobody else may be at it."""
    aside = folder.parent / f".{folder.name}.part"
    shutil.rmtree(aside, ignore_errors=True)  # of a killed attempt; the lock says nobody is at it
    aside.mkdir()
    try:
        write(aside)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)

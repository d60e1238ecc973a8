"""Whole commands, as a user calls them: minutes, measured once."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from repro import machine
from repro.bench.sheet import Sheet

ROOT = Path(__file__).resolve().parents[2]
DEMO = ("./run_all.sh", "demo")
TESTS = ("./run_all.sh", "test")
QUICK = (*TESTS, "-m", "not slow")
LAST = 40  # lines of what a failed command said
HEADERS = ("command", "minutes", "limit", "exit code")


def measure_demo(command: Sequence[str] = DEMO) -> Sheet:
    """Return the minutes of the whole demo, from its call to its first table and to its end.

    It runs in a copy of the committed files, so that it trains all there is; the environment and the cache are this
    checkout's.
    """
    with tempfile.TemporaryDirectory(prefix="repro-demo-") as folder:
        copy = Path(folder) / "repro"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        code, seconds, first = timed(command, copy, watched=copy / "runs" / "demo" / "tables")
    rows = (
        (f"{' '.join(command)}: first table", _minutes(first), "1.50", ""),
        (" ".join(command), _minutes(seconds), "12.00", str(code)),
    )
    return _sheet(
        "demo", "minutes by the wall on all cores", rows, "within 12 minutes, goal 8; first table within 90 s"
    )


def measure_tests(commands: Sequence[Sequence[str]] = (QUICK, TESTS)) -> Sheet:
    """Return the minutes of the quick tests and of all of them."""
    rows = []
    for command, limit in zip(commands, ("3.00", "12.00")):
        code, seconds, _ = timed(command, ROOT)
        rows.append((" ".join(command), _minutes(seconds), limit, str(code)))
    return _sheet("tests", "minutes by the wall on all cores", tuple(rows), "within 12 minutes, without slow ones 3")


def timed(command: Sequence[str], folder: Path, watched: Path | None = None) -> tuple[int, float, float | None]:
    """Return (exit code, seconds, seconds until a CSV is in the folder `watched`, None where none came).

    What a command said last is printed where it failed.
    """
    began, first = time.perf_counter(), None
    venv = {"REPRO_VENV": os.environ.get("REPRO_VENV") or str(ROOT / ".venv")}
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, env={**os.environ, **venv})
        while process.poll() is None:
            if first is None and watched and any(watched.glob("*.csv")):
                first = time.perf_counter() - began
            time.sleep(0.2)
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            print(*said.readlines()[-LAST:], sep="", end="", file=sys.stderr)
    if first is None and watched and any(watched.glob("*.csv")):
        first = seconds
    return process.returncode, seconds, first


def _minutes(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.2f}"


def _sheet(row: str, about: str, rows: tuple[tuple[str, ...], ...], goal: str) -> Sheet:
    late = [each[0] for each in rows if not each[1] or float(each[1]) > float(each[2])]
    failed = [each[0] for each in rows if each[3] not in ("", "0")]
    said = [f"over its limit: {', '.join(late)}"] * bool(late) + [f"failed: {', '.join(failed)}"] * bool(failed)
    described = machine.describe(torch.device("cpu"))
    return Sheet(row, about, HEADERS, rows, goal, described, "; ".join(said) or "all within their limits")

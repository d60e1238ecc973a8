"""Tests that need a process of their own, since what other tests did to this one would spoil them."""

import subprocess
import sys
from pathlib import Path


def passes_alone(file: str) -> None:
    """Assert that the tests in `file`, beside this one, pass in a fresh interpreter; warnings go to stderr as ever."""
    path = Path(__file__).with_name(file)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:warnings", str(path)]
    done = subprocess.run(command, cwd=path.parent.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

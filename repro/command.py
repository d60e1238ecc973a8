"""What every verb of the command line has in common: exit codes, one sentence for bad input, how to stop."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

DONE, FAILED, BAD_INPUT, BUSY = 0, 1, 2, 3
STOPPED = 75  # with a checkpoint, the same call goes on
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence on stderr, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help.\n")


def run(main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None, prog: str) -> int:
    """Return what `main` returns; a ValueError or OSError becomes one sentence on stderr and exit code 2.

    Where the reader of a pipe leaves there is nobody to tell: 0. Where the user interrupts: 130, as shells have it.
    """
    try:
        return main(arguments)
    except BrokenPipeError:
        sys.stderr.close()  # or the interpreter complains about the pipe when it flushes at exit
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"{prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT


@dataclass
class Stop:
    """When to stop: a deadline of the monotonic clock, or a signal that came."""

    deadline: float | None = None
    signal: str = ""

    def __call__(self) -> str:
        """Return the reason to stop now, or ""."""
        if self.signal:
            return self.signal
        return "time limit" if self.deadline is not None and time.monotonic() > self.deadline else ""

    def listen(self) -> None:
        """Let SIGTERM and SIGINT stop at the next step; a second one at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _) -> None:
        if self.signal:
            sys.exit(128 + number)
        self.signal = signal.Signals(number).name

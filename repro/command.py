"""What every verb of the command line has in common: exit codes, one sentence for bad input, how to stop."""

import argparse
import errno
import os
import re
import signal
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

DONE, FAILED, BAD_INPUT, BUSY = 0, 1, 2, 3
STOPPED = 75  # with a checkpoint, the same call goes on
INTERRUPTED = 130
OURS = ("repro", "baselines")
LACKING = "let ./run_all.sh make an environment that has it, or pip install -e '.[train,test]'."
WIDTH = 100  # of a help page's sentences
_as_python_has_it = warnings.formatwarning


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence on stderr, without the usage, and whose help ends in examples."""

    def __init__(self, *, examples: Sequence[str] = (), epilog: str = "", **settings):
        """Take `examples`, a command a line with a comment behind two spaces, besides argparse's own settings."""
        shown = "\n".join(["examples:", *(f"  {line}" for line in examples)]) if examples else ""
        text = settings.get("description") or ""
        settings["description"] = "\n\n".join(textwrap.fill(part, WIDTH) for part in text.split("\n\n"))
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(epilog="\n\n".join(filter(None, (shown, epilog))) or None, **settings)

    def parse_known_args(self, args=None, namespace=None):
        """Refuse an empty text, which would be the current folder or a default, besides what argparse refuses."""
        args = sys.argv[1:] if args is None else [*args]
        for before, text in zip(["", *args], args):
            if not text or re.fullmatch("--[a-z-]+=", text):
                option = text or before
                self.error(f"{option.rstrip('=') if option.startswith('-') else 'an argument'} is empty; give a value")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help.\n")


def run(main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None, prog: str) -> int:
    """Return what `main` returns; a ValueError, an OSError or a lacking package is one sentence on stderr and code 2.

    Where the reader of a pipe leaves there is nobody to tell: 0. Where the user interrupts: 130, as shells have it.
    """
    _open_streams()
    warnings.formatwarning = _warning
    try:
        try:
            return main(arguments)
        finally:
            sys.stdout.flush()  # here, where a reader that left is no error, and not at the interpreter's exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered goes nowhere
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        package = (error.name or "repro").partition(".")[0]
        if package in OURS:
            raise
        print(f"{prog}: {package} is not installed here; {LACKING}", file=sys.stderr)
        return BAD_INPUT
    except (ValueError, OSError) as error:
        print(f"{prog}: {sentence(error)}", file=sys.stderr)
        return BAD_INPUT


def _warning(message: Warning | str, category: type[Warning], filename: str, *where, **line) -> str:
    """A warning as a sentence; where it arose is for those alone who can mend the library that it is of."""
    if filename.startswith(os.path.dirname(__file__)):
        return f"warning: {message}\n"
    return _as_python_has_it(message, category, filename, *where, **line)


def _open_streams() -> None:
    """Lead the streams that the caller closed to nowhere: the next file opened would take their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this stream's
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - it lasts as long as the process


def sentence(error: Exception) -> str:
    """Return what an error says, in a line; of the system's about a file or a letter, which one, and what to do.

    A missing key says that it is missing.
    """
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object[error.start]!a} cannot be written in the encoding {error.encoding}; set PYTHONUTF8=1."
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    if not isinstance(error, OSError) or (error.filename is None and not full):
        return f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
    remedy = "make room" if full else "correct the name or its permissions"
    return f"{error.filename or 'a file, or what is printed'}: cannot be read or written ({error.strerror}); {remedy}."


def size(text: str) -> tuple[int, int]:
    """Return the (height, width) that "448x448" says; refuse anything else as a parser expects it."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size, expected HEIGHTxWIDTH such as 448x448")
    return int(found[1]), int(found[2])


def time_span(text: str) -> float:
    """Return the seconds that "90s", "9m" or "2h" says; refuse anything else as a parser expects it."""
    found = re.fullmatch(r"(?=[0.]*[1-9])(\d+(?:\.\d+)?)([smh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 9m or 2h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


@dataclass
class Stop:
    """When to stop: a deadline of the monotonic clock, or a signal that came.

    Attributes:
        deadline: of the monotonic clock, if any.
        signal: the name of the first signal that came.
        at_once: a second signal ends the process; not under torchrun, which passes on what all have got already.
    """

    deadline: float | None = None
    signal: str = ""
    at_once: bool = True

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
        if self.signal and self.at_once:
            for each in (signal.SIGTERM, signal.SIGINT):
                signal.signal(each, signal.SIG_IGN)  # a third would interrupt the clearing up
            sys.exit(128 + number)
        self.signal = self.signal or signal.Signals(number).name

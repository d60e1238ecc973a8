"""What every verb of the command line has in common: one sentence and exit code 2 for bad input."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence on stderr, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help.\n")


def run(main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None, prog: str) -> int:
    """Return what `main` returns; a ValueError or OSError becomes one sentence on stderr and exit code 2."""
    try:
        return main(arguments)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the pipe left; nothing to say to nobody
        return 0
    except (ValueError, OSError) as error:
        print(f"{prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT

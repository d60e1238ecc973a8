"""What people read of a command: its help, the README, CONTRIBUTING; every command in them is run or parsed."""

import argparse
import importlib
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from measured import ROOT

from repro.__main__ import VERBS
from repro.run import main as run_main

ELSEWHERE = ("pip", "git", "cd", "ruff", "export")  # commands that are not ours
READS = ("table", "audit", "runs")  # verbs that only read and are quick: run, not only parsed
TORCH = {"weights"}  # verbs whose import takes seconds


class Parsed(BaseException):
    """The arguments were understood; nothing was done with them."""


def main_of(verb: str):
    module = importlib.import_module(f"repro.{verb}")
    return module.main if hasattr(module, "main") else importlib.import_module(f"repro.{verb}.__main__").main


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch):
    """A function that lets a verb parse a command line, and no more."""
    def parse_args(self, args=None, namespace=None):
        _, left = self.parse_known_args(args, namespace)
        assert left == []
        raise Parsed

    def parse(verb: str, arguments: list[str]) -> None:
        with monkeypatch.context() as context, pytest.raises(Parsed):
            context.setattr(argparse.ArgumentParser, "parse_args", parse_args)
            main_of(verb)(arguments)

    return parse


def words(line: str) -> list[str]:
    """Return a command line's words, without a comment and without what stands two blanks behind it."""
    return shlex.split(re.split(r"\s{2,}", line.strip())[0], comments=True)


def commands_in(page: str) -> list[str]:
    """Return the command lines of a page: of its shell blocks, and those in its sentences that name our commands."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += [" ".join(each.split()) for each in re.findall(r"`((?:python -m repro\.|\./run_all\.sh )[^`]+)`", rest)]
    return [line for line in lines if line and not line.startswith("#")]


COMMANDS = [(page, line) for page in ("README.md", "CONTRIBUTING.md") for line in dict.fromkeys(commands_in(page))]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[line[:60] for _, line in COMMANDS])
def test_every_command_of_the_pages_is_run_or_parsed(
    page: str, line: str, parse, tmp_path: Path, capsys: pytest.CaptureFixture
):
    program, *arguments = words(line)
    if program in ELSEWHERE or arguments[:2] == ["-m", "pytest"]:
        return
    arguments = [str(tmp_path) if word in ("DIR", "NAME=DIR") else word for word in arguments]
    if program == "python":
        assert arguments[0] == "-m" and arguments[1].startswith("repro."), line
        verb, arguments = arguments[1].removeprefix("repro."), arguments[2:]
    else:
        assert program in ("./run_all.sh", "repro"), line
        verb = arguments[0] if arguments and arguments[0] in VERBS else "run"
        arguments = arguments[1:] if verb != "run" else arguments
    if arguments[:1] == ["test"]:
        return
    assert verb in VERBS, line
    if verb == "audit" and any(Path(word).suffix == ".csv" for word in arguments):
        parse(verb, arguments)
        return
    if verb == "run" and "--help" not in arguments and "--lock" not in arguments and not _is_of_the_example(arguments):
        assert run_main([*arguments, "--dry-run"]) == 0
    elif verb in READS and "--all" not in arguments and "paper3" not in line:
        assert main_of(verb)(arguments) in ((0, 1) if verb == "audit" else (0,)), capsys.readouterr().err
    elif "--help" not in arguments:
        parse(verb, arguments)


def _is_of_the_example(arguments: list[str]) -> bool:
    """Whether a command is about CONTRIBUTING's own paper, which tests/test_contributing.py trains."""
    return "squares" in arguments


@pytest.mark.parametrize("verb", [pytest.param(v, marks=pytest.mark.slow) if v in TORCH else v for v in VERBS])
def test_a_verbs_help_ends_in_examples_that_parse(verb: str, parse, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        argparse_help(verb)
    page = capsys.readouterr().out
    assert "examples:\n" in page and all(len(line) <= 120 for line in page.splitlines())
    lines = page.partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert lines
    for line in lines:
        program, *arguments = words(line)
        arguments = [word for word in arguments if word not in ("-m", f"repro.{verb}")]
        if program == "repro":
            assert arguments.pop(0) == verb
        parse(verb, arguments)


def argparse_help(verb: str) -> None:
    """Print a verb's help and leave; `run` prints its own and goes on, so it is asked for the parser's alone."""
    if verb == "run":
        from repro.run import make_parser

        print(make_parser().format_help())
        raise SystemExit(0)
    main_of(verb)(["--help"])


def on_a_terminal(*arguments: str, **settings: str) -> str:
    """Return what `repro` prints where stdout is a terminal."""
    parent, child = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **settings}
    environment = {name: value for name, value in environment.items() if value}
    with subprocess.Popen([sys.executable, "-m", "repro", *arguments], stdout=child, env=environment, cwd=ROOT) as done:
        os.close(child)
        found = b""
        while True:
            try:
                data = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            found += data
        done.wait(60)
    os.close(parent)
    return found.decode()


@pytest.mark.parametrize("arguments", [["table", "paper1_table1", "--suite", "demo"], ["runs"], ["check", "--claims"]])
def test_colours_are_for_terminals_without_no_color(arguments: list[str]):
    piped = subprocess.run(
        [sys.executable, "-m", "repro", *arguments], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    colour = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")
    assert not colour.search(piped.stdout + piped.stderr)
    quiet = on_a_terminal(*arguments, NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?(?:3[0-9]|4[0-9]|9[0-7])(?:;[0-9;]*)?m", quiet), repr(quiet[:300])


def test_a_listing_on_a_terminal_has_colours(tmp_path: Path):
    code = (
        "from repro.progress import make_console; make_console().print('done', style='green')"
    )
    parent, child = pty.openpty()
    environment = {**{n: v for n, v in os.environ.items() if n != "NO_COLOR"}, "TERM": "xterm-256color"}
    subprocess.run([sys.executable, "-c", code], stdout=child, env={**environment, "PYTHONPATH": str(ROOT)}, check=True)
    assert b"\x1b[32mdone" in os.read(parent, 1000)
    os.close(parent)
    os.close(child)

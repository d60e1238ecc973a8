"""What every verb has in common: exit codes, one sentence, how to stop."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from measured import ROOT

from repro import __main__ as verbs
from repro import command
from repro.command import Parser, Stop


def test_the_exit_codes_are_the_documented_ones():
    codes = (command.DONE, command.FAILED, command.BAD_INPUT, command.BUSY, command.STOPPED, command.INTERRUPTED)
    assert codes == (0, 1, 2, 3, 75, 130)


def test_a_command_returns_what_its_main_returns(capsys: pytest.CaptureFixture):
    assert command.run(lambda arguments: len(arguments), ["a", "b", "c"], "prog") == 3
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [ValueError("no\n  such  suite"), FileNotFoundError("no\n  such  suite")])
def test_bad_input_is_one_line_with_the_commands_name_and_2(error: Exception, capsys: pytest.CaptureFixture):
    def main(_):
        raise error

    assert command.run(main, [], "prog") == 2
    assert capsys.readouterr() == ("", "prog: no such suite\n")


def test_an_error_of_the_system_names_the_file_and_says_what_to_do(tmp_path, capsys: pytest.CaptureFixture):
    def main(_):
        (tmp_path / "gone").read_bytes()

    def write(_):
        raise OSError(errno.ENOSPC, "No space left on device", "scores.json")

    assert command.run(main, [], "prog") == 2
    said = f"prog: {tmp_path}/gone: cannot be read or written (No such file or directory); correct the name or its"
    assert capsys.readouterr().err == f"{said} permissions.\n"
    assert command.run(write, [], "prog") == 2
    said = "prog: scores.json: cannot be read or written (No space left on device); make room.\n"
    assert capsys.readouterr().err == said


def test_a_letter_that_the_terminal_lacks_is_named_with_what_to_do(capsys: pytest.CaptureFixture):
    assert command.run(lambda _: "5 ± 1".encode("ascii"), [], "prog") == 2
    assert capsys.readouterr().err == "prog: '\\xb1' cannot be written in the encoding ascii; set PYTHONUTF8=1.\n"


def test_a_mistake_of_ours_keeps_its_traceback():
    for error in (AssertionError("ours"), ModuleNotFoundError("No module named 'repro.x'", name="repro.x")):

        def main(_, error=error):
            raise error

        with pytest.raises(type(error)):
            command.run(main, [], "prog")


@pytest.mark.parametrize(
    "arguments",
    [["run", "demo", "--dry-run"], ["predict", "README.md", "--checkpoint", "b"], ["data", "verify", "chasedb1"],
     ["weights", "list"], ["own", "--images", "a", "--labels", "b", "--classes", "c"], ["bench", "data"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_what_a_base_install_cannot_do_is_one_sentence(arguments: list[str]):
    lacking = "'torch', 'cv2', 'albumentations', 'segmentation_models_pytorch', 'skimage', 'huggingface_hub'"
    code = f"import sys; sys.modules.update(dict.fromkeys([{lacking}])); from repro.__main__ import main; exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2, done.stderr
    assert "is not installed here; let ./run_all.sh make" in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""


def test_an_interrupted_command_ends_with_130_and_no_traceback(capsys: pytest.CaptureFixture):
    def main(_):
        raise KeyboardInterrupt

    assert command.run(main, [], "prog") == 130
    assert capsys.readouterr() == ("", "")


def test_a_parsers_error_is_one_line_without_the_usage(capsys: pytest.CaptureFixture):
    parser = Parser(prog="prog")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    with pytest.raises(SystemExit) as left:
        parser.parse_args(["--device", "tpu"])
    assert left.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("prog: argument --device: invalid choice: 'tpu'") and err.endswith("see prog --help.\n")


def test_without_a_deadline_or_a_signal_nothing_stops():
    assert Stop()() == ""


def test_a_deadline_that_has_passed_is_a_reason_to_stop():
    assert Stop(time.monotonic() - 1)() == "time limit"
    assert Stop(time.monotonic() + 1000)() == ""
    assert Stop(0.0)() == "time limit"  # the clock's zero is a deadline too


LISTENS = """
import os, signal
from repro.command import Stop
stop = Stop()
stop.listen()
assert stop() == ""
os.kill(os.getpid(), signal.{first})
print(stop(), flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("never")
"""


@pytest.mark.parametrize("first", ["SIGTERM", "SIGINT"])
def test_a_first_signal_is_a_reason_to_stop_and_a_second_one_ends_at_once(first: str):
    line = [sys.executable, "-c", LISTENS.format(first=first)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout == f"{first}\n" and done.stderr == ""
    assert done.returncode == 128 + signal.SIGTERM


def repro(*arguments: str) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "repro", *arguments]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_reader_that_leaves_is_no_error():
    line = f"{sys.executable} -m repro table paper1_table1 --format csv | head -c 3"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("row", "")


def test_streams_that_the_caller_closed_lead_nowhere():
    code = "import sys; from repro.command import run; sys.exit(run(lambda _: print(sys.stdin.read()) or 5, [], 'p'))"
    line = ["bash", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code]
    assert subprocess.run(line, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--suite", ""], "x: --suite is empty; give a value"),
        (["--suite="], "x: --suite is empty; give a value"),
        ([""], "x: an argument is empty; give a value"),
        (["a", ""], "x: an argument is empty; give a value"),
    ],
)
def test_an_empty_argument_is_neither_a_default_nor_the_current_folder(capsys, arguments, said):
    parser = Parser(prog="x")
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--suite", default="demo")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(arguments)
    assert capsys.readouterr().err == f"{said}; see x --help.\n"
    assert parser.parse_args(["a", "--suite=b"]).suite == "b"


def test_a_full_device_behind_the_output_is_a_sentence():
    with open("/dev/full", "w") as full:
        line, place = [sys.executable, "-m", "repro", "--help"], {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, env=place)
    said = "repro: a file, or what is printed: cannot be read or written (No space left on device); make room.\n"
    assert (done.returncode, done.stderr) == (2, said)


WARNING = """
import warnings
from repro import command

def main(_):
    warnings.warn_explicit("a checkpoint is damaged", UserWarning, command.__file__, 1)
    warnings.warn_explicit("old", UserWarning, "/somewhere/library.py", 7)
    return 0

command.run(main, [], "prog")
"""


def test_a_warning_is_a_sentence_and_a_librarys_says_where_it_arose():
    done = subprocess.run([sys.executable, "-c", WARNING], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "warning: a checkpoint is damaged\n/somewhere/library.py:7: UserWarning: old\n"


def test_repro_verb_is_the_module_of_that_name():
    done = repro("table", "paper1_table1", "--format", "csv")
    assert done.returncode == 0 and done.stdout.startswith("row,mIoU reported,")
    assert repro("table", "paper1_tabel1").stderr.startswith("repro.table: there is no table or figure")


def test_repro_alone_lists_the_verbs():
    for done in (repro(), repro("--help")):
        assert done.returncode == 0 and done.stderr == ""
        assert all(f"  {verb} " in done.stdout for verb in verbs.VERBS)


def test_an_unknown_verb_is_one_sentence_with_the_nearest():
    done = repro("figur")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "repro: there is no verb 'figur'; did you mean figure?\n"
    assert repro("zzz").stderr.count("\n") == 1


LOADS_TORCH = pytest.param("weights", marks=pytest.mark.slow)


@pytest.mark.parametrize("verb", [LOADS_TORCH if verb == "weights" else verb for verb in verbs.VERBS])
def test_every_verb_has_a_help_page(verb: str):
    done = repro(verb, "--help")
    assert done.returncode == 0 and "usage: " in done.stdout, done.stderr

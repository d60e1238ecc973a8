"""`run_all.sh`: which environment it takes, when it sets one up, and what it hands on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from measured import ROOT

from repro.__main__ import VERBS

SCRIPT = ROOT / "run_all.sh"
PYTHON = """#!/usr/bin/env bash
# Stands for an environment's python: notes how it was called and, asked for requirements, has them or has them not.
printf '%s|' "$@" >> {log}; printf '\\n' >> {log}
case "$1" in
    */environment.py) exit {lacks} ;;
    -c) exec {real} "$@" ;;
    -m) [ "$2" = venv ] && {{ mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; }} ; exit 0 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and what it reads."""
    root = tmp_path / "a checkout"  # with a space, as people have them
    (root / "repro").mkdir(parents=True)
    for name in ("run_all.sh", "pyproject.toml", "constraints.txt", "repro/environment.py"):
        shutil.copy(ROOT / name, root / name)
    return root


def fake_python(folder: Path, log: Path, *, lacks: int = 0) -> None:
    """Put a python of every name into `folder`, which writes down its arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        path = folder / name
        path.write_text(PYTHON.format(log=f"'{log}'", real=sys.executable, lacks=lacks))
        path.chmod(0o755)


def call(root: Path, *arguments: str, path: Path | None = None, cwd: Path | None = None, **settings: str):
    """Run the script with nothing in the environment but what is given."""
    environment = {"PATH": ":".join([*([str(path)] if path else []), "/usr/bin", "/bin"]), "HOME": str(root)}
    line = ["bash", str(root / "run_all.sh"), *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment | settings, cwd=cwd or root)


def called(log: Path) -> list[list[str]]:
    return [line.split("|")[:-1] for line in log.read_text().splitlines()] if log.exists() else []


def works(log: Path) -> list[list[str]]:
    """Return the calls that are the work itself, not the look at the environment or its set-up."""
    return [each for each in called(log) if each[0] == "-m" and each[1] in ("repro.run", "pytest")]


def test_the_scripts_are_valid_bash_stop_at_errors_and_can_be_run():
    for script in (SCRIPT, ROOT / ".ci" / "run"):
        assert subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True).stderr == ""
        text = script.read_text()
        assert text.startswith("#!/usr/bin/env bash\n") and "set -euo pipefail" in text
        assert os.access(script, os.X_OK)


def test_shellcheck_has_nothing_to_say():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    assert subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True).stdout == ""


def test_an_active_environment_that_meets_the_ranges_is_used_as_it_is(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "active" / "bin", log)
    done = call(checkout, "demo", "--quiet", path=tmp_path / "active" / "bin", VIRTUAL_ENV=str(tmp_path / "active"))
    assert (done.returncode, done.stderr) == (0, "")
    assert works(log) == [["-m", "repro.run", "demo", "--quiet"]]
    assert not any("pip" in each for each in called(log)) and not (checkout / ".venv").exists()


def test_an_active_environment_that_lacks_something_is_left_alone_and_our_own_made(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "active" / "bin", log, lacks=1)
    done = call(checkout, path=tmp_path / "active" / "bin", VIRTUAL_ENV=str(tmp_path / "active"))
    assert done.returncode == 0 and "Setting up" in done.stderr
    assert [each[:3] for each in called(log) if each[1] == "venv"] == [["-m", "venv", str(checkout / ".venv")]]
    assert works(log) == [["-m", "repro.run"]]


def test_without_an_environment_one_is_made_once_from_the_exact_versions(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "bin", log)
    first = call(checkout, "camvid", path=tmp_path / "bin")
    assert first.returncode == 0 and f"Setting up {checkout / '.venv'}" in first.stderr and first.stdout == ""
    (install,) = [each for each in called(log) if "pip" in each]
    assert install[:3] == ["-m", "pip", "install"] and install[-2:] == ["-e", f"{checkout}[train,test]"]
    pinned = sys.version_info[:2] == (3, 11)
    assert (["-c", str(checkout / "constraints.txt")] == install[-4:-2]) == pinned
    log.unlink()
    second = call(checkout, "camvid", path=tmp_path / "bin")
    assert (second.returncode, second.stderr) == (0, "")
    assert called(log) == [["-m", "repro.run", "camvid"]]  # nothing is looked up or installed


def test_changed_requirements_are_installed_anew(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "bin", log)
    call(checkout, path=tmp_path / "bin")
    (checkout / "constraints.txt").write_text("numpy==2.0.0\n")
    log.unlink()
    assert "Setting up" in call(checkout, path=tmp_path / "bin").stderr
    assert any("pip" in each for each in called(log))
    assert not any("venv" in each for each in called(log))  # into the one that is there


def test_a_set_up_that_fails_is_not_taken_for_done(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "bin", log)
    failing = PYTHON.replace("-m) [", "-m) [ \"$2\" = pip ] && exit 1; [")
    for path in (tmp_path / "bin").iterdir():
        path.write_text(failing.format(log=f"'{log}'", real=sys.executable, lacks=0))
    assert call(checkout, path=tmp_path / "bin").returncode != 0
    assert works(log) == []
    assert not list((checkout / ".venv").glob(".repro-*"))


def test_repro_venv_names_the_environment_also_relative_to_where_one_stands(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "bin", log)
    (tmp_path / "here").mkdir()
    done = call(checkout, "test", "-q", path=tmp_path / "bin", cwd=tmp_path / "here", REPRO_VENV="mine")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "mine" / "bin" / "python").exists() and not (checkout / ".venv").exists()
    at_once = str(min(os.sysconf("SC_NPROCESSORS_ONLN"), 4))
    assert works(log) == [["-m", "pytest", "-n", at_once, "--dist", "loadgroup", "-q"]]


def test_a_link_to_the_script_works_in_the_checkout_it_leads_to(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "active" / "bin", log)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "run_all.sh").symlink_to(checkout / "run_all.sh")
    done = call(tmp_path / "bin", "runs", path=tmp_path / "active" / "bin", VIRTUAL_ENV="active")
    assert (done.returncode, done.stderr) == (0, "")
    assert called(log)[0] == [str(checkout / "repro" / "environment.py"), str(checkout / "pyproject.toml")]


def test_without_any_python_it_says_what_to_install(checkout: Path, tmp_path: Path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "readlink", "cat", "sha256sum", "cut", "env"):
        (tools / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [str(tools / "bash"), str(checkout / "run_all.sh")], capture_output=True, text=True,
        env={"PATH": str(tools), "HOME": str(checkout)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "No Python of version 3.11 or later was found; install one and call again.\n"


def test_arguments_are_handed_on_as_they_are(checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "active" / "bin", log)
    call(checkout, "camvid", "--only", "paper1_table1/*", "--data", "my data",
         path=tmp_path / "active" / "bin", VIRTUAL_ENV="active")  # fmt: skip
    assert works(log) == [["-m", "repro.run", "camvid", "--only", "paper1_table1/*", "--data", "my data"]]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "run"])
def test_every_verb_works_through_the_script_too(verb: str, checkout: Path, tmp_path: Path):
    log = tmp_path / "log"
    fake_python(tmp_path / "active" / "bin", log)
    call(checkout, verb, "--help", path=tmp_path / "active" / "bin", VIRTUAL_ENV="active")
    assert called(log)[-1] == ["-m", "repro", verb, "--help"]

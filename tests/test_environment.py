"""Whether an environment has what pyproject.toml asks for."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from measured import ROOT

from repro import environment

SCRIPT = ROOT / "repro" / "environment.py"


def pyproject(folder: Path, base: str, train: str = "", test: str = "") -> Path:
    """Write a pyproject.toml with these requirements; each argument is one, or none."""
    path = folder / "pyproject.toml"
    lists = {name: f'["{each}"]' if each else "[]" for name, each in (("base", base), ("train", train), ("test", test))}
    path.write_text(
        f"[project]\nname = 'x'\ndependencies = {lists['base']}\n"
        f"[project.optional-dependencies]\ntrain = {lists['train']}\ntest = {lists['test']}\n"
    )
    return path


def test_this_environment_meets_what_is_installed_here(tmp_path: Path):
    assert environment.missing(pyproject(tmp_path, "numpy", f"pytest=={version('pytest')}", "numpy>=1.0")) == []


@pytest.mark.parametrize("where", ["base", "train", "test"])
def test_what_is_not_installed_is_named_wherever_it_is_required(where: str, tmp_path: Path):
    requirements = {"base": "numpy"} | {where: "no-such-distribution>=2"}
    assert environment.missing(pyproject(tmp_path, **requirements)) == ["no-such-distribution>=2 (not installed)"]


def test_what_is_too_old_or_another_version_is_named_with_what_was_found(tmp_path: Path):
    found = version("numpy")
    assert environment.missing(pyproject(tmp_path, "numpy>=999.1")) == [f"numpy>=999.1 (found {found})"]
    assert environment.missing(pyproject(tmp_path, "numpy==0.0.1")) == [f"numpy==0.0.1 (found {found})"]


@pytest.mark.parametrize(
    ("found", "wanted", "meets"),
    [
        ("2.15.0+cu132", "2.10", True),  # numbers, not letters: 15 is more than 9
        ("2.9.1", "2.10", False),
        ("2.10", "2.10.0", True),
        ("2.10.0", "2.10", True),
        ("3.0.0rc1", "2.10", True),
        ("10.0", "9.9", True),
        ("1.0.14", "1.0.15", False),
    ],
)
def test_versions_are_compared_as_numbers(found: str, wanted: str, meets: bool):
    assert (environment._numbers(found) >= environment._numbers(wanted)) == meets


@pytest.mark.parametrize(("requirement", "code"), [("numpy>=1.0", 0), ("numpy>=999.1", 1)])
def test_the_script_ends_with_0_or_1_and_prints_what_is_lacking(requirement: str, code: int, tmp_path: Path):
    line = [sys.executable, str(SCRIPT), str(pyproject(tmp_path, requirement))]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stdout.strip().startswith("numpy>=999.1 (found ") == bool(code)


def test_our_own_requirements_are_of_the_forms_it_understands():
    missing = environment.missing(ROOT / "pyproject.toml", extras=("train", "test", "audit", "cluster"))
    assert all(requirement.endswith(")") for requirement in missing)


def test_the_exact_versions_lie_in_the_honest_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *extras["train"], *extras["test"]]
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    pinned = {name.lower().replace("_", "-"): found for name, found in pins}
    for requirement in required:
        name, _, wanted = requirement.partition(">=")
        if wanted:
            assert environment._numbers(pinned[name.lower()]) >= environment._numbers(wanted), requirement
    assert all("+" not in found for found in pinned.values())  # no build of one processor's own

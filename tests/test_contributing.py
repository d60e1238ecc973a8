"""CONTRIBUTING.md followed to the letter in a copy of the suite: a network, a data set and a paper, trained."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from measured import ROOT
from PIL import Image

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)]


def follow(block: str, root: Path) -> None:
    """Do with a block what its first line says: a file of its own, a line in a dict, before a name, or a name anew."""
    where, _, code = block.partition("\n")
    file, _, place = where.removeprefix("# ").partition(", ")
    path = root / file
    if not place:
        assert not path.exists()
        path.write_text(code)
        return
    kind, _, name = place.rpartition(" ")
    before, line, after = re.split(rf"^({name}\b.*=.*\n)", path.read_text(), flags=re.MULTILINE)
    if kind == "in":  # a dict: at its end
        inside, end, after = after.partition("\n}")
        path.write_text(f"{before}{line}{inside}\n{code.rstrip()}{end}{after}")
    else:
        path.write_text(before + {"before": code + line, "": code}[kind] + after)


def draw(root: Path) -> None:
    """Draw the data set of the checklist: a bright square on dark ground."""
    rng = np.random.default_rng(0)
    for split, drives in {"train": {"north": 8, "south": 3}, "test": {"west": 5}}.items():
        (root / "Squares" / split).mkdir(parents=True)
        for drive, count in drives.items():
            for number in range(count):
                label = np.zeros((24, 32), np.uint8)
                top, left = rng.integers(0, 12, 2)
                label[top : top + 10, left : left + 12] = 1
                image = (rng.integers(0, 80, (24, 32, 3)) + 150 * label[..., None]).astype(np.uint8)
                Image.fromarray(image).save(root / "Squares" / split / f"{drive}_{number}.png")
                Image.fromarray(label).save(root / "Squares" / split / f"{drive}_{number}_label.png")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the suite with everything the checklists add."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("repro", "baselines", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for block in BLOCKS:
        follow(block, root)
    draw(root / "data")
    return root


def call(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "REPRO_DATA"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=root,
        env=environment | {"PYTHONPATH": str(root), "NO_ALBUMENTATIONS_UPDATE": "1"},
    )  # fmt: skip


def test_every_checklist_has_its_code_and_none_is_passed_over():
    files = [block.partition("\n")[0].removeprefix("# ") for block in BLOCKS]
    assert files == [
        "baselines/tiny.py", "repro/networks.py, in NETWORKS", "tests/test_networks.py, in SMALL",
        "repro/data/squares.py", "repro/data/__init__.py, in DATASETS",
        "repro/papers/paper3.py", "repro/papers/__init__.py, before PAPERS", "repro/papers/__init__.py, PAPERS",
        "repro/papers/suites.py, in SUITES",
    ]  # fmt: skip


def test_the_plan_of_the_added_paper_knows_its_runs_and_steps(copy: Path):
    done = call(copy, "repro.run", "squares", "--data", "data", "--dry-run")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("  due ")]
    assert [(line[3], line[4]) for line in lines] == [  # 8 images in batches of 4, twice
        ("paper3_table1/Tiny", "4"), ("paper3_table1/Tinier", "4"), ("paper3_table1/position", "prior")
    ]  # fmt: skip


def test_the_added_data_set_is_verified_and_the_added_paper_audited(copy: Path):
    done = call(copy, "repro.data", "verify", "squares", "--data", "data")
    assert done.returncode == 0, done.stdout + done.stderr
    done = call(copy, "repro.audit", "paper3")
    assert done.returncode == 0 and "On Squares" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_the_added_network_passes_the_tests_that_the_checklist_names(copy: Path):
    files = ("tests/test_networks.py", "tests/test_imports.py", "tests/test_papers_form.py")
    done = call(copy, "pytest", "-q", "-x", *files, "-k", "tiny or squares or paper3")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_a_run_of_the_added_paper_is_trained_and_its_table_printed(copy: Path):
    corner = ("--only", "paper3_table1/Tiny", "--seeds", "0", "--device", "cpu")
    done = call(copy, "repro.run", "squares", "--data", "data", *corner)
    assert done.returncode == 0, done.stdout + done.stderr
    table = call(copy, "repro.table", "paper3_table1", "--format", "csv").stdout
    (row,) = [line for line in table.splitlines() if line.startswith("Tiny,")]
    assert "90.1" in row and "undecided (n = 1)" in row, table
    assert call(copy, "repro.check", "--claims").returncode == 0
    done = call(copy, "repro.pages")
    assert done.returncode == 0 and "loss alpha" in (copy / "docs" / "paper3.md").read_text(), done.stderr

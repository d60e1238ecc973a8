"""What the repository holds: nothing of a machine, nothing large, nothing unfinished, nothing too long."""

import ast
import re
import subprocess
from pathlib import Path
from urllib.parse import urlparse

import pytest
from measured import ROOT


def committed() -> list[Path]:
    """Return every file that git has, as it stands in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """Return the text files by path; a picture or an archive of counts is none."""
    found = {}
    for path in committed():
        try:
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def lines_with(pattern: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """Return "path:line: text" of every line that matches; `but` are files that name it for a reason."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if name not in but
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


HERE = "tests/test_repository.py"


def test_no_file_names_a_path_of_a_machine():
    assert lines_with(r"(?<![\w.])/(work|root|home|Users)/", but=(HERE,)) == []


def test_no_file_names_a_package_index_or_mirror():
    hosts = r"pypi\.org|files\.pythonhosted|download\.pytorch\.org|index-url|artifactory|/simple\b|nexus"
    assert lines_with(hosts, but=(HERE,)) == []


def test_nothing_is_left_to_do():
    assert lines_with(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError", but=(HERE,)) == []


def test_no_file_is_large_and_the_whole_is_small():
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in committed()}
    assert {name: size for name, size in sizes.items() if size > 1_000_000} == {}
    assert sum(sizes.values()) < 8_000_000


def test_there_is_no_notebook_archive_or_compiled_file():
    unwanted = {".ipynb", ".zip", ".gz", ".tar", ".pt", ".pth", ".ckpt", ".safetensors", ".pkl", ".pyc", ".so"}
    assert [path for path in committed() if path.suffix in unwanted] == []


def test_nothing_is_committed_that_is_ignored():
    listed = subprocess.run(["git", "ls-files", "-ci", "--exclude-standard"], capture_output=True, text=True, cwd=ROOT)
    assert listed.stdout == ""


PYTHON = [path for path in sorted([*(ROOT / "repro").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")])]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_functions_and_docstrings_are_in_bounds(path: Path):
    source = path.read_text()
    assert len(source.splitlines()) <= 350
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module says in one line what it does"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is {node.end_lineno - node.lineno + 1} lines long"


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_whatever_is_public_says_what_it_is(path: Path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    there = [node for node in ast.parse(path.read_text()).body if isinstance(node, kinds)]
    assert [node.name for node in there if not node.name.startswith("_") and not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_error_is_passed_over_in_silence(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            assert not all(isinstance(each, ast.Pass) for each in node.body), f"line {node.lineno}: except: pass"


def links(text: str) -> list[str]:
    """Return the targets of a Markdown page's links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [path for path in committed() if path.suffix == ".md" and "tables" not in path.parts],
                         ids=lambda path: str(path.relative_to(ROOT)))  # fmt: skip
def test_links_lead_somewhere(page: Path):
    text = page.read_text()
    for link in links(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if urlparse(link).scheme:
            continue
        name, _, part = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        if part and target.suffix == ".md":
            assert part in {anchor(each) for each in re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)}, link


def test_what_a_stranger_needs_is_there():
    for name in ("LICENSE", "CITATION.cff", "pyproject.toml", "constraints.txt", "run_all.sh", ".gitignore", ".ci/run"):
        assert (ROOT / name).is_file(), name
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    assert ".ci/run" in "".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/.venv/", "/runs/", "/data/"} <= set(ignored)


def test_the_continuous_integration_runs_tests_demo_check_and_asserts_a_clean_tree():
    text = (ROOT / ".ci" / "run").read_text()
    steps = ["run_all.sh test", "run_all.sh demo", "check --fresh", "git status --porcelain"]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)

"""Who may import what: the design's one street, one direction, held by walking the imports."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from measured import ROOT

FILES = sorted([*(ROOT / "repro").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")])


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text()) for name, path in SOURCES.items()}


def imports_of(name: str) -> set[str]:
    """Return every module or name that a module imports, wherever in it: "repro.plan", "repro.plan.Run"."""
    return set(imported(TREES[name], name, SOURCES[name]))


def imported(tree: ast.AST, name: str, path: Path) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*up, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def ours(name: str) -> set[str]:
    """Return which of our modules a module imports: for "from repro.data import base" both the package and base."""
    found = set()
    for target in imports_of(name):
        parts = target.split(".")
        found |= {".".join(parts[:end]) for end in range(2, len(parts) + 1)} & set(SOURCES)
        found |= {parts[0]} & {"baselines"}
    return found - {name}


def area(name: str) -> str:
    """Return the row of the table a module belongs to: "repro.data.images" is data, "baselines.fcn" baselines."""
    parts = name.split(".")
    return parts[0] if parts[0] == "baselines" or len(parts) == 1 else parts[1]


# Which areas of repro each area may import, besides itself. command, files and words are everybody's tools; the
# package repro itself is empty.
TOOLS = {"command", "files", "markdown", "repro", "words", "forms"}
VIEWS = {"table", "figure", "found", "pages", "report", "views"}
READS = {
    *("papers", "plan", "metrics", "statistics", "records", "measurements", "external", "compare", "curves", "claims"),
    *("audit", "folders"),
}
LISTS = {"data", "networks"}  # the dicts of names alone; nothing behind them is imported, see torch below
MAY = {
    "papers": set(),
    "plan": {"papers"},
    "metrics": set(),
    "statistics": set(),
    "audit": {"papers", "metrics", "statistics", "plan", "data"},
    "records": {"metrics"},
    "external": {"records"},
    "compare": (READS | LISTS) - {"claims"},
    "curves": {"records"},
    "measurements": set(),
    "claims": READS,
    **{view: READS | VIEWS | LISTS for view in VIEWS},
    "demo": READS,
    "check": READS | VIEWS | {"demo", "bundle", "faults"},
    "faults": {"plan", "records", "metrics", "schedule"},
    "environment": set(),
    "command": set(),
    "files": set(),
    "data": set(),
    "models": {"networks"},
    "networks": {"models"},
    "losses": set(),
    "checkpoint": set(),
    "parallel": {"checkpoint", "machine"},
    "schedule": {"papers"},
    "training": {"losses", "checkpoint", "parallel", "papers", "data", "schedule"},
    "evaluation": {"losses", "metrics", "parallel", "papers", "training"},
}


@pytest.mark.parametrize("name", [name for name in SOURCES if area(name) in MAY])
def test_a_module_imports_only_what_the_design_lets_it(name: str):
    allowed = MAY[area(name)] | {area(name)} | TOOLS
    if name == "repro.data.__main__":
        allowed |= {"papers", "plan"}  # the command knows which suites a data set is for; the package does not
    assert {target for target in ours(name) if area(target) not in allowed} == set()


def test_the_areas_of_the_design_are_all_there():
    assert set(MAY) - {"pages"} <= {area(name) for name in SOURCES}


@pytest.mark.parametrize("name", [name for name in SOURCES if area(name) == "papers"])
def test_declarations_import_nothing_but_declarations(name: str):
    others = {target for target in imports_of(name) if not target.startswith("repro.papers")}
    assert others <= ({"dataclasses.dataclass", "dataclasses.field"} if name == "repro.papers.spec" else set())


@pytest.mark.parametrize("name", [name for name in SOURCES if area(name) == "baselines"])
def test_baselines_import_nothing_of_repro(name: str):
    libraries = {target.partition(".")[0] for target in imports_of(name)} - set(sys.stdlib_module_names)
    assert libraries <= {"baselines", "torch", "torchvision", "segmentation_models_pytorch", "timm", "numpy", "skimage"}


@pytest.mark.parametrize("one", ["data", "models", "losses"])
def test_data_models_and_losses_do_not_know_each_other(one: str):
    others = {"data", "models", "losses"} - {one}
    assert {t for name in SOURCES if area(name) == one for t in ours(name) if area(t) in others} == set()


def test_training_writes_no_records_and_knows_no_names():
    for name in SOURCES:
        if area(name) in ("training", "checkpoint", "losses", "evaluation"):
            known = {area(target) for target in ours(name)}
            assert known.isdisjoint({"records", "plan", "networks", "suite", "runner"})


def test_nothing_below_the_runner_imports_a_view():
    for name in SOURCES:
        if area(name) not in VIEWS | {"check", "suite", "run", "__main__", "repro"}:
            assert {area(target) for target in ours(name)}.isdisjoint(VIEWS), name


# What importing costs.

WITHOUT_TORCH = (
    VIEWS | READS | {"check", "demo", "environment", "command", "files", "networks", "suite", "run", "progress"}
    | {"words", "columns", "folders", "runs", "log", "dry_run", "card", "predict", "export"}
)  # fmt: skip
LIGHT = sorted(name for name in SOURCES if area(name) in WITHOUT_TORCH and not name.endswith("__main__"))


def loads(names: list[str], wanted: tuple[str, ...]) -> str:
    """Return which module is the first of `names` to bring in one of the `wanted` libraries; "" where none does."""
    code = (
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
        f"    found = [each for each in {wanted} if each in sys.modules]\n"
        "    if found:\n"
        "        sys.exit(print(name, found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_views_and_what_they_read_load_no_torch_and_what_torch_brings():
    wanted = ("torch", "torchvision", "timm", "segmentation_models_pytorch", "albumentations", "cv2")
    assert {"repro.table", "repro.figure.curves", "repro.check", "repro.suite", "repro.statistics"} <= set(LIGHT)
    assert loads(LIGHT, wanted) == ""
    assert loads(["repro.plan", "repro.metrics"], ("numpy",)) == "repro.metrics ['numpy']\n"  # it would be noticed


def test_what_installs_without_training_loads_none_of_its_packages():
    base = ["repro.audit.__main__", "repro.check", "repro.collect", "repro.report.__main__", "repro.table.__main__"]
    assert loads(base, ("torch", "skimage", "pooch", "safetensors", "psutil")) == ""


def test_a_table_loads_no_pandas_scipy_or_matplotlib_either():
    names = [name for name in LIGHT if area(name) in {"table", "compare", "plan", "records", "metrics", "statistics"}]
    assert loads(names, ("scipy", "matplotlib", "pandas", "jinja2")) == ""


# What is nowhere.


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


PICKLES = ("pickle", "dill", "joblib", "cloudpickle", "shelve")


def dangers(tree: ast.AST) -> list[str]:
    """Return what runs code out of data or text: each as it stands."""
    found = []
    for function, call in calls(tree):
        last = function.rpartition(".")[2]
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        shell = isinstance(keywords.get("shell"), ast.Constant) and keywords["shell"].value is True
        bare = function in ("eval", "exec", "compile", "__import__", "input")
        pickled = isinstance(keywords.get("allow_pickle"), ast.Constant) and keywords["allow_pickle"].value is True
        if bare or shell or pickled or last in ("extractall", "system", "popen", "unpack_archive"):
            found.append(ast.unparse(call))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [f"from {node.module}"] if node.module in PICKLES else []
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in PICKLES:
            found += [ast.unparse(node)] if node.attr != "UnpicklingError" else []  # catching it is no danger
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_unpickles_unpacks_blindly_or_runs_a_shell(name: str):
    assert dangers(TREES[name]) == []


@pytest.mark.parametrize(
    "source",
    ["eval(text)", "pickle.load(file)", "from pickle import loads", "archive.extractall(folder)", "os.system('ls')",
     "subprocess.run(line, shell=True)", "np.load(path, allow_pickle=True)", "shutil.unpack_archive(path)"],
)  # fmt: skip
def test_the_rule_finds_what_it_forbids(source: str):
    assert dangers(ast.parse(source))


def test_only_the_checkpoint_module_reads_torch_files_and_only_weights():
    for name, tree in TREES.items():
        for function, call in calls(tree):
            if function in ("torch.load", "torch.jit.load", "torch.hub.load"):
                assert name == "repro.checkpoint" and function == "torch.load", name
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                assert keywords.get("weights_only") == "True"


def test_every_archive_of_arrays_is_read_without_pickles():
    for name, tree in TREES.items():
        for function, call in calls(tree):
            if function in ("np.load", "numpy.load"):
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                assert keywords.get("allow_pickle", "False") == "False", name

"""Does it work? Bugs are planted one at a time in a copy of the tree, and the tests and the check look for them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from repro import machine
from repro.bench.sheet import Sheet

ROOT = Path(__file__).resolve().parents[2]
GOAL = "at least 19 of 20 are caught"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "runs", "data_cache", "build", "dist", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info"
)
SECONDS = 3600  # a run of tests that takes longer hangs; on a busy machine they take long


@dataclass(frozen=True)
class Defect:
    """A bug: in `file` the text `right` becomes `wrong`; `tests` are where it should be noticed.

    `tests` are a file, "-k" and what the names of its tests hold, as pytest takes them; what is left out saves time.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: str


DEFECTS = (
    Defect("void is counted as a class", "repro/evaluation.py",
           "pairs = torch.add(prediction, label, alpha=classes)",
           "pairs = torch.add(prediction, label % IGNORED, alpha=classes)",
           "tests/test_evaluation.py -k confusion"),
    Defect("void pixels have a loss", "repro/losses.py",
           "        valid = label != IGNORED\n        if self.class_weights is None:",
           "        valid = label >= 0\n        if self.class_weights is None:",
           "tests/test_losses.py -k transcribed"),
    Defect("labels are shifted by a pixel", "repro/data/samples.py",
           'return _image_tensor(image), torch.from_numpy(np.array(label, order="C"))',
           "return _image_tensor(image), torch.from_numpy(np.roll(label, 1, axis=1))",
           "tests/test_data_samples.py -k file"),
    Defect("the schedule is off", "repro/schedule.py",
           "(1 + math.cos(math.pi * step / total)) / 2", "1.0",
           "tests/test_training_stream.py -k schedule"),
    Defect("Dice has the wrong sign", "repro/losses.py",
           "(((1 - mean) * (count > 0))", "(((1 + mean) * (count > 0))",
           "tests/test_losses.py -k two_pixels"),
    Defect("images are not normalised", "repro/training/step.py",
           "return (image - mean) / deviation", "return image",
           "tests/test_training_stream.py -k normalised"),
    Defect("the flip turns the image only", "repro/data/transforms.py",
           "        return cv2.flip(mask, 1)",
           "        return mask",
           "tests/test_data_transforms.py -k together"),
    Defect("batch-norm is in training mode at evaluation", "repro/runner/perform.py",
           "    network.eval()\n", "    network.train()\n",
           "tests/test_score.py -k exactly"),
    Defect("dropout is on where weights are selected", "repro/training/step.py",
           "    network.eval()\n", "    network.train()\n",
           "tests/test_selection.py -k evaluation_mode"),
    Defect("two classes are swapped", "repro/data/cityscapes.py",
           "enumerate(CLASSES.values())}", "enumerate(reversed(CLASSES.values()))}",
           "tests/test_data_cityscapes.py -k ids"),
    Defect("mIoU is the mean over images", "repro/metrics/named.py",
           "        return _from_counts(name, named, *(weights @ count for count in counts))",
           "        return np.repeat(np.nanmean(_from_counts(name, named, *counts)), len(weights))",
           "tests/test_metrics.py -k pooled"),
    Defect("weight decay is ignored", "repro/training/step.py",
           "decay = recipe.weight_decay or 0.0", "decay = 0.0",
           "tests/test_training_loop.py -k by_hand"),
    Defect("alpha weighs the other loss", "repro/losses.py",
           '"cross_entropy_dice": lambda alpha: (alpha, 1 - alpha)',
           '"cross_entropy_dice": lambda alpha: (1 - alpha, alpha)',
           "tests/test_losses.py -k alpha"),
    Defect("weights are selected on the report list", "repro/runner/perform.py",
           "select=lambda network: scores(network, selection)", "select=lambda network: scores(network, report)",
           "tests/test_selection.py -k report_list"),
    Defect("the seed does not reach the initial weights", "repro/runner/perform.py",
           "torch.manual_seed(run.seed)", "torch.manual_seed(0)",
           "tests/test_runner.py -k seed"),
    Defect("a resumed training skips a batch", "repro/training/loop.py",
           "start=self.progress.step,", "start=self.progress.step + (self.progress.step > 0),",
           "tests/test_training_loop.py -k stopped_training_ends"),
    Defect("the class is taken along the wrong axis", "repro/evaluation.py",
           "prediction = logits.max(0).indices",
           "prediction = logits.transpose(1, 2).max(0).indices.reshape(label.shape)",
           "tests/test_evaluation.py -k transcription"),
    Defect("labels are resized bilinearly", "repro/data/transforms.py",
           "interpolation=cv2.INTER_NEAREST_EXACT", "interpolation=cv2.INTER_LINEAR",
           "tests/test_data_transforms.py -k nearest"),
    Defect("deep supervision is ignored", "repro/training/loop.py",
           "weights = (1.0, *self.recipe.auxiliary_weights)", "weights = (1.0,)",
           "tests/test_training_loop.py -k auxiliary"),
    Defect("early stopping has the wrong sign", "repro/training/loop.py",
           "if loss < progress.best_loss or", "if loss > progress.best_loss or",
           "tests/test_training_loop.py -k selection_loss"),
    Defect("sensitivity and specificity are swapped", "repro/metrics/formulas.py",
           '"sensitivity": _sensitivity,\n    "specificity": _specificity,',
           '"sensitivity": _specificity,\n    "specificity": _sensitivity,',
           "tests/test_metrics.py -k two_class"),
    Defect("the histogram is off by a bin", "repro/evaluation.py",
           "((scaled + 1) / 2 * BINS)", "((scaled + 1) / 2 * BINS + 1)",
           "tests/test_evaluation.py -k histogram"),
    Defect("the field of view is ignored", "repro/evaluation.py",
           "torch.where(inside, label, IGNORED)", "label",
           "tests/test_evaluation.py -k field_of_view"),
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What noticed a defect: the first test that failed ("" for none), and whether the check failed."""

    test: str
    check: bool


def measure(defects: tuple[Defect, ...] = DEFECTS) -> Sheet:
    """Return which of the defects the tests and `python -m repro.check` notice.

    Each is planted in a copy of the tree of its own, in new processes. A copy without any defect has to pass first, or
    what is noticed would mean nothing.

    Raises:
        ValueError: the text of a defect is not in the tree once, or the copy without one fails.
    """
    for defect in defects:
        planted((ROOT / defect.file).read_text(), defect)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        intact, *found = pool.map(look, (None, *defects), [defects] * (len(defects) + 1))
    return sheet_of(defects, intact, found)


def sheet_of(defects: Sequence[Defect], intact: Found, found: Sequence[Found]) -> Sheet:
    """Return what was found of each defect as a sheet; ValueError where something fails without any defect."""
    if intact.test or intact.check:
        raise ValueError(f"without any defect {intact.test or 'the check'} fails already; nothing can be said.")
    caught = sum(bool(each.test or each.check) for each in found)
    rows = tuple(
        (defect.name, defect.file, each.test or "no", "yes" if each.check else "no")
        for defect, each in zip(defects, found)
    )
    by_tests, by_check = sum(bool(each.test) for each in found), sum(each.check for each in found)
    return Sheet(
        row="defects",
        about="bugs planted one at a time, and what notices them",
        headers=("defect", "file", "caught by test", "caught by check"),
        rows=rows,
        goal=GOAL,
        machine=machine.describe(torch.device("cpu")),
        found=f"{caught} of {len(defects)} are caught: {by_tests} by tests, {by_check} by the check",
    )


def planted(source: str, defect: Defect) -> str:
    """Return a file's text with the defect in it; ValueError where its place is not there exactly once."""
    if source.count(defect.right) != 1:
        raise ValueError(
            f"{defect.file}: {defect.right!r} is there {source.count(defect.right)} times, expected once; adapt the "
            f"defect {defect.name!r} in repro/bench/defects.py."
        )
    return source.replace(defect.right, defect.wrong)


def look(defect: Defect | None, defects: Sequence[Defect]) -> Found:
    """Return what notices a defect in a copy of the tree; None runs the tests of all of them in an intact copy."""
    with tempfile.TemporaryDirectory(prefix="repro-defect-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        if defect is not None:
            path = tree / defect.file
            path.write_text(planted(path.read_text(), defect))
        failed = _failing_test(tree, _asked([defect] if defect else defects), Path(folder))
        check = _run(tree, ["repro.check"], Path(folder)).returncode == 1
    return Found(failed, check)


def _asked(defects: Sequence[Defect]) -> list[str]:
    """The arguments of pytest that run the tests of all of these defects."""
    parted = [each.tests.split(" -k ") for each in defects]
    return [*dict.fromkeys(path for path, _ in parted), "-k", " or ".join(dict.fromkeys(word for _, word in parted))]


def _failing_test(tree: Path, arguments: list[str], folder: Path) -> str:
    """The first test that fails; "" where all pass; ValueError where none was run."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--basetemp", str(folder / "tests")]
    done = _run(tree, ["pytest", *options, *arguments], folder)
    if done.returncode == 0:
        return ""
    match = re.search(r"^(?:FAILED|ERROR) (\S+?)(?:\[.*?\])?(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != 1 or match is None:
        raise ValueError(f"{' '.join(arguments)}: pytest ended with {done.returncode}: {done.stdout[-400:]}")
    return match[1].removeprefix("tests/")


def _run(tree: Path, module: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",  # a defect of the same length within a second would not be compiled anew
        "REPRO_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=SECONDS)

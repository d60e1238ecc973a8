"""The demo's tolerance is wide enough for another processor and too narrow for a wrong loss or wrong labels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from repro import losses, plan, records
from repro.data.toy import ToyCityscapes
from repro.demo import TOLERANCES, demo_differences
from repro.runner import Setting, perform

CELL = "paper1_table1/U-Net"
VOID, ROAD, SIDEWALK, LAST = 255, 0, 1, 18


def relabelled(changes):
    """Cityscapes' label ids, with some train ids taken for others."""
    return {label_id: changes.get(train_id, train_id) for label_id, train_id in ToyCityscapes.train_ids.items()}


DEFECTS = {  # name -> what is wrong: the loss's factors, or the labels
    "no Dice": {"loss": lambda alpha: (alpha, 0.0)},
    "1 - alpha for alpha": {"loss": lambda alpha: (1 - alpha, alpha)},
    "void counted as the last class": {"labels": {VOID: LAST}},
    "road and sidewalk swapped": {"labels": {ROAD: SIDEWALK, SIDEWALK: ROAD}},
}


def train(folder: Path) -> records.Folder:
    """Train the cell's run below `folder` as the demo does, and return where its record is."""
    data = folder / "data"
    data.mkdir(parents=True)  # a search path of its own: an opened data set is kept for each
    (job,) = plan.plan(plan.suite("demo"), only=CELL)
    done = perform(job.run, Setting(folder / "runs", (str(data),), torch.device("cpu")))
    records.publish(done, folder / "records", job.run.id, "cpu")
    return records.Folder(folder / "records", folder / "tables", folder / "figures")


def differences(one: records.Folder, other: records.Folder) -> list[str]:
    return demo_differences(plan.suite("demo"), one, other)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return train(tmp_path_factory.mktemp("expected"))


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_moves_the_demo_outside_its_tolerance(defect, expected, tmp_path, monkeypatch):
    wrong = DEFECTS[defect]
    if "loss" in wrong:
        monkeypatch.setitem(losses.LOSSES, "cross_entropy_dice", wrong["loss"])
    else:
        monkeypatch.setattr(ToyCityscapes, "train_ids", relabelled(wrong["labels"]))
    found = differences(expected, train(tmp_path))
    assert found, f"{defect} stays within {TOLERANCES['paper1']}"


@pytest.mark.slow
def test_another_instruction_set_and_number_of_threads_stay_inside(expected, tmp_path):
    code = "import pathlib, sys; import test_demo_sensitivity as test; test.train(pathlib.Path(sys.argv[1]))"
    other = {
        "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1" if torch.get_num_threads() > 1 else "2",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ | other, check=True)
    again = records.Folder(tmp_path / "records", tmp_path / "tables", tmp_path / "figures")
    assert records.ids(again.records) == records.ids(expected.records)
    assert differences(expected, again) == []

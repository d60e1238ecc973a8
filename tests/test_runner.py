import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tiny
import tiny_data
import torch
from measured import snapshot

from repro import records
from repro.data import DATASETS
from repro.faults import record_faults
from repro.folders import RunFolder
from repro.networks import build
from repro.plan import Run, Split
from repro.runner import (
    Busy,
    Setting,
    is_done,
    label_counts,
    locked,
    make_network,
    make_run_loss,
    open_lists,
    perform,
    spread,
)
from repro.training import Events, Interrupted

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


@pytest.fixture
def setting(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "tiny_squares", "tiny_data:Squares")
    root = tiny_data.draw(tmp_path)
    return Setting(tmp_path / "runs", (f"tiny_squares={root}",), torch.device("cpu"))


def make_run(*, network="unet", options=None, limit=None, **changes):
    options = {"width": 2} if options is None else options
    split = {"train": Split(data="tiny_squares", list="train", limit=limit)}
    changes = {"epochs": 2, "crop": (16, 16), **changes}
    test = Split(data="tiny_squares", list="report")
    return Run(network=network, options=options, test=test, recipe=tiny.recipe(**changes), seed=1, **split)


def counting(steps, stop_at=None):
    return Events(
        on_step=lambda progress: steps.append(progress.step),
        should_stop=lambda: "asked to" if steps[-1] == stop_at else "",
    )


def hold(folder):
    """Start another process that holds a run's lock."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_run_at_which_another_process_works_is_busy_until_that_one_is_killed(setting):
    run = make_run()
    process = hold(setting.runs / run.id)
    steps = []
    with pytest.raises(Busy, match=f"{run.id}: another process is training this run"):
        perform(run, setting, counting(steps))
    assert steps == [] and not is_done(setting, run)
    process.kill()
    process.wait()
    with locked(setting.runs / run.id):
        pass


def test_a_finished_run_is_not_trained_again(setting):
    run, steps = make_run(), []
    folder = perform(run, setting, counting(steps))
    assert steps == [1, 2, 3, 4]  # 8 images by 4, twice
    before = snapshot(folder)
    assert perform(run, setting, counting(steps)) == folder
    assert steps == [1, 2, 3, 4]
    assert snapshot(folder) == before


def test_a_record_holds_what_its_evidence_its_lists_and_its_labels_give(setting, tmp_path):
    run = make_run()
    folder = perform(run, setting)
    data = json.loads((folder / "record.json").read_text())
    assert data["id"] == run.id == folder.name
    assert data["run"] == run.identity()
    lists = data["lists"]
    assert {name: lists[name]["n"] for name in lists} == {"train": 8, "selection": 3, "report": 5}
    assert {name: lists[name]["units"] for name in lists} == {
        "train": ["north"], "selection": ["south"], "report": ["west"],
    }  # fmt: skip
    counted = records.read_evidence(folder / "evidence.npz")["last native whole"].images.tolist()
    assert len(lists["selection"]["images"]) == 3 and not set(lists["selection"]["images"]) & set(counted)
    assert len({lists[name]["sha256"] for name in lists}) == 3
    # squares of 6 x 8 = 48 pixels on 16 x 24 = 384; void pixels 1 + 2 + ... + 8 = 36 in the first row
    total = data["training"]["label_pixels"]
    assert sum(total) == 8 * 384 - 36
    assert 8 * 48 - 36 <= total[1] <= 8 * 48
    assert (data["training"]["steps"], data["training"]["ended"]) == (4, "all epochs")
    weights = build(run.network, classes=2, **run.options).parameters()
    assert data["network"]["parameters"] == sum(weight.numel() for weight in weights)
    published = records.publish(folder, tmp_path / "records", run.id, data["provenance"]["kind"])
    assert list(record_faults(published)) == []
    assert set(data["scores"]) == {"last native whole", "selected native whole"}
    assert [point["step"] for point in published.curve()] == [2, 4]


def test_a_finished_run_keeps_its_weights_and_no_checkpoint(setting):
    from safetensors.torch import load_file

    folder = perform(make_run(), setting)
    assert sorted(path.name for path in folder.iterdir()) == [
        "curve.csv", "evidence.npz", "last.safetensors", "lock", "log.jsonl", "machines.json", "predictions",
        "record.json", "run.json", "selected.safetensors",
    ]  # fmt: skip
    pictures = {path.stem for path in (folder / "predictions").glob("*.png")}  # all five of the list: 4 first, 1 worst
    assert pictures == set(records.read_evidence(folder / "evidence.npz")["last native whole"].images.tolist())
    assert all(tensor.isfinite().all() for tensor in load_file(folder / "last.safetensors").values())


def test_a_run_stopped_and_called_again_has_the_evidence_and_weights_of_one_that_was_not(setting, tmp_path):
    run, steps = make_run(augmentations=("horizontal_flip", "brightness")), []
    whole = perform(run, setting)
    other = Setting(tmp_path / "stopped", setting.data, setting.device)
    with pytest.raises(Interrupted):
        perform(run, other, counting(steps, stop_at=3))
    assert not is_done(other, run)
    stopped = perform(run, other, counting(steps))
    assert steps == [1, 2, 3, 4]
    for name in ("evidence.npz", "last.safetensors", "selected.safetensors"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes()
    one, two = (json.loads((folder / "record.json").read_text()) for folder in (whole, stopped))
    for key in set(one) - {"provenance"}:
        assert one[key] == two[key], key


def test_a_floor_is_evaluated_without_training(setting):
    folder = perform(make_run(network="position_prior", options={}, epochs=0), setting)
    data = json.loads((folder / "record.json").read_text())
    assert data["training"] is None
    labels = open_lists(make_run(), setting.data)
    counts = np.bincount(np.concatenate([labels.train_set.read_label(each).ravel() for each in labels.train]))
    assert data["lists"]["train"]["label_pixels"] == counts[: len(data["classes"])].tolist()  # void is counted last
    assert set(data["scores"]) == {"last native whole"}
    assert data["scores"]["last native whole"]["pixel_accuracy"] > 0.5
    assert not (folder / "last.safetensors").exists()


def test_a_limit_takes_images_spread_evenly_over_the_list():
    letters = "abcdefghij"
    assert spread(letters, None) == letters
    assert spread(letters, 10) == letters
    assert spread(letters, 99) == letters
    assert "".join(spread(letters, 5)) == "acegi"
    assert "".join(spread(letters, 4)) == "acfh"  # places 0, 2.5, 5, 7.5
    assert "".join(spread(letters, 1)) == "a"


def test_a_limit_shortens_the_selection_list_in_proportion_and_leaves_the_report_list(setting):
    lists = open_lists(make_run(limit=4), setting.data)
    assert [sample.name for sample in lists.train] == ["north_0", "north_2", "north_4", "north_6"]
    assert len(lists.selection) == 2  # 3 * 4 / 8, rounded up
    assert len(lists.report) == 5


def test_class_weights_are_computed_from_the_training_labels(setting):
    run = make_run(class_weights="three_to_one_if_mostly_background")
    lists = open_lists(run, setting.data)
    counts = sum(np.bincount(lists.train_set.read_label(sample).ravel(), minlength=256) for sample in lists.train)
    assert label_counts(lists.train_set, lists.train).tolist() == counts[:2].tolist()
    assert counts[0] > 0.75 * counts[:2].sum()
    assert make_run_loss(run, lists).class_weights.tolist() == [1, 3]
    assert make_run_loss(run, lists, "meta").class_weights.device.type == "meta"  # not sent in every step
    with pytest.raises(ValueError, match="no class weights 'guessed'"):
        make_run_loss(make_run(class_weights="guessed"), lists)


def test_the_seed_alone_decides_the_initial_weights(setting):
    run = make_run()
    lists = open_lists(run, setting.data)
    networks = [make_network(each, lists, torch.device("cpu")) for each in (run, run, replace(run, seed=2))]
    one, same, other = ([weight.detach() for weight in network.parameters()] for network in networks)
    assert all(torch.equal(a, b) for a, b in zip(one, same))
    assert any(not torch.equal(a, b) for a, b in zip(one, other))


def test_a_run_says_from_its_first_step_which_it_is_and_why_it_failed(setting):
    run = make_run()
    failing = Events(on_step=lambda progress: (_ for _ in ()).throw(ValueError("the image of step 1 is torn")))
    with pytest.raises(ValueError, match="is torn"):
        perform(run, setting, failing)
    folder = setting.runs / run.id
    assert json.loads((folder / "run.json").read_text()) == run.identity()
    assert RunFolder(folder).state == "failed" and (folder / "failure.txt").read_text() == "the image of step 1 is torn"
    steps = []
    with pytest.raises(Interrupted):
        perform(run, setting, counting(steps, stop_at=1))
    assert RunFolder(folder).state == "interrupted" and RunFolder(folder).identity == run.identity()
    perform(run, setting)
    assert RunFolder(folder).state == "done"

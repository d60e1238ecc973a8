"""What weights are selected on: the selection list alone, by a network in evaluation mode."""

import pytest
import tiny
import tiny_data
import torch

from repro.data import DATASETS
from repro.data.samples import EvaluationSamples
from repro.evaluation import selection_scores
from repro.plan import Run, Split
from repro.runner import Setting, make_network, make_run_loss, make_trainer, open_lists
from repro.training import Events

CPU = torch.device("cpu")


def test_weights_are_selected_in_evaluation_mode_and_training_goes_on_in_training_mode(tmp_path):
    modes = []

    def select(network):
        modes.append([part.training for part in network.modules()])
        return 1.0, 0.5

    trainer = tiny.trainer(tmp_path, select=select, epochs=2)
    trainer.train()
    assert len(modes) == 2 and not any(any(each) for each in modes)
    assert all(part.training for part in trainer.network.modules())


def test_weights_are_selected_on_the_selection_list_and_not_on_the_report_list(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "tiny_squares", "tiny_data:Squares")
    setting = Setting(tmp_path / "runs", (f"tiny_squares={tiny_data.draw(tmp_path)}",), CPU)
    split = {"train": Split(data="tiny_squares", list="train"), "test": Split(data="tiny_squares", list="report")}
    run = Run(network="unet", options={"width": 2}, recipe=tiny.recipe(crop=(16, 16)), seed=1, **split)
    lists = open_lists(run, setting.data)
    network = make_network(run, lists, CPU).eval()
    (tmp_path / "runs" / run.id).mkdir(parents=True)
    trainer = make_trainer(run, lists, network, setting, Events())
    found = {}
    for name in ("selection", "report"):
        samples = EvaluationSamples(lists.train_set, getattr(lists, name), size=None)
        each = (samples[index] for index in range(len(samples)))
        loss = make_run_loss(run, lists)
        found[name] = selection_scores(network, each, loss, recipe=run.recipe, device=CPU, classes=2)
    assert trainer.select(network) == pytest.approx(found["selection"])
    assert trainer.select(network) != pytest.approx(found["report"])

"""The predictions a run keeps: of the first four images and of the three it got worst."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from repro.evaluation import evaluate
from repro.runner.kept import Keeper, own_score

COLOURS = ((0, 0, 0), (10, 20, 30), (255, 255, 255))


def see(keeper: Keeper, number: int, wrong: int) -> None:
    """Show an image of ten pixels of class 0 of which `wrong` are predicted as class 1."""
    sample = SimpleNamespace(name=f"image {number}", content_hash=f"{number:016x}")
    prediction = torch.zeros(1, 10, dtype=torch.int64)
    prediction[0, :wrong] = 1
    keeper(sample, prediction, torch.tensor([[10 - wrong, wrong, 0], [0, 0, 0], [0, 0, 0]]))


def test_the_first_four_and_the_three_worst_of_the_others_are_kept(tmp_path):
    keeper = Keeper()
    for number, wrong in enumerate([9, 0, 0, 0, 1, 7, 2, 8, 3, 5]):
        see(keeper, number, wrong)
    keeper.write(tmp_path, COLOURS)
    listed = json.loads((tmp_path / "kept.json").read_text())
    assert [(each["name"], each["kind"]) for each in listed] == [
        *((f"image {number}", "first") for number in range(4)),
        *((f"image {number}", "worst") for number in (7, 5, 9)),  # 8, 7 and 5 wrong pixels
    ]
    assert listed[4]["score"] == pytest.approx(0.1)  # 2 of 10 right, and nothing of class 1 is: (0.2 + 0) / 2
    assert {path.stem for path in tmp_path.glob("*.png")} == {f"{number:016x}" for number in (0, 1, 2, 3, 5, 7, 9)}


def test_a_kept_prediction_is_an_indexed_png_of_train_ids_in_the_classes_colours(tmp_path):
    keeper = Keeper()
    see(keeper, 0, 3)
    keeper.write(tmp_path, COLOURS)
    with Image.open(tmp_path / f"{0:016x}.png") as picture:
        assert picture.mode == "P" and np.array(picture).tolist() == [[1] * 3 + [0] * 7]
        assert np.array(picture.convert("RGB"))[0, 0].tolist() == [10, 20, 30]


def test_of_equal_images_the_earlier_ones_are_kept():
    keeper = Keeper()
    for number in range(10):
        see(keeper, number, 5)
    assert sorted(kept.name for *_, kept in keeper.worst) == ["image 4", "image 5", "image 6"]


def test_an_image_without_a_label_is_never_among_the_worst():
    assert own_score(np.zeros((3, 3), int)) == 1.0
    assert own_score(np.array([[3, 1], [0, 4]])) == (3 / 4 + 4 / 5) / 2


def test_watching_changes_no_count_and_sees_the_prediction_that_is_counted():
    samples = [tiny.evaluation_sample(number, size=(8, 9)) for number in range(6)]
    how = {"recipe": tiny.recipe(), "device": torch.device("cpu"), "classes": 3, "histograms": None}
    network, keeper = tiny.network().eval(), Keeper()
    plain, watched = evaluate(network, samples, **how), evaluate(network, samples, **how, watch=keeper)
    np.testing.assert_array_equal(plain["native whole"].confusion, watched["native whole"].confusion)
    for place, (sample, kept) in enumerate(zip(samples, keeper.first)):
        valid = sample.label.numpy() != 255
        found = np.bincount(kept.prediction[valid], minlength=3)
        np.testing.assert_array_equal(found, watched["native whole"].predicted[place])

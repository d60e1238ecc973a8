"""Counting pixels: what the benchmark measures, and that the quick ways count what the plain ones do."""

import pytest
import torch
from torch.nn import functional as F

from repro.bench.evaluate import measure
from repro.evaluation import confusion, near_boundary


def test_all_ways_of_counting_are_measured_with_ours_first_and_the_ratio_to_torchmetrics():
    result = measure(device=torch.device("cpu"), size=(64, 128), rounds=2, classes=3)
    assert [line.name for line in result.lines[:2]] == ["ours", "torchmetrics"]
    assert all(seconds > 0 for line in result.lines for seconds in line.times)
    assert result.text().splitlines()[-1] == f"ratio: {result.ratio:.{1 if result.ratio >= 3 else 2}f}"
    assert result.notes[0].startswith("counts a second: ")


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (3, 2), (23, 31)])
def test_what_is_near_a_boundary_is_what_two_poolings_of_seven_say(size):
    generator = torch.Generator().manual_seed(size[0])
    label = torch.randint(0, 3, size, generator=generator).repeat_interleave(4, 1)[:, : size[1]]
    label[torch.rand(size, generator=generator) < 0.2] = 255
    valid = label != 255
    highest = F.max_pool2d(torch.where(valid, label, -1)[None].float(), 7, 1, 3)[0]
    lowest = -F.max_pool2d(torch.where(valid, -label, -255)[None].float(), 7, 1, 3)[0]
    assert torch.equal(near_boundary(label), valid & (highest != lowest))


def test_the_prediction_of_a_tie_is_its_first_class():
    logits = torch.randint(0, 3, (5, 40, 50), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(logits.max(0).indices, logits.argmax(0))


def test_void_pixels_count_for_no_class():
    label, prediction = torch.tensor([[0, 1, 255], [1, 255, 0]]), torch.tensor([[0, 0, 1], [1, 0, 1]])
    assert confusion(label, prediction, 2).tolist() == [[1, 1], [1, 1]]

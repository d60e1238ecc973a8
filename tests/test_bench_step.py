"""Training steps: the paths start from the same weights, and a step of each is measured."""

import pytest
import torch
from torch import nn

from repro.bench.rates import training_operations
from repro.bench.result import Line
from repro.bench.step import measure, networks_of, waiting_share

SMALL = {"encoder": "resnet18", "rounds": 1}


def test_our_network_and_the_librarys_have_the_same_weights_and_give_the_same_logits():
    image = torch.randn(1, 3, 64, 64)
    for name in ("U-Net", "DeepLabv3+"):
        ours, plain = networks_of(name, torch.device("cpu"), "resnet18")
        with torch.inference_mode():
            torch.testing.assert_close(ours.eval()(image), plain.eval()(image), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "forward"),  # 2 images of 8x8, a multiplication and an addition each
    [
        (nn.Conv2d(6, 12, 3, padding=1), 2 * 2 * 64 * 6 * 12 * 9),
        (nn.Conv2d(6, 6, 3, padding=1, groups=6), 2 * 2 * 64 * 6 * 9),
        (nn.Conv2d(6, 12, 3, padding=1, stride=2, groups=3), 2 * 2 * 16 * 12 * 2 * 9),
        (nn.ConvTranspose2d(6, 12, 2, stride=2), 2 * 2 * 64 * 6 * 12 * 4),
    ],
)
def test_a_training_step_has_the_operations_of_the_forward_pass_and_of_each_gradient(layer, forward):
    first = nn.Conv2d(3, 6, 1)  # 2 * 2 * 64 * 3 * 6 operations; the image itself needs no gradient
    operations = training_operations(nn.Sequential(first, layer), torch.zeros(2, 3, 8, 8))
    assert operations == 2 * (2 * 2 * 64 * 3 * 6) + 3 * forward


def test_a_result_a_network_with_three_paths_the_losses_and_the_share_of_the_matrix_rate():
    results = measure(device=torch.device("cpu"), shapes=[(2, 64, 64)], steps=2, networks=("U-Net",), **SMALL)
    (result,) = results
    assert [line.name for line in result.lines] == ["ours", "plain", "good"] and result.paths == 3
    assert "% of the matrix rate" in result.notes[0] and "in 2 steps of float32" in result.notes[1]
    assert result.limit[0] > 0 and result.of == "U-Net, 2x64x64"


def test_the_share_of_waiting_is_what_the_loader_adds():
    assert abs(waiting_share(Line("fed", (0.5,)), Line("resident", (0.4,))) - 0.2) < 1e-12
    assert waiting_share(Line("fed", (0.4,)), Line("resident", (0.5,))) == 0

"""Training steps: the paths start from the same weights, and a step of each is measured."""

import torch

from repro.bench.result import Line
from repro.bench.step import measure, networks_of, waiting_share

SMALL = {"encoder": "resnet18", "rounds": 1}


def test_our_network_and_the_librarys_have_the_same_weights_and_give_the_same_logits():
    image = torch.randn(1, 3, 64, 64)
    for name in ("U-Net", "DeepLabv3+"):
        ours, plain = networks_of(name, torch.device("cpu"), "resnet18")
        with torch.inference_mode():
            torch.testing.assert_close(ours.eval()(image), plain.eval()(image), atol=1e-4, rtol=1e-4)


def test_a_result_a_network_with_three_paths_the_losses_and_the_share_of_the_matrix_rate():
    results = measure(device=torch.device("cpu"), shapes=[(2, 64, 64)], steps=2, networks=("U-Net",), **SMALL)
    (result,) = results
    assert [line.name for line in result.lines] == ["ours", "plain", "good"] and result.paths == 3
    assert "% of the matrix rate" in result.notes[0] and "in 2 steps of float32" in result.notes[1]
    assert result.limit[0] > 0 and result.of == "U-Net, 2x64x64"


def test_the_share_of_waiting_is_what_the_loader_adds():
    assert abs(waiting_share(Line("fed", (0.5,)), Line("resident", (0.4,))) - 0.2) < 1e-12
    assert waiting_share(Line("fed", (0.4,)), Line("resident", (0.5,))) == 0

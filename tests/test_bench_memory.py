"""The memory of a step: bytes by hand for a network of two layers, and the papers' rows within their goals."""

import pytest
import torch
from torch import nn

from repro.bench.live_bytes import step_bytes
from repro.bench.memory import LIMITS, computed, limit, measure
from repro.bench.systems import systems
from repro.networks import RECOMPUTED


def test_the_bytes_of_a_step_are_those_counted_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 5, 1, bias=False), nn.ReLU())
    kept, peak = step_bytes(network, lambda logits, label: logits.sum(), images=2, size=(4, 8), autocast=None)
    pixels, weights = 2 * 4 * 8, 15
    assert kept == 4 * pixels * (3 + 5)  # the convolution keeps its input, the ReLU its result
    # weights, two states, input, label, the convolution's and the ReLU's result, the sum: before the backward pass
    forward = 4 * 3 * weights + 4 * pixels * 3 + 8 * pixels + 4 * pixels * (5 + 5) + 4
    assert forward <= peak <= forward + 4 * pixels * (5 + 5 + 3) + 4 * weights + 8


def test_half_precision_keeps_half_of_a_convolutions_result():
    def kept(autocast):
        network = nn.Sequential(nn.Conv2d(3, 64, 1, bias=False), nn.ReLU())
        return step_bytes(network, lambda logits, label: logits.sum(), images=1, size=(8, 8), autocast=autocast)[0]

    assert kept(None) == 4 * 64 * (3 + 64)
    assert kept(torch.bfloat16) == 2 * 64 * (3 + 64) + 2 * 3 * 64  # and the weight in bfloat16


def test_what_is_kept_grows_by_the_image():
    (segnet,) = [system for system in systems() if system.run.network == "segnet"]
    one, two, three = (computed(segnet, recompute=False, images=number)[0] for number in (1, 2, 3))
    assert three - two == two - one > 0


@pytest.mark.slow
def test_every_row_is_under_its_goal_and_recomputes_where_it_needs_to():
    sheet = measure(device=torch.device("cpu"))
    found, ratio = sheet.found.split("; ratio: ")
    assert found == f"all {len(sheet.rows)} are under their goals"
    taken = [float(row[5] or row[3]) / float(row[7]) for row in sheet.rows]
    assert float(ratio) == pytest.approx(1 / max(taken), abs=0.006) and float(ratio) > 1
    names = [row[0] for row in sheet.rows]
    assert "TCNet (paper 2)" in names and "ours (paper 1)" in names and "U-Net++ (paper 1)" in names
    for row in sheet.rows:
        plain, recomputed, goal = float(row[3]), row[5], float(row[7])
        assert (plain >= goal) == (recomputed != ""), row


def test_the_rows_that_recompute_are_those_that_the_list_names():
    wanted = [each for each in systems() if limit(each)]
    pixels = {each.run.network: each.run.recipe.batch * each.size[0] * each.size[1] for each in wanted}
    large = {network for network in pixels if pixels[network] > 8_000_000}
    assert large - set(RECOMPUTED) == {"attention_unet", "deeplabv3plus"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, pixels in RECOMPUTED.items() if pixels > 4_000_000])
def test_no_network_is_computed_twice_that_fits_as_it_is(name):
    system = next(each for each in systems() if each.run.network == name)
    assert system.run.recipe.batch * system.size[0] * system.size[1] >= RECOMPUTED[name]
    assert computed(system, recompute=False)[1] >= LIMITS["paper1_table1"]

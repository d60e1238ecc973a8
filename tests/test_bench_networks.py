"""The cost of every network: operations by hand, and the table that claims and cost columns read."""

import csv
import io

import torch
from torch import nn

from repro import measurements
from repro.bench.live_bytes import forward_cost
from repro.bench.networks import _within, measure
from repro.bench.systems import systems
from repro.networks import NETWORKS


def test_every_network_but_the_floors_is_a_system():
    assert {each.run.network for each in systems()} == set(NETWORKS) - {"position_prior", "second_observer"}
    sizes = {each.size for each in systems()}
    assert sizes == {(512, 1024), (448, 448)}


def test_the_operations_and_bytes_of_a_convolution_are_those_counted_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 5, 1, bias=False))
    peak, operations = forward_cost(network, size=(4, 8), autocast=None)
    assert operations == 2 * 3 * 5 * 4 * 8
    assert 4 * (15 + 32 * (3 + 5)) <= peak <= 4 * (15 + 32 * (3 + 3 + 5))


def test_a_size_is_cut_to_multiples_of_32_where_asked():
    assert _within((512, 1024), 0) == (512, 1024) and _within((512, 1024), 256) == (128, 256)
    assert _within((448, 448), 100) == (96, 96)


def test_the_table_is_found_again_by_network_options_and_size(tmp_path):
    sheet = measure(device=torch.device("cpu"), rounds=2, only="segnet", largest=64)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "networks.csv").write_text(sheet.csv())
    (line,) = csv.DictReader(io.StringIO(sheet.csv()))
    assert line["parameters"] == "29450259" and int(line["flops"]) > 0 and int(line["peak_bytes"]) > 4 * 29450259
    options = {"encoder_name": "vgg16_bn", "width": 64}
    found = measurements.cost_of("segnet", options, (32, 64), tmp_path)
    assert found == {line["kind"]: line} and len(measurements.seconds_of(line)) == 2
    assert measurements.cost_of("segnet", options, (64, 64), tmp_path) == {}
    assert measurements.lines_of("memory", tmp_path) == []

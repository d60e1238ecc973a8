"""The plain U-Net and Oktay's Attention U-Net: widths, skip connections, gates."""

import numpy as np
import torch
from torch import nn

from baselines.oktay_attention_unet import AdditiveGate
from repro.networks import build


def test_unet_doubles_its_channels_on_five_levels_and_concatenates_the_skip_connection():
    with torch.device("meta"):
        network = build("unet", classes=2).network

    def channels(stages):
        return [
            [(each.in_channels, each.out_channels) for each in stage if isinstance(each, nn.Conv2d)] for stage in stages
        ]

    flat = [[each for each in stage.modules() if isinstance(each, nn.Conv2d)] for stage in network.down]
    assert channels(flat) == [
        [(3, 64), (64, 64)], [(64, 128), (128, 128)], [(128, 256), (256, 256)], [(256, 512), (512, 512)],
        [(512, 1024), (1024, 1024)],
    ]  # fmt: skip
    assert [stage[0][0].in_channels for stage in network.merge] == [1024, 512, 256, 128]
    assert [(each.kernel_size, each.stride) for each in network.up] == [((2, 2), (2, 2))] * 4


def test_without_its_skip_connections_unet_would_give_something_else():
    network = build("unet", classes=2, width=4).network.eval()
    image = torch.randn(1, 3, 32, 32)
    expected = network(image)
    with torch.no_grad():
        network.merge[-1][0][0].weight[:, :4] = 0  # what the last level takes from its skip connection comes first
    assert not torch.allclose(network(image), expected)


def test_unets_options_change_the_graph():
    plain = build("unet", classes=2, width=4, batch_norm=False, dropout=0.3)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in plain.modules())
    assert [each.p for each in plain.modules() if isinstance(each, nn.Dropout)] == [0.3]


def test_unet_drops_features_on_its_two_deepest_levels_only():
    network = build("unet", classes=2, width=4, dropout=1.0).network.train()
    entering = []
    network.dropout.register_forward_hook(lambda module, given, out: entering.append(given[0].shape[1:]))
    network(torch.randn(2, 3, 32, 32))
    assert entering == [(32, 4, 4), (64, 2, 2)]


def test_oktays_gate_is_its_equation():
    torch.manual_seed(0)
    gate = AdditiveGate(4, signal_channels=6).double()
    skip, signal = torch.randn(4, 4, 2, dtype=torch.float64), torch.randn(6, 2, 1, dtype=torch.float64)
    of_skip, of_signal, psi = (
        each.weight.detach().numpy()[:, :, 0, 0] for each in (gate.of_skip, gate.of_signal, gate.psi)
    )
    bias, psi_bias = gate.of_signal.bias.detach().numpy(), gate.psi.bias.item()
    alpha = np.zeros((2, 1))
    for row in range(2):
        x = skip[:, 2 * row : 2 * row + 2].mean((1, 2)).numpy()
        g = signal[:, row, 0].numpy()
        alpha[row, 0] = 1 / (1 + np.exp(-(psi[0] @ np.maximum(of_skip @ x + of_signal @ g + bias, 0) + psi_bias)))
    top, bottom = alpha[:, 0]
    # bilinearly from two rows to four
    rows = np.array([top, 0.75 * top + 0.25 * bottom, 0.25 * top + 0.75 * bottom, bottom])
    expected = skip.numpy() * rows[None, :, None]
    np.testing.assert_allclose(gate(skip[None], signal[None])[0].detach().numpy(), expected, rtol=1e-10)


def test_oktays_network_gates_every_skip_connection_by_the_map_below():
    network, seen = build("oktay_attention_unet", classes=2, width=4).network.eval(), []
    for gate in network.gates:
        gate.register_forward_hook(lambda module, given, out: seen.append([tuple(each.shape[1:]) for each in given]))
    network(torch.zeros(1, 3, 32, 32))
    assert seen == [
        [(32, 4, 4), (64, 2, 2)], [(16, 8, 8), (32, 4, 4)], [(8, 16, 16), (16, 8, 8)], [(4, 32, 32), (8, 16, 16)],
    ]  # fmt: skip

"""CA-Net: attention over places, channels and scales."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from baselines.canet import CANet, ChannelAttention, DualGate, Gate, NonLocal, PooledWeights, ScaleAttention


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def weight_of(layer: nn.Module) -> np.ndarray:
    return layer.weight.detach().numpy().reshape(layer.weight.shape[0], -1)


def test_the_non_local_block_is_its_equation():
    torch.manual_seed(0)
    block, image = NonLocal(8).double().eval(), torch.randn(1, 8, 2, 3, dtype=torch.float64)
    nn.init.ones_(block.out[1].weight)
    x = image[0].numpy().reshape(8, 6)
    query, key, value = (
        weight_of(layer) @ x + layer.bias.detach().numpy()[:, None] for layer in (block.query, block.key, block.value)
    )
    similarity = np.exp(query.T @ key)  # not divided by the root of the channels
    seen = value @ (similarity / similarity.sum(axis=1, keepdims=True)).T
    out = (weight_of(block.out[0]) @ seen + block.out[0].bias.detach().numpy()[:, None]) / np.sqrt(1 + block.out[1].eps)
    np.testing.assert_allclose(block(image)[0].detach().numpy().reshape(8, 6), x + out, rtol=1e-10)


def test_the_non_local_block_begins_as_the_identity():
    image = torch.randn(2, 8, 4, 4)
    assert torch.equal(NonLocal(8)(image), image)


def test_a_gate_is_its_equation():
    torch.manual_seed(0)
    gate = Gate(2, 3).double()
    skip, below = torch.randn(1, 2, 4, 4).double(), torch.randn(1, 3, 1, 1).double().expand(1, 3, 2, 2)
    x, g = skip[0].numpy().reshape(2, 16), below[0, :, 0, :1].numpy()
    joined = np.maximum(
        weight_of(gate.of_skip) @ x + weight_of(gate.of_gate) @ g + gate.of_gate.bias.detach().numpy()[:, None], 0
    )
    alpha = sigmoid(weight_of(gate.psi) @ joined + gate.psi.bias.item())
    np.testing.assert_allclose(gate(skip, below)[0].detach().numpy().reshape(2, 16), alpha * x, rtol=1e-10)


def test_a_dual_gate_joins_two_gates_of_their_own():
    torch.manual_seed(0)
    dual, skip, below = DualGate(2, 3).eval(), torch.randn(1, 2, 4, 4), torch.randn(1, 3, 2, 2)
    one, other = (single(skip, below) for single in dual.single)
    assert not torch.allclose(one, other)
    torch.testing.assert_close(dual(skip, below), dual.join(torch.cat([one, other], dim=1)))


def test_channel_weights_come_from_average_and_maximum_through_one_mlp():
    torch.manual_seed(0)
    pooled, image = PooledWeights(4).double(), torch.randn(1, 4, 3, 5, dtype=torch.float64)
    first, second = pooled.mlp[0], pooled.mlp[2]
    assert (first.out_features, second.out_features) == (2, 4)  # r = 2

    def mlp(values: np.ndarray) -> np.ndarray:
        hidden = np.maximum(weight_of(first) @ values + first.bias.detach().numpy(), 0)
        return weight_of(second) @ hidden + second.bias.detach().numpy()

    x = image[0].numpy()
    expected = sigmoid(mlp(x.mean(axis=(1, 2))) + mlp(x.max(axis=(1, 2))))
    np.testing.assert_allclose(pooled(image).detach().numpy().ravel(), expected, rtol=1e-10)


def test_channel_attention_keeps_the_map_and_adds_its_weighed_self():
    torch.manual_seed(0)
    level, image, given = ChannelAttention(6, 4).eval(), torch.randn(1, 6, 5, 5), []
    level.narrow.register_forward_pre_hook(lambda module, arguments: given.append(arguments[0]))
    out = level(image)
    wide = level.widen(image)
    torch.testing.assert_close(given[0], wide * level.weights(wide) + wide)
    torch.testing.assert_close(out, F.relu(level.narrow(given[0]) + level.shortcut(image)))


def test_scale_attention_is_its_equation_on_constant_maps():
    torch.manual_seed(0)
    attention = ScaleAttention([1, 1]).double()
    maps = [torch.full((1, 1, 4, 4), 2.0).double(), torch.full((1, 1, 2, 2), -1.0).double()]
    fine, coarse = attention.cut
    scales = np.concatenate(  # F: eight channels, the same everywhere
        [
            weight_of(fine)[:, 0] * 2.0 + fine.bias.detach().numpy(),
            weight_of(coarse)[:, 0] * -1.0 + coarse.bias.detach().numpy(),
        ]
    )
    mlp = attention.of_scale.mlp
    hidden = np.maximum(weight_of(mlp[0]) @ scales + mlp[0].bias.detach().numpy(), 0)
    gamma = sigmoid(2 * (weight_of(mlp[2]) @ hidden + mlp[2].bias.detach().numpy()))  # average and maximum are equal
    weighed = scales * np.repeat(gamma, 4)
    three, one = attention.of_place[0], attention.of_place[2]
    # away from the border a 3x3 convolution of an even map is one by the sum of its weights
    inner = three.weight.detach().numpy().sum(axis=(2, 3)) @ weighed + three.bias.detach().numpy()
    place = sigmoid(weight_of(one) @ np.maximum(inner, 0) + one.bias.detach().numpy())
    expected = weighed * np.repeat(place, 4) + weighed + scales
    found = attention(maps)
    assert found.shape == (1, 8, 4, 4)
    np.testing.assert_allclose(found[0, :, 1, 1].detach().numpy(), expected, rtol=1e-10)


def test_each_attention_sits_where_the_paper_has_it():
    torch.manual_seed(0)
    network, seen = CANet(width=4).eval(), []

    def note(name):
        return lambda module, given, out: seen.append((name, *(tuple(each.shape[1:]) for each in given)))

    network.non_local.register_forward_hook(note("non-local"))
    for module in network.modules():
        if isinstance(module, DualGate):
            module.register_forward_hook(note("gate"))
        if isinstance(module, ChannelAttention):
            module.register_forward_hook(note("channels"))
    network.scale_attention.cut[3].register_forward_hook(note("deepest scale"))
    network(torch.zeros(1, 3, 32, 32))
    assert seen == [
        ("non-local", (64, 4, 4)),
        ("channels", (64, 4, 4)),
        ("gate", (16, 8, 8), (32, 4, 4)),
        ("channels", (32, 8, 8)),
        ("gate", (8, 16, 16), (16, 8, 8)),
        ("channels", (16, 16, 16)),
        ("gate", (4, 32, 32), (8, 16, 16)),
        ("channels", (8, 32, 32)),
        ("deepest scale", (32, 4, 4)),
    ]


def test_dropout_acts_on_three_maps_in_training_only():
    torch.manual_seed(0)
    network, image, seen = CANet(width=4, dropout=0.5), torch.randn(2, 3, 32, 32), []
    network.dropout.register_forward_hook(lambda module, given, out: seen.append(given[0].shape[1:]))
    assert not torch.equal(network.train()(image), network(image))
    assert seen[:3] == [(32, 4, 4), (64, 2, 2), (32, 4, 4)]
    assert torch.equal(network.eval()(image), network(image))


def test_the_widths_are_16_to_256():
    with torch.device("meta"):
        network = CANet()
    assert [block[0][0].out_channels for block in network.encoder] == [16, 32, 64, 128, 256]

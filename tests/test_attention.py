"""Paper 1's equations 1 to 3 against literal transcriptions, and the modules that can take their place."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from repro.models import attention as blocks


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def channel_weights(feature: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Eq. 1 for one (C, H, W) map: w_c = sigma(W2 . ReLU(W1 . GAP(F)))."""
    pooled = np.array([channel.sum() / channel.size for channel in feature])
    return sigmoid(second @ np.maximum(first @ pooled, 0))


def spatial_weights(feature: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Eq. 2 for one (C, H, W) map: w_s = sigma(Conv([MaxPool(F), AvgPool(F)])), pixel by pixel."""
    stacked = np.stack([feature.max(axis=0), feature.sum(axis=0) / len(feature)])
    side = kernel.shape[-1]
    padded = np.pad(stacked, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
    height, width = feature.shape[1:]
    response = [
        [np.sum(kernel * padded[:, row : row + side, column : column + side]) for column in range(width)]
        for row in range(height)
    ]
    return sigmoid(np.array(response))


@pytest.fixture
def feature() -> torch.Tensor:
    return torch.randn(2, 6, 5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_equation_1_is_the_literal_one(feature):
    module = blocks.ChannelWeights(6, reduction=2).double()
    first, second = (each.weight.detach().numpy() for each in (module.first, module.second))
    assert first.shape == (3, 6)
    assert second.shape == (6, 3)
    expected = np.stack([channel_weights(each, first, second) for each in feature.numpy()])
    np.testing.assert_allclose(module(feature).detach().numpy()[:, :, 0, 0], expected, rtol=1e-12)


def test_equation_2_is_the_literal_one(feature):
    module = blocks.SpatialWeights(kernel=3).double()
    kernel = module.convolution.weight.detach().numpy()[0]
    expected = np.stack([spatial_weights(each, kernel) for each in feature.numpy()])
    np.testing.assert_allclose(module(feature).detach().numpy()[:, 0], expected, rtol=1e-12)


def test_equation_3_multiplies_the_map_by_both_weights_of_the_same_map(feature):
    module = blocks.HybridAttention(6, reduction=2, kernel=3).double()
    first, second = module.channel.first.weight, module.channel.second.weight
    kernel = module.spatial.convolution.weight
    expected = np.stack(
        [
            each
            * channel_weights(each, first.detach().numpy(), second.detach().numpy())[:, None, None]
            * spatial_weights(each, kernel.detach().numpy()[0])[None]
            for each in feature.numpy()
        ]
    )
    np.testing.assert_allclose(module(feature).detach().numpy(), expected, rtol=1e-12)


def test_equation_1_by_hand():
    module = blocks.ChannelWeights(2, reduction=2)
    with torch.no_grad():
        module.first.weight.copy_(torch.tensor([[1.0, -1.0]]))
        module.second.weight.copy_(torch.tensor([[1.0], [-2.0]]))
    means_3_and_1 = torch.tensor([[[[2.0, 4.0]], [[0.0, 2.0]]]])
    # W1 GAP = 3 - 1 = 2, ReLU 2, W2 gives (2, -4)
    expected = torch.sigmoid(torch.tensor([2.0, -4.0]))[None, :, None, None]
    torch.testing.assert_close(module(means_3_and_1), expected)


def test_equation_2_pools_over_channels_the_maximum_first():
    module = blocks.SpatialWeights(kernel=1)
    with torch.no_grad():
        module.convolution.weight.copy_(torch.tensor([10.0, 1.0]).view(1, 2, 1, 1))
    feature = torch.tensor([[[[0.1, -1.0]], [[0.3, -3.0]]]])  # maxima 0.3 and -1, means 0.2 and -2
    torch.testing.assert_close(module(feature), torch.sigmoid(torch.tensor([[[[3.2, -12.0]]]])))


def test_channel_and_spatial_attention_are_the_two_halves_of_equation_3(feature):
    hybrid = blocks.HybridAttention(6, reduction=2, kernel=3).double()
    channel = blocks.ChannelAttention(6, reduction=2).double()
    spatial = blocks.SpatialAttention(kernel=3).double()
    channel.channel, spatial.spatial = hybrid.channel, hybrid.spatial
    torch.testing.assert_close(channel(feature) * spatial(feature), hybrid(feature) * feature)


def test_cbam_computes_its_spatial_weights_from_the_reweighed_map(feature):
    module = blocks.CBAM(6, reduction=2, kernel=3).double()
    (first, bias1), (second, bias2) = ((each.weight, each.bias) for each in (module.shared[0], module.shared[2]))

    def shared(pooled):
        return F.relu(pooled @ first.T + bias1) @ second.T + bias2

    weights = torch.sigmoid(shared(feature.mean((2, 3))) + shared(feature.flatten(2).max(2).values))
    refined = feature * weights[:, :, None, None]
    torch.testing.assert_close(module(feature), refined * module.spatial(refined))


def test_scse_adds_the_two_reweighed_maps(feature):
    module = blocks.ScSE(6, reduction=2).double()
    expected = feature * module.module.cSE(feature) + feature * module.module.sSE(feature)
    torch.testing.assert_close(module(feature), expected)


def test_the_gate_weighs_a_map_by_its_agreement_with_the_coarser_one():
    module = blocks.Gate(2, signal_channels=1)
    with torch.no_grad():
        module.of_feature.weight.copy_(torch.tensor([1.0, 2.0]).view(1, 2, 1, 1))
        module.of_signal.weight.fill_(3.0)
        module.of_signal.bias.fill_(-4.0)
        module.psi.weight.fill_(0.5)
        module.psi.bias.fill_(1.0)
    feature = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]], [[0.0, 0.0], [2.0, 2.0]]]])  # means 4 and 1
    signal = torch.tensor([[[[1.0]]]])
    # ReLU(1*4 + 2*1 + 3*1 - 4) = 5, alpha = sigmoid(0.5*5 + 1)
    torch.testing.assert_close(module(feature, signal), feature * torch.sigmoid(torch.tensor(3.5)))


def test_a_reduction_beyond_the_channels_leaves_one_hidden_channel():
    assert blocks.ChannelWeights(6, reduction=16).first.weight.shape == (1, 6)

"""CE-Net: dense atrous convolutions, multi-kernel pooling, additive skips."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.cenet import CENet, DecoderBlock, DenseAtrous, MultiKernelPooling


def dilated_by_hand(image: np.ndarray, weight: np.ndarray, bias: np.ndarray, dilation: int) -> np.ndarray:
    """A 3x3 convolution of (C, H, W) with (D, C, 3, 3), zeros beyond the border, written out."""
    channels, height, width = weight.shape[0], *image.shape[1:]
    result = np.zeros((channels, height, width))
    for row in range(height):
        for column in range(width):
            result[:, row, column] = bias
            for i in (-1, 0, 1):
                for j in (-1, 0, 1):
                    y, x = row + dilation * i, column + dilation * j
                    if 0 <= y < height and 0 <= x < width:
                        result[:, row, column] += weight[:, :, i + 1, j + 1] @ image[:, y, x]
    return result


def test_the_dense_atrous_block_is_its_four_branches_written_out():
    torch.manual_seed(0)
    block, image = DenseAtrous(2).double(), torch.randn(2, 9, 8, dtype=torch.float64)
    one, three, five = (
        (lambda x, layer=layer, d=d: dilated_by_hand(x, layer.weight.detach().numpy(), layer.bias.detach().numpy(), d))
        for layer, d in zip(block.dilated, (1, 3, 5))
    )
    point_weight, point_bias = block.point.weight.detach().numpy()[:, :, 0, 0], block.point.bias.detach().numpy()

    def point(x):
        return np.einsum("dc,chw->dhw", point_weight, x) + point_bias[:, None, None]

    x = image.numpy()
    branches = [one(x), point(three(x)), point(three(one(x))), point(five(three(one(x))))]
    expected = x + sum(np.maximum(branch, 0) for branch in branches)
    np.testing.assert_allclose(block(image[None])[0].detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_the_branches_see_3_7_9_and_19_pixels():
    block = DenseAtrous(1)
    for parameter in block.parameters():
        nn.init.constant_(parameter, 0.0 if parameter.ndim == 1 else 1.0)
    image = torch.zeros(1, 1, 25, 25)
    image[..., 12, 12] = 1
    row = block(image)[0, 0, 12]
    assert row.nonzero().flatten().tolist() == list(range(3, 22))  # 19 pixels around 12
    # at distance 9 the fourth branch alone; at 4 (distance 1 + 3) also the third; at 3 also the second
    assert row[12 - 9] == 1
    assert row[12 - 4] > row[12 - 9]


def test_the_pooling_block_is_its_maxima_by_hand():
    block = MultiKernelPooling(1, (2, 3))
    nn.init.constant_(block.point.weight, 10.0)
    nn.init.constant_(block.point.bias, 1.0)
    image = torch.arange(36.0).view(1, 1, 6, 6)
    of_two = 10 * torch.tensor([[[[7.0, 9, 11], [19, 21, 23], [31, 33, 35]]]]) + 1
    of_three = 10 * torch.tensor([[[[14.0, 17], [32, 35]]]]) + 1
    expected = [F.interpolate(each, size=(6, 6), mode="bilinear") for each in (of_two, of_three)]
    torch.testing.assert_close(block(image), torch.cat([*expected, image], dim=1))


def test_the_four_pools_share_their_convolution():
    block = MultiKernelPooling(512, (2, 3, 5, 6))
    assert sum(each.numel() for each in block.parameters()) == 512 + 1
    assert block(torch.zeros(1, 512, 14, 14)).shape == (1, 516, 14, 14)


def test_a_pool_larger_than_the_map_is_cut_to_it():
    block = MultiKernelPooling(1, (6,))
    image = torch.tensor([[[[1.0, 5.0], [2.0, 3.0]]]])
    expected = block.point(torch.tensor([[[[5.0]]]])).expand(1, 1, 2, 2)
    torch.testing.assert_close(block(image)[:, :1], expected)


def test_a_decoder_block_narrows_to_a_quarter_doubles_the_size_and_widens():
    layers = [each for each in DecoderBlock(16, 6) if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)]
    assert [(type(each), each.in_channels, each.out_channels, each.kernel_size[0]) for each in layers] == [
        (nn.Conv2d, 16, 4, 1), (nn.ConvTranspose2d, 4, 4, 3), (nn.Conv2d, 4, 6, 1),
    ]  # fmt: skip
    assert DecoderBlock(16, 6)(torch.zeros(2, 16, 5, 7)).shape == (2, 6, 10, 14)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_each_skip_is_added_to_the_decoder(level):
    torch.manual_seed(0)
    network, given = CENet(classes=2, encoder_name="resnet18").eval(), {}
    network.encoder.register_forward_hook(lambda module, arguments, maps: given.update(skip=maps[4 - level]))
    network.decoder[level].register_forward_hook(lambda module, arguments, out: given.update(out=out))
    network.decoder[level + 1].register_forward_pre_hook(lambda module, arguments: given.update(sum=arguments[0]))
    network(torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(given["sum"], given["out"] + given["skip"])


def test_the_pools_are_an_option():
    network = CENet(classes=2, encoder_name="resnet18", pools=(2,))
    assert network.decoder[0][0].in_channels == 512 + 1


def test_the_encoder_is_resnet34_by_default():
    with torch.device("meta"):
        network = CENet()
    assert network.encoder_name == "resnet34"
    assert [len(stage) for stage in (getattr(network.encoder, f"layer{i}") for i in range(1, 5))] == [3, 4, 6, 3]

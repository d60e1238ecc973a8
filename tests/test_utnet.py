"""UTNet: efficient attention with relative bias, in encoder and decoder."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines import utnet
from baselines.utnet import AttentionBlock, EfficientAttention, ResidualBlock, UTNet


def attention(*, reduced: int, heads: int = 2, dtype=torch.float64) -> EfficientAttention:
    torch.manual_seed(0)
    module = EfficientAttention(4, below=6, heads=heads, reduced=reduced).to(dtype).eval()
    nn.init.normal_(module.offsets)  # large enough to matter
    return module


def test_attention_with_relative_bias_is_its_equation():
    module = attention(reduced=4)
    rows = columns = 4  # the map is the grid: nothing is resized
    skip, below = torch.randn(1, 4, rows, columns).double(), torch.randn(1, 6, rows, columns).double()
    query = module.query(skip)[0].detach().numpy().reshape(2, 2, -1)  # (heads, 2 channels, pixels)
    key, value = (each[0].detach().numpy().reshape(2, 2, -1) for each in module.key_value(below).chunk(2, dim=1))
    offsets = module.offsets.detach().numpy().reshape(2, 7, 7)
    expected = np.zeros((2, 2, rows * columns))
    for head in range(2):
        for i in range(rows * columns):
            scores = []
            for j in range(rows * columns):
                bias = offsets[head, i // columns - j // columns + 3, i % columns - j % columns + 3]
                scores.append((query[head, :, i] @ key[head, :, j] + bias) / np.sqrt(2))
            weights = np.exp(scores) / np.exp(scores).sum()
            expected[head, :, i] = value[head] @ weights
    expected = module.out(torch.from_numpy(expected.reshape(1, 4, rows, columns)))
    torch.testing.assert_close(module(skip, below), expected)


def test_keys_and_values_are_resized_to_the_grid_whatever_the_map(monkeypatch):
    seen, original = [], F.scaled_dot_product_attention

    def recording(query, key, value, **options):
        seen.append((query.shape[2], key.shape[2], value.shape[2]))
        return original(query, key, value, **options)

    monkeypatch.setattr(utnet.F, "scaled_dot_product_attention", recording)
    module = attention(reduced=8)
    for rows, columns in ((16, 24), (8, 8), (4, 12)):
        skip, below = torch.zeros(1, 4, 2 * rows, 2 * columns).double(), torch.zeros(1, 6, rows, columns).double()
        assert module(skip, below).shape == skip.shape
    # 64 keys; a side shorter than 8 keeps its length
    assert seen == [(32 * 48, 64, 64), (16 * 16, 64, 64), (8 * 24, 4 * 8, 4 * 8)]


def test_reduced_keys_are_the_bilinearly_resized_map(monkeypatch):
    seen = []
    monkeypatch.setattr(
        utnet.F, "scaled_dot_product_attention", lambda query, key, value, **options: seen.append((key, value)) or query
    )
    module, below = attention(reduced=2), torch.randn(1, 6, 3, 3).double()
    module(torch.zeros(1, 4, 3, 3).double(), below)
    full = module.key_value(below)
    corners = full[:, :, ::2, ::2]  # corners stay corners when 3x3 becomes 2x2
    for found, expected in zip(seen[0], corners.chunk(2, dim=1)):
        torch.testing.assert_close(found, expected.flatten(2).unflatten(1, (2, 2)).transpose(2, 3))


def test_a_query_between_two_cells_of_the_grid_gets_the_mean_of_their_biases():
    module = attention(reduced=2, heads=1)
    on_grid = module.bias((2, 2), (2, 2))[0].detach().numpy()  # (4 queries, 4 keys)
    offsets = module.offsets.detach().numpy()[0].reshape(3, 3)
    by_hand = [[offsets[qy - ky + 1, qx - kx + 1] for ky in (0, 1) for kx in (0, 1)] for qy in (0, 1) for qx in (0, 1)]
    np.testing.assert_allclose(on_grid, by_hand)
    between = module.bias((3, 3), (2, 2))[0].detach().numpy()
    np.testing.assert_allclose(between[[0, 2, 6, 8]], on_grid)
    np.testing.assert_allclose(between[1], (on_grid[0] + on_grid[1]) / 2)
    np.testing.assert_allclose(between[4], on_grid.mean(axis=0))


def test_a_grid_smaller_than_the_embeddings_takes_them_resized_too():
    module = attention(reduced=3, heads=1)
    full = module.bias((3, 3), (3, 3))[0].view(9, 3, 3)
    torch.testing.assert_close(module.bias((3, 3), (2, 2))[0].view(9, 2, 2), full[:, ::2, ::2])


def test_in_the_decoder_the_skip_asks_and_the_map_below_answers():
    torch.manual_seed(0)
    block = AttentionBlock(4, below=6, heads=2, reduced=4, dropout=0.0).double().eval()
    skip, below = torch.randn(1, 4, 8, 8).double(), torch.randn(1, 6, 4, 4).double()
    given = []
    block.attention.register_forward_hook(lambda module, arguments, out: given.extend([*arguments, out]))
    out = block(skip, below)
    torch.testing.assert_close(given[0], block.normalise_query(skip))
    torch.testing.assert_close(given[1], block.normalise_below(below))
    resized = F.interpolate(block.cut(below), (8, 8), mode="bilinear", align_corners=True)
    torch.testing.assert_close(out, resized + given[2] + block.mlp(resized + given[2]))


def test_a_map_that_attends_to_itself_has_one_depth_wise_convolution_for_all_three():
    torch.manual_seed(0)
    alone = EfficientAttention(4, heads=2, reduced=4).double().eval()
    assert alone.query[0].weight.shape == (4, 1, 3, 3) and alone.query[1].weight.shape == (12, 4, 1, 1)
    pair = EfficientAttention(4, below=4, heads=2, reduced=4).double().eval()
    with torch.no_grad():  # the same convolutions, once for the query and once for key and value
        pair.query[0].weight.copy_(alone.query[0].weight)
        pair.key_value[0].weight.copy_(alone.query[0].weight)
        pair.query[1].weight.copy_(alone.query[1].weight[:4])
        pair.key_value[1].weight.copy_(alone.query[1].weight[4:])
        pair.out.load_state_dict(alone.out.state_dict())
        pair.offsets.copy_(alone.offsets)
    image = torch.randn(2, 4, 6, 9).double()
    torch.testing.assert_close(alone(image), pair(image, image))


def test_attention_that_drops_nothing_in_training_is_that_of_evaluation():
    torch.manual_seed(0)
    module = EfficientAttention(4, below=6, heads=2, reduced=3, dropout=1e-12).double()
    skip, below = torch.randn(2, 4, 8, 8).double(), torch.randn(2, 6, 5, 5).double()
    torch.testing.assert_close(module.train()(skip, below), module.eval()(skip, below))


def test_it_has_the_parameters_of_the_authors_release():
    # theirs, built with 3 channels, 1 class, width 32 and 4 heads at each level: counted there
    assert sum(each.numel() for each in UTNet().parameters()) == 10_019_049


def test_attention_is_everywhere_but_at_full_resolution():
    torch.manual_seed(0)
    network, seen = UTNet(width=8).eval(), []
    for module in network.modules():
        if isinstance(module, EfficientAttention):
            module.register_forward_hook(lambda module, given, out: seen.append([each.shape[2] for each in given]))
    network(torch.zeros(1, 3, 64, 64))
    assert seen == [[32], [16], [8], [4], [8, 4], [16, 8], [32, 16]]


def test_a_residual_block_activates_before_it_convolves():
    block = ResidualBlock(1, 1).eval()
    for convolution in (block.body[2], block.body[5]):
        nn.init.dirac_(convolution.weight)  # the convolutions hand on what they get
    image = torch.tensor([[[[-2.0, 3.0]]]])
    torch.testing.assert_close(block(image), torch.tensor([[[[-2.0, 6.0]]]]), rtol=1e-4, atol=1e-4)


def test_deep_supervision_reads_three_levels_finest_first():
    network = UTNet(classes=2, width=8, deep_supervision=True).train()
    assert [head.in_channels for head in network.side_heads] == [16, 32, 64]
    for number, head in enumerate(network.side_heads, start=1):
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, number)
    main, *sides = network(torch.randn(2, 3, 32, 32))
    assert main.std() > 0
    assert [side.round(decimals=3).unique().tolist() for side in sides] == [[1.0], [2.0], [3.0]]
    assert not len(UTNet(width=8).side_heads)


def test_the_options_reach_every_attention():
    network = UTNet(width=8, heads=2, reduced=5, dropout=0.25)
    attentions = [module for module in network.modules() if isinstance(module, EfficientAttention)]
    assert {(each.heads, each.reduced, each.dropout.p, each.out[1].p) for each in attentions} == {(2, 5, 0.25, 0.25)}
    assert {tuple(each.offsets.shape) for each in attentions} == {(2, 81)}


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    network, image = UTNet(width=8, dropout=0.5), torch.randn(2, 3, 32, 32)
    assert not torch.equal(network.train()(image), network(image))
    assert torch.equal(network.eval()(image), network(image))


def test_a_width_that_the_heads_cannot_share_is_a_sentence():
    with pytest.raises(ValueError, match="width=9 and heads=4: twice the width"):
        UTNet(width=9)

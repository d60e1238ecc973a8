"""TCNet's modules against literal transcriptions of what they compute, written with torch's functions alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.models.checkpointing import recomputed
from repro.models.large_kernel import LargeKernelConv2d
from repro.models.tcnet.blocks import PLACES, AttendedMap, ConvolutionUnit, Placement, SelfAttention, bounded
from repro.models.tcnet.fusion import ChannelWeights, Concatenation, MultiScaleFusion
from repro.models.tcnet.large_kernel_module import LargeKernelModule, LargeKernelModuleB
from repro.models.tcnet.transformer import EnhancedTransformerModule, TransformerHalf, TransformerStage

NOWHERE = Placement("none", reduction=16, kernel=7)


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _made(module: nn.Module) -> nn.Module:
    """Return the module in float64 and evaluation mode, its batch and layer normalisations away from the identity."""
    module = module.double().eval()
    for number, each in enumerate(module.modules()):
        if isinstance(each, nn.BatchNorm2d | nn.LayerNorm):
            for name, tensor in each.state_dict().items():
                if tensor.is_floating_point():
                    tensor.copy_(_random(*tensor.shape, seed=number).abs() + (0.5 if "var" in name else 0.1))
    return module


def _count(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def _bn_conv(module, feature, padding):
    norm, convolution = module
    scaled = (feature - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
    scaled = scaled * norm.weight[:, None, None] + norm.bias[:, None, None]
    return F.conv2d(scaled, convolution.weight, padding=padding)


def _depthwise(module, feature):
    return F.conv2d(feature, module.weight, padding=module.weight.shape[-1] // 2, groups=feature.shape[1])


def _attention(module, tokens):
    """softmax(Q K^T / sqrt(d_k)) V, one head at a time, for (N, T, C)."""
    channels = tokens.shape[-1]
    size = channels // module.heads
    projected = tokens @ module.project.weight.T + module.project.bias
    results = []
    for head in range(module.heads):
        query, key, value = (
            projected[..., part * channels + head * size : part * channels + (head + 1) * size] for part in range(3)
        )
        results.append(torch.softmax(query @ key.transpose(1, 2) / size**0.5, dim=-1) @ value)
    return torch.cat(results, dim=-1) @ module.join.weight.T + module.join.bias


def test_large_kernel_module_is_its_equations_in_order_a():
    module, feature = _made(LargeKernelModule(4, kernel_size=31, residual=False)), _random(2, 4, 9, 12)
    first = _bn_conv(module.first, feature, 1)
    joined = torch.cat([_depthwise(module.large, F.conv2d(first, module.dense.weight)), first], dim=1)
    activated = F.gelu(_bn_conv(module.second, joined, 0))
    expected = F.conv2d(activated, module.last.weight, module.last.bias)
    torch.testing.assert_close(module(feature), expected, atol=1e-10, rtol=1e-10)


def test_large_kernel_module_is_its_equations_in_order_b():
    module, feature = _made(LargeKernelModuleB(4, kernel_size=31, residual=False)), _random(2, 4, 9, 12)
    first = _bn_conv(module.first, feature, 1)
    second = _bn_conv(module.second, first, 0)
    joined = torch.cat([F.conv2d(first, module.dense.weight), _depthwise(module.large, second)], dim=1)
    expected = F.conv2d(F.gelu(joined), module.last.weight, module.last.bias)
    torch.testing.assert_close(module(feature), expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("order", [LargeKernelModule, LargeKernelModuleB])
def test_residual_adds_the_map_that_came_in(order):
    plain = _made(order(4, kernel_size=7, residual=False))
    residual = _made(order(4, kernel_size=7, residual=True))
    residual.load_state_dict(plain.state_dict())
    feature = _random(2, 4, 9, 12)
    torch.testing.assert_close(residual(feature), feature + plain(feature))


def test_large_kernel_module_has_each_named_part_once():
    # order a: BN 2C, 3x3 9CC; 1x1 CC; 961C; BN 2*2C, 1x1 2CC; 1x1 CC + C. Order b: BN 2C each, 1x1 CC, last 2CC + C.
    assert _count(LargeKernelModule(8, kernel_size=31, residual=False)) == 13 * 64 + (2 + 961 + 4 + 1) * 8
    assert _count(LargeKernelModuleB(8, kernel_size=31, residual=False)) == 13 * 64 + (2 + 961 + 2 + 1) * 8


def test_self_attention_is_the_softmax_of_scaled_products_in_each_head():
    module, feature = SelfAttention(8, heads=4).double(), _random(2, 3, 5, 8)
    expected = _attention(module, feature.reshape(2, 15, 8)).view(2, 3, 5, 8)
    torch.testing.assert_close(module(feature), expected, atol=1e-10, rtol=1e-10)


def test_self_attention_keeps_nothing_of_the_size_of_its_matrix():
    module, kept = SelfAttention(8, heads=2), []
    feature = torch.randn(1, 32, 32, 8)  # 1024 positions: a matrix would have 2 * 1024 * 1024 numbers
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()), lambda nothing: nothing):
        module(feature)
    assert max(kept) <= 3 * 1024 * 8


def test_transformer_half_is_three_normalised_residual_steps():
    half, feature = _made(TransformerHalf(8, kernel_size=7, heads=2, mlp_ratio=3)), _random(2, 5, 6, 8)

    def normalised(norm, each):
        return F.layer_norm(each, (8,), norm.weight, norm.bias)

    channels_first = normalised(half.before_large, feature).permute(0, 3, 1, 2)
    step = feature + _depthwise(half.large, channels_first).permute(0, 2, 3, 1)
    tokens = normalised(half.before_attention, step).reshape(2, 30, 8)
    step = step + _attention(half.attention, tokens).view(2, 5, 6, 8)
    hidden = F.gelu(normalised(half.before_mlp, step) @ half.mlp[0].weight.T + half.mlp[0].bias)
    assert hidden.shape[-1] == 3 * 8
    expected = step + hidden @ half.mlp[2].weight.T + half.mlp[2].bias
    torch.testing.assert_close(half(feature), expected, atol=1e-10, rtol=1e-10)


def test_transformer_module_is_two_like_halves_with_the_parts_the_paper_counts():
    module = _made(EnhancedTransformerModule(8, kernel_size=31, heads=2, mlp_ratio=4))
    assert len(module.halves) == 2
    for half in module.halves:
        parts = [type(each) for each in half.modules()]
        assert parts.count(nn.LayerNorm) == 3
        assert parts.count(SelfAttention) == parts.count(LargeKernelConv2d) == parts.count(nn.GELU) == 1
        # three LN 2C; 961C; MHSA 4CC + 4C; MLP 8CC + 5C
        assert _count(half) == 12 * 64 + (6 + 961 + 4 + 5) * 8
    feature = _random(1, 8, 4, 6)
    channels_last = module.halves[1](module.halves[0](feature.permute(0, 2, 3, 1)))
    torch.testing.assert_close(module(feature), channels_last.permute(0, 3, 1, 2))


def test_transformer_stage_merges_patches_of_two_by_two():
    stage, feature = TransformerStage(4, 6, module=None).double(), _random(1, 4, 6, 8)
    patches = F.unfold(feature, 2, stride=2)  # (1, 4 * 2 * 2, 12)
    expected = (stage.merge.weight.flatten(1) @ patches + stage.merge.bias[:, None]).view(1, 6, 3, 4)
    torch.testing.assert_close(stage(feature), expected)


def test_channel_weights_share_their_layers_between_average_and_maximum():
    module, feature = ChannelWeights(8, reduction=2).double(), _random(2, 8, 3, 5)

    def scores(pooled):
        hidden = F.relu(pooled @ module.shared[0].weight.T + module.shared[0].bias)
        return hidden @ module.shared[2].weight.T + module.shared[2].bias

    average = feature.flatten(2).sum(dim=2) / 15
    maximum = feature.flatten(2).max(dim=2).values
    expected = 1 / (1 + torch.exp(-scores(average) - scores(maximum)))
    torch.testing.assert_close(module(feature), expected[:, :, None, None])


def _fusion(*, coarser=12, attention="upper", square=1):
    return _made(
        MultiScaleFusion(
            8, finer=4, coarser=coarser, branches=2, attention=attention, square=square, heads=2, reduction=2, kernel=3
        )
    )


def _transcribed(fusion, maps, finer, coarser):
    """Return what the fusion's three branches come to, concatenated, and its last step as a function."""
    middle = F.conv2d(torch.cat(maps, dim=1), fusion.join.weight, fusion.join.bias)
    middle = middle * fusion.channel(middle)
    pooled = finer.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    lower = F.conv2d(pooled, fusion.rise.weight, fusion.rise.bias, padding=1)
    described = torch.stack([lower.max(dim=1).values, lower.mean(dim=1)], dim=1)
    lower = lower * torch.sigmoid(F.conv2d(described, fusion.spatial.convolution.weight, padding=1))
    upper = F.conv2d(coarser, fusion.cut.weight, fusion.cut.bias)
    if coarser.shape[-1] != middle.shape[-1]:
        upper = F.interpolate(upper, size=middle.shape[-2:], mode="bilinear", align_corners=False)

    def end(joined):
        convolution, norm, _ = fusion.end
        return F.relu(norm(F.conv2d(joined, convolution.weight, padding=1)))

    return upper, middle, lower, end


def _attended(module, feature):
    tokens = feature.flatten(2).transpose(1, 2)
    normed = F.layer_norm(tokens, (tokens.shape[-1],), module.normalise.weight, module.normalise.bias)
    return feature + _attention(module.attend, normed).transpose(1, 2).view(feature.shape)


MAPS = [_random(2, 8, 4, 6, seed=1), _random(2, 8, 4, 6, seed=2)]
FINER, COARSER = _random(2, 4, 8, 12, seed=3), _random(2, 12, 2, 3, seed=4)


def test_fusion_attends_channels_in_the_middle_space_below_and_positions_above():
    fusion = _fusion()
    upper, middle, lower, end = _transcribed(fusion, MAPS, FINER, COARSER)
    expected = end(torch.cat([_attended(fusion.upper, upper), middle, lower], dim=1))
    torch.testing.assert_close(fusion(MAPS, FINER, COARSER), expected, atol=1e-10, rtol=1e-10)


def test_fusion_with_attention_after_the_concatenation_has_none_above():
    fusion = _fusion(attention="after")
    upper, middle, lower, end = _transcribed(fusion, MAPS, FINER, COARSER)
    expected = end(_attended(fusion.after, torch.cat([upper, middle, lower], dim=1)))
    torch.testing.assert_close(fusion(MAPS, FINER, COARSER), expected, atol=1e-10, rtol=1e-10)
    assert isinstance(fusion.upper, nn.Identity)


def test_fusion_of_the_coarsest_level_takes_its_own_map_without_enlarging_it():
    fusion = _fusion(coarser=None)
    upper, middle, lower, end = _transcribed(fusion, MAPS, FINER, MAPS[1])
    expected = end(torch.cat([_attended(fusion.upper, upper), middle, lower], dim=1))
    torch.testing.assert_close(fusion(MAPS, FINER, MAPS[1]), expected, atol=1e-10, rtol=1e-10)


def test_attention_on_a_grid_too_fine_runs_on_means_of_two_by_two():
    module, feature = _made(AttendedMap(8, heads=2, square=2)), _random(1, 8, 4, 6)
    means = feature.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
    change = _attended(module, means) - means
    expected = feature + F.interpolate(change, size=(4, 6), mode="bilinear", align_corners=False)
    torch.testing.assert_close(module(feature), expected, atol=1e-10, rtol=1e-10)


def test_what_stands_for_a_fusion_left_out_is_a_concatenation_and_a_1x1():
    module = Concatenation(8, branches=2).double()
    expected = F.conv2d(torch.cat(MAPS, dim=1), module.join.weight, module.join.bias)
    torch.testing.assert_close(module(MAPS, FINER, COARSER), expected)


def test_unit_has_attention_only_where_the_placement_puts_it():
    for attention, places in PLACES.items():
        unit = ConvolutionUnit(3, 8, Placement(attention, reduction=2, kernel=3), place="input")
        assert len(unit) == 3 + len({"convolution", "input"} & places), attention


def test_channel_attention_keeps_four_hidden_units_where_it_has_four_channels():
    assert [bounded(16, channels) for channels in (256, 64, 32, 16, 8, 4, 2)] == [16, 16, 8, 4, 2, 1, 1]


def test_recomputed_block_counts_a_batch_once_in_its_running_statistics():
    def block():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)).train()

    plain, again = block(), block()
    image = torch.randn(2, 3, 6, 6, requires_grad=True)
    plain(image).square().sum().backward()
    slope, image.grad = image.grad, None
    recomputed(again, image).square().sum().backward()
    assert torch.equal(image.grad, slope)
    for one, other in zip(plain.parameters(), again.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    for one, other in zip(plain.buffers(), again.buffers(), strict=True):
        assert torch.equal(one, other)
    assert again[1].num_batches_tracked == 1

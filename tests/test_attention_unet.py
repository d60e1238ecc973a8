"""Paper 1's network: its equations against literal transcriptions, its switches, and its use as one of smp's."""

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationModel
from torch.nn import functional as F

from repro.models import attention as blocks
from repro.models.attention import ATTENTION, make_attention
from repro.models.attention_unet import AttentionUNet
from repro.models.fusion import FUSION, AdjacentFusion, GlobalFusion, MultiScaleFusion, resample


def network(**options) -> AttentionUNet:
    torch.manual_seed(0)
    return AttentionUNet(**{"encoder_name": "resnet18", "classes": 3, **options})


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


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="it must be odd"):
        network(attention="spatial", kernel=4)


def test_a_reduction_beyond_the_channels_leaves_one_hidden_channel():
    assert blocks.ChannelWeights(6, reduction=16).first.weight.shape == (1, 6)


@pytest.mark.parametrize("name", ATTENTION)
def test_each_attention_is_put_on_every_skip_connection_and_nowhere_else(name):
    kind = type(make_attention(name, 64, signal_channels=64, reduction=16, kernel=7))
    found = [key for key, module in network(attention=name).named_modules() if type(module) is kind]
    assert found == [f"decoder.attention.{level}" for level in range(4)]


@pytest.mark.parametrize("name", ATTENTION)
def test_each_attention_changes_the_logits(name):
    image, plain, other = torch.randn(1, 3, 64, 64), network(attention="none").eval(), network(attention=name).eval()
    missing, unexpected = other.load_state_dict(plain.state_dict(), strict=False)
    assert unexpected == []
    assert all(key.startswith("decoder.attention") for key in missing)
    with torch.no_grad():
        assert torch.equal(other(image), plain(image)) == (name == "none")


def test_attention_sees_the_fused_map_before_it_is_concatenated():
    model, seen = network().eval(), {}
    model.fusion.register_forward_hook(lambda module, given, maps: seen.update(fused=maps))
    for level, module in enumerate(model.decoder.attention):
        module.register_forward_hook(lambda module, given, out, level=level: seen.update({level: (given[0], out)}))
    concatenated = []
    for block in model.decoder.blocks[:4]:
        block.attention1.register_forward_hook(lambda module, given, out: concatenated.append(given[0]))
    model(torch.randn(1, 3, 64, 64))
    for level in range(4):
        given, attended = seen[level]
        assert given is seen["fused"][3 - level]
        assert torch.equal(concatenated[level][:, -attended.shape[1] :], attended)


def test_reduction_and_kernel_are_those_asked_for():
    model = network(attention="hybrid", reduction=4, kernel=5)
    deepest = model.decoder.attention[0]  # of ResNet-18's 256 channels at stride 16
    assert deepest.channel.first.weight.shape == (64, 256)
    assert deepest.spatial.convolution.weight.shape == (1, 2, 5, 5)


def test_dropout_works_on_the_features_before_the_head_and_only_in_training():
    model, seen = network(dropout=0.5), []
    model.segmentation_head.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    image = torch.randn(2, 3, 64, 64)
    model.train()(image)
    model.eval()(image)
    dropped, kept = ((each == 0).float().mean() for each in seen)
    assert dropped > kept + 0.2  # ReLU makes zeros too; dropout takes half of the rest


CHANNELS = (4, 8, 12, 16, 20)


def pyramid() -> list[torch.Tensor]:
    """Return five maps of strides 2 to 32 of a 64 x 64 image."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, each, 32 // 2**level, 32 // 2**level, generator=generator) for level, each in enumerate(CHANNELS)
    ]


def influence(kind: str) -> np.ndarray:
    """Return (5, 5) booleans: whether fused map i depends on encoder map j."""
    torch.manual_seed(0)
    fusion = MultiScaleFusion(CHANNELS, kind=kind).eval()
    maps = [each.requires_grad_() for each in pyramid()]
    rows = []
    for fused in fusion(maps):
        gradients = torch.autograd.grad(fused.square().sum(), maps, allow_unused=True, retain_graph=True)
        rows.append([gradient is not None and bool(gradient.any()) for gradient in gradients])
    return np.array(rows, dtype=int)


def test_without_fusion_every_map_passes_as_it_is():
    maps = pyramid()
    fused = MultiScaleFusion(CHANNELS, kind="none")(maps)
    assert all(one is other for one, other in zip(fused, maps, strict=True))
    np.testing.assert_array_equal(influence("none"), np.eye(5, dtype=int))


def test_adjacent_fusion_shows_each_skip_connection_its_neighbours_scales():
    expected = [[1, 1, 0, 0, 0],
                [1, 1, 1, 0, 0],
                [0, 1, 1, 1, 0],
                [0, 0, 1, 1, 1],
                [0, 0, 0, 0, 1]]  # the deepest map is no skip connection  # fmt: skip
    np.testing.assert_array_equal(influence("adjacent"), expected)


def test_full_fusion_also_shows_the_deepest_map_every_scale():
    expected = [[1, 1, 0, 0, 0],
                [1, 1, 1, 0, 0],
                [0, 1, 1, 1, 0],
                [0, 0, 1, 1, 1],
                [1, 1, 1, 1, 1]]  # fmt: skip
    np.testing.assert_array_equal(influence("full"), expected)


@pytest.mark.parametrize("kind", FUSION)
def test_fusion_keeps_every_shape(kind):
    maps = pyramid()
    fused = MultiScaleFusion(CHANNELS, kind=kind)(maps)
    assert [each.shape for each in fused] == [each.shape for each in maps]


def test_a_map_without_channels_passes_and_is_nobodys_neighbour():
    channels = (0, 8, 12, 16)
    fusion = MultiScaleFusion(channels, kind="full").eval()
    maps = [torch.randn(1, each, 32 // 2**level, 32 // 2**level) for level, each in enumerate(channels)]
    assert fusion(maps)[0] is maps[0]
    assert fusion.neighbours == {1: [1, 2], 2: [1, 2, 3]}


def test_a_finer_map_is_brought_down_by_block_means_and_a_coarser_one_up_bilinearly():
    finer = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(resample(finer, (2, 2)), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    coarser = torch.tensor([[[[0.0, 4.0]]]])
    torch.testing.assert_close(resample(coarser, (2, 4))[0, 0], torch.tensor([[0.0, 1.0, 3.0, 4.0]] * 2))


def test_adjacent_fusion_follows_its_formula():
    fine, own, coarse = pyramid()[:3]
    torch.manual_seed(0)
    module = AdjacentFusion(8, neighbours=(4, 8, 12)).eval()
    of_fine, of_own, of_coarse = module.of_neighbours
    # here every map is brought to the grid first and convolved there; the module chooses the cheaper order
    gathered = (
        of_fine(F.avg_pool2d(fine, 2)) + of_own(own) + of_coarse(F.interpolate(coarse, own.shape[-2:], mode="bilinear"))
    )
    norm1, _, mix, norm2, _, out = module.mix
    expected = own + out(F.relu(norm2(mix(F.relu(norm1(gathered))))))
    torch.testing.assert_close(module(own, [fine, own, coarse]), expected)


def test_global_fusion_follows_its_formula():
    maps = pyramid()
    torch.manual_seed(0)
    module = GlobalFusion(CHANNELS).eval()
    gathered = module.of_image(maps[-1].mean((2, 3), keepdim=True))
    for level, (convolution, each) in enumerate(zip(module.of_scales, maps, strict=True)):
        gathered = gathered + convolution(F.avg_pool2d(each, 2 ** (4 - level)))
    norm, _, out = module.mix
    torch.testing.assert_close(module(maps), maps[-1] + out(F.relu(norm(gathered))))


@pytest.mark.parametrize(("option", "word"), [("attention", "hybrid"), ("fusion", "adjacent")])
def test_an_unknown_switch_is_a_sentence_with_the_known_ones(option, word):
    with pytest.raises(ValueError, match=f"'both' is not known: choose one of .*{word}"):
        network(**{option: "both"})


def test_without_its_modules_the_network_is_smps_unet_to_the_bit():
    ours = network(attention="none", fusion="none", dropout=0.0).eval()
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=3).eval()
    theirs.load_state_dict(ours.state_dict())  # the same names and shapes
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(ours(image), theirs(image))


def test_what_the_modules_cost_in_parameters():
    def count(**options):
        with torch.device("meta"):
            return sum(each.numel() for each in AttentionUNet("resnet50", classes=19, **options).parameters())

    plain = count(attention="none", fusion="none")
    skips = (64, 256, 512, 1024)
    # eq. 1: two matrices of C * C/16; eq. 2: 2 * 7 * 7, on each of four skip connections
    assert count(attention="hybrid", fusion="none") - plain == sum(2 * c * c // 16 + 98 for c in skips)
    assert count(attention="channel", fusion="none") - plain == sum(2 * c * c // 16 for c in skips)
    assert count(attention="spatial", fusion="none") - plain == 4 * 98


def test_a_saved_network_comes_back_with_its_options_and_weights(tmp_path):
    saved = network(attention="cbam", fusion="adjacent", reduction=8, in_channels=4, dropout=0.2).eval()
    saved.save_pretrained(tmp_path)
    loaded = AttentionUNet.from_pretrained(tmp_path).eval()
    # JSON knows no tuples
    assert loaded.config == {**saved.config, "decoder_channels": [256, 128, 64, 32, 16]}
    image = torch.randn(1, 4, 40, 50)
    with torch.no_grad():
        assert torch.equal(loaded(image), saved(image))


def test_it_is_one_of_smps_networks():
    model = network()
    assert isinstance(model, SegmentationModel)
    assert model.train().predict(torch.randn(1, 3, 33, 47)).shape == (1, 3, 33, 47)
    model.freeze_encoder()
    assert not any(each.requires_grad for each in model.encoder.parameters())
    assert model.load_state_dict(network().state_dict())


@pytest.mark.parametrize("encoder", ["vgg11_bn", "tu-convnext_atto", "mit_b0"])  # deeper stem, no map of stride 2
@pytest.mark.parametrize("attention", ["hybrid", "gate"])
def test_encoders_of_other_shapes_work(encoder, attention):
    model = network(encoder_name=encoder, attention=attention).eval()
    assert model(torch.randn(1, 3, 50, 70)).shape == (1, 3, 50, 70)


def test_a_shallower_encoder_works():
    model = network(encoder_depth=3, decoder_channels=(32, 16, 8)).eval()
    assert model(torch.randn(1, 3, 20, 28)).shape == (1, 3, 20, 28)


@pytest.mark.slow
def test_onnx_gives_the_same_logits(tmp_path):
    import onnxruntime

    model, image = network().eval(), torch.randn(2, 3, 70, 90)
    torch.onnx.export(model, (image,), tmp_path / "network.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    (logits,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    assert logits.std() > 0.01  # something to compare
    with torch.no_grad():
        np.testing.assert_allclose(logits, model(image).numpy(), atol=1e-4)

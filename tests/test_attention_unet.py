"""Paper 1's network: its switches, and its use as one of smp's."""

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationModel

from repro.models.attention import ATTENTION, make_attention
from repro.models.attention_unet import AttentionUNet


def network(**options) -> AttentionUNet:
    torch.manual_seed(0)
    return AttentionUNet(**{"encoder_name": "resnet18", "classes": 3, **options})


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="it must be odd"):
        network(attention="spatial", kernel=4)


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

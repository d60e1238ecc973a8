"""Encoders and their initial weights, none of which this suite downloads by itself."""

import socket

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file

from repro.models.attention_unet import AttentionUNet
from repro.models.encoders import address, load_encoder_weights, make_encoder, sha256
from repro.networks import build


@pytest.fixture(autouse=True)
def no_network(monkeypatch, no_weights):
    """Caches are empty folders and every socket is an error."""

    def refuse(*arguments, **options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def publish(path, state: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: each.contiguous() for key, each in state.items()}, path)


@pytest.fixture
def resnet18(tmp_path) -> dict[str, torch.Tensor]:
    """Put other random weights where ResNet-18's fetched ones would lie, as smp publishes them, and return them."""
    torch.manual_seed(1)
    state = smp.encoders.get_encoder("resnet18", weights=None).state_dict()
    published = {**state, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    publish(tmp_path / "cache" / "weights" / "resnet18.imagenet.safetensors", published)
    return state


@pytest.mark.parametrize("name", ["fcn", "pspnet", "deeplabv3", "deeplabv3plus", "unetplusplus", "attention_unet"])
def test_imagenet_weights_come_from_the_file_on_this_machine(name, resnet18, tmp_path):
    network = build(name, classes=2, encoder_name="resnet18")
    digest = load_encoder_weights(network, "imagenet")
    assert digest == sha256(tmp_path / "cache" / "weights" / "resnet18.imagenet.safetensors")
    assert all(torch.equal(each, resnet18[key]) for key, each in network.encoder.state_dict().items())


def test_weights_none_leaves_the_network_as_it_is(resnet18):
    network = build("fcn", classes=2, encoder_name="resnet18")
    before = {key: each.clone() for key, each in network.state_dict().items()}
    assert load_encoder_weights(network, "none") is None
    assert all(torch.equal(each, before[key]) for key, each in network.state_dict().items())


def test_one_input_channel_gets_the_sum_of_the_three(resnet18):
    network = build("fcn", classes=2, encoder_name="resnet18", in_channels=1)
    load_encoder_weights(network, "imagenet")
    torch.testing.assert_close(network.encoder.conv1.weight, resnet18["conv1.weight"].sum(1, keepdim=True))


def test_weights_of_huggingfaces_cache_are_found(tmp_path):
    repository, revision = address("resnet18")
    snapshot = tmp_path / "hub" / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    torch.manual_seed(1)
    state = smp.encoders.get_encoder("resnet18", weights=None).state_dict()
    publish(snapshot / "model.safetensors", state)
    network = build("fcn", classes=2, encoder_name="resnet18")
    load_encoder_weights(network, "imagenet")
    assert torch.equal(network.encoder.conv1.weight, state["conv1.weight"])


@pytest.mark.parametrize(("name", "encoder"), [("segnet", "vgg11_bn"), ("fcn8s", "vgg11")])
def test_vgg_networks_take_vggs_weights(name, encoder, tmp_path):
    options = {"hidden": 4} if name == "fcn8s" else {}
    published, network = (build(name, classes=2, encoder_name=encoder, **options) for _ in range(2))
    state = published.encoder.state_dict()
    publish(tmp_path / "cache" / "weights" / f"{encoder}.imagenet.safetensors", state)
    load_encoder_weights(network, "imagenet")
    assert all(torch.equal(each, state[key]) for key, each in network.encoder.state_dict().items())


@pytest.mark.parametrize("encoder", ["densenet121", "mit_b0", "mobilenet_v2"])
def test_other_families_of_smps_encoders_take_their_weights(encoder, tmp_path):
    published, network = (build("attention_unet", classes=2, encoder_name=encoder) for _ in range(2))
    state = published.encoder.state_dict()
    publish(tmp_path / "cache" / "weights" / f"{encoder}.imagenet.safetensors", state)
    load_encoder_weights(network, "imagenet")
    assert all(torch.equal(each, state[key]) for key, each in network.encoder.state_dict().items())


@pytest.mark.parametrize("in_channels", [3, 1])
def test_timms_encoders_take_timms_files(in_channels, tmp_path):
    torch.manual_seed(1)
    state = timm.create_model("resnet10t").state_dict()
    publish(tmp_path / "cache" / "weights" / "tu-resnet10t.imagenet.safetensors", state)
    network = build("attention_unet", classes=2, encoder_name="tu-resnet10t", in_channels=in_channels)
    load_encoder_weights(network, "imagenet")
    deep = "layer4.0.conv1.weight"
    assert torch.equal(network.encoder.model.state_dict()[deep], state[deep])
    first = state["conv1.0.weight"]
    expected = first if in_channels == 3 else first.sum(1, keepdim=True)
    torch.testing.assert_close(network.encoder.model.conv1[0].weight, expected)


def test_missing_weights_are_a_sentence_with_the_command(tmp_path):
    with pytest.raises(ValueError, match=r"No ImageNet weights of resnet18 .*python -m repro.weights fetch resnet18"):
        load_encoder_weights(build("fcn", classes=2, encoder_name="resnet18"), "imagenet")


def test_a_constructor_never_downloads():
    with pytest.raises(ValueError, match=r"python -m repro.weights fetch resnet18"):
        AttentionUNet("resnet18", encoder_weights="imagenet", classes=2)


def test_a_network_saved_with_imagenet_weights_loads_where_there_are_none(resnet18, tmp_path, monkeypatch):
    AttentionUNet("resnet18", encoder_weights="imagenet", classes=2).save_pretrained(tmp_path / "saved")
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "empty"))
    loaded = AttentionUNet.from_pretrained(tmp_path / "saved")
    assert torch.equal(loaded.encoder.conv1.weight, resnet18["conv1.weight"])


def test_a_damaged_file_is_noticed(resnet18, tmp_path):
    file = tmp_path / "cache" / "weights" / "resnet18.imagenet.safetensors"
    file.with_name(f"{file.name}.sha256").write_text(f"{sha256(file)}\n")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1  # one bit of one weight: the format itself does not notice
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"is damaged .*fetch resnet18"):
        load_encoder_weights(build("fcn", classes=2, encoder_name="resnet18"), "imagenet")


def test_a_file_of_another_network_is_refused(tmp_path):
    publish(tmp_path / "cache" / "weights" / "resnet18.imagenet.safetensors", {"a": torch.zeros(1)})
    with pytest.raises(ValueError, match="does not hold the weights of resnet18"):
        load_encoder_weights(build("fcn", classes=2, encoder_name="resnet18"), "imagenet")


def test_an_encoder_of_another_width_is_refused(tmp_path):
    state = build("segnet", classes=2, encoder_name="vgg11_bn").encoder.state_dict()
    publish(tmp_path / "cache" / "weights" / "vgg11_bn.imagenet.safetensors", state)
    with pytest.raises(ValueError, match="do not fit this encoder"):
        load_encoder_weights(build("segnet", classes=2, encoder_name="vgg11_bn", width=8), "imagenet")


@pytest.mark.parametrize("name", ["unet", "oktay_attention_unet"])
def test_a_network_without_encoder_says_so(name):
    with pytest.raises(ValueError, match="has no encoder to give weights to"):
        load_encoder_weights(build(name, classes=2, width=4), "imagenet")


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="'ssl' are not known: choose none or imagenet"):
        load_encoder_weights(build("fcn", classes=2, encoder_name="resnet18"), "ssl")


def test_an_unknown_encoder_names_the_nearest_ones():
    with pytest.raises(ValueError, match=r"'resnet51'; the nearest are resnet50"):
        make_encoder("resnet51")


def test_output_stride_and_depth_shape_the_maps():
    def shapes(**options):
        encoder = make_encoder("resnet18", in_channels=2, **options).eval()
        return [64 // each.shape[-1] for each in encoder(torch.zeros(1, 2, 64, 64))]

    assert shapes() == [1, 2, 4, 8, 16, 32]
    assert shapes(depth=3) == [1, 2, 4, 8]
    assert shapes(output_stride=8) == [1, 2, 4, 8, 8, 8]

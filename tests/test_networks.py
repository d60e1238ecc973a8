"""Every network of paper 1: what its name gives, and what the training loop may ask of it."""

import copy
import inspect
import subprocess
import sys

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional as F

from repro.models.any_size import AnySize, pad_to_multiple
from repro.networks import NETWORKS, build, constructor

# The smallest form of each network that is still the network: used wherever the size does not matter.
SMALL = {
    "attention_unet": {"encoder_name": "resnet18"},
    "deeplabv3": {"encoder_name": "resnet18"},
    "deeplabv3plus": {"encoder_name": "resnet18"},
    "fcn": {"encoder_name": "resnet18"},
    "fcn8s": {"width": 16, "hidden": 64},
    "oktay_attention_unet": {"width": 8},
    "pspnet": {"encoder_name": "resnet18"},
    "segnet": {"width": 16},
    "unet": {"width": 8},
    "unetplusplus": {"encoder_name": "resnet18"},
}
AUXILIARY = {"fcn", "pspnet"}  # the networks that return (main, auxiliary) while training
every_network = pytest.mark.parametrize("name", SMALL)


def small(name: str, *, classes: int = 4, in_channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    network = build(name, classes=classes, in_channels=in_channels, **SMALL[name])
    if name == "fcn8s":  # its scores begin at zero, which would make every comparison of logits hold
        for scores in network.scores:
            nn.init.normal_(scores.weight, std=0.05)
    return network


def shapes_to_learn() -> tuple[torch.Tensor, torch.Tensor]:
    """Return two 64 x 64 images with their labels: four classes in large shapes, told apart by colour."""
    generator = torch.Generator().manual_seed(0)
    label = torch.zeros(2, 64, 64, dtype=torch.int64)
    label[:, 16:48, 16:48] = 1
    label[:, :, :16] = 2
    label[:, 48:, 32:] = 3
    colours = F.one_hot(label, 4).movedim(-1, 1)[:, :3].float()
    return colours + 0.1 * torch.randn(2, 3, 64, 64, generator=generator), label


@every_network
def test_logits_have_the_size_of_an_odd_image_and_a_channel_for_each_class(name):
    network = small(name, classes=5, in_channels=2).eval()
    logits = network(torch.randn(1, 2, 37, 51))
    assert logits.shape == (1, 5, 37, 51)
    assert logits.isfinite().all()


@every_network
def test_an_image_has_the_same_logits_alone_and_in_a_batch(name):
    network = small(name).eval().double()  # float32 rounds otherwise in a batch, by more on some processors
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        assert network(images).std() > 1e-4  # something to compare
        torch.testing.assert_close(network(images[1:]), network(images)[1:], rtol=1e-9, atol=1e-10)


@every_network
def test_in_training_every_output_has_the_size_of_the_image(name):
    outputs = small(name).train()(torch.randn(2, 3, 61, 67))
    if name in AUXILIARY:
        assert [each.shape for each in outputs] == [(2, 4, 61, 67)] * 2
    else:
        assert outputs.shape == (2, 4, 61, 67)


@every_network
def test_in_evaluation_there_is_one_output(name):
    assert isinstance(small(name).eval()(torch.randn(1, 3, 32, 32)), torch.Tensor)


@every_network
def test_every_parameter_that_can_be_trained_gets_a_finite_gradient(name):
    network = small(name).train()
    image, label = shapes_to_learn()
    outputs = network(image)
    sum(F.cross_entropy(each, label) for each in (outputs if name in AUXILIARY else (outputs,))).backward()
    trained = {key: each for key, each in network.named_parameters() if each.requires_grad}
    assert [key for key, each in trained.items() if each.grad is None or not each.grad.isfinite().all()] == []


@pytest.mark.slow
@every_network
def test_ten_steps_on_one_batch_halve_the_loss(name):
    network = small(name).train()
    image, label = shapes_to_learn()
    # the one network without batch normalisation stands no more than a fifth of the others' rate
    optimiser = torch.optim.Adam(network.parameters(), lr=0.001 if name == "fcn8s" else 0.005)
    losses = []
    for _ in range(11):
        outputs = network(image)
        loss = F.cross_entropy(outputs[0] if name in AUXILIARY else outputs, label)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[10] < losses[0] / 2, losses


@every_network
def test_under_bfloat16_autocast_logits_and_gradients_are_finite_and_near_float32(name):
    network = small(name).eval()  # without dropout, and with fixed statistics
    image, label = shapes_to_learn()
    exact = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(image)
    assert logits.dtype == torch.bfloat16
    F.cross_entropy(logits.float(), label).backward()
    assert all(each.grad is None or each.grad.isfinite().all() for each in network.parameters())
    # 8 significant bits, through up to fifty layers; SegNet also un-pools to the other of two all but equal maxima
    tolerance = 0.3 if name == "segnet" else 0.1
    assert (logits.float() - exact).abs().mean() <= tolerance * exact.std() + 1e-6


@pytest.fixture
def no_compiled_code():
    """Forget what other tests compiled: past eight variants of the shared wrapper the compiler gives up."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiled_code")
@every_network
def test_a_network_compiles_into_one_graph_with_equal_logits(name):
    network = small(name).eval()
    image = torch.randn(1, 3, 37, 51)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(image), network(image), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiled_code")
@every_network
def test_training_compiles_into_one_graph(name):
    network = small(name).train()
    outputs = torch.compile(network, fullgraph=True, backend="aot_eager")(torch.randn(2, 3, 64, 64))
    sum(each.mean() for each in (outputs if name in AUXILIARY else (outputs,))).backward()


@pytest.mark.parametrize("name", ["fcn", "pspnet"])
def test_without_its_auxiliary_head_a_network_has_one_output_in_training(name):
    network = build(name, classes=4, encoder_name="resnet18", auxiliary=False).train()
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 4, 64, 64)
    assert not any("auxiliary" in key for key, _ in network.named_parameters())


@pytest.mark.parametrize("name", ["attention_unet", "deeplabv3", "deeplabv3plus", "fcn", "pspnet", "unetplusplus"])
@pytest.mark.parametrize("encoder", ["mobilenet_v2", "tu-resnet10t"])
def test_an_encoder_of_smp_or_of_timm_can_be_chosen(name, encoder):
    network = build(name, classes=2, encoder_name=encoder).eval()
    assert network(torch.randn(1, 3, 40, 72)).shape == (1, 2, 40, 72)


@pytest.mark.parametrize("name", [name for name in SMALL if "encoder_name" in SMALL[name]])
def test_an_unknown_encoder_is_a_sentence(name):
    with pytest.raises(ValueError, match="resnet5"):
        build(name, classes=2, encoder_name="resnet5")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_address_leads_to_something_that_takes_channels_and_classes(name):
    assert {"in_channels", "classes"} <= set(inspect.signature(constructor(name)).parameters)


@every_network
def test_no_class_of_ours_bears_a_name_that_smp_would_take_for_its_own(name):
    network = small(name)
    kind = type(network.network) if isinstance(network, AnySize) else type(network)
    own = not kind.__module__.startswith("segmentation_models_pytorch")
    assert own == (kind.__name__.lower() not in smp.MODEL_ARCHITECTURES_MAPPING)


def test_an_unknown_network_names_the_nearest_ones():
    with pytest.raises(ValueError, match=r"'pspnett'; did you mean pspnet"):
        build("pspnett", classes=2)


def test_an_unknown_option_names_the_nearest_ones():
    with pytest.raises(ValueError, match=r"'pspnet' has no option 'encoder'; did you mean encoder_name"):
        build("pspnet", classes=2, encoder="resnet18")


def test_the_list_of_networks_needs_no_torch():
    command = "import sys, repro.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


class Doubled(nn.Module):
    """A network of stride 4 that insists on it and returns twice the image, and the image itself as second output."""

    stride, revision = 4, 3

    def forward(self, image):
        assert image.shape[-2] % 4 == 0
        assert image.shape[-1] % 4 == 0
        return (2 * image, image) if self.training else 2 * image


def test_padding_repeats_the_last_row_and_column():
    image = torch.tensor([[[[1.0, 2, 3], [4, 5, 6]]]])
    expected = torch.tensor([[[[1.0, 2, 3, 3], [4, 5, 6, 6], [4, 5, 6, 6], [4, 5, 6, 6]]]])
    torch.testing.assert_close(pad_to_multiple(image, 4), expected)


def test_an_image_that_fits_is_not_copied():
    image = torch.randn(1, 1, 4, 8)
    assert pad_to_multiple(image, 4) is image


def test_the_wrapper_pads_for_the_network_and_crops_every_output():
    network, image = AnySize(Doubled(), stride=4), torch.randn(2, 1, 5, 3)
    torch.testing.assert_close(network.eval()(image), 2 * image)
    main, second = network.train()(image)
    torch.testing.assert_close(main, 2 * image)
    torch.testing.assert_close(second, image)


def test_the_wrapper_answers_for_the_network_it_holds():
    network = AnySize(Doubled(), stride=4)
    assert network.revision == 3
    assert not hasattr(network, "begin_epoch")
    assert copy.deepcopy(network).revision == 3

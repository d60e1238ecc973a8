"""Paper 2's systems to compare with: how large they are, and what the training loop may ask of them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.networks import build

# millions of parameters for three input channels, counted from the authors' code
COUNTS = [
    ("unet3plus", 1, {}, 26.97),
    ("unet3plus", 2, {"deep_supervision": True, "classification_guided": True}, 26.99),
    ("cenet", 1, {}, 29.00),
    ("utnet", 1, {}, 10.02),
    ("medt", 2, {}, 1.56),
    ("medt", 2, {"local_position": False}, 1.56),
    ("canet", 2, {}, 2.79),
    ("mfcn_pi", 21, {"stages": 1}, 32.96),  # torchvision's fcn_resnet50 without its auxiliary head
]

# The smallest form of each network that is still the network, with and without the outputs of its sides.
SMALL = {
    "unet3plus": {"width": 8},
    "unet3plus, supervised": {"width": 8, "deep_supervision": True},
    "unet3plus, guided": {"width": 8, "deep_supervision": True, "classification_guided": True},
    "cenet": {"encoder_name": "tu-test_efficientnet"},
    "utnet": {"width": 8},
    "utnet, supervised": {"width": 8, "deep_supervision": True},
    "medt": {"width": 8, "groups": 4, "depths": (1, 1, 1, 1)},
    "medt, plain": {"width": 8, "groups": 4, "depths": (1, 1, 1, 1), "local_position": False},
    "canet": {"width": 8},
    "mfcn_pi": {"encoder_name": "tu-test_resnet", "stages": 2},
}
SIDES = {"unet3plus, supervised": 4, "unet3plus, guided": 4, "utnet, supervised": 3, "mfcn_pi": 2}
every_network = pytest.mark.parametrize("name", SMALL)


def small(name: str, *, classes: int = 4, in_channels: int = 3, **options) -> nn.Module:
    torch.manual_seed(0)
    return build(name.split(",")[0], classes=classes, in_channels=in_channels, **{**SMALL[name], **options})


def shapes_to_learn() -> tuple[torch.Tensor, torch.Tensor]:
    """Return two 64 x 64 images with their labels: four classes in large shapes, told apart by colour."""
    label = torch.zeros(2, 64, 64, dtype=torch.int64)
    label[:, 16:48, 16:48] = 1
    label[:, :, :16] = 2
    label[:, 48:, 32:] = 3
    colours = F.one_hot(label, 4).movedim(-1, 1)[:, :3].float()
    return colours + 0.1 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)), label


def outputs_of(network: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
    outputs = network(image)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def losses(network: nn.Module, optimiser: torch.optim.Optimizer, *, steps: int) -> list[float]:
    """Return the loss of the main output before each of some steps on one batch, all outputs being trained."""
    image, label = shapes_to_learn()
    seen = []
    for _ in range(steps):
        each = [F.cross_entropy(logits, label) for logits in outputs_of(network, image)]
        seen.append(each[0].item())
        optimiser.zero_grad()
        sum(each).backward()
        optimiser.step()
    return seen


@pytest.mark.parametrize(("name", "classes", "options", "millions"), COUNTS)
def test_parameters_are_as_many_as_in_the_original_within_one_per_cent(name, classes, options, millions):
    with torch.device("meta"):
        network = build(name, classes=classes, **options)
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


@every_network
def test_no_size_of_image_changes_the_parameters(name):
    network = small(name).train()
    before = {key: (each.shape, id(each)) for key, each in network.named_parameters()}
    network(torch.randn(2, 3, 96, 64))
    assert {key: (each.shape, id(each)) for key, each in network.named_parameters()} == before


@every_network
def test_logits_have_the_size_of_an_odd_image_and_a_channel_for_each_class(name):
    logits = small(name, classes=5, in_channels=2).eval()(torch.randn(1, 2, 37, 51))
    assert logits.shape == (1, 5, 37, 51)
    assert logits.isfinite().all()


@every_network
def test_an_image_has_the_same_logits_alone_and_in_a_batch(name):
    network, images = small(name).eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images[1:]), network(images)[1:], rtol=1e-4, atol=1e-5)


@every_network
def test_in_training_every_output_has_the_size_of_the_image(name):
    outputs = outputs_of(small(name).train(), torch.randn(2, 3, 61, 67))
    assert [each.shape for each in outputs] == [(2, 4, 61, 67)] * (1 + SIDES.get(name, 0))


@every_network
def test_in_evaluation_there_is_one_output(name):
    assert isinstance(small(name).eval()(torch.randn(1, 3, 32, 32)), torch.Tensor)


@every_network
def test_every_parameter_gets_a_finite_gradient_other_than_zero(name):
    network = small(name).train()
    if hasattr(network, "begin_epoch"):
        network.begin_epoch(10)  # MedT's gates learn
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.any():
            nn.init.ones_(module.weight)  # a branch that begins at zero shuts off what comes before it
    image, label = shapes_to_learn()
    sum(F.cross_entropy(each, label) for each in outputs_of(network, image)).backward()
    parameters = dict(network.named_parameters())
    assert [key for key, each in parameters.items() if each.grad is None or not each.grad.isfinite().all()] == []
    assert [key for key, each in parameters.items() if not each.grad.any()] == []


@pytest.mark.slow
@every_network
def test_ten_steps_on_one_batch_halve_the_loss(name):
    network = small(name).train()
    seen = losses(network, torch.optim.Adam(network.parameters(), lr=0.005), steps=11)
    assert seen[10] < seen[0] / 2, seen


@every_network
def test_under_bfloat16_autocast_logits_and_gradients_are_finite_and_near_float32(name):
    network = small(name).eval()  # without dropout, and with fixed statistics
    image, label = shapes_to_learn()
    exact = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(image)
    F.cross_entropy(logits.float(), label).backward()
    assert all(each.grad is None or each.grad.isfinite().all() for each in network.parameters())
    assert (logits.float() - exact).abs().mean() <= 0.1 * exact.std() + 1e-6


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
    network, image = small(name).eval(), torch.randn(1, 3, 37, 51)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(image), network(image), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiled_code")
@every_network
def test_training_compiles_into_one_graph(name):
    network = small(name).train()
    outputs = outputs_of(torch.compile(network, fullgraph=True, backend="aot_eager"), torch.randn(2, 3, 64, 64))
    sum(each.mean() for each in outputs).backward()


@pytest.mark.parametrize("name", ["cenet", "mfcn_pi"])
def test_an_unknown_encoder_is_a_sentence(name):
    with pytest.raises(ValueError, match="resnet5"):
        build(name, classes=2, encoder_name="resnet5")

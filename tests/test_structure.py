"""The traced structure: boxes and arrows as a reader of the network's code would draw them."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from repro.models.cost import cost_and_structure
from repro.models.structure import MOST_BLOCKS, trace
from repro.networks import NETWORKS, build
from repro.papers.suites import DEMO


class Ladder(nn.Module):
    """An image at 8x8, a stage at 4x4 and one at 2x2, brought back by resizing and adding; one skip connection."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU())
        self.coarse = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.spare = nn.Conv2d(4, 4, 1)  # never called
        self.same = nn.Identity()
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, image):
        fine = self.fine(image)
        coarse = F.interpolate(self.norm(self.coarse(fine)), scale_factor=2.0)
        return F.interpolate(self.head(self.same(fine + coarse)), scale_factor=2.0)


def blocks_of(network, *size, channels=3):
    return trace(network, torch.zeros(1, channels, *size))["blocks"]


def edges(blocks):
    return {(blocks[index]["name"], block["name"]) for block in blocks for index in block["inputs"]}


def test_sums_and_resizes_between_modules_lose_no_connection():
    blocks = blocks_of(Ladder(), 8, 8)
    assert [block["name"] for block in blocks] == ["image", "fine", "coarse", "head", "logits"]
    assert edges(blocks) == {
        ("image", "fine"),
        ("fine", "coarse"),
        ("fine", "head"),  # the skip connection, through a sum
        ("coarse", "head"),  # through a normalisation and a resize
        ("head", "logits"),
    }


def test_blocks_carry_their_shapes_layers_and_parameters():
    blocks = {block["name"]: block for block in blocks_of(Ladder(), 8, 8)}
    assert {name: block["shape"] for name, block in blocks.items()} == {
        "image": [3, 8, 8],
        "fine": [4, 4, 4],
        "coarse": [4, 2, 2],
        "head": [2, 4, 4],
        "logits": [2, 8, 8],
    }
    assert blocks["fine"]["layers"] == "Conv2d, ReLU"
    assert blocks["coarse"]["layers"] == "Conv2d, BatchNorm2d"  # the normalisation belongs to the layer before it
    assert blocks["coarse"]["parameters"] == (4 * 4 * 9 + 4) + (4 + 4)


class Weighed(nn.Module):
    """Takes two maps and looks at one."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)

    def forward(self, feature, ignored):
        return feature * torch.sigmoid(self.convolution(feature))


def test_an_arrow_is_a_tensor_that_reaches_the_output_not_one_that_was_only_handed_in():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.other = nn.Conv2d(3, 3, 1, stride=2)
            self.weighed = Weighed()

        def forward(self, image):
            return self.weighed(image, self.other(image))

    blocks = blocks_of(Network(), 4, 4)
    assert [(block["name"], block["part"]) for block in blocks][2] == ("weighed", "Weighed")
    assert edges(blocks) == {("image", "other"), ("image", "weighed"), ("weighed", "logits")}


def test_one_module_called_on_many_patches_is_one_block():
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.each = nn.Conv2d(3, 2, 1)

        def forward(self, image):
            return torch.cat([self.each(part) for part in image.split(2, dim=-1)], dim=-1)

    blocks = blocks_of(Patches(), 8, 8)
    assert [(block["name"], block["times"]) for block in blocks] == [("image", 1), ("each", 4), ("logits", 1)]


def test_unpooling_shows_that_it_takes_the_indices_of_its_pool():
    class Indices(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.middle = nn.MaxPool2d(2, return_indices=True), nn.Conv2d(3, 3, 1, stride=1)
            self.unpool = nn.MaxUnpool2d(2)

        def forward(self, image):
            feature, indices = self.pool(image)
            return self.unpool(self.middle(feature), indices)

    assert {("pool", "unpool"), ("middle", "unpool")} <= edges(blocks_of(Indices(), 4, 4))


@pytest.fixture(scope="module")
def attention_unet():
    with torch.device("meta"):  # shapes alone, at the paper's size
        return trace(build("attention_unet", encoder_name="resnet50", classes=19), torch.zeros(1, 3, 512, 1024))


def test_the_attention_unet_weighs_each_fused_skip_connection_before_its_decoder_block(attention_unet):
    found = edges(attention_unet["blocks"])
    for level in range(4):  # attention and decoder count from the deepest, fusion from the finest
        assert (f"fusion.adjacent.{3 - level}", f"decoder.attention.{level}") in found
        assert (f"decoder.attention.{level}", f"decoder.blocks.{level}") in found
    into = {target: {source for source, each in found if each == target} for _, target in found}
    assert into["fusion.adjacent.1"] == {"encoder.conv1", "encoder.layer1", "encoder.layer2"}
    assert into["fusion.bottom"] == {"encoder.conv1", *(f"encoder.layer{stage}" for stage in range(1, 5))}
    assert into["decoder.attention.2"] == {"fusion.adjacent.1"}  # eq. 3 does not look at the decoder


def test_the_attention_unets_blocks_have_resnet50s_shapes_at_512x1024(attention_unet):
    shapes = {block["name"]: block["shape"] for block in attention_unet["blocks"]}
    assert shapes["encoder.layer1"] == [256, 128, 256]
    assert shapes["encoder.layer4"] == [2048, 16, 32]
    assert shapes["decoder.attention.3"] == [64, 256, 512]
    assert shapes["logits"] == [19, 512, 1024]


def test_without_attention_and_fusion_their_blocks_are_gone():
    plain = build("attention_unet", encoder_name="tu-test_resnet", classes=2, attention="none", fusion="none")
    assert not any("attention" in b["name"] or "fusion" in b["name"] for b in blocks_of(plain, 64, 64))


def test_the_plain_unet_has_its_four_skip_connections():
    found = edges(blocks_of(build("unet", classes=2, width=4), 32, 32))
    assert {(f"down.{3 - level}", f"merge.{level}") for level in range(4)} <= found
    assert ("down.4", "up.0") in found and ("down.4", "merge.0") not in found


WITHOUT_PARAMETERS = ("isl_msca", "position_prior", "second_observer", "ssls")


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in WITHOUT_PARAMETERS])
def test_every_networks_blocks_lead_from_the_image_to_the_logits(name):
    network = build(name, classes=2, **DEMO.options.get(name, {}))
    blocks = blocks_of(network, 64, 64)
    used = {index for block in blocks for index in block["inputs"]}
    assert used == set(range(len(blocks) - 1))
    assert all(block["inputs"] for block in blocks[1:])
    assert all(source < place for place, block in enumerate(blocks) for source in block["inputs"])
    assert 6 < len(blocks) <= MOST_BLOCKS


def test_tracing_leaves_the_network_as_it_was():
    network = Ladder().train()
    network.norm.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    image = torch.randn(1, 3, 8, 8)
    trace(network, image)
    assert network.training and not network.norm.training and network.fine.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert not any(hasattr(each, "sources") for each in (image, *network.parameters(), *network.buffers()))


def test_a_structure_is_json_and_the_same_each_time():
    network = Ladder()
    first, again = trace(network, torch.zeros(1, 3, 8, 8)), trace(network, torch.ones(1, 3, 8, 8))
    assert first == again == json.loads(json.dumps(first))


def test_the_cost_is_that_of_one_forward_pass_and_watching_it_adds_nothing():
    network = Ladder().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 8, 8))
    cost, structure = cost_and_structure(network, size=(8, 8), device=torch.device("cpu"))
    # 3x3 from 3 to 4 channels on 4x4, from 4 to 4 on 2x2, 1x1 from 4 to 2 on 4x4; a multiply and an add are two
    by_hand = 2 * (4 * 4 * 4 * 3 * 9 + 2 * 2 * 4 * 4 * 9 + 4 * 4 * 2 * 4)
    assert cost["flops"] == counter.get_total_flops() == by_hand
    assert cost["size"] == [8, 8] and structure["blocks"][0]["shape"] == [3, 8, 8]


def test_what_has_no_parameters_has_no_structure():
    cost, structure = cost_and_structure(nn.Identity(), size=(8, 8), device=torch.device("cpu"))
    assert cost == {"parameters": 0, "size": [8, 8], "flops": None} and structure is None

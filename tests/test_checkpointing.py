"""Blocks that are computed twice: which they are, that no number changes, and that less is kept."""

import pytest
import torch
from torch import nn

from repro import plan
from repro.models.checkpointing import blocks_of, checkpoint_blocks, recomputed
from repro.networks import RECOMPUTED, build
from repro.papers.suites import DEMO
from repro.runner.perform import needs_recomputation


def pair() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1))


def test_blocks_are_the_innermost_pairs_and_single_convolutions_beside_them():
    first, second = pair(), pair()
    up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 1), nn.ReLU())
    network = nn.Sequential(nn.ModuleList([first, nn.Sequential(second)]), up, nn.Conv2d(4, 2, 1))
    assert blocks_of(network)[0] is first
    assert blocks_of(network)[1] is second
    assert blocks_of(network)[2] is up and len(blocks_of(network)) == 3


def trained(name: str, *, recompute: bool) -> tuple[torch.Tensor, dict, dict, int]:
    """Loss, gradients, running statistics and kept bytes of a step in bfloat16."""
    torch.manual_seed(0)
    network = build(name, classes=3, **DEMO.options.get(name, {})).train()
    if recompute:
        checkpoint_blocks(network)
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    torch.manual_seed(2)  # of dropout
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16):
        outputs = network(image)
        main = outputs[0] if isinstance(outputs, tuple) else outputs
        loss = main.float().square().mean()
    total = sum(storage.nbytes() for storage in kept.values())
    loss.backward()
    gradients = {key: each.grad for key, each in network.named_parameters() if each.grad is not None}
    return loss.detach(), gradients, dict(network.named_buffers()), total


@pytest.mark.parametrize("name", RECOMPUTED)
def test_recomputation_changes_no_bit_and_keeps_less(name):
    plain, again = trained(name, recompute=False), trained(name, recompute=True)
    assert torch.equal(plain[0], again[0])
    for before, after in zip(plain[1:3], again[1:3], strict=True):
        assert before.keys() == after.keys()
        assert [key for key in before if not torch.equal(before[key], after[key])] == []
    assert again[3] < 0.9 * plain[3]


def test_what_a_function_draws_in_a_block_is_drawn_alike_when_it_is_computed_again():
    class Block(nn.Sequential):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(super().forward(features), 0.5, training=self.training)

    block = Block(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)).train()
    image = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    gradients = []
    for recompute in (False, True):
        block.zero_grad()
        torch.manual_seed(2)
        (recomputed(block, image) if recompute else block(image)).square().sum().backward()
        gradients.append([each.grad for each in block.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients))


def test_a_network_with_a_switch_of_its_own_is_switched():
    network = build("tcnet", classes=2, width=8)
    checkpoint_blocks(network)
    assert network.network.checkpoint


def test_only_large_batches_of_large_networks_need_it():
    def needed(cell: str, suite: str) -> bool:
        id, _, row = cell.partition("/")
        table, of = plan.exhibit(id), plan.suite(suite)
        declared = next(each for each in table.rows if each.name == row)
        return needs_recomputation(plan.run_of(table, declared, next(iter(plan.stands(table, of))), of))

    assert needed("paper1_table1/U-Net", "cityscapes")  # 16 x 512 x 1024
    assert not needed("paper1_table1/ours", "cityscapes")  # fits as it is
    assert not needed("paper2_figure4/UNet", "ph2")  # 15 x 448 x 448
    assert needed("paper2_figure4/UNet3+", "ph2") and not needed("paper2_figure4/UNet3+", "isic2017_256")
    assert needed("paper2_figure5/MedT", "isic2017_256")  # 15 x 256 x 256, all axes' attention kept
    assert not needed("paper1_table1/U-Net", "camvid")  # 8 x 352 x 480

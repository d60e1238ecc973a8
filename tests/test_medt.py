"""MedT: gated axial attention, gates that wait, patches."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.medt import AxialAttention, AxialBlock, Gates, MedT, from_patches, to_patches


def attention(size: int | None) -> AxialAttention:
    """Two heads of four channels (queries and keys of two), batch normalisations of all kinds, in evaluation."""
    torch.manual_seed(0)
    module = AxialAttention(8, 2, size).double()
    for norm in (module.normalise_qkv, module.normalise_similarity, module.normalise_values):
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return module.eval()


def normalised(values: np.ndarray, norm: nn.Module) -> np.ndarray:
    """Batch normalisation with fixed statistics, channels first."""
    weight, bias, mean, variance = (
        each.detach().numpy().reshape(-1, *[1] * (values.ndim - 1))
        for each in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    return (values - mean) / np.sqrt(variance + norm.eps) * weight + bias


def by_hand(module: AxialAttention, column: np.ndarray, gates: tuple[float, ...]) -> np.ndarray:
    """Gated axial attention of one (8, L) column, written out pixel by pixel."""
    length = column.shape[1]
    heads = normalised(module.qkv.weight.detach().numpy()[:, :, 0] @ column, module.normalise_qkv)
    heads = heads.reshape(2, 8, length)
    query, key, value = heads[:, :2], heads[:, 2:4], heads[:, 4:]
    table = module.embeddings.detach().numpy()

    def embedded(i: int, j: int) -> tuple[np.ndarray, ...]:
        offset = table[:, j - i + length - 1]
        return offset[:2], offset[2:4], offset[4:]

    terms = np.zeros((6, length, length))  # similarity, query's place, key's place, each of two heads
    for head in range(2):
        for i in range(length):
            for j in range(length):
                of_query, of_key, _ = embedded(i, j)
                terms[head, i, j] = query[head, :, i] @ key[head, :, j]
                terms[2 + head, i, j] = query[head, :, i] @ of_query
                terms[4 + head, i, j] = key[head, :, j] @ of_key
    terms = normalised(terms, module.normalise_similarity)
    scores = terms[:2] + gates[0] * terms[2:4] + gates[1] * terms[4:]
    weights = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    values = np.zeros((4, 4, length))  # of two heads, then of their places
    for head in range(2):
        for i in range(length):
            for j in range(length):
                values[head, :, i] += weights[head, i, j] * value[head, :, j]
                values[2 + head, :, i] += weights[head, i, j] * embedded(i, j)[2]
    values = normalised(values.reshape(16, length), module.normalise_values)
    return gates[2] * values[:8] + gates[3] * values[8:]


def test_gated_axial_attention_is_its_equation_on_every_column():
    module, image = attention(5), torch.randn(2, 8, 5, 3, dtype=torch.float64)
    module.gates.moved.data = torch.tensor([0.4, -0.3, 0.2, 0.7], dtype=torch.float64)
    found = module(image).detach().numpy()
    for index in range(2):
        for column in range(3):
            expected = by_hand(module, image[index, :, :, column].numpy(), (0.5, -0.2, 1.2, 0.8))
            np.testing.assert_allclose(found[index, :, :, column], expected, rtol=1e-6)


def test_plain_axial_attention_has_neither_embeddings_nor_gates():
    module, image = attention(None), torch.randn(1, 8, 5, 1, dtype=torch.float64)
    assert {key.split(".")[0] for key, _ in module.named_parameters()} == {
        "qkv", "normalise_qkv", "normalise_similarity", "normalise_values",
    }  # fmt: skip
    heads = normalised(module.qkv.weight.detach().numpy()[:, :, 0] @ image[0, :, :, 0].numpy(), module.normalise_qkv)
    heads = heads.reshape(2, 8, 5)
    scores = normalised(np.einsum("gci,gcj->gij", heads[:, :2], heads[:, 2:4]), module.normalise_similarity)
    weights = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    expected = normalised(np.einsum("gij,gcj->gci", weights, heads[:, 4:]).reshape(8, 5), module.normalise_values)
    np.testing.assert_allclose(module(image)[0, :, :, 0].detach().numpy(), expected, rtol=1e-10)


def test_embeddings_are_resized_linearly_to_the_column_at_hand():
    module = attention(2)
    module.embeddings.data = torch.tensor([[0.0, 10, 40]]).double()  # of the offsets -1, 0, 1
    assert module.relative(2).tolist() == [[[10, 40], [0, 10]]]
    # three pixels have the offsets -2 to 2, of which -1 and 1 lie half way
    assert module.relative(3).tolist() == [[[10, 25, 40], [5, 10, 25], [0, 5, 10]]]


def test_a_block_attends_along_the_height_and_then_along_the_width():
    torch.manual_seed(0)
    block, image = AxialBlock(6, 8, 2, 8).eval(), torch.randn(1, 6, 8, 8)
    moved = image.clone()
    moved[:, :, 5, 2] += 1
    height_only = block.along_height(block.down(moved)) - block.along_height(block.down(image))
    assert height_only[0].abs().sum(0).nonzero()[:, 1].unique().tolist() == [2]  # its own column
    assert height_only[0].abs().sum(0)[:, 2].all()
    assert (block(moved) - block(image))[0].abs().sum(0).all()  # by way of its column, every pixel


def test_a_block_doubles_the_planes_and_a_stride_halves_the_map():
    assert AxialBlock(6, 8, 2, 8)(torch.randn(2, 6, 8, 6)).shape == (2, 16, 8, 6)
    strided = AxialBlock(6, 8, 2, 8, stride=2)
    assert strided(torch.randn(2, 6, 8, 6)).shape == (2, 16, 4, 3)
    assert isinstance(AxialBlock(16, 8, 2, 8).shortcut, nn.Identity)
    assert strided.shortcut[0].stride == (2, 2)


def test_mixing_is_linear_before_the_linear_map_and_so_changes_no_function():
    torch.manual_seed(0)
    mixed, plain = AxialBlock(6, 8, 2, None, mixing=True).eval(), AxialBlock(6, 8, 2, None).eval()
    state = mixed.state_dict()
    folded = mixed.along_height.qkv.weight[:, :, 0] @ mixed.mix.weight[:, :, 0, 0]
    shift = mixed.along_height.qkv.weight[:, :, 0] @ mixed.mix.bias
    state["along_height.qkv.weight"] = folded[:, :, None]
    state["along_height.normalise_qkv.running_mean"] = state["along_height.normalise_qkv.running_mean"] - shift
    plain.load_state_dict({key: value for key, value in state.items() if not key.startswith("mix.")})
    image = torch.randn(1, 6, 8, 8)
    torch.testing.assert_close(plain(image), mixed(image))


def test_gates_begin_at_a_tenth_and_the_values_at_one():
    assert Gates()().tolist() == pytest.approx([0.1, 0.1, 1.0, 0.1])


def test_gates_wait_ten_epochs_whatever_the_optimiser_decays():
    torch.manual_seed(0)
    network = MedT(width=8, groups=4, depths=(1, 1, 1, 1))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)
    gates = [module for module in network.modules() if isinstance(module, Gates)]
    assert len(gates) == 2 * (2 + 4)  # height and width, of two global and four local blocks
    image, label = torch.randn(2, 3, 64, 64), torch.zeros(2, 64, 64, dtype=torch.int64)
    for epoch, frozen in ((0, True), (9, True), (10, False), (11, False)):
        network.begin_epoch(epoch)
        before = torch.stack([gate() for gate in gates])
        optimiser.zero_grad()
        F.cross_entropy(network(image), label).backward()
        optimiser.step()
        assert bool((torch.stack([gate() for gate in gates]) == before).all()) == frozen
        if not frozen:
            assert all((gate.moved != 0).any() for gate in gates)


def test_a_resumed_network_finds_its_gates_where_they_were():
    first, second = (MedT(width=8, groups=4, depths=(1, 1, 1, 1)) for _ in range(2))
    for gate in (module for module in first.modules() if isinstance(module, Gates)):
        nn.init.normal_(gate.moved)
    second.load_state_dict(first.state_dict())
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(second.eval()(image), first.eval()(image))  # before any begin_epoch


def test_patches_are_a_grid_of_four_by_four_row_by_row():
    image = torch.arange(2 * 64.0).view(2, 1, 8, 8)
    patches = to_patches(image)
    assert patches.shape == (32, 1, 2, 2)
    assert patches[1].flatten().tolist() == [2, 3, 10, 11]  # the second patch of the first row
    assert patches[4].flatten().tolist() == [16, 17, 24, 25]  # the first of the second row
    assert patches[16].flatten().tolist() == [64, 65, 72, 73]  # the second image's first
    assert torch.equal(from_patches(patches), image)


def test_the_local_branch_sees_a_patch_and_the_global_one_the_image():
    torch.manual_seed(0)
    network, image = MedT(width=8, groups=4).eval(), torch.randn(1, 3, 64, 64)
    moved = image.clone()
    moved[..., 20, 40] += 10  # in the patch of rows 16 to 31 and columns 32 to 47

    def change(of_image) -> torch.Tensor:
        return (of_image(moved) - of_image(image))[0].abs().sum(0)

    local = change(lambda each: from_patches(network.local_branch(to_patches(each))))
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:32, 32:48] = True
    assert not local[~inside].any()
    assert local[inside].any()
    assert change(network.global_branch)[:16].any()


def test_the_maps_of_both_branches_are_added():
    torch.manual_seed(0)
    network, image, given = MedT(width=8, groups=4).eval(), torch.randn(1, 3, 64, 64), []
    network.fuse.register_forward_pre_hook(lambda module, arguments: given.append(arguments[0]))
    network(image)
    local = from_patches(network.local_branch(to_patches(image)))
    torch.testing.assert_close(given[0], network.global_branch(image) + local)


def test_the_global_branch_is_shallow_and_the_local_one_deep():
    with torch.device("meta"):
        network = MedT()
    assert [len(level) for level in network.global_branch.levels] == [1, 2]
    assert [len(level) for level in network.local_branch.levels] == [1, 2, 4, 1]
    # lines of the height attention: halves of 128, and of a patch's 32; a level's first block sees the one above
    lines = [
        [(block.along_height.embeddings.shape[1] + 1) // 2 for level in branch.levels for block in level]
        for branch in (network.global_branch, network.local_branch)
    ]
    assert lines == [[64, 64, 32], [16, 16, 8, 8, 4, 4, 4, 4]]


def test_without_local_position_only_the_global_branch_has_gates():
    network = MedT(local_position=False)
    assert any(isinstance(module, Gates) for module in network.global_branch.modules())
    assert not any(isinstance(module, Gates) for module in network.local_branch.modules())


def test_a_width_that_the_groups_cannot_share_is_a_sentence():
    with pytest.raises(ValueError, match="width=8: a multiple of twice the 8 groups is needed, 16 say"):
        MedT(width=8)

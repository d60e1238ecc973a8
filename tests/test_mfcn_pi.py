"""mFCN-PI: stages that see the map before them, and the automaton that integrates them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.mfcn_pi import MultistageFCN, integrate

TINY = {"encoder_name": "tu-test_resnet"}


def network(**options) -> MultistageFCN:
    torch.manual_seed(0)
    return MultistageFCN(**{"classes": 2, **TINY, **options})


def automaton_by_hand(maps: np.ndarray, steps: int, influence: float) -> np.ndarray:
    """The automaton on (stages, C, H, W), cell by cell."""
    stages, _, height, width = maps.shape
    states = maps.copy()
    for _ in range(steps):
        after = states.copy()
        for stage in range(stages):
            for row in range(height):
                for column in range(width):
                    for other in range(stages):
                        if other == stage:
                            continue
                        for i, j in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
                            y, x = min(max(row + i, 0), height - 1), min(max(column + j, 0), width - 1)
                            after[stage, states[other, :, y, x].argmax(), row, column] += influence / 5
        states = after
    return states.mean(axis=0)


@pytest.mark.parametrize("classes", [2, 4])
def test_integration_is_the_automaton_cell_by_cell(classes):
    maps = torch.randn(3, 1, classes, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = automaton_by_hand(maps[:, 0].numpy(), steps=4, influence=0.3)
    np.testing.assert_allclose(integrate(maps, steps=4, influence=0.3)[0].numpy(), expected)


def test_on_even_maps_two_classes_follow_qins_rule_in_log_odds():
    odds = np.array([2.0, -0.1, -0.2])  # of three stages, the same everywhere
    for _ in range(2):  # every state moves by 0.15 times the sum of the other stages' signs
        odds = odds + 0.15 * (np.sign(odds).sum() - np.sign(odds))
    # step 1: 2.0 - 0.3; -0.1 + 0; -0.2 + 0. Step 2: 1.7 - 0.3; the others as before
    np.testing.assert_allclose(odds, [1.4, -0.1, -0.2])
    maps = torch.zeros(3, 1, 2, 3, 3)
    maps[:, 0, 1] = torch.tensor([2.0, -0.1, -0.2])[:, None, None]
    logits = integrate(maps, steps=2, influence=0.15)
    torch.testing.assert_close(logits[0, 1] - logits[0, 0], torch.full((3, 3), float(odds.mean())))


def test_without_steps_the_stages_are_averaged():
    maps = torch.randn(3, 2, 2, 4, 4)
    torch.testing.assert_close(integrate(maps, steps=0, influence=1.0), maps.mean(0))


def test_a_single_stage_has_no_neighbour_and_stays():
    maps = torch.randn(1, 2, 3, 4, 4)
    torch.testing.assert_close(integrate(maps, steps=5, influence=1.0), maps[0])


def test_integration_hands_the_gradient_to_every_stage_alike():
    maps = torch.randn(3, 1, 2, 4, 4, requires_grad=True)
    integrate(maps, steps=5, influence=0.15)[0, 1].sum().backward()
    expected = torch.zeros_like(maps)
    expected[:, :, 1] = 1 / 3
    torch.testing.assert_close(maps.grad, expected)


def test_a_stage_sees_the_image_and_the_probabilities_of_the_stage_before():
    model, given = network(classes=3, stages=3).eval(), []
    for stage in model.stages:
        stage.register_forward_hook(lambda module, arguments, out: given.append((arguments[0], out)))
    image = torch.randn(1, 3, 32, 32)
    model(image)
    assert [seen.shape[1] for seen, _ in given] == [3, 5, 5]
    for (seen, _), (_, before) in zip(given[1:], given):
        torch.testing.assert_close(seen[:, :3], image)
        torch.testing.assert_close(seen[:, 3:], before.softmax(1)[:, 1:])


def test_a_stage_learns_nothing_from_the_loss_of_the_next():
    model, label = network(stages=2).train(), torch.zeros(2, 32, 32, dtype=torch.int64)
    _, first, second = model(torch.randn(2, 3, 32, 32))
    F.cross_entropy(second, label).backward(retain_graph=True)
    assert all(each.grad is None for each in model.stages[0].parameters())
    F.cross_entropy(first, label).backward()
    assert any(each.grad is not None for each in model.stages[0].parameters())


def test_in_training_the_integrated_logits_are_followed_by_those_of_every_stage():
    model, given = network(stages=3, steps=2, influence=0.5).train(), []
    for stage in model.stages:
        stage.register_forward_hook(lambda module, arguments, out: given.append(out))
    main, *stages = model(torch.randn(2, 3, 32, 32))
    assert all(torch.equal(one, other) for one, other in zip(stages, given, strict=True))
    torch.testing.assert_close(main, integrate(torch.stack(given), steps=2, influence=0.5))


def test_every_stage_is_the_fcn_with_the_encoder_asked_for():
    model = network(stages=2)
    assert [stage.encoder_name for stage in model.stages] == ["tu-test_resnet"] * 2
    assert not any("auxiliary" in key for key, _ in model.named_parameters())


def test_one_class_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="classes=1: stages vote for classes"):
        network(classes=1)

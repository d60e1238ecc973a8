import pytest
import tiny
import torch

from repro.evaluation import evaluate
from repro.models.floors import PositionPrior, SecondObserver
from repro.networks import build

VOID = 255


def test_the_position_prior_is_each_positions_commonest_training_label_by_hand():
    labels = [
        torch.tensor([[0, 1, VOID]], dtype=torch.uint8),
        torch.tensor([[0, 2, VOID]], dtype=torch.uint8),
        torch.tensor([[1, 2, VOID]], dtype=torch.uint8),
    ]
    prior = PositionPrior(classes=3)
    prior.fit(iter(labels))
    # shares: (2/3, 1/3, 0), (0, 1/3, 2/3); never labelled: over all, two of each class
    shares = prior(torch.zeros(1, 3, 1, 3)).exp()[0, :, 0]
    expected = torch.tensor([[2 / 3, 0, 1 / 3], [1 / 3, 1 / 3, 1 / 3], [0, 2 / 3, 1 / 3]])
    torch.testing.assert_close(shares, expected, atol=1e-5, rtol=0)


def test_the_position_prior_sees_the_size_of_an_image_and_nothing_else():
    prior = PositionPrior(classes=2)
    prior.fit([torch.tensor([[0, 1], [1, 0]], dtype=torch.uint8)])
    found = prior(torch.randn(2, 3, 4, 6)).argmax(1)
    block = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2 + [[1, 1, 1, 0, 0, 0]] * 2)
    assert (found == block).all()


def test_labels_of_different_sizes_are_counted_on_a_common_grid():
    prior = PositionPrior(classes=2)
    left = [torch.zeros(10, 20, dtype=torch.uint8), torch.zeros(256, 512, dtype=torch.uint8), torch.zeros(8, 8).byte()]
    for label in left:
        label[:, label.shape[1] // 2 :] = 1
    prior.fit(left)
    assert prior.share.shape == (1, 2, 256, 256)
    assert (prior(torch.zeros(1, 3, 4, 4)).argmax(1)[0] == torch.tensor([0, 0, 1, 1])).all()


def test_the_position_prior_without_labels_says_nothing():
    prior = build("position_prior", classes=4)
    prior.fit([])
    assert prior(torch.zeros(1, 3, 2, 2)).unique().numel() == 1


def test_the_second_observer_is_scored_like_a_network():
    second = torch.tensor([[0, 1, 1, VOID]], dtype=torch.uint8)
    label = torch.tensor([[0, 0, 1, 1]], dtype=torch.uint8)
    image = torch.zeros(3, 1, 4, dtype=torch.uint8)
    sample = tiny.evaluation_sample(0, image=image, label=label, second_label=second)
    observer = build("second_observer", classes=2).eval()
    found = evaluate(
        observer, [sample], recipe=tiny.recipe(), device=torch.device("cpu"), classes=2, histograms="image"
    )["native whole"]
    assert found.confusion.tolist() == [[1, 1], [1, 1]]  # what the second observer left open counts as background
    assert found.histogram.sum() == 4


def test_a_data_set_without_a_second_observer_is_a_sentence():
    with pytest.raises(ValueError, match="picture 3: this data set has no second observer"):
        SecondObserver().logits_of_sample(tiny.evaluation_sample(3))

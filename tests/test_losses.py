import numpy as np
import pytest
import torch

from repro.losses import CLASS_WEIGHTS, Loss, make_loss

VOID = 255


def in_numpy(logits, label, *, cross_entropy, dice, class_weights=None):
    """The loss of a whole batch, pixel by pixel and class by class, from the paper's words."""
    n, classes, height, width = logits.shape
    weights = np.ones(classes) if class_weights is None else np.asarray(class_weights, float)
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    surprise = weight_sum = dice_sum = 0.0
    for i in range(n):
        for y in range(height):
            for x in range(width):
                c = label[i, y, x]
                if c != VOID:
                    surprise -= weights[c] * np.log(probability[i, c, y, x])
                    weight_sum += weights[c]
        valid = label[i] != VOID
        terms = []
        for c in range(classes):
            if (label[i] == c).any():
                p, is_class = probability[i, c][valid], (label[i] == c)[valid]
                terms.append(2 * (p * is_class).sum() / (p.sum() + is_class.sum()))
        dice_sum += 1 - np.mean(terms) if terms else 0
    return cross_entropy * (surprise / weight_sum if weight_sum else 0) + dice * dice_sum / n


def batch(n=4, classes=3, size=(5, 7), dtype=torch.float64, seed=0):
    rng = np.random.default_rng(seed)
    logits = torch.tensor(rng.normal(0, 2, (n, classes, *size)), dtype=dtype, requires_grad=True)
    label = torch.tensor(rng.choice([*range(classes), VOID], (n, *size)))
    label[0] = 1  # an image of one class
    if n > 1:
        label[1] = VOID  # and one with none
    return logits, label


def whole(loss, logits, label):
    return loss(logits, label, loss.totals(label))


@pytest.mark.parametrize(("cross_entropy", "dice"), [(1, 0), (0, 1), (0.3, 0.7), (1, 0.5)])
@pytest.mark.parametrize("class_weights", [None, [1.0, 3.0, 0.5]])
def test_the_loss_is_the_one_transcribed_pixel_by_pixel(cross_entropy, dice, class_weights):
    logits, label = batch()
    loss = Loss(cross_entropy, dice, None if class_weights is None else torch.tensor(class_weights))
    expected = in_numpy(
        logits.detach().numpy(), label.numpy(), cross_entropy=cross_entropy, dice=dice, class_weights=class_weights
    )
    assert float(whole(loss, logits, label)) == pytest.approx(expected, rel=1e-12)


def test_the_loss_of_two_pixels_by_hand():
    # p = (3/4, 1/4) at both pixels; labels 0 and 1
    logits = torch.tensor([[[[3.0, 3.0]], [[1.0, 1.0]]]]).log()
    label = torch.tensor([[[0, 1]]])
    cross_entropy = -(np.log(3 / 4) + np.log(1 / 4)) / 2
    dice = 1 - (2 * 3 / 4 / (3 / 2 + 1) + 2 * 1 / 4 / (1 / 2 + 1)) / 2
    assert float(whole(Loss(1, 0), logits, label)) == pytest.approx(cross_entropy)
    assert float(whole(Loss(0, 1), logits, label)) == pytest.approx(dice)
    three_to_one = -(1 * np.log(3 / 4) + 3 * np.log(1 / 4)) / (1 + 3)
    assert float(whole(Loss(1, 0, torch.tensor([1.0, 3.0])), logits, label)) == pytest.approx(three_to_one)


def test_a_perfect_prediction_has_no_loss():
    label = torch.tensor([[[0, 1], [2, VOID]]])
    logits = 100.0 * torch.nn.functional.one_hot(label.clamp(max=2), 3).permute(0, 3, 1, 2).float()
    assert float(whole(Loss(0.5, 0.5), logits, label)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_of_an_ignored_pixel_is_exactly_zero_and_of_a_valid_one_is_not(dtype):
    logits, label = batch(dtype=dtype)
    whole(Loss(0.5, 0.5), logits, label).backward()
    void = (label == VOID)[:, None].expand_as(logits)
    assert (logits.grad[void] == 0).all()
    assert (logits.grad[~void] != 0).all()


def test_the_loss_does_not_see_the_logits_of_ignored_pixels():
    logits, label = batch()
    other = torch.where((label == VOID)[:, None], 50 * torch.randn_like(logits), logits)
    assert whole(Loss(0.5, 0.5), logits, label) == whole(Loss(0.5, 0.5), other, label)


@pytest.mark.parametrize("scale", [1.0, 65536.0])  # the second is float16's, under which 1 / tiny would be infinite
def test_a_batch_of_void_alone_has_loss_zero_and_gradient_zero(scale):
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = whole(Loss(0.5, 0.5, torch.tensor([1.0, 3.0, 1.0])), logits, torch.full((2, 4, 4), VOID))
    (scale * loss).backward()
    assert float(loss) == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("slices", [(1, 1, 1, 1), (3, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("class_weights", [None, torch.tensor([1.0, 3.0, 0.5])])
def test_the_losses_of_micro_batches_sum_to_the_loss_and_gradient_of_the_whole(slices, class_weights):
    loss = Loss(0.4, 0.6, class_weights)
    logits, label = batch()
    value = whole(loss, logits, label)
    (gradient,) = torch.autograd.grad(value, logits)
    totals = loss.totals(label)
    parts = [loss(a, b, totals) for a, b in zip(logits.split(slices), label.split(slices))]
    (summed,) = torch.autograd.grad(sum(parts), logits)
    assert float(sum(parts)) == pytest.approx(float(value), rel=1e-12)
    torch.testing.assert_close(summed, gradient, rtol=1e-12, atol=1e-15)


def test_alpha_weighs_cross_entropy_and_one_minus_alpha_dice():
    logits, label = batch()
    ce, dice = (float(whole(Loss(*factors), logits, label)) for factors in ((1, 0), (0, 1)))
    for name in ("cross_entropy_dice", "weighted_cross_entropy_dice"):
        value = float(whole(make_loss(name, alpha=0.2), logits, label))
        assert value == pytest.approx(0.2 * ce + 0.8 * dice)
        assert abs(value - (0.8 * ce + 0.2 * dice)) > 0.1
    plus = float(whole(make_loss("weighted_cross_entropy_plus_dice", alpha=0.2), logits, label))
    assert plus == pytest.approx(ce + 0.2 * dice)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_float32_inside_autocast(dtype):
    logits, label = batch(dtype=torch.float32, size=(64, 64))
    logits = logits.detach().to(dtype)
    expected = whole(Loss(0.5, 0.5), logits.float(), label)
    with torch.autocast("cpu", dtype=dtype):
        loss = whole(Loss(0.5, 0.5), logits, label)
    assert loss.dtype == torch.float32
    assert loss == expected


def test_dice_of_a_large_half_precision_image_is_finite():
    logits = torch.zeros(1, 2, 512, 512, dtype=torch.float16)  # the sum of 262144 probabilities is beyond 65504
    label = torch.zeros(1, 512, 512, dtype=torch.int64)
    # p = 1/2 everywhere, one class labelled: 1 - 2 (n / 2) / (n / 2 + n) = 1/3
    assert float(whole(Loss(0, 1), logits, label)) == pytest.approx(1 / 3)


def test_foreground_weighs_three_to_one_only_above_75_per_cent_of_background():
    weights = CLASS_WEIGHTS["three_to_one_if_mostly_background"]
    assert weights(torch.tensor([76, 24])).tolist() == [1, 3]
    assert weights(torch.tensor([75, 25])).tolist() == [1, 1]
    with pytest.raises(ValueError, match="for 2 classes, not 3"):
        weights(torch.tensor([98, 1, 1]))


def test_an_unknown_loss_and_an_alpha_outside_zero_to_one_are_refused():
    with pytest.raises(ValueError, match=r"no loss 'focal'.*cross_entropy_dice"):
        make_loss("focal", alpha=0.5)
    for alpha in (None, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="alpha is"):
            make_loss("cross_entropy_dice", alpha=alpha)

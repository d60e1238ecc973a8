"""The papers' losses, written so that the parts of a batch add up to the whole."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

IGNORED = 255


@dataclass(frozen=True)
class Totals:
    """What a global batch is divided by, known from its labels before any forward pass.

    Attributes:
        weight: sum over valid pixels of their class weight (of 1 without class weights); the cross-entropy's divisor.
        images: number of images; the Dice loss's divisor.
    """

    weight: torch.Tensor
    images: int


@dataclass(frozen=True)
class Loss:
    """`cross_entropy * CE + dice * Dice` over a micro-batch, as its share of the global batch.

    CE is the sum of -w_y log p_y over valid pixels divided by the sum of w_y over the valid pixels of the whole global
    batch. Dice is 1 minus the mean, over the classes labelled in an image, of 2 sum(p y) / (sum(p) + sum(y)), summed
    over the images and divided by the images of the global batch. Both add up over micro-batches and processes, in
    value and in gradient. Ignored pixels have gradient exactly 0; a batch without a valid pixel has loss 0.

    Attributes:
        cross_entropy: factor of CE.
        dice: factor of Dice.
        class_weights: (C,) w, or None for 1.

    Source: paper 1, eq. 4; paper 2, the loss's paragraph; Dice as Milletari et al. 2016, without the squares.
    """

    cross_entropy: float
    dice: float
    class_weights: torch.Tensor | None = None

    def totals(self, label: torch.Tensor) -> Totals:
        """Return the divisors of a global batch from its (N, H, W) labels."""
        return Totals(self._pixel_weight(label).sum(dtype=torch.float64), len(label))  # exact in any order of adding

    def _pixel_weight(self, label: torch.Tensor) -> torch.Tensor:
        """(N, H, W) weight of each pixel: 0 where ignored, else its class's."""
        valid = label != IGNORED
        if self.class_weights is None:
            return valid.to(torch.float32)
        weights = self.class_weights.to(label.device)
        return weights[torch.where(valid, label, 0)] * valid

    def __call__(self, logits: torch.Tensor, label: torch.Tensor, totals: Totals) -> torch.Tensor:
        """Return the share of this micro-batch in the loss of its global batch.

        Args:
            logits: (n, C, H, W); computed in float32 whatever the autocast (float64 stays).
            label: (n, H, W) int64 class indices, 255 where ignored.
            totals: of the global batch, by `totals`.

        Returns:
            A scalar.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits if logits.dtype == torch.float64 else logits.float()
            log_probability = logits.log_softmax(1)
            loss = logits.new_zeros(())
            if self.cross_entropy:
                loss = loss + self.cross_entropy * self._cross_entropy(log_probability, label, totals)
            if self.dice:
                loss = loss + self.dice * self._dice(log_probability, label, totals)
            return loss

    def _cross_entropy(self, log_probability: torch.Tensor, label: torch.Tensor, totals: Totals) -> torch.Tensor:
        weight = self._pixel_weight(label).to(log_probability.dtype)
        safe = torch.where(label != IGNORED, label, 0)
        picked = log_probability.gather(1, safe[:, None])[:, 0]  # not nll_loss: no deterministic kernel on a GPU
        divisor = torch.where(totals.weight > 0, totals.weight, 1)  # a tiny one would overflow float16's scaled loss
        return -(picked * weight).sum() / divisor.to(picked.dtype)

    def _dice(self, log_probability: torch.Tensor, label: torch.Tensor, totals: Totals) -> torch.Tensor:
        images, classes = log_probability.shape[:2]
        valid = (label != IGNORED).flatten(1)
        safe = torch.where(valid, label.flatten(1), 0)
        probability = log_probability.exp().flatten(2)
        of_label = probability.gather(1, safe[:, None])[:, 0] * valid
        # One index for (image, class): a one-dimensional scatter has a deterministic kernel, and no (N, C, H, W) mask
        # is built; in float64, since a class may have half a million pixels.
        index = (safe + classes * torch.arange(images, device=label.device)[:, None]).flatten()
        zeros = torch.zeros(images * classes, dtype=torch.float64, device=label.device)
        overlap = zeros.scatter_add(0, index, of_label.double().flatten()).view(images, classes)
        labelled = zeros.scatter_add(0, index, valid.double().flatten()).view(images, classes)
        predicted = (probability @ valid.to(probability.dtype)[..., None])[..., 0].double()
        present = labelled > 0
        dice = 2 * overlap / torch.where(present, predicted + labelled, 1)
        count = present.sum(1)
        mean = (dice * present).sum(1) / count.clamp(min=1)
        return (((1 - mean) * (count > 0)).sum() / totals.images).to(log_probability.dtype)


LOSSES: dict[str, Callable[[float], tuple[float, float]]] = {  # name -> alpha -> factors of (CE, Dice)
    "cross_entropy_dice": lambda alpha: (alpha, 1 - alpha),  # paper 1, eq. 4
    "weighted_cross_entropy_dice": lambda alpha: (alpha, 1 - alpha),  # paper 2, lambda between the two
    "weighted_cross_entropy_plus_dice": lambda alpha: (1.0, alpha),  # paper 2's other reading: WCE + lambda Dice
}


def _three_to_one_if_mostly_background(pixels: torch.Tensor) -> torch.Tensor:
    """Foreground weighs 3 to background's 1 where more than 75 % of the labelled pixels are background, else 1 to 1."""
    if len(pixels) != 2:
        raise ValueError(f"three_to_one_if_mostly_background is for 2 classes, not {len(pixels)}; take other weights")
    mostly_background = pixels[0] > 0.75 * pixels.sum()
    return torch.tensor([1.0, 3.0 if mostly_background else 1.0])


CLASS_WEIGHTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {  # name -> (C,) pixel counts -> (C,) weights
    "three_to_one_if_mostly_background": _three_to_one_if_mostly_background,
}


def make_loss(name: str, *, alpha: float, class_weights: torch.Tensor | None = None) -> Loss:
    """Return a loss by name.

    Raises:
        ValueError: no such loss, or `alpha` outside [0, 1].
    """
    if name not in LOSSES:
        raise ValueError(f"there is no loss {name!r}; there are {', '.join(LOSSES)}")
    if alpha is None or not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}, expected a number in [0, 1]")
    return Loss(*LOSSES[name](alpha), class_weights)

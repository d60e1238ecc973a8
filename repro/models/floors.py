"""What a network must beat: the position prior, and on vessels a second observer."""

import torch
from torch import nn
from torch.nn import functional as F

GRID = (256, 256)  # where images differ in size their labels are counted on this grid


class PositionPrior(nn.Module):
    """Predict each position's commonest training label, whatever the image shows.

    Nothing is trained: `fit` counts the training labels once. The logits are the logarithms of the counted shares.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1):
        """Know nothing yet: every class is equally common everywhere."""
        super().__init__()
        self.register_buffer("share", torch.full((1, classes, 1, 1), 1 / classes))

    def fit(self, labels) -> None:
        """Count (H, W) uint8 labels, 255 ignored; on their own grid where they agree in size, else on 256 x 256."""
        classes = self.share.shape[1]
        own, on_grid = None, torch.zeros(classes, *GRID)
        for number, label in enumerate(labels):
            if number == 0:
                own = torch.zeros(classes, *label.shape)
            if own is not None and own.shape[1:] != label.shape:
                own = None
            if own is not None:
                _count(label.long(), own)
            _count(F.interpolate(label[None, None].float(), size=GRID, mode="nearest-exact")[0, 0].long(), on_grid)
        count = on_grid if own is None else own
        total = count.sum(0, keepdim=True)
        overall = count.sum((1, 2), keepdim=True) / count.sum().clamp(min=1)
        self.share = torch.where(total > 0, count / total.clamp(min=1), overall)[None]  # never labelled: the commonest

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits that depend on the size of `image` alone."""
        share = F.interpolate(self.share, size=image.shape[-2:], mode="nearest-exact")
        return share.clamp(min=1e-6).log().expand(len(image), -1, -1, -1)


def _count(label: torch.Tensor, count: torch.Tensor) -> None:
    """Add the (H, W) label's pixels to the (classes, H, W) counts."""
    rows, columns = torch.nonzero(label < len(count), as_tuple=True)
    count[label[rows, columns], rows, columns] += 1  # each position once: nothing is added twice


class SecondObserver(nn.Module):
    """A person as a system: the second observer's label, scored like a network's prediction."""

    def __init__(self, in_channels: int = 3, classes: int = 2):
        """Take any image; the label comes with the sample."""
        super().__init__()
        self.classes = classes

    def logits_of_sample(self, sample) -> torch.Tensor:
        """Return (1, classes, H, W) logits: 1 where the second observer saw the class, 0 elsewhere.

        Raises:
            ValueError: the data set has no second observer for this image.
        """
        if sample.second_label is None:
            raise ValueError(f"{sample.name}: this data set has no second observer")
        label = torch.where(sample.second_label == 255, 0, sample.second_label).long()
        return F.one_hot(label, self.classes).permute(2, 0, 1)[None].float()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits that say nothing; `logits_of_sample` is what the evaluation asks."""
        return image.new_zeros(len(image), self.classes, *image.shape[-2:])

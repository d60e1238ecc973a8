"""What the two classical methods share: superpixels, the frame of a dermoscope, and the way from scores to logits."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu
from skimage.measure import label as components
from skimage.segmentation import slic
from torch import nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, by which images come normalised
DARK = 20.0  # CIELAB lightness, of 100, under which a corner belongs to the dermoscope's frame
EDGE = 1e-3  # logit of a pixel that its region, not its score, puts on a side of the threshold


class ClassicalMethod(nn.Module, ABC):
    """A method without parameters in a network's clothes: (N, 3, H, W) normalised images to (N, 2, H, W) logits.

    The image is read back to RGB and goes to the processor, one at a time; nothing has a gradient. The logit of the
    background is 0.
    """

    def __init__(self, in_channels: int = 3, classes: int = 2):
        """Check that the images are RGB and the classes two.

        Raises:
            ValueError: they are not.
        """
        super().__init__()
        if (in_channels, classes) != (3, 2):
            raise ValueError(
                f"{type(self).__name__} got {in_channels} channels and {classes} classes; "
                "it finds a lesion in an RGB image: 3 channels, 2 classes."
            )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, 2, H, W) float32 logits on the image's device."""
        lesion = np.stack([self.lesion(each) for each in rgb(image)])
        logits = torch.from_numpy(lesion).to(image.device, torch.float32)
        return torch.stack([torch.zeros_like(logits), logits], dim=1)

    @abstractmethod
    def lesion(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W) logits of the lesion for (H, W, 3) RGB in [0, 1]."""


@dataclass(frozen=True)
class Superpixels:
    """n patches of an image of one colour each."""

    index: np.ndarray  # (H, W) which superpixel a pixel belongs to, 0 to n - 1
    colour: np.ndarray  # (n, 3) mean CIELAB
    place: np.ndarray  # (n, 2) centre, in heights and widths of the image
    share: np.ndarray  # (n,) of the image's pixels, adding to 1
    edge: np.ndarray  # (n,) whether it touches the image's border
    frame: np.ndarray  # (n,) whether most of it is the dermoscope's frame
    adjacent: np.ndarray  # (n, n) whether two of them touch; none touches itself


def rgb(image: torch.Tensor) -> np.ndarray:
    """Return (N, H, W, 3) in [0, 1] for (N, 3, H, W) normalised by ImageNet's mean and deviation."""
    values = image.detach().to("cpu", torch.float64).numpy().transpose(0, 2, 3, 1)
    return np.clip(values * DEVIATION + MEAN, 0, 1)


def superpixels(image: np.ndarray, count: int, *, compactness: float = 10.0) -> Superpixels:
    """Return about `count` superpixels of (H, W, 3) RGB in [0, 1].

    Source: SLIC, Achanta et al. 2012, in scikit-image's implementation.
    """
    index = slic(image, n_segments=count, compactness=compactness, start_label=0)  # RGB: it goes to CIELAB by itself
    lab = rgb2lab(image)
    count = index.max() + 1
    pixels = np.bincount(index.ravel(), minlength=count)
    rows, columns = np.indices(index.shape)
    height, width = index.shape

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(index.ravel(), weights=values.ravel(), minlength=count) / pixels

    return Superpixels(
        index=index,
        colour=np.stack([mean(lab[..., channel]) for channel in range(3)], axis=1),
        place=np.stack([mean((rows + 0.5) / height), mean((columns + 0.5) / width)], axis=1),
        share=pixels / pixels.sum(),
        edge=np.isin(np.arange(count), np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]])),
        frame=mean(frame(lab[..., 0])) > 0.5,
        adjacent=_adjacency(index, count),
    )


def frame(lightness: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: the dark parts of (H, W) CIELAB lightness that hold one of the four corners."""
    parts = components(lightness < DARK, connectivity=1)
    corners = np.unique(parts[[0, 0, -1, -1], [0, -1, 0, -1]])
    return np.isin(parts, corners[corners > 0])


def distances(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the (n, m) Euclidean distances of (n, d) and (m, d) points."""
    return np.linalg.norm(features[:, None] - others[None], axis=2)


def rescale(values: np.ndarray) -> np.ndarray:
    """Return the values moved and stretched to [0, 1]; zeros where they are all equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def otsu(values: np.ndarray) -> float:
    """Return Otsu's threshold, or the value itself where all are equal."""
    return float(threshold_otsu(values)) if values.max() > values.min() else float(values.max())


def logits(score: np.ndarray, threshold: float) -> np.ndarray:
    """Return (H, W) logits of scores in [0, 1], 0 at the threshold, with the one lesion on the positive side.

    The lesion is the largest connected part above the threshold, its holes filled. A pixel that this puts on the other
    side gets the logit of the threshold's edge, so that the order of scores is kept on either side.
    """
    score, threshold = np.clip([score, np.full_like(score, threshold)], 1e-3, 1 - 1e-3)
    relative = np.log(score / (1 - score)) - np.log(threshold / (1 - threshold))
    lesion = largest_part(relative > 0)
    return np.where(lesion, np.maximum(relative, EDGE), np.minimum(relative, -EDGE))


def largest_part(mask: np.ndarray) -> np.ndarray:
    """Return the largest 4-connected part of a (H, W) mask with its holes filled; an empty mask stays empty."""
    parts = components(mask, connectivity=1)
    if not parts.any():
        return mask
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    outside = components(np.pad(~largest, 1, constant_values=True), connectivity=1)
    return (outside != outside[0, 0])[1:-1, 1:-1]


def _adjacency(index: np.ndarray, count: int) -> np.ndarray:
    """(n, n) bool: which superpixels have pixels side by side."""
    adjacent = np.zeros((count, count), dtype=bool)
    for one, other in ((index[1:], index[:-1]), (index[:, 1:], index[:, :-1])):
        adjacent[one, other] = adjacent[other, one] = True
    np.fill_diagonal(adjacent, False)
    return adjacent

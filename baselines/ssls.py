"""SSLS: the lesion as what stands out from the skin at the image's border."""

import numpy as np

from baselines.superpixels import ClassicalMethod, Superpixels, logits, otsu, rescale, superpixels


class SSLS(ClassicalMethod):
    """Superpixels, their colour contrast to the image's border, a prior for the centre of what stands out, a threshold.

    The paper's text is not at hand but for its abstract: a lesion is "focal, central" and in "subtle contrast" with the
    skin around it. How the two priors are measured is a choice, made on training images of ISIC 2017.

    Source: Ahn et al. 2015, EMBC, doi 10.1109/embc.2015.7319025.
    """

    def __init__(self, in_channels: int = 3, classes: int = 2, *, count: int = 300):
        """Divide each image into about `count` superpixels.

        Raises:
            ValueError: `in_channels` is not 3 or `classes` not 2.
        """
        super().__init__(in_channels, classes)
        self.count = count

    def lesion(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W) logits of the lesion for (H, W, 3) RGB in [0, 1]."""
        patches = superpixels(image, self.count)
        score = saliency(patches)[patches.index]
        return logits(score, otsu(score))


def saliency(patches: Superpixels) -> np.ndarray:
    """Return each superpixel's saliency in [0, 1]: its contrast to the border, weighed by the centre prior."""
    contrast = border_contrast(patches)
    return rescale(contrast * centre_prior(patches, contrast))


def border_contrast(patches: Superpixels, *, share: float = 0.3) -> np.ndarray:
    """Return (n,) contrasts in [0, 1] between each superpixel and the background, 0 for the dermoscope's frame.

    The background is the superpixels at the image's border but for the frame. The contrast is the mean CIELAB distance
    to the `share` of them that are nearest: neither uneven light nor a lesion that reaches the border makes skin stand
    out. To be lighter than the background is no contrast, as pigment takes light away and a vignette spares the middle.
    """
    border = patches.edge & ~patches.frame
    if not border.any():
        border = patches.edge
    difference = patches.colour[:, None] - patches.colour[border]
    difference[..., 0] = np.minimum(difference[..., 0], 0.0)
    contrast = np.sort(np.linalg.norm(difference, axis=2), axis=1)
    nearest = max(round(share * border.sum()), 1)
    return rescale(np.where(patches.frame, 0.0, contrast[:, :nearest].mean(axis=1)))


def centre_prior(patches: Superpixels, weights: np.ndarray, *, spread: float = 0.3) -> np.ndarray:
    """Return (n,) values of a Gaussian around the centre of mass of `weights`; `spread` in sides of the image."""
    mass = weights * patches.share
    if not mass.any():
        return np.ones_like(mass)
    centre = mass @ patches.place / mass.sum()
    return np.exp(-((patches.place - centre) ** 2).sum(axis=1) / (2 * spread**2))

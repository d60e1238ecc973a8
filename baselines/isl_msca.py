"""ISL-MSCA: a classifier that the image itself trains, spread over superpixels by cellular automata."""

import numpy as np

from baselines.ssls import saliency
from baselines.superpixels import ClassicalMethod, Superpixels, distances, logits, otsu, rescale, superpixels

STIFFEST = 50.0  # inverse influence beyond which a cell with no like neighbour is not held any stiffer


class ISLMSCA(ClassicalMethod):
    """Seeds from image-wise supervised learning, a cellular automaton at each scale, their average, a threshold.

    The paper's text is not at hand but for its abstract and the automaton's influence exp(-distance / sigma^2). The
    image's own training labels (salient superpixels against those at the border and the least salient), the classifier
    (logistic regression on colour and place), which cells are seeds, and the automaton's coherence (that of Qin et al.
    2015) are choices, made on training images of ISIC 2017.

    Source: Bi et al. 2016, ISBI, doi 10.1109/ISBI.2016.7493448.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        *,
        counts: tuple[int, ...] = (100, 200, 400),
        steps: int = 20,
        sigma_squared: float = 5.0,
    ):
        """Set the scales.

        Args:
            in_channels: 3.
            classes: 2.
            counts: about how many superpixels at each scale.
            steps: of the automaton; 0 averages the classifiers' maps.
            sigma_squared: CIELAB distance at which a neighbour's influence has fallen to 1/e.

        Raises:
            ValueError: `in_channels` is not 3 or `classes` not 2.
        """
        super().__init__(in_channels, classes)
        self.counts, self.steps, self.sigma_squared = tuple(counts), steps, sigma_squared

    def lesion(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W) logits of the lesion for (H, W, 3) RGB in [0, 1]."""
        score = np.mean([self._scale(superpixels(image, count)) for count in self.counts], axis=0)
        return logits(score, otsu(score))

    def _scale(self, patches: Superpixels) -> np.ndarray:
        """(H, W) scores in [0, 1] of one scale."""
        states = automaton(patches, learned(patches), steps=self.steps, sigma_squared=self.sigma_squared)
        return states[patches.index]


def learned(patches: Superpixels) -> np.ndarray:
    """Return (n,) probabilities of lesion from a classifier that the image's most certain superpixels train.

    Lesion is what is more salient than Otsu's threshold; skin is the rest of the border and what is less salient than
    half the threshold. The frame is neither, and its probability is 0.
    """
    salient = saliency(patches)
    threshold = otsu(salient)
    lesion = (salient > threshold) & ~patches.frame
    skin = (patches.edge | (salient < threshold / 2)) & ~lesion & ~patches.frame
    if not (lesion.any() and skin.any()):
        return lesion.astype(float)
    place = 2 * patches.place - 1
    features = np.concatenate([_standardised(patches.colour), place, place**2], axis=1)
    certain = lesion | skin
    weights = fit_logistic(features[certain], lesion[certain])
    return np.where(patches.frame, 0.0, _sigmoid(_with_constant(features) @ weights))


def fit_logistic(features: np.ndarray, positive: np.ndarray, *, ridge: float = 1.0, steps: int = 10) -> np.ndarray:
    """Return the (d + 1,) weights of a logistic regression, the constant last, both sides counting the same.

    Newton's method on the mean-one weighted cross-entropy plus ridge / 2 times the squared weights but the constant.

    Args:
        features: (n, d).
        positive: (n,) bool, of both kinds.
    """
    inputs, count = _with_constant(features), len(positive)
    importance = np.where(positive, count / (2 * positive.sum()), count / (2 * (~positive).sum()))
    penalty = np.diag([ridge] * features.shape[1] + [1e-6])
    weights = np.zeros(inputs.shape[1])
    for _ in range(steps):
        probability = _sigmoid(inputs @ weights)
        gradient = inputs.T @ (importance * (probability - positive)) + penalty @ weights
        curvature = importance * probability * (1 - probability)
        weights = weights - np.linalg.solve((inputs.T * curvature) @ inputs + penalty, gradient)
    return weights


def automaton(
    patches: Superpixels,
    states: np.ndarray,
    *,
    steps: int,
    sigma_squared: float,
    seeds: tuple[float, float] = (0.1, 0.9),
) -> np.ndarray:
    """Return the (n,) states in [0, 1] after some steps of a cellular automaton on touching superpixels.

    In a step, all cells at once, a cell keeps the part c of its state and takes 1 - c of its neighbours' mean, each
    weighed by exp(-colour distance / sigma^2). Its coherence c grows from 0.2 to 0.8 as its most similar neighbour
    gets less similar. Seeds (states outside the interval) and the frame never change, nor does a cell alone.
    """
    influence = np.where(patches.adjacent, np.exp(-distances(patches.colour, patches.colour) / sigma_squared), 0.0)
    total = influence.sum(axis=1)
    stiffness = 1 / np.maximum(influence.max(axis=1), 1 / STIFFEST)
    coherence = 0.2 + 0.6 * rescale(stiffness)
    fixed = (states < seeds[0]) | (states > seeds[1]) | patches.frame | (total == 0)
    coherence = np.where(fixed, 1.0, coherence)
    weights = influence / np.where(total > 0, total, 1)[:, None]
    for _ in range(steps):
        states = coherence * states + (1 - coherence) * (weights @ states)
    return states


def _sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def _standardised(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1, or 0 where a column is constant."""
    return (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6)


def _with_constant(features: np.ndarray) -> np.ndarray:
    """(n, d) to (n, d + 1), ones last."""
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)

"""The effective receptive field of a network: how far the image reaches into the logits of its centre.

Source: Luo et al. 2016, arXiv 1701.04128, Sec. 2; the share of area as in Ding et al. 2022, arXiv 2203.06717, Table 10.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn


def effective_receptive_field(network: nn.Module, images: Iterable[torch.Tensor]) -> np.ndarray:
    """Return each pixel's share of the gradient of the centre's logits, averaged over images.

    The centre is row H // 2, column W // 2. Its logit of each class is differentiated by the image on its own, so
    classes cannot cancel; magnitudes are summed over classes and the image's channels, and every image weighs the same.
    The network is in evaluation mode meanwhile and its parameters receive no gradient.

    Args:
        network: maps (N, C, H, W) images to (N, classes, H, W) logits.
        images: batches (N, C, H, W) of one height and width, on the network's device, as it is given them in training.

    Returns:
        (H, W) float64 shares that sum to 1.

    Raises:
        ValueError: no images, or a centre whose logits depend on no pixel.
    """
    training, total = network.training, None
    network.eval()
    try:
        for batch in images:
            magnitude = _magnitude(network, batch)
            total = magnitude.sum(dim=0) if total is None else total + magnitude.sum(dim=0)
    finally:
        network.train(training)
    if total is None:
        raise ValueError("No images were given; the effective receptive field is an average over at least one.")
    return (total / total.sum()).cpu().numpy()


def _magnitude(network: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Return (N, H, W) float64 magnitudes that sum to 1 over each image."""
    image = batch.detach().requires_grad_()
    with torch.enable_grad():
        logits = network(image)
        centre = logits[:, :, logits.shape[-2] // 2, logits.shape[-1] // 2].sum(dim=0)
        if not centre.requires_grad:
            raise ValueError("The logits do not depend on the image: this network has no receptive field.")
        slopes = [torch.autograd.grad(each, image, retain_graph=True)[0] for each in centre]
    magnitude = sum(each.abs().sum(dim=1, dtype=torch.float64) for each in slopes)
    whole = magnitude.sum(dim=(1, 2), keepdim=True)
    if not (whole > 0).all():
        raise ValueError("The logits at the centre depend on no pixel: this network has no receptive field.")
    return magnitude / whole


def area_share(field: np.ndarray, mass: float) -> float:
    """Return the share of the image that the least centred square holding `mass` of the field covers.

    The square has odd side and is clipped by the image's border. The larger the share, the further the network looks.

    Args:
        field: (H, W) shares that sum to 1, of `effective_receptive_field`.
        mass: in (0, 1]: 0.5 and 0.9 are usual.

    Raises:
        ValueError: `mass` lies outside.
    """
    if not 0 < mass <= 1:
        raise ValueError(f"A mass of {mass} cannot be held: it must be above 0 and at most 1.")
    height, width = field.shape
    rows, columns = height // 2, width // 2
    for reach in range(max(height, width)):
        square = field[max(rows - reach, 0) : rows + reach + 1, max(columns - reach, 0) : columns + reach + 1]
        if square.sum() >= mass - 1e-12:  # the whole field's sum is 1 only up to rounding
            break
    return square.size / field.size

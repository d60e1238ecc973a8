"""A wrapper that lets a network of some stride take images of any size."""

import torch
from torch import nn
from torch.nn import functional as F


def pad_to_multiple(image: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the image with its last row and column repeated until (height, width) are multiples of `stride`.

    Repeated rather than filled with zeros, which would draw an edge that the scene does not have. An image that fits
    is returned as it is.
    """
    height, width = image.shape[-2:]
    if height % stride == 0 and width % stride == 0:
        return image
    return F.pad(image, (0, -width % stride, 0, -height % stride), mode="replicate")


class AnySize(nn.Module):
    """Pad the image at the right and at the bottom to a multiple of `stride`, and crop the logits back.

    Attributes other than the wrapper's own are looked up in the wrapped network, so `begin_epoch`, `encoder`,
    `revision` and the like answer as if there were no wrapper.
    """

    def __init__(self, network: nn.Module, *, stride: int):
        """Wrap `network`, which takes (N, C, H, W) with H and W divisible by `stride`."""
        super().__init__()
        self.network = network
        self.stride = stride

    def __getattr__(self, name: str):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return (N, classes, H, W) logits at the size of `image`, or a tuple of such while training."""
        height, width = image.shape[-2:]
        logits = self.network(pad_to_multiple(image, self.stride))
        if isinstance(logits, torch.Tensor):
            return logits[..., :height, :width]
        return tuple(each[..., :height, :width] for each in logits)

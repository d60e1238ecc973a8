"""A wrapper that lets a network of some stride take images of any size."""

import torch
from torch import nn
from torch.nn import functional as F


class AnySize(nn.Module):
    """Pad the image on the right and at the bottom to a multiple of `stride`, and crop the logits back.

    The border is repeated rather than filled with zeros, which would draw an edge that the scene does not have; a size
    that fits goes through untouched. Attributes other than the wrapped network's own state are looked up in it, so
    `begin_epoch`, `revision` and the like answer as if there were no wrapper.
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
        padding = (0, -width % self.stride, 0, -height % self.stride)
        logits = self.network(F.pad(image, padding, mode="replicate") if any(padding) else image)
        if isinstance(logits, torch.Tensor):
            return logits[..., :height, :width]
        return tuple(each[..., :height, :width] for each in logits)

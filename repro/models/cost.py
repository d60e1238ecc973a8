"""What a network costs at one image size."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from repro.models.structure import trace


def cost_and_structure(network: nn.Module, *, size: tuple[int, int], device: torch.device) -> tuple[dict, dict | None]:
    """Return a network's cost on one image, and its structure from the same forward pass, as a record holds them.

    Args:
        network: on `device`, for images of three channels; left as it was.
        size: (height, width) of the image.
        device: where to run it.

    Returns:
        {"parameters", "size", "flops"} (a multiply and an add are two operations), and what `trace` returns. A network
        without parameters is not run: its operations and its structure are None.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    cost = {"parameters": parameters, "size": list(size), "flops": None}
    if not parameters:
        return cost, None
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        structure = trace(network, torch.zeros(1, 3, *size, device=device))
    return cost | {"flops": counter.get_total_flops()}, structure

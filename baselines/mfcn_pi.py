"""mFCN-PI: fully convolutional networks in stages, their maps integrated in parallel by a cellular automaton."""

import torch
from torch import nn
from torch.nn import functional as F

from baselines.fcn import DilatedFCN


class MultistageFCN(nn.Module):
    """(N, in_channels, H, W) images to (N, classes, H, W) logits, H and W divisible by 8.

    Each stage is an FCN; from the second on it sees, beside the image, the probabilities that the stage before gives
    to every class but the first. A stage learns nothing from the loss of those after it, as the authors train one
    stage after another. In training the integrated logits are followed by those of each stage, in order.

    The text at hand (the abstract) leaves open how many stages there are, what FCN they hold and how the maps are
    integrated: three stages, the dilated FCN of this suite, and `integrate` are choices.

    Source: Bi et al. 2017, IEEE Transactions on Biomedical Engineering 64(9) 2065, doi 10.1109/TBME.2017.2712771.
    """

    stride = 8

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        *,
        encoder_name: str = "resnet50",
        stages: int = 3,
        steps: int = 5,
        influence: float = 0.15,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have, at least 2.
            encoder_name: of every stage's FCN, any encoder of smp or timm that can be dilated.
            stages: how many FCNs.
            steps: of the cellular automaton; 0 is the mean of the stages' logits.
            influence: of a neighbour that votes for a class, in logits.

        Raises:
            ValueError: fewer than two classes, no such encoder, or one that cannot be dilated.
        """
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes={classes}: stages vote for classes, of which the background is one; take 2.")
        self.steps, self.influence = steps, influence
        self.stages = nn.ModuleList(
            DilatedFCN(in_channels + (classes - 1 if stage else 0), classes, encoder_name=encoder_name, auxiliary=False)
            for stage in range(stages)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), while training with those of every stage."""
        maps = []
        for stage in self.stages:
            seen = [image, maps[-1].detach().softmax(dim=1)[:, 1:]] if maps else [image]
            maps.append(stage(torch.cat(seen, dim=1)))
        logits = integrate(torch.stack(maps), steps=self.steps, influence=self.influence)
        return (logits, *maps) if self.training else logits


def integrate(maps: torch.Tensor, *, steps: int, influence: float) -> torch.Tensor:
    """Return the (N, C, H, W) logits that a cellular automaton makes of (stages, N, C, H, W) ones.

    A cell is a pixel of one stage, its state the logits, its neighbours the same pixel and the four beside it in every
    other stage. In a step, all cells at once, each class gains `influence` times the share of these five that holds
    it to be the best, summed over the other stages. After the last step the states of a pixel are averaged. Votes are
    constant for the gradient, which therefore reaches every stage alike.

    For two classes and the same pixel alone this is the multi-layer automaton of Qin et al. 2015 (CVPR) with
    its logarithm of lambda / (1 - lambda) = 0.15 and a threshold of 0.5; the four pixels beside it are those of its
    cuboid successor (Qin et al. 2018, arXiv 1705.09425).
    """
    classes = torch.arange(maps.shape[2], device=maps.device)[:, None, None]
    states = maps
    for _ in range(steps):
        votes = (states.argmax(dim=2, keepdim=True) == classes).to(states.dtype)
        near = _neighbourhood_mean(votes.flatten(0, 1)).unflatten(0, states.shape[:2])
        states = states + influence * (near.sum(dim=0, keepdim=True) - near)
    return states.mean(dim=0)


def _neighbourhood_mean(votes: torch.Tensor) -> torch.Tensor:
    """Mean of a pixel and the four beside it, the border being repeated."""
    padded = F.pad(votes, (1, 1, 1, 1), mode="replicate")
    rows, columns = padded[..., 1:-1], padded[..., 1:-1, :]
    beside = columns[..., :-2] + columns[..., 2:] + rows[..., :-2, :] + rows[..., 2:, :]
    return (votes + beside) / 5

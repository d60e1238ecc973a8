"""What a training is made of besides tensors: how far it is, who watches it, how it ends."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch


class Interrupted(Exception):
    """Training stopped at a step boundary with a checkpoint on disk; the same call goes on from there."""

    agreed = True  # raised by all processes of a run at once, as the next one


class NonFinite(ValueError):
    """The loss or its gradient became NaN or infinite; the last checkpoint is from before it."""

    agreed = True


@dataclass
class Progress:
    """What a run has behind it: everything of a checkpoint but the tensors of network and optimiser.

    Attributes:
        step: optimiser steps done.
        best_loss: lowest selection loss so far, infinite before the first epoch's end.
        best_epoch: the epoch of it, counted from 1; 0 before.
        stale: epochs since.
        seconds: of training so far, over all sessions.
        loss_sum: sum of the losses since the last point of the curve.
        finished: why training ended ("" while it goes on): "all epochs" or "stopped early".
        skipped: steps left out because their loss or gradient was not finite.
    """

    step: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    stale: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    finished: str = ""
    skipped: list[int] = field(default_factory=list)


@dataclass
class Events:
    """What a caller may watch: every hook does nothing unless given."""

    on_step: Callable[[Progress], None] = lambda progress: None
    on_point: Callable[[dict], None] = lambda point: None
    should_stop: Callable[[], str] = lambda: ""  # a reason ends training after a checkpoint


@dataclass
class Trained:
    """A finished training: the network holds the last weights, `selected` those of the lowest selection loss."""

    progress: Progress
    selected: dict[str, torch.Tensor]
    curve: list[dict] = field(default_factory=list)


def difference(old: dict, new: dict, prefix: str = "") -> str:
    """Return the fields in which two identities differ, as "recipe.epochs: 4 then, 8 now"."""
    found = []
    for key in sorted({*old, *new}):
        then, now = old.get(key, "off"), new.get(key, "off")
        if isinstance(then, dict) and isinstance(now, dict):
            found.append(difference(then, now, f"{prefix}{key}."))
        elif then != now:
            found.append(f"{prefix}{key}: {then} then, {now} now")
    return ", ".join(filter(None, found))

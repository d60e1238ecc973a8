"""The steps of an epoch and their learning rate: pure functions, of which a record can be asked without torch."""

import math

from repro.papers.spec import Recipe


def steps_per_epoch(n: int, batch: int) -> int:
    """Return ceil(n / batch): no batch is ever short, the stream runs on into the next permutation."""
    return -(-n // batch)


def learning_rate(step: int, total: int, recipe: Recipe) -> float:
    """Return the rate of a step: eta_min + (eta_max - eta_min)(1 + cos(pi step / total)) / 2, or the constant.

    Source: Loshchilov and Hutter 2017, eq. 5, without restarts; both papers' "cosine annealing".
    """
    if recipe.schedule is None:
        return recipe.learning_rate
    if recipe.schedule != "cosine":
        raise ValueError(f"there is no schedule {recipe.schedule!r}; there is cosine")
    low = recipe.final_learning_rate or 0.0
    return low + (recipe.learning_rate - low) * (1 + math.cos(math.pi * step / total)) / 2

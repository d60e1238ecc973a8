"""Training: a stream of samples, a schedule and a step, each a pure function of the step's number."""

from repro.forms import read_log
from repro.training.exact import WORKSPACE, exact_operations
from repro.training.failures import Failed, explained
from repro.training.loop import INTERVAL, Trainer
from repro.training.state import Events, Interrupted, NonFinite, Progress, Trained
from repro.training.step import AUTOCAST, copy_weights, make_optimiser, normalise
from repro.training.stream import Stream, batch_at, permutation

__all__ = [
    "AUTOCAST",
    "INTERVAL",
    "WORKSPACE",
    "Events",
    "Failed",
    "Interrupted",
    "NonFinite",
    "Progress",
    "Stream",
    "Trained",
    "Trainer",
    "batch_at",
    "copy_weights",
    "exact_operations",
    "explained",
    "make_optimiser",
    "normalise",
    "permutation",
    "read_log",
]

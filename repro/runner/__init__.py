"""From a run to its record: the only package where plans and torch meet."""

from repro.runner.lists import Lists, check_data, label_counts, open_lists, spread
from repro.runner.perform import (
    check_batches,
    check_weights,
    make_network,
    make_run_loss,
    make_trainer,
    needs_recomputation,
    perform,
    prepare_torch,
)
from repro.runner.setting import Busy, Setting, is_done, is_exact, locked, run_folder

__all__ = [
    "Busy",
    "Lists",
    "Setting",
    "check_batches",
    "check_data",
    "check_weights",
    "is_done",
    "is_exact",
    "label_counts",
    "locked",
    "make_network",
    "make_run_loss",
    "make_trainer",
    "needs_recomputation",
    "open_lists",
    "perform",
    "prepare_torch",
    "run_folder",
    "spread",
]

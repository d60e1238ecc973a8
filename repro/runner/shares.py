"""One evaluation by all processes of a run, each of its share of the images: nothing padded, nothing repeated."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from repro.evaluation import evaluate
from repro.metrics import Evidence
from repro.parallel import Processes


def share_of(samples: Sequence, processes: Processes) -> Iterator:
    """Return this process's samples one after another (their classes have no iterator of their own that ends)."""
    return (samples[index] for index in processes.share(len(samples)))


def evaluate_together(network: nn.Module, samples: Sequence, processes: Processes, **how) -> dict[str, Evidence]:
    """Return on every process what `repro.evaluation.evaluate` returns of all samples: the same counts for any number.

    Args:
        network: in evaluation mode, with the same weights everywhere.
        samples: all of them; each process looks at its own alone.
        processes: those that take part.
        how: further arguments of `evaluate`.
    """
    if processes.size == 1:
        return evaluate(network, share_of(samples, processes), **how)
    parts = processes.gather(lambda: _plain(evaluate(network, share_of(samples, processes), **how)))
    order = np.argsort(np.concatenate([range(rank, len(samples), processes.size) for rank in range(processes.size)]))
    pooled = how["histograms"] == "pooled"
    return {name: _merged([part[name] for part in parts if part], order.astype(int), pooled) for name in parts[0]}


def _plain(found: dict[str, Evidence]) -> dict[str, dict]:
    """Evidence as it travels: tensors and text."""
    return {
        name: {
            field: array.tolist() if array.dtype.kind == "U" else torch.from_numpy(array)
            for field, array in vars(evidence).items()
            if array is not None
        }
        for name, evidence in found.items()
    }


def _merged(parts: Sequence[dict], order: np.ndarray, pooled: bool) -> Evidence:
    """One evidence out of the shares', its images in the order of the list."""
    fields = {}
    for field in parts[0]:
        arrays = [np.asarray(part[field]) for part in parts]
        added = field == "confusion" or (field == "histogram" and pooled)
        fields[field] = sum(arrays) if added else np.concatenate(arrays)[order]
    return Evidence(**fields)

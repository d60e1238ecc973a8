"""repro: a benchmark reproduction suite for semantic segmentation."""

__version__ = "0.1.0"


def load(path, *, weights: str = "last", device: str = "cpu"):
    """Return the trained network in `path`, ready to predict; see `repro.trained.load`, which imports torch."""
    from repro import trained

    return trained.load(path, weights=weights, device=device)

"""repro: a benchmark reproduction suite for semantic segmentation."""

__version__ = "0.1.0"


def load(path, *, weights: str | None = None, device: str = "cpu"):
    """Return the trained network in `path`, ready to predict; see `repro.trained.network.load`, which imports torch."""
    from repro.trained import network

    return network.load(path, weights=weights, device=device)

"""repro: a benchmark reproduction suite for semantic segmentation."""

__version__ = "0.1.0"

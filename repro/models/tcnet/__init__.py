"""TCNet: large kernels beside a transformer, fused at every level and decoded. Paper 2's network."""

from repro.models.tcnet.network import TCNet

__all__ = ["TCNet"]

"""One run trained by several processes, started by torchrun: equal batches, equal sums, one writer."""

from repro.parallel.processes import ALONE, Agreed, Apart, Processes, Slice, from_environment, silent_others
from repro.parallel.session import together

__all__ = ["ALONE", "Agreed", "Apart", "Processes", "Slice", "from_environment", "silent_others", "together"]

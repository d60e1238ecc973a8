"""The stream of samples: a pure function of the step's number."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np


@functools.lru_cache(maxsize=4)  # each batch of an epoch asks for it
def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return the (n,) order of an epoch: the indices sorted by a hash of (seed, epoch, index).

    Unlike a library's shuffle it is the same on every machine and in every version. The hash is splitmix64
    (Steele et al. 2014, "Fast splittable pseudorandom number generators").
    """
    key = np.arange(n, dtype=np.uint64) + np.uint64(n) * np.uint64(epoch)
    with np.errstate(over="ignore"):
        key = (key + np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    order = np.argsort(key ^ (key >> np.uint64(31)), kind="stable")
    order.flags.writeable = False
    return order


def seed_of(seed: int, step: int) -> int:
    """Return the 32-bit seed of a step's random state, mixed from (seed, step): a CPU's generator looks at no more.

    The steps of two seeds begin a golden section of 2**32 apart (Knuth, The Art of Computer Programming 3, 6.4).
    """
    return (seed * 0x9E3779B1 + step) % 2**32


def batch_at(step: int, *, n: int, batch: int, seed: int) -> list[tuple[int, int]]:
    """Return the (epoch, index) pairs of a step: positions step * batch to (step + 1) * batch - 1 of the stream."""
    positions = range(step * batch, (step + 1) * batch)
    orders = {epoch: permutation(seed, epoch, n) for epoch in {position // n for position in positions}}
    return [(position // n, int(orders[position // n][position % n])) for position in positions]


class Stream:
    """The batches of a run from `start` on, as the sampler of a DataLoader."""

    def __init__(self, *, start: int, total: int, n: int, batch: int, seed: int, of: Sequence[int] | None = None):
        """Yield the batches of steps `start` to `total` - 1; of each only the positions `of` where they are given."""
        self.start, self.total, self.n, self.batch, self.seed = start, total, n, batch, seed
        self.of = range(batch) if of is None else of

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.start, self.total):
            pairs = batch_at(step, n=self.n, batch=self.batch, seed=self.seed)
            yield [pairs[position] for position in self.of]

    def __len__(self) -> int:
        return self.total - self.start

"""The processes of one run: who takes which images, and how they add up, agree and fail together.

Gradients are added by one explicit exchange a step and not by torch's DistributedDataParallel: that one averages, where
our losses are shares that add up; counts on hooks that fire once a step, where a step may have several micro-batches;
and leaves the loss, the loss's divisors and the flag of a bad step to be exchanged besides. What is lost is that its
exchange overlaps with the backward pass.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from repro.command import FAILED, STOPPED

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Agreed(ValueError):
    """Another process failed and said why; every process of the run raises it, or the error itself, at one place."""

    agreed = True


class Apart(SystemExit):
    """This process and the others are no longer at the same place; nothing is left but to end, with `code`."""

    def __init__(self, sentence: str, code: int):
        """Keep the sentence beside the exit code."""
        super().__init__(sentence, code)
        self.sentence, self.code = sentence, code


@dataclass(frozen=True)
class Slice:
    """One process's images of a micro-batch: `rows` of `total`, which begins at `first` in the batch."""

    first: int
    rows: range
    total: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def positions(self) -> range:
        """Where its images are in the batch."""
        return range(self.first + self.rows.start, self.first + self.rows.stop)


@dataclass(frozen=True)
class Processes:
    """This process among those that train one run together. Every method but `slices` and `share` is met by all.

    Attributes:
        rank: of this process, 0 to size - 1; the first one writes and speaks.
        size: how many there are, on all nodes.
        local: the number of this process on its node, and of its GPU.
        here: how many of them are on this node.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    here: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def slices(self, batch: int, micro_batch: int | None) -> list[Slice]:
        """Return this process's slice of each micro-batch of a global batch; slices differ by at most one image.

        Each micro-batch is cut, not the batch, so that batch normalisation sees the same images together for every
        number of processes.

        Raises:
            ValueError: a process would have no image of a micro-batch.
        """
        micro_batch = micro_batch or batch
        found = []
        for start in range(0, batch, micro_batch):
            images = min(micro_batch, batch - start)
            if images < self.size:
                what = f"a batch of {batch}" + (f" in micro-batches of {micro_batch}" if micro_batch < batch else "")
                raise ValueError(
                    f"{what} has {images} images at a time for {self.size} processes, expected one or more for each; "
                    f"start at most {images}"
                )
            rows = range(images * self.rank // self.size, images * (self.rank + 1) // self.size)
            found.append(Slice(start, rows, images))
        return found

    def share(self, n: int) -> range:
        """Return which of `n` images this process evaluates; `in_order` puts all shares together again."""
        return range(self.rank, n, self.size)

    def add_up(self, tensors: Sequence["torch.Tensor"]) -> None:
        """Replace each tensor by its sum over the processes, in one exchange, with the same bits on each."""
        if self.size == 1 or not tensors:
            return
        import torch

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        all_reduce(flat)
        for tensor, total in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
            tensor.copy_(total.view(tensor.shape))

    def agree(self, reason: str) -> str:
        """Return the reason of the first process that has one, "" where none has: the same on all."""
        if self.size == 1:
            return reason
        import torch

        said = torch.tensor([bool(reason)], dtype=torch.int64)
        all_reduce(said)
        return next(filter(None, self._exchange(reason))) if said else ""

    def gather(self, make: Callable[[], T]) -> list[T]:
        """Return what `make` returned on each process, by rank: plain containers, tensors (on the CPU), numbers, text.

        Where it failed on one, all raise: that one its own error, the others `Agreed`. Nothing inside may exchange.
        """
        if self.size == 1:
            return [make()]
        made, error = None, None
        try:
            made = make()
        except Exception as why:
            error = why
        found = self._exchange([made, error and (str(error) or type(error).__name__)])
        if error is not None:
            error.agreed = True
            raise error
        for _, sentence in found:
            if sentence:
                raise Agreed(sentence)
        return [each for each, _ in found]

    def first(self, make: Callable[[], T]) -> T:
        """Return on every process what `make` returned on the first; the others do not call it."""
        return self.gather(lambda: make() if self.leads else None)[0]

    def node_first(self, make: Callable[[], T]) -> T:
        """Return `make()`, called by one process of a node before the others: they find what it left in the cache."""
        made = []
        self.gather(lambda: None if self.local else made.append(make()))
        self.gather(lambda: made.append(make()) if self.local else None)
        return made[0]

    def in_order(self, make: Callable[[], Sequence[T]]) -> list[T]:
        """Return what `make` returned for the images of each process's `share`, in the order of the images."""
        shares = self.gather(lambda: [*make()])
        return [shares[i % self.size][i // self.size] for i in range(sum(map(len, shares)))]

    def check_alike(self, tensors: Iterable["torch.Tensor"]) -> None:
        """Raise ValueError on all unless every process holds the same numbers, by their sums."""
        if self.size > 1 and len({*self.gather(lambda: str([float(each.double().sum()) for each in tensors]))}) > 1:
            raise Agreed(f"{self.size} processes no longer hold the same weights; start them on machines of one kind")

    def together(self, error: Exception) -> bool:
        """Whether all processes are at one place after an error, so that the next run may begin."""
        return self.size == 1 or getattr(error, "agreed", False)

    @contextlib.contextmanager
    def or_apart(self) -> Iterator[None]:
        """Let an error that the others know nothing of end this process, and with it the run, as `Apart`."""
        try:
            yield
        except Exception as error:
            if self.together(error):
                raise
            raise Apart(f"process {self.rank} of {self.size}: {error or type(error).__name__}", FAILED) from error

    def _exchange(self, mine: object) -> list:
        """What each process has, by rank. Nothing is pickled: tensors, numbers and text alone are read."""
        import torch

        from repro.checkpoint import decode, encode

        data = torch.frombuffer(bytearray(encode(mine)), dtype=torch.uint8)
        lengths = torch.zeros(self.size, dtype=torch.int64)
        lengths[self.rank] = len(data)
        all_reduce(lengths)
        found = []
        for rank, length in enumerate(lengths.tolist()):
            received = data if rank == self.rank else torch.empty(length, dtype=torch.uint8)
            with _others_alive():
                torch.distributed.broadcast(received, rank)
            found.append(decode(received.numpy().data, "cpu"))
        return found


ALONE = Processes()


def from_environment(environment: Mapping[str, str] = os.environ) -> Processes:
    """Return the processes that torchrun started, by the variables that it sets; `ALONE` without it.

    Raises:
        ValueError: the variables are no numbers.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    given = [environment.get(name) for name in names]
    if None in given or given[1] == "1":
        return ALONE
    if not all(text.isdecimal() for text in given) or int(given[0]) >= int(given[1]):
        raise ValueError(f"{', '.join(names)} are {', '.join(given)}, expected numbers as of torchrun")
    return Processes(*map(int, given))


@contextlib.contextmanager
def silent_others() -> Iterator[None]:
    """Let one process of a node speak, whatever the others would print; a traceback is never swallowed."""
    with contextlib.ExitStack() as stack:
        if os.environ.get("LOCAL_RANK", "0") != "0" and from_environment().size > 1:
            nothing = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(contextlib.redirect_stdout(nothing))
            stack.enter_context(contextlib.redirect_stderr(nothing))
        yield


def all_reduce(tensor: "torch.Tensor") -> None:
    """Replace a contiguous tensor by its sum over all processes."""
    import torch.distributed

    with _others_alive():
        torch.distributed.all_reduce(tensor)


@contextlib.contextmanager
def _others_alive() -> Iterator[None]:
    """What an exchange raises where a process has died or hangs becomes one sentence and an end."""
    try:
        yield
    except RuntimeError as error:
        lost = "another process of this run ended or hangs; the same call goes on from the last checkpoint"
        raise Apart(lost, STOPPED) from error

"""The structure of a network as it runs: its blocks, the shapes they return, and which block feeds which.

Nothing here knows a network. One forward pass is watched: every tensor carries the names of the module calls it was
computed from, so that concatenations, sums and resizes between modules lose no connection.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

MOST_BLOCKS = 60
SCALES = 3  # a module that works at so many scales is no block: what is in it is shown

Source = tuple[int, int]  # (call, which of its outputs)
IMAGE: Source = (-1, 0)


@dataclass
class Call:
    """One call of a module."""

    name: str  # path in the network, "encoder.layer1"; "" is the network
    module: nn.Module
    parent: int  # the call around it, -1 for the network's
    shapes: list[tuple[int, ...]] = field(default_factory=list)  # of the tensors it returned, without the batch
    inner: list[frozenset[Source]] = field(default_factory=list)  # what each was computed from: calls within or before
    inside: set[tuple[int, ...]] = field(default_factory=set)  # (height, width) of maps that calls within returned


class _Carry(TorchFunctionMode):
    """Let the result of every function carry the sources of its arguments."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        sources = _sources(_tensors((args, kwargs)))
        result = function(*args, **kwargs)
        for tensor in _tensors(result):
            if sources:
                tensor.sources = sources | getattr(tensor, "sources", frozenset())
        return result


class _Watch:
    """Hooks on every module of a network that note its calls."""

    def __init__(self, network: nn.Module):
        self.calls: list[Call] = []
        self.open: list[int] = []
        self.names = {module: name for name, module in network.named_modules()}

    def __enter__(self) -> "_Watch":
        self.handles = [module.register_forward_pre_hook(self._begin) for module in self.names]
        self.handles += [module.register_forward_hook(self._end, with_kwargs=True) for module in self.names]
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _begin(self, module: nn.Module, args: tuple) -> None:
        self.calls.append(Call(self.names[module], module, self.open[-1] if self.open else -1))
        self.open.append(len(self.calls) - 1)

    def _end(self, module: nn.Module, args: tuple, kwargs: dict, result: object) -> None:
        index = self.open.pop()
        call, given = self.calls[index], list(_tensors((args, kwargs)))
        for tensor in _tensors(result):
            if any(tensor is each for each in given):
                continue  # handed on as it came: nothing was done to it
            # what a kernel of our own returns carries nothing: it comes from all that the module was given
            call.inner.append(getattr(tensor, "sources", frozenset()) or _sources(given))
            call.shapes.append(tuple(tensor.shape[1:]))
            tensor.sources = frozenset({(index, len(call.shapes) - 1)})
        sizes = {shape[1:] for shape in call.shapes if len(shape) == 3 and max(shape[1:]) > 1}
        for above in self.open:
            self.calls[above].inside |= sizes


def trace(network: nn.Module, image: torch.Tensor) -> dict:
    """Return the blocks of a network and the connections between them, as JSON has it; runs it once, in evaluation.

    A block is a module that works at one or two scales. One that works at more is opened, and the network itself
    always is; where more than `MOST_BLOCKS` are left, fewer are opened. A layer that keeps its input's shape belongs to
    the block before it, and calls of one module that return equal shapes are one block. Modules that return their input
    as it came are not there.

    Args:
        network: on the device of `image`; left as it was.
        image: (1, C, H, W).

    Returns:
        {"blocks": [{"name", "part", "layers", "parameters", "shape", "times", "inputs"}, ...]} in the order of the
        calls: the image first, the logits last. "part" is the class of a block of the network's own; where torch has
        the class it is where the block sits, and "layers" are the classes in it. "shape" is without the batch, (C, H,
        W) for maps. "inputs" are the indices of the blocks from which a tensor reached this one's output.
    """
    image = image.clone()
    image.sources = frozenset({IMAGE})
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad(), _Watch(network) as watch, _Carry():
            network(image)
    finally:
        for module, mode in modes.items():
            module.training = mode
    for scales in range(SCALES, SCALES + 100):
        graph = _Graph(watch.calls, scales)
        if len(graph.blocks) <= MOST_BLOCKS - 2 or graph.opened == {0}:
            break
    return {"blocks": graph.described(tuple(image.shape[1:]))}


class _Graph:
    """Blocks, keyed by the index of their (first) call, and what each is computed from."""

    def __init__(self, calls: list[Call], scales: int):
        self.calls = calls
        self.opened = {index for index, call in enumerate(calls) if index == 0 or len(call.inside) >= scales}
        self.owner: dict[int, int] = {-1: -1}  # of a call: the block it is in; the image is its own
        for index, call in enumerate(calls):
            if index not in self.opened:
                self.owner[index] = index if call.parent in self.opened else self.owner[call.parent]
        self.blocks = {
            index: self._origins(frozenset().union(*calls[index].inner), within=index)
            for index, owner in self.owner.items()
            if index == owner >= 0 and calls[index].shapes
        }
        self.logits = self._origins(calls[0].inner[0], within=-2)
        self.times = dict.fromkeys(self.blocks, 1)
        self.modules = {index: [calls[index].module] for index in self.blocks}
        self._join_repeats()
        self._join_layers()

    def _origins(self, sources: Iterable[Source], *, within: int) -> set[int]:
        """The blocks outside block `within` that sources lead back to."""
        found, seen, ahead = set(), set(), list(sources)
        while ahead:
            source = ahead.pop()
            if source in seen:
                continue
            seen.add(source)
            index, output = source
            if index in self.opened or self.owner[index] == within:
                ahead += self.calls[index].inner[output]
            else:
                found.add(self.owner[index])
        return found

    def _join_repeats(self) -> None:
        """Take calls of one module that return the same shapes for one block."""
        first: dict[tuple, int] = {}
        for index in list(self.blocks):
            call = self.calls[index]
            kept = first.setdefault((call.module, *call.shapes), index)
            if kept != index:
                self.times[kept] += 1
                self._join(index, kept)

    def _join_layers(self) -> None:
        """Join every layer that keeps the shape of its only input to the block before, if nothing else follows that."""
        for index in list(self.blocks):
            if len(self.blocks[index]) != 1 or any(True for _ in self.calls[index].module.children()):
                continue
            (before,) = self.blocks[index]
            after = [each for each, inputs in self.blocks.items() if before in inputs]
            same = before >= 0 and self.calls[before].shapes[0] == self.calls[index].shapes[0]
            if same and after == [index] and before not in self.logits:
                self.modules[before] += self.modules.pop(index)
                self._join(index, before)

    def _join(self, index: int, to: int) -> None:
        """Put one block into another: its inputs and all that it feeds."""
        self.blocks[to] |= self.blocks.pop(index)
        for inputs in (*self.blocks.values(), self.logits):
            if index in inputs:
                inputs.remove(index)
                inputs.add(to)
        self.blocks[to].discard(to)

    def described(self, image: tuple[int, ...]) -> list[dict]:
        """The blocks as JSON has them, image and logits among them."""
        place = {index: position for position, index in enumerate((-1, *self.blocks))}
        names = _relative([self.calls[index].name for index in self.blocks])
        found = [_block("image", image, ())]
        for name, (index, inputs) in zip(names, self.blocks.items()):
            call = self.calls[index]
            behind = sorted(place[each] for each in inputs if each < index)  # a loop goes forward only once
            found.append(
                _block(name, call.shapes[0], behind)
                | {
                    "part": _part(name, call.module),
                    "layers": _counted([name for module in self.modules[index] for name in _layers(module)]),
                    "parameters": sum(each.numel() for module in self.modules[index] for each in module.parameters()),
                    "times": self.times[index],
                }
            )
        return [*found, _block("logits", self.calls[0].shapes[0], sorted(place[each] for each in self.logits))]


def _block(name: str, shape: Iterable[int], inputs: Iterable[int]) -> dict:
    return {"name": name, "part": name, "layers": "", "parameters": 0, "times": 1} | {
        "shape": list(shape),
        "inputs": list(inputs),
    }


def _tensors(value: object) -> Iterator[torch.Tensor]:
    """Every tensor in nested lists, tuples and mappings."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _sources(tensors: Iterable[torch.Tensor]) -> frozenset[Source]:
    return frozenset().union(*(getattr(tensor, "sources", ()) for tensor in tensors))


def _is_torchs(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.")


def _layers(module: nn.Module) -> Iterator[str]:
    """The classes in a module of torch's, through its containers; none for a class of the network's own."""
    children = list(module.children()) if _is_torchs(module) else []
    for child in children:
        yield from _layers(child) if type(child) is nn.Sequential else [type(child).__name__]
    if _is_torchs(module) and not children:
        yield type(module).__name__


def _part(name: str, module: nn.Module) -> str:
    """The class of a module of the network's own; of torch's, where it sits: "encoder" for "encoder.layer1"."""
    if not _is_torchs(module):
        return type(module).__name__
    *path, last = name.split(".")
    words = [word for word in path if not word.isdecimal()]
    return ".".join(words) or last


def _relative(names: list[str]) -> list[str]:
    """Dotted names without what all of them begin with."""
    split = [name.split(".") for name in names]
    shared = 0
    while all(len(words) > shared + 1 and words[shared] == split[0][shared] for words in split):
        shared += 1
    return [".".join(words[shared:]) for words in split]


def _counted(names: list[str]) -> str:
    """Names with equal neighbours counted: "3 Bottleneck"."""
    runs: list[list] = []
    for name in names:
        if runs and runs[-1][1] == name:
            runs[-1][0] += 1
        else:
            runs.append([1, name])
    return ", ".join(name if count == 1 else f"{count} {name}" for count, name in runs)

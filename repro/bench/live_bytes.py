"""Bytes of a training step without taking it: shapes alone go through the network, and what is alive is counted."""

import weakref
from collections.abc import Callable

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

STATES = 2  # tensors that Adam keeps for each parameter


def step_bytes(
    network: nn.Module,
    loss: Callable[[object, torch.Tensor], torch.Tensor],
    *,
    images: int,
    size: tuple[int, int],
    autocast: torch.dtype | None = torch.bfloat16,
) -> tuple[int, int]:
    """Return (kept, peak) bytes of a training step of `network`, which is spent by it.

    Kept is what a forward pass saves for the backward pass, each storage once and without weights. Peak is the most
    that is alive at once over both passes: that, weights, gradients, optimiser states, input, and what comes and goes;
    but not the workspace of a kernel. Types and layouts are those of a CPU (`DilatedDepthwise` keeps a copy there).

    Args:
        network: in training mode, on the CPU, for images of three channels.
        loss: of what the network returns and (N, H, W) int64 labels.
        images: of the batch.
        size: (height, width).
        autocast: the precision; None is float32.
    """
    with FakeTensorMode(allow_non_fake_inputs=True) as shapes:
        _without_numbers(network, shapes)
        kept: dict[int, torch.UntypedStorage] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
            return tensor

        weights = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
        with _Alive() as alive:
            for parameter in network.parameters():
                alive.note(parameter)
            states = [torch.zeros_like(each) for each in network.parameters() for _ in range(STATES)]
            image = torch.zeros(images, 3, *size).to(memory_format=torch.channels_last)
            label = torch.zeros(images, *size, dtype=torch.int64)
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                with torch.autocast("cpu", autocast, enabled=autocast is not None):
                    outputs = network(image)
                total = loss(outputs, label)
            del outputs
            saved = sum(storage.nbytes() for key, storage in kept.items() if key not in weights)
            kept.clear()
            total.backward()
            del states
    return saved, alive.peak


def forward_cost(network: nn.Module, *, size: tuple[int, int], autocast: torch.dtype | None) -> tuple[int, int]:
    """Return (peak bytes, operations) of a forward pass over one image in evaluation; `network` is spent by it.

    Peak is the most that is alive at once, weights and image with it. A multiply and an add are two operations.
    """
    with FakeTensorMode(allow_non_fake_inputs=True) as shapes, torch.no_grad():
        _without_numbers(network, shapes)
        with _Alive() as alive, FlopCounterMode(display=False) as counter:
            for tensor in network.state_dict().values():
                alive.note(tensor)
            with torch.autocast("cpu", autocast, enabled=autocast is not None):
                network(torch.zeros(1, 3, *size).to(memory_format=torch.channels_last))
    return alive.peak, counter.get_total_flops()


def _without_numbers(network: nn.Module, shapes: FakeTensorMode) -> None:
    """Put shapes alone in the place of weights and buffers."""
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = nn.Parameter(shapes.from_tensor(weight.detach()), weight.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = shapes.from_tensor(buffer)


class _Alive(TorchDispatchMode):
    """Counts the bytes of the storages that operations made and nobody has dropped yet."""

    def __init__(self):
        super().__init__()
        self.sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        found = operation(*arguments, **(named or {}))
        for each in tree_leaves(found):
            if isinstance(each, torch.Tensor):
                self.note(each)
        return found

    def note(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.sizes:
            self.sizes[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self.now -= self.sizes.pop(key, 0)

"""What every network costs: time, memory, parameters and operations of one image."""

import torch
from torch import nn

from repro import machine
from repro.bench.live_bytes import forward_cost
from repro.bench.rates import clock_name, synchronised
from repro.bench.result import in_turn
from repro.bench.sheet import Sheet
from repro.bench.systems import FLOORS, System, systems
from repro.measurements import key_of
from repro.networks import build
from repro.training import AUTOCAST

GOAL = "every network at the size of its recipe; the claim of speed and the cost columns read these"
HEADERS = (
    "system", "network", "options", "size", "kind", "parameters", "flops", "peak_bytes", "median_seconds", "seconds",
    "clock",
)  # fmt: skip
_ONCE = ("isl_msca", "ssls")  # their time goes by the picture, and they run on the CPU whatever the device


def measure(*, device: torch.device | None = None, rounds: int = 5, only: str = "", largest: int = 0) -> Sheet:
    """Return each network's cost on one image: a forward pass in the recipe's precision, networks in turn.

    On a CPU a second is one of processor time on one thread.

    Args:
        device: where.
        rounds: turns after the first.
        only: of which network; all by default.
        largest: pixels of an image's longer side at most, 0 for the recipe's own size; the sheet says which.
    """
    device = device or machine.pick_device("auto")
    chosen = [each for each in systems() if only in ("", each.run.network) and each.run.network not in FLOORS]
    with machine.threads(1, device):
        sizes = [_within(each.size, largest) for each in chosen]
        networks = [_network(each, device) for each in chosen]
        ways = {
            str(number): _forward(network, system, size, device)
            for number, (network, system, size) in enumerate(zip(networks, chosen, sizes))
        }
        lines = in_turn(ways, clock=synchronised(device), rounds=rounds)
        kind, clock = machine.kind(device), clock_name(device)
        rows = []
        for system, network, size, line in zip(chosen, networks, sizes, lines):
            cost = _cost(system, network, size, device)
            seconds = " ".join(f"{each:.5f}" for each in line.times)
            key = key_of(system.run.network, system.run.options, size)
            rows.append((system.name, *key, kind, *cost, f"{line.median:.5f}", seconds, clock))
    return Sheet(
        row="networks", about=f"one image through each network in evaluation, {clock}, {rounds} turns",
        headers=HEADERS, rows=tuple(rows), goal=GOAL, machine=machine.describe(device),
        found=f"{len(rows)} systems; the quickest is {min(rows, key=lambda row: float(row[8]))[0]}",
        unprinted=("options", "seconds"),
    )  # fmt: skip


def _within(size: tuple[int, int], largest: int) -> tuple[int, int]:
    """The size, or with its longer side at most `largest`, a multiple of 32."""
    if not largest or max(size) <= largest:
        return size
    return tuple(max(32, side * largest // max(size) // 32 * 32) for side in size)


def _network(system: System, device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    network = build(system.run.network, classes=system.classes, **system.run.options).eval()
    return network if system.run.network in _ONCE else network.to(device).to(memory_format=torch.channels_last)


def _forward(network: nn.Module, system: System, size: tuple[int, int], device: torch.device):
    where = torch.device("cpu") if system.run.network in _ONCE else device
    dtype = AUTOCAST.get(system.run.recipe.precision)
    image = _picture(size).to(where).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward(_: int) -> torch.Tensor:
        with torch.autocast(where.type, dtype=dtype, enabled=dtype is not None):
            return network(image)

    return forward


def _picture(size: tuple[int, int]) -> torch.Tensor:
    """A dark square on a bright ground, normalised: the classical methods look for one."""
    image = torch.full((1, 3, *size), 1.0)
    image[..., size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = -1.0
    return image + 0.05 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))


def _cost(system: System, network: nn.Module, size: tuple[int, int], device: torch.device) -> tuple[str, str, str]:
    """Parameters, operations and the most bytes of a forward pass: from shapes, the bytes on a card measured."""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if system.run.network in _ONCE:
        return "0", "", ""
    measured = _held(network, system, size, device) if device.type == "cuda" else None
    peak, operations = forward_cost(network.cpu(), size=size, autocast=AUTOCAST.get(system.run.recipe.precision))
    return str(parameters), str(operations), str(measured or peak)


def _held(network: nn.Module, system: System, size: tuple[int, int], device: torch.device) -> int:
    """The bytes a card holds of one network at its forward pass: the others' are taken off."""
    weights = sum(tensor.nbytes for tensor in network.state_dict().values())
    machine.forget_peak_memory(device)
    held = torch.cuda.memory_allocated(device)
    _forward(network, system, size, device)(0)
    return machine.peak_memory_bytes(device) - held + weights

"""A training step: the suite's own, beside what a user would write with a library's network and torchmetrics."""

import copy
import dataclasses
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from torch import nn
from torchmetrics.classification import MulticlassJaccardIndex

from repro import machine
from repro.bench.rates import clock_name, matrix_rate, synchronised, training_operations
from repro.bench.result import Line, Result, in_turn
from repro.losses import make_loss
from repro.networks import build
from repro.papers.paper1.tables import OURS, RECIPE
from repro.papers.systems import DEEPLABV3PLUS
from repro.training import Trainer, normalise

NETWORKS = {  # name -> (ours with its options, the library's class); both have the same layers and weights
    "U-Net": ("attention_unet", {**OURS, "attention": "none", "fusion": "none"}, smp.Unet),
    "DeepLabv3+": ("deeplabv3plus", DEEPLABV3PLUS, smp.DeepLabV3Plus),
}
CLASSES = 19
CPU_SHAPES = ((2, 192, 256),)  # (images, height, width): a step takes two thirds of a second of one core
GPU_SHAPES = ((16, 512, 1024), (15, 448, 448))  # the papers'
GOALS = {
    "cpu": "at least 1.8 times the plain path, no loss of score beyond noise",
    "cuda": "at least 4 times the plain path, 1.5 times the good one, and 40 % of the measured matrix rate; the card "
    "waits for data less than 3 % of the time",
}
WANTED = {"cpu": 1.8, "cuda": 4.0}
STEPS = 3  # of the comparison of losses, at a quarter of height and width


def measure(
    *, device: torch.device | None = None, shapes: Sequence[tuple[int, int, int]] = (), rounds: int = 3,
    networks: Sequence[str] = (*NETWORKS,), steps: int = STEPS, encoder: str = "resnet50",
) -> list[Result]:  # fmt: skip
    """Return what a training step costs on each path, a result for each network and shape.

    On a CPU it is this process's processor time on one thread, so that other processes change little; on a card it is
    the wall's. All paths start from the same weights and see the same batch.
    """
    device = device or machine.pick_device("auto")
    with machine.threads(1, device):
        rate = matrix_rate(device, machine.quick_precision(device))
        shapes = shapes or (GPU_SHAPES if device.type == "cuda" else CPU_SHAPES)
        return [_of(name, shape, device, rate, rounds, steps, encoder) for name in networks for shape in shapes]


def _of(
    name: str, shape: tuple[int, int, int], device: torch.device, rate: float, rounds: int, steps: int, encoder: str
) -> Result:
    images, height, width = shape
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (images, 3, height, width), dtype=torch.uint8, generator=generator)
    label = (image.float().mean(1) / 256 * CLASSES).to(torch.uint8)
    with tempfile.TemporaryDirectory(prefix="repro-step-") as folder:
        ours, plain = networks_of(name, device, encoder)
        again = copy.deepcopy(plain)  # for the comparison of losses
        precision = machine.quick_precision(device)
        recipe = dataclasses.replace(RECIPE, weights="none", batch=images, crop=(height, width), precision=precision)
        ways = {
            "ours": ours_step(ours, recipe, device, Path(folder), image, label),
            "plain": library_step(plain, device, image, label, good=False),
            "good": library_step(copy.deepcopy(plain), device, image, label, good=True),
        }
        if device.type == "cuda":
            compiled, _ = networks_of(name, device, encoder)
            compiled.compile(mode="reduce-overhead")  # cached graphs; in place, so that weights keep their names
            ways["ours, compiled"] = ours_step(compiled, recipe, device, Path(folder), image, label)
        lines = in_turn(ways, clock=synchronised(device), rounds=rounds)
        fed = waiting(ours, recipe, device, Path(folder), lines[0], rounds) if device.type == "cuda" else ()
        operations = training_operations(ours, normalise(image[:2], device)) * images // 2
        quarter = (..., slice(height // 4), slice(width // 4))
        noise = loss_noise(again, recipe, device, Path(folder), image[quarter], label[quarter], steps) if steps else ()
    limit = operations / rate, f"{operations / 1e9:.0f} GFLOP at the measured {rate / 1e9:.0f} GFLOP/s in {precision}"
    fastest = min(lines[0].median, *(line.median for line in lines[3:])) if lines[3:] else lines[0].median
    share = f"ours runs at {100 * limit[0] / fastest:.0f} % of the matrix rate"
    speeds = "images a second: " + ", ".join(f"{line.name} {images / line.median:.2f}" for line in lines)
    return Result(
        row="step", of=f"{name}, {images}x{height}x{width}", unit="step", lines=tuple(lines), goal=GOALS[device.type],
        limit=limit, machine=machine.describe(device), wanted=WANTED[device.type], paths=len(lines),
        clock=clock_name(device), notes=(f"{speeds}; {share}", *noise, *fed),
    )  # fmt: skip


def networks_of(name: str, device: torch.device, encoder: str = "resnet50") -> tuple[nn.Module, nn.Module]:
    """Return our network and the library's with the same weights, both in training on `device`."""
    network, options, library = NETWORKS[name]
    torch.manual_seed(0)
    ours = build(network, classes=CLASSES, **options | {"encoder_name": encoder})
    more = {} if name == "U-Net" else {"decoder_atrous_rates": DEEPLABV3PLUS["atrous_rates"]}
    plain = library(encoder, encoder_weights=None, classes=CLASSES, **more)
    plain.load_state_dict(getattr(ours, "network", ours).state_dict())
    return ours.to(device).to(memory_format=torch.channels_last).train(), plain.to(device).train()


def ours_step(
    network: nn.Module, recipe, device: torch.device, folder: Path, image: torch.Tensor, label: torch.Tensor
) -> Callable[[int], torch.Tensor]:
    """Return one step of the suite's own loop, from uint8 images on the host to new weights."""
    trainer = Trainer(
        network=network, loss=make_loss(recipe.loss, alpha=recipe.alpha), samples=_Many(), select=lambda _: (0.0, 0.0),
        recipe=recipe, seed=0, folder=folder, device=device, identity={},
    )  # fmt: skip
    if device.type == "cuda":
        image, label = image.pin_memory(), label.pin_memory()  # as the loader of a training hands them over

    def step(_: int) -> torch.Tensor:
        before = trainer.loss_sum.clone()
        trainer._step(image, label)
        return trainer.loss_sum - before

    return step


class _Many(torch.utils.data.Dataset):
    """Stands for a training list: long enough that no epoch ends."""

    def __len__(self) -> int:
        return 10**6


def library_step(
    network: nn.Module, device: torch.device, image: torch.Tensor, label: torch.Tensor, *, good: bool
) -> Callable[[int], torch.Tensor]:
    """Return one step as a user would write it: the library's Dice, torch's cross-entropy and AdamW, torchmetrics.

    Args:
        good: in bfloat16 where that is quick, with channels last and pinned memory; else in float32 as it comes.
    """
    if good:
        network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RECIPE.learning_rate, weight_decay=RECIPE.weight_decay)
    dice = smp.losses.DiceLoss("multiclass", ignore_index=255)
    cross_entropy = nn.CrossEntropyLoss(ignore_index=255)
    metric = MulticlassJaccardIndex(CLASSES, ignore_index=255).to(device)
    batch, target = normalise(image, torch.device("cpu")), label.long()
    if good and device.type == "cuda":
        batch, target = batch.pin_memory(), target.pin_memory()

    def step(_: int) -> torch.Tensor:
        seen, wanted = batch.to(device, non_blocking=good), target.to(device, non_blocking=good)
        if good:
            seen = seen.to(memory_format=torch.channels_last)
        optimiser.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=good and not machine.emulates("bfloat16", device)):
            logits = network(seen)
        loss = 0.5 * cross_entropy(logits.float(), wanted) + 0.5 * dice(logits.float(), wanted)
        loss.backward()
        optimiser.step()
        metric.update(logits.detach().float(), wanted)
        return loss.detach()

    return step


def loss_noise(
    network: nn.Module, recipe, device: torch.device, folder: Path, image: torch.Tensor, label: torch.Tensor, steps: int
) -> tuple[str, ...]:
    """Return a sentence: how far the losses of `steps` steps lie apart, by precision and by another order of images."""

    def losses(precision: str, order: Sequence[int]) -> torch.Tensor:
        again = copy.deepcopy(network).to(memory_format=torch.channels_last)
        changed = dataclasses.replace(recipe, precision=precision)
        step = ours_step(again, changed, device, folder, image[order], label[order])
        return torch.stack([step(number) for number in range(steps)]).cpu()

    straight = list(range(len(image)))
    exact, ours = losses("float32", straight), losses(recipe.precision, straight)
    turned = losses("float32", straight[::-1])
    by_precision, by_order = (f"{(each - exact).abs().max():.4f}" for each in (ours, turned))
    end = f"{exact[0]:.4f} to {exact[-1]:.4f} in {steps} steps of float32"
    return (f"loss: {end}; {recipe.precision} differs by at most {by_precision}, the images in reverse by {by_order}",)


def waiting(
    network: nn.Module, recipe, device: torch.device, folder: Path, resident: Line, rounds: int, workers: int = 0
) -> tuple[str, ...]:
    """Return a sentence: how much longer a step takes when its images come from prepared files by the loader."""
    from repro.bench.data import streets_samples

    with streets_samples(crop=recipe.crop) as samples:
        workers = workers or min(os.cpu_count(), 12)
        trainer = Trainer(
            network=network, loss=make_loss(recipe.loss, alpha=recipe.alpha), samples=samples,
            select=lambda _: (0.0, 0.0), recipe=dataclasses.replace(recipe, epochs=10**6), seed=0, folder=folder,
            device=device, identity={}, workers=workers,
        )  # fmt: skip
        with trainer._batches() as batches:
            (fed,) = in_turn(
                {"fed": lambda _: trainer._step(*next(batches))}, clock=synchronised(device), rounds=rounds, calls=5
            )
    share = f"it waits {100 * waiting_share(fed, resident):.1f} % of that"
    return (f"from files with {workers} workers a step takes {1e3 * fed.median:.2f} ms: {share}",)


def waiting_share(fed: Line, resident: Line) -> float:
    """Return the share of the time that a device waits for data: what the loader adds to a step."""
    return max(0.0, 1 - resident.median / fed.median)

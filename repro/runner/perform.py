"""One run from start to record: its network, its loss, its trainer, its evaluation."""

import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from torch import nn

from repro.checkpoint import clear
from repro.data.cache import for_training
from repro.data.samples import KEPT_BYTES, EvaluationSamples, TrainingSamples
from repro.evaluation import selection_scores
from repro.losses import CLASS_WEIGHTS, Loss, make_loss
from repro.machine import forget_peak_memory, keep_freed_memory
from repro.models.checkpointing import checkpoint_blocks
from repro.networks import LEAST_IMAGES, RECOMPUTED, build, encoder_of
from repro.parallel import ALONE, Processes
from repro.plan import Run
from repro.runner.kept import Keeper
from repro.runner.lists import Lists, label_counts, open_lists
from repro.runner.record import make_record, note_machines, noted, save_weights, trained_seconds, write
from repro.runner.setting import Setting, is_done, locked, run_folder
from repro.runner.shares import evaluate_together, share_of
from repro.training import WORKSPACE, Events, Trainer, exact_operations, explained

HISTOGRAMS = {"vessel": "image", "lesion": "pooled"}  # of two-class sets by foreground: vessels per image, skin pooled


def check_weights(runs: Iterable[Run]) -> None:
    """Raise a ValueError where runs ask for published weights that are not on this machine, or have no use for them."""
    asking = [run for run in runs if run.recipe.weights != "none"]
    encoders = [encoder_of(run.network, run.options) for run in asking]
    if None in encoders:
        name = asking[encoders.index(None)].network
        raise ValueError(f"{name} has no encoder to give weights to: declare weights 'none' for it.")
    if encoders:
        from repro.models.encoders import check_local

        check_local(encoders)


def check_batches(runs: Iterable[Run], processes: Processes = ALONE) -> None:
    """Raise a ValueError where a forward pass would have too few images for the network or for the processes."""
    for run in runs:
        if not run.trained:
            continue
        batch, micro_batch = run.recipe.batch, run.recipe.micro_batch
        fewest = min(each.total for each in processes.slices(batch, micro_batch))
        least = LEAST_IMAGES.get(run.network, 1)
        if fewest < least:
            parts = f" in micro-batches of {micro_batch}" if micro_batch else ""
            raise ValueError(
                f"{run.network} normalises a map of one pixel and needs {least} images at a time, a batch of {batch}"
                f"{parts} leaves {fewest}; choose one of {least} or more without such a rest"
            )


def make_network(run: Run, lists: Lists, device: torch.device) -> nn.Module:
    """Return the run's network with its initial weights: drawn from the seed, or fitted where it has a `fit`."""
    torch.manual_seed(run.seed)
    network = build(run.network, classes=len(lists.train_set.class_names), **run.options)
    if run.recipe.weights != "none":
        from repro.models.encoders import load_encoder_weights

        load_encoder_weights(network, run.recipe.weights)
    if hasattr(network, "fit"):
        network.fit(torch.from_numpy(lists.train_set.read_label(sample)) for sample in lists.train)
    if needs_recomputation(run):
        checkpoint_blocks(network)
    return network.to(device).to(memory_format=torch.channels_last)


def needs_recomputation(run: Run) -> bool:
    """Whether a step of a run is so large that blocks are computed twice."""
    height, width = run.recipe.crop or run.recipe.size or (math.inf, 1)
    pixels = (run.recipe.micro_batch or run.recipe.batch) * height * width
    return pixels >= RECOMPUTED.get(run.network, math.inf)


def make_run_loss(run: Run, lists: Lists, device: torch.device | str = "cpu") -> Loss:
    """Return the run's loss; its class weights, on `device`, are computed from the training labels."""
    weights = None
    if run.recipe.class_weights:
        if run.recipe.class_weights not in CLASS_WEIGHTS:
            raise ValueError(f"there are no class weights {run.recipe.class_weights!r}: {', '.join(CLASS_WEIGHTS)}")
        weights = CLASS_WEIGHTS[run.recipe.class_weights](label_counts(lists.train_set, lists.train)).to(device)
    return make_loss(run.recipe.loss, alpha=run.recipe.alpha, class_weights=weights)


def make_trainer(
    run: Run, lists: Lists, network: nn.Module, setting: Setting, events: Events, *, report_loss: bool = False
) -> Trainer:
    """Return the trainer of a run, ready to go on from its folder's newest checkpoint."""
    recipe, device = run.recipe, setting.device
    loss = make_run_loss(run, lists, device)
    kept = KEPT_BYTES // max(setting.workers, 1)  # each process decodes for itself
    train = lists.train_set, lists.train
    samples = TrainingSamples(
        *train,
        size=recipe.size,
        crop=recipe.crop,
        augmentations=recipe.augmentations,
        seed=run.seed,
        prepared=for_training(*train, size=recipe.size, kept_bytes=kept) if setting.cache else None,
    )
    selection = EvaluationSamples(lists.train_set, lists.selection, size=recipe.size)
    report = EvaluationSamples(lists.test_set, lists.report, size=recipe.size)
    classes = len(lists.train_set.class_names)

    def scores(network: nn.Module, samples: EvaluationSamples) -> tuple[float, float]:
        mine, how = share_of(samples, setting.processes), {"recipe": recipe, "device": device, "classes": classes}
        return selection_scores(network, mine, loss, **how, processes=setting.processes)

    return Trainer(
        network=network,
        loss=loss,
        samples=samples,
        select=lambda network: scores(network, selection),
        report_loss=(lambda network: scores(network, report)[0]) if report_loss else None,
        recipe=recipe,
        seed=run.seed,
        folder=run_folder(setting, run),
        device=device,
        identity=run.identity(),
        events=events,
        workers=setting.workers,
        skip_nonfinite=setting.skip_nonfinite,
        every_steps=setting.every_steps,
        every_seconds=setting.every_seconds,
        processes=setting.processes,
    )


def perform(run: Run, setting: Setting, events: Events | None = None, *, report_loss: bool = False) -> Path:
    """Train and evaluate one run, unless this checkout has; return its folder with `record.json` in it.

    With `report_loss` the reported list's loss is recorded at each epoch's end, for a figure; nothing follows from it.

    Raises:
        Busy: another process is at it.
        repro.training.Interrupted: stopped at a step boundary; the same call goes on.
        ValueError: data, options or checkpoint are not what they should be.
    """
    folder, processes = run_folder(setting, run), setting.processes
    exact = exact_operations(asked=setting.deterministic and setting.device.type == "cuda")
    with processes.or_apart(), _held(folder, run, processes), explained(run.recipe, setting.device), exact:
        if processes.first(lambda: is_done(setting, run)):
            processes.first(lambda: clear(folder))  # a kill right after the record left its checkpoints
            return folder
        prepare_torch(setting)
        started = time.monotonic()
        network, lists, trainer = processes.node_first(
            lambda: _ready(run, setting, events or Events(), report_loss=report_loss)
        )
        weights, trained = {"last": None}, None
        if trainer is not None:
            note_machines(folder, setting.device, processes)
            trained = trainer.train()
            weights = {"last": trainer.last_weights(), "selected": trained.selected}
            processes.first(lambda: save_weights(folder, weights))
        evidence = _evaluate(run, lists, network, weights, setting)

        def finish() -> None:
            record = make_record(run, lists, network, trained, evidence, setting)
            record["provenance"]["seconds"] = round(
                time.monotonic() - started if trained is None else trained_seconds(folder, trained.progress), 2
            )
            write(folder, evidence, record)
            clear(folder)

        processes.first(finish)
    return folder


@contextmanager
def _held(folder: Path, run: Run, processes: Processes) -> Iterator[None]:
    """Hold a run's folder, by its first process, and note what comes of it there."""
    with ExitStack() as stack:

        def hold() -> None:
            stack.enter_context(locked(folder))
            stack.enter_context(noted(folder, run))

        processes.first(hold)
        yield


def _ready(
    run: Run, setting: Setting, events: Events, *, report_loss: bool
) -> tuple[nn.Module, Lists, Trainer | None]:
    """A run's network, its lists, and its trainer where it has one: what can be refused before the first step."""
    lists = open_lists(run, setting.data)
    network = make_network(run, lists, setting.device)
    if not run.trained:
        return network, lists, None
    return network, lists, make_trainer(run, lists, network, setting, events, report_loss=report_loss)


def prepare_torch(setting: Setting) -> None:
    """Set what the process has to agree on before the first tensor: no kernel is ever chosen by timing."""
    if setting.deterministic:
        os.environ.setdefault(*WORKSPACE)
    strict = setting.deterministic and setting.device.type == "cuda"
    if strict != torch.are_deterministic_algorithms_enabled():  # to set it at all imports the compiler: two seconds
        torch.use_deterministic_algorithms(strict)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = setting.deterministic
    torch.backends.cudnn.allow_tf32 = False  # a recipe that says float32 means it; torch would round to 10 bits
    keep_freed_memory(setting.device)
    forget_peak_memory(setting.device)


def _evaluate(run: Run, lists: Lists, network: nn.Module, weights: dict, setting: Setting) -> dict:
    """Evidence by evaluation name, "last native whole"; weights that are equal are evaluated once."""
    samples = EvaluationSamples(lists.test_set, lists.report, size=run.recipe.size)
    found: dict = {}
    network.eval()
    for name, state in weights.items():
        if state is not None:
            if name == "selected" and _equal(state, weights["last"]):
                found |= {f"selected{key.removeprefix('last')}": each for key, each in found.items()}
                continue
            network.load_state_dict(state)
        keeper = Keeper() if name == "last" else None
        each = evaluate_together(
            network, samples, setting.processes, recipe=run.recipe, device=setting.device,
            classes=len(lists.test_set.class_names), histograms=HISTOGRAMS.get(lists.test_set.class_names[-1]),
            watch=keeper,
        )  # fmt: skip
        if keeper:
            _keep(keeper.of_all(setting.processes), run_folder(setting, run), lists, setting.processes)
        found |= {f"{name} {evaluation}": evidence for evaluation, evidence in each.items()}
    return found


def _keep(keeper: Keeper, folder: Path, lists: Lists, processes: Processes) -> None:
    processes.first(lambda: keeper.write(folder / "predictions", lists.test_set.colours))


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)

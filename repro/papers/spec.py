"""The words a paper is declared in: frozen dataclasses, so that a misspelt field fails at import.

A declaration says what a paper claims and how we would measure it. It computes nothing, imports nothing and knows of no
run. "Off" is None, False or an empty tuple everywhere; a field that is off is left out of a run's identity.
"""

from dataclasses import dataclass, field

Size = tuple[int, int]  # (height, width) in pixels, always in this order


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything of a training that can change a score, but the network, the data and the seed.

    No field has a default other than "off". Sizes are (height, width) in pixels.
    """

    weights: str  # the encoder's initial weights: "none" (random) or "imagenet"
    loss: str  # a key of repro.losses.LOSSES
    alpha: float | None = None  # the loss's balance in [0, 1]: paper 1's alpha, paper 2's lambda
    class_weights: str | None = None  # a key of repro.losses.CLASS_WEIGHTS, computed from the training labels
    auxiliary_weights: tuple[float, ...] = ()  # weights of the outputs after the main one; () ignores them
    optimiser: str  # "adam" or "adamw" (weight decay decoupled)
    learning_rate: float  # at step 0
    final_learning_rate: float | None = None  # where the schedule ends; off is 0
    schedule: str | None = None  # "cosine", a pure function of the step; off is a constant rate
    weight_decay: float | None = None
    epochs: int  # passes over the training list
    batch: int  # images a step, over all processes
    micro_batch: int | None = None  # images a forward pass (batch-norm sees it); off is the batch
    size: Size | None = None  # images, and labels in training, are resized to this; off keeps them as they are
    crop: Size | None = None  # a random crop of this size in training; off trains on whole images
    augmentations: tuple[str, ...] = ()  # keys of repro.data.transforms.AUGMENTATIONS, applied in this order
    patience: int | None = None  # epochs without a better selection loss before training stops; off never stops
    precision: str  # "float32", "bfloat16" or "float16" (autocast; losses are float32 always)
    averaging: float | None = None  # decay of an exponential moving average of the weights, evaluated in their stead
    window: Size | None = None  # sliding window in evaluation; off evaluates the whole image at once
    flips: bool = False  # evaluation averages the probabilities of the image and its mirror image
    scales: tuple[float, ...] = ()  # evaluation averages over these scales


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of numbers: which score, of which evaluation, on which of the paper's data sets."""

    name: str  # as printed; unique in its table ("DRIVE Acc" where the page has a group "DRIVE")
    data: str  # the paper's data set, a key of Suite.data
    metric: str  # a score's name (repro.metrics.SCORES), "iou:pole,person" for the mean over named classes
    unit: str  # "percent" or "fraction": how the paper prints it; scores are stored as fractions
    tolerance: str  # how far beyond the printed digit's interval still counts as reproduced, in the column's unit
    weights: str = "last"  # "last" or "selected"
    labels: str = "native"  # labels at "native" size or resized to the network's "input" size
    region: str = "whole"  # "whole" or "field_of_view"
    reading_of: str | None = None  # this column is another reading of that column's reported numbers
    extra: bool = False  # the paper prints no such column


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: a system with the numbers the paper prints for it."""

    name: str  # as printed; unique in its table
    network: str | None = None  # a key of repro.networks.NETWORKS; None where `why` says that nothing can be built
    options: dict[str, object] = field(default_factory=dict)  # of the network's constructor
    changes: dict[str, object] = field(default_factory=dict)  # recipe fields this row replaces
    reported: dict[str, str] = field(default_factory=dict)  # column name -> the printed string, "76.5"
    extra: bool = False  # not in the paper: shown below a rule
    ablation: bool = False  # trained only with --ablations
    untrained: bool = False  # no parameters: evaluated only, and its run holds no training
    why: str = ""  # encoder and weights with the reason, or why there is no network


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Another reading of an ambiguous protocol: recipe changes that apply to every row. The headline is the recipe."""

    name: str
    changes: dict[str, object]
    why: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference of two rows that the text states where the numbers themselves are lost."""

    column: str
    row: str
    other: str
    reported: str  # "2.475", in the column's unit
    relative: bool = False  # a per cent of `other`'s number instead of points (where the text leaves it open: False)
    place: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as printed: rows, columns, one recipe. `place` is where it stands, "Table 1, p. 3"."""

    id: str
    title: str
    place: str
    recipe: Recipe
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()
    ablation: bool = False  # a table of our own, trained only with --ablations


@dataclass(frozen=True, kw_only=True)
class Figure(Table):
    """A figure: a table's rows and columns, drawn."""

    kind: str  # "bars", "sweep" (rows along the axis), "curves" (loss of each row) or "architecture"
    axis: str = ""  # label of the horizontal axis; for curves "epoch" or "step"
    curves: tuple[str, ...] = ()  # which curves: "train_loss", "selection_loss", "report_loss"
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A row of a table that reports no score: the machine, or the counts of a data set."""

    name: str
    key: str  # what stands beside it from the records: "machine.gpu", "software.torch", "data.isic2017"
    reported: dict[str, str]  # column -> printed string
    official: dict[str, str] = field(default_factory=dict)  # column -> what the publisher of the data states
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class FactTable:
    """A table of facts: what the paper prints, what the source states, and what the records found."""

    id: str
    title: str
    place: str
    columns: tuple[str, ...]
    rows: tuple[Fact, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Above:
    """`row` scores above every one of `others` in every one of `columns` of one table."""

    table: str
    row: str
    others: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rising:
    """The score rises at every step along `rows`, in every one of `columns`."""

    table: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ConvergedBy:
    """From `epoch` on the selection loss stays within `within` (a fraction) of its mean over the last `last` epochs."""

    figure: str
    row: str
    epoch: int
    within: float
    last: int


@dataclass(frozen=True, kw_only=True)
class LossAt:
    """The training loss is `loss` (within `within`) at `step`, and flat from `flat_from` on.

    Flat: its slope is within `within` a 1000 steps.
    """

    figure: str
    row: str
    step: int
    loss: str
    flat_from: int
    within: float


@dataclass(frozen=True, kw_only=True)
class SmallGap:
    """At the end selection loss exceeds training loss by at most `within` (a fraction of the training loss)."""

    figure: str
    row: str
    within: float


@dataclass(frozen=True, kw_only=True)
class BackgroundAbove:
    """More than `share` (a fraction) of the training pixels of a data set are background."""

    data: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Faster:
    """`row` takes less time an image than each of `others`, on one device."""

    table: str
    row: str
    others: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LowestLoss:
    """At the end of training the loss of `row` on one curve is below that of every one of `others`."""

    figure: str
    row: str
    others: tuple[str, ...]
    curve: str  # "train_loss", "selection_loss" or "report_loss"


Predicate = Above | Rising | ConvergedBy | LossAt | SmallGap | BackgroundAbove | Faster | LowestLoss


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the paper as a predicate over cells: `text` is our paraphrase, `place` where it stands."""

    id: str
    text: str
    place: str
    predicate: Predicate


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A choice the paper leaves open, or a thing we do otherwise: what, what the paper says, what we do, and why."""

    subject: str  # "loss alpha"
    paper: str  # what the paper says: "not stated"
    choice: str  # what we do
    why: str
    rows: tuple[str, ...] = ()  # "table/row" globs it touches; () is the whole paper
    data: tuple[str, ...] = ()  # the sets whose lists it is about: nothing of it is done on others; () is any


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """A place where the paper contradicts itself, its data or the world; the arithmetic lives in repro.audit."""

    id: str
    place: str
    text: str
    inputs: dict[str, str] = field(default_factory=dict)  # printed numbers the finding rests on: the string, or
    # where it is declared ("paper1_table1/ours/mIoU"), since no number is typed twice
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A third party's number: compared only where its protocol is ours."""

    system: str
    data: str
    split: str
    scores: dict[str, str]  # metric -> printed string, fractions
    protocol: dict[str, str]  # backbone, weights, schedule, resolution, region; "unknown" where not stated
    source: str


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper: what it prints, what it claims, and what we chose where it is silent."""

    id: str
    title: str
    authors: str
    source: str
    tables: tuple[Table | FactTable, ...]
    figures: tuple[Figure, ...]
    claims: tuple[Claim, ...]
    deviations: tuple[Deviation, ...]
    contradictions: tuple[Contradiction, ...] = ()
    references: tuple[Reference, ...] = ()
    not_stated: tuple[str, ...] = ()  # recipe fields the paper is silent on: replaced, they are no other protocol


@dataclass(frozen=True, kw_only=True)
class Stand:
    """The data set that stands for one of the paper's in a suite."""

    train: str  # data set trained on; its "selection" list selects and stops early
    test: str  # data set whose "report" list is scored
    name: str  # how people call it, "CamVid"
    own: bool = False  # it is the paper's own data set, so that its numbers stand beside the paper's
    folds: int = 0  # of a cross-validation: seed 0 trains on the list "train-1" and is scored on "report-1", and so on
    classes: dict[str, str] = field(default_factory=dict)  # the paper's class names -> this set's, where they differ
    # (for columns that name classes, "iou:pole,person")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Which data stand behind the papers' tables, and what is replaced because that data or machine cannot give it."""

    name: str
    title: str
    data: dict[str, Stand]  # paper's data set -> what stands for it
    changes: dict[str, object] = field(default_factory=dict)  # recipe fields replaced, shown above the tables
    options: dict[str, dict[str, object]] = field(default_factory=dict)  # network -> constructor options replaced
    table_changes: dict[str, dict[str, object]] = field(default_factory=dict)  # glob of table ids -> recipe fields
    row_changes: dict[str, dict[str, object]] = field(default_factory=dict)  # glob of "table/row" -> recipe fields that
    # replace even the row's own ("paper1_figure2/*" -> {"epochs": 12})
    seeds: tuple[int, ...] = (0,)  # trained when --seeds is not given
    epochs: int | None = None  # set by --epochs: the suite is then a reduced one
    limit: int | None = None  # set by --limit, likewise: so many training images, spread evenly over the list
    toy: bool = False  # generated data: nothing is judged and nothing is published
    why: str = ""  # the reason for what is replaced, one sentence


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A part of the reproduction: some cells of a suite."""

    suite: str  # reduced ones too: "isic2017_256-e30"
    only: str  # glob of "table/row"
    ablations: bool = False

"""Two tables of our own: the ablation paper 1 lacks, and one row per choice that it leaves open."""

from repro.papers.paper1.tables import (
    BOUNDARY,
    FROM_SCRATCH,
    MIOU,
    OURS,
    PA,
    PRIOR_ROW,
    RECIPE,
    SMALL,
)
from repro.papers.spec import Row, Table
from repro.papers.systems import FCN8S

ABLATION = Table(
    id="paper1_ablation",
    title="Attention against fusion, which the paper does not separate",
    place="not in the paper",
    recipe=RECIPE,
    columns=(MIOU, PA, BOUNDARY, SMALL),
    ablation=True,
    rows=(
        Row(
            name="none, none", network="attention_unet", options={**OURS, "attention": "none", "fusion": "none"},
            why="A U-Net on ResNet-50.",
        ),
        Row(
            name="none, adjacent", network="attention_unet",
            options={**OURS, "attention": "none", "fusion": "adjacent"},
        ),
        Row(name="none, full", network="attention_unet", options={**OURS, "attention": "none", "fusion": "full"}),
        Row(
            name="channel, none", network="attention_unet",
            options={**OURS, "attention": "channel", "fusion": "none"}, why="Eq. 1 alone.",
        ),
        Row(
            name="channel, adjacent", network="attention_unet",
            options={**OURS, "attention": "channel", "fusion": "adjacent"},
        ),
        Row(
            name="channel, full", network="attention_unet",
            options={**OURS, "attention": "channel", "fusion": "full"},
        ),
        Row(
            name="spatial, none", network="attention_unet",
            options={**OURS, "attention": "spatial", "fusion": "none"}, why="Eq. 2 alone.",
        ),
        Row(
            name="spatial, adjacent", network="attention_unet",
            options={**OURS, "attention": "spatial", "fusion": "adjacent"},
        ),
        Row(
            name="spatial, full", network="attention_unet",
            options={**OURS, "attention": "spatial", "fusion": "full"},
        ),
        Row(
            name="hybrid, none", network="attention_unet", options={**OURS, "attention": "hybrid", "fusion": "none"},
            why="Eq. 3.",
        ),
        Row(
            name="hybrid, adjacent", network="attention_unet",
            options={**OURS, "attention": "hybrid", "fusion": "adjacent"},
        ),
        Row(
            name="hybrid, full", network="attention_unet", options={**OURS, "attention": "hybrid", "fusion": "full"},
            why="The same run as paper1_table1/ours.",
        ),
        Row(
            name="cbam, full", network="attention_unet", options={**OURS, "attention": "cbam", "fusion": "full"},
            why="In place of eq. 3: channel attention from both poolings, then spatial attention, in sequence.",
        ),
        Row(
            name="scse, full", network="attention_unet", options={**OURS, "attention": "scse", "fusion": "full"},
            why="In place of eq. 3: channel and spatial attention side by side, added.",
        ),
        Row(
            name="gate, full", network="attention_unet", options={**OURS, "attention": "gate", "fusion": "full"},
            why="In place of eq. 3: the additive gate of Oktay et al., which sees the decoder's map.",
        ),
        PRIOR_ROW,
    ),
)  # fmt: skip

OPEN_CHOICES = Table(
    id="paper1_deviations",
    title="What the paper leaves open, one choice at a time",
    place="not in the paper",
    recipe=RECIPE,
    columns=(MIOU, PA),
    ablation=True,
    rows=(
        Row(name="as declared", network="attention_unet", options=OURS, why="The same run as paper1_table1/ours."),
        Row(name="alpha 0.25", network="attention_unet", options=OURS, changes={"alpha": 0.25}),
        Row(name="alpha 0.75", network="attention_unet", options=OURS, changes={"alpha": 0.75}),
        Row(name="reduction 8", network="attention_unet", options={**OURS, "reduction": 8}),
        Row(name="reduction 32", network="attention_unet", options={**OURS, "reduction": 32}),
        Row(name="kernel 3", network="attention_unet", options={**OURS, "kernel": 3}),
        Row(name="kernel 5", network="attention_unet", options={**OURS, "kernel": 5}),
        Row(name="no dropout", network="attention_unet", options={**OURS, "dropout": 0.0}),
        Row(name="dropout 0.5", network="attention_unet", options={**OURS, "dropout": 0.5}),
        Row(name="no weight decay", network="attention_unet", options=OURS, changes={"weight_decay": None}),
        Row(name="weight decay 0.0001", network="attention_unet", options=OURS, changes={"weight_decay": 0.0001}),
        Row(
            name="L2 in the gradient", network="attention_unet", options=OURS,
            changes={"optimiser": "adam", "weight_decay": 0.0001},
            why='"L2" taken by its word: added to the gradient, which makes AdamW plain Adam.',
        ),
        Row(
            name="resize", network="attention_unet", options=OURS, changes={"size": (512, 1024), "crop": None},
            why="Images are halved instead of cropped.",
        ),
        Row(
            name="brightness only", network="attention_unet", options=OURS,
            changes={"augmentations": ("horizontal_flip", "brightness")}, why="Sec. IV-B alone.",
        ),
        Row(
            name="colour only", network="attention_unet", options=OURS,
            changes={"augmentations": ("horizontal_flip", "colour")}, why="Sec. IV-A alone.",
        ),
        Row(name="no early stopping", network="attention_unet", options=OURS, changes={"patience": None}),
        Row(name="from scratch", network="attention_unet", options=OURS, changes=FROM_SCRATCH),
        Row(name="ResNet-34", network="attention_unet", options={**OURS, "encoder_name": "resnet34"}),
        Row(name="float32", network="attention_unet", options=OURS, changes={"precision": "float32"}),
        Row(
            name="FCN-8s on VGG16", network="fcn8s", options=FCN8S,
            why="The FCN of its own paper, fc6 and fc7 from scratch; beside paper1_table1/FCN, the dilated one.",
        ),
        PRIOR_ROW,
    ),
)  # fmt: skip

"""A table of our own: one row per choice that paper 2 leaves open."""

from repro.papers.paper2.figures import SCORES
from repro.papers.paper2.recipe import PRIOR_ROW, RECIPE, TCNET
from repro.papers.spec import Row, Table

OPEN_CHOICES = Table(
    id="paper2_deviations",
    title="What the paper leaves open, one choice at a time",
    place="not in the paper",
    recipe=RECIPE,
    columns=SCORES,
    ablation=True,
    rows=(
        Row(name="as declared", network="tcnet", options=TCNET, why="The same run as paper2_figure1/0.5."),
        Row(
            name="residual LKM", network="tcnet", options={**TCNET, "residual": True},
            why="The large-kernel block that TCNet builds on adds its input; the paper's text does not say so.",
        ),
        Row(
            name="LKM in order b", network="tcnet", options={**TCNET, "order": "b"},
            why="Both BN-Conv first, then the concatenation of a dense and a large depth-wise convolution.",
        ),
        Row(name="kernel 15", network="tcnet", options={**TCNET, "kernel_size": 15}),
        Row(
            name="ETM at strides 16 and 32", network="tcnet", options={**TCNET, "etm_strides": (16, 32)},
            why="Attention over all positions grows with the square of their number.",
        ),
        Row(
            name="MHSA after the fusion", network="tcnet", options={**TCNET, "mfm_attention": "after"},
            why="The text of the fusion module's upper branch is lost: self-attention may follow the three branches.",
        ),
        Row(
            name="head at stride 4", network="tcnet", options={**TCNET, "head_stride": 4},
            why="Logits at a quarter of the input's size, resized.",
        ),
        Row(name="half the width", network="tcnet", options={**TCNET, "width": 32}),
        Row(name="no attention module", network="tcnet", options={**TCNET, "attention": "none"}),
        Row(
            name="WCE + lambda Dice", network="tcnet", options=TCNET,
            changes={"loss": "weighted_cross_entropy_plus_dice"},
            why="The equation of the loss is lost: it may be this.",
        ),
        Row(
            name="unweighted cross-entropy", network="tcnet", options=TCNET, changes={"class_weights": None},
            why='"Weighted" may mean the balance lambda alone.',
        ),
        Row(name="learning rate 0.0001", network="tcnet", options=TCNET, changes={"learning_rate": 0.0001}),
        Row(name="learning rate 0.0003", network="tcnet", options=TCNET, changes={"learning_rate": 0.0003}),
        Row(name="weight decay 0.0001", network="tcnet", options=TCNET, changes={"weight_decay": 0.0001}),
        Row(name="no flips in training", network="tcnet", options=TCNET, changes={"augmentations": ("shift", "scale")}),
        Row(name="early stopping", network="tcnet", options=TCNET, changes={"patience": 20}),
        Row(name="float32", network="tcnet", options=TCNET, changes={"precision": "float32"}),
        PRIOR_ROW,
    ),
)  # fmt: skip

"""Paper 2's sweep and curves: the loss balance, and where the attention module sits."""

from repro.papers.paper2.recipe import (
    FOUR_OUTPUTS,
    MEAN_AC,
    MEAN_DI,
    MEAN_JA,
    MEAN_SE,
    MEAN_SP,
    POOLED_AC,
    POOLED_DI,
    POOLED_JA,
    POOLED_SE,
    POOLED_SP,
    PRIOR_ROW,
    RECIPE,
    TCNET,
)
from repro.papers.spec import Column, Figure, Row

ISIC2017 = {"data": "isic2017", "unit": "percent"}
SWEEP_COLUMNS = (  # the headline is the mean over images, as the challenges of these data sets score
    Column(name="AC", **ISIC2017, **MEAN_AC),
    Column(name="SE", **ISIC2017, **MEAN_SE),
    Column(name="SP", **ISIC2017, **MEAN_SP),
    Column(name="JA", **ISIC2017, **MEAN_JA),
    Column(name="DI", **ISIC2017, **MEAN_DI),
    Column(name="AC, pooled", reading_of="AC", **ISIC2017, **POOLED_AC),
    Column(name="SE, pooled", reading_of="SE", **ISIC2017, **POOLED_SE),
    Column(name="SP, pooled", reading_of="SP", **ISIC2017, **POOLED_SP),
    Column(name="JA, pooled", reading_of="JA", **ISIC2017, **POOLED_JA),
    Column(name="DI, pooled", reading_of="DI", **ISIC2017, **POOLED_DI),
)

FIGURE1 = Figure(
    id="paper2_figure1",
    title="Scores against the balance of the loss",
    place='Figure 1, "The loss function parameters compare the results of the experiment"',
    kind="sweep",
    axis="lambda",
    recipe=RECIPE,
    columns=SWEEP_COLUMNS,
    rows=(
        Row(name="0.1", network="tcnet", options=TCNET, changes={"alpha": 0.1}),
        Row(name="0.2", network="tcnet", options=TCNET, changes={"alpha": 0.2}),
        Row(name="0.3", network="tcnet", options=TCNET, changes={"alpha": 0.3}),
        Row(name="0.4", network="tcnet", options=TCNET, changes={"alpha": 0.4}),
        Row(name="0.5", network="tcnet", options=TCNET, changes={"alpha": 0.5}),
        Row(name="0.6", network="tcnet", options=TCNET, changes={"alpha": 0.6}),
        Row(name="0.7", network="tcnet", options=TCNET, changes={"alpha": 0.7}),
        Row(name="0.8", network="tcnet", options=TCNET, changes={"alpha": 0.8}),
        Row(name="0.9", network="tcnet", options=TCNET, changes={"alpha": 0.9}),
        PRIOR_ROW,
    ),
    notes=(
        "The figure's numbers and its grid are lost and the text gives none: only where the optimum lies is known.",
        "The paper does not say on which data this was run: ISIC 2017 stands, the set it speaks of beside the figure.",
    ),
)

PLACEMENTS = (  # where the hybrid attention module (channel, then spatial) is added
    Row(
        name="all-convolution", network="tcnet", options={**TCNET, "attention": "all_convolution"},
        why="The paper's best; the same run as paper2_figure1/0.5.",
    ),
    Row(name="input-single-output", network="tcnet", options={**TCNET, "attention": "single_output"}),
    Row(name="input-four-output", network="tcnet", options={**TCNET, "attention": "four_output"}),
    Row(
        name="input-four-output with deep supervision", network="tcnet",
        options={**TCNET, "attention": "four_output", "deep_supervision": True}, changes=FOUR_OUTPUTS, extra=True,
        why='For "canceling the deep supervision mechanism of TCNet will improve the segmentation performance".',
    ),
    Row(
        name="encoder and decoder units", network="tcnet", options={**TCNET, "attention": "encoder_decoder"},
        extra=True, why="A place the text names and the figures do not.",
    ),
    Row(
        name="skip connection", network="tcnet", options={**TCNET, "attention": "skip"}, extra=True,
        why='A place the text names ("cross-layer connection") and the figures do not.',
    ),
    Row(
        name="up-sampling", network="tcnet", options={**TCNET, "attention": "upsampling"}, extra=True,
        why="A place the text names and the figures do not.",
    ),
    Row(
        name="none", network="tcnet", options={**TCNET, "attention": "none"}, extra=True,
        why='For "the segmentation performance of the network is all improved [...] after adding".',
    ),
)  # fmt: skip
SCORES = (  # the figures themselves have none; these judge what the text says of the performance
    Column(name="AC", extra=True, **ISIC2017, **MEAN_AC),
    Column(name="JA", extra=True, **ISIC2017, **MEAN_JA),
    Column(name="DI", extra=True, **ISIC2017, **MEAN_DI),
)
LOST_CURVES = (
    "The figure's curves are lost in the text: only what the text says of them is compared.",
    "The paper does not say on which data this was run: ISIC 2017 stands.",
)

FIGURE2 = Figure(
    id="paper2_figure2",
    title="Training loss for each place of the attention module",
    place='Figure 2, "Training curves of different addition strategies"',
    kind="curves",
    axis="step",
    curves=("train_loss",),
    recipe=RECIPE,
    columns=SCORES,
    rows=PLACEMENTS,
    notes=(*LOST_CURVES, '"Times" of training are taken for optimiser steps.'),
)

FIGURE3 = Figure(
    id="paper2_figure3",
    title="Test loss for each place of the attention module",
    place='Figure 3, "The loss curve of the different addition strategies on the test\' set"',
    kind="curves",
    axis="step",
    curves=("report_loss",),
    recipe=RECIPE,
    columns=SCORES,
    rows=PLACEMENTS,
    notes=LOST_CURVES,
)

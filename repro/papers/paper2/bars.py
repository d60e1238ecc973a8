"""Paper 2's two comparisons: eight systems on PH2, and eight on ISIC 2018."""

from repro.papers.paper2.recipe import (
    MEAN_AC,
    MEAN_DI,
    MEAN_JA,
    POOLED_AC,
    POOLED_DI,
    POOLED_JA,
    PRIOR_ROW,
    RECIPE,
    TCNET,
)
from repro.papers.spec import Column, Difference, Figure, Row
from repro.papers.systems import (
    AUXILIARY,
    CANET,
    CENET,
    DEEPLABV3,
    DEEPLABV3PLUS,
    FCN,
    FIVE_OUTPUTS,
    ISL_MSCA,
    MEDT,
    MFCN_PI,
    OWN_PAPER,
    SAME_BACKBONE,
    SSLS,
    THREE_STAGES,
    UNET,
    UNET3PLUS,
    UNETPLUSPLUS,
    UTNET,
)

PH2 = {"data": "ph2", "unit": "percent"}
PH2_INPUT = {**PH2, "labels": "input"}
PH2_COLUMNS = (
    Column(name="JA", **PH2, **MEAN_JA),
    Column(name="AC", **PH2, **MEAN_AC),
    Column(name="DI", **PH2, **MEAN_DI),
    Column(name="JA, pooled", reading_of="JA", **PH2, **POOLED_JA),
    Column(name="AC, pooled", reading_of="AC", **PH2, **POOLED_AC),
    Column(name="DI, pooled", reading_of="DI", **PH2, **POOLED_DI),
    Column(name="JA, labels at input size", reading_of="JA", **PH2_INPUT, **MEAN_JA),
    Column(name="AC, labels at input size", reading_of="AC", **PH2_INPUT, **MEAN_AC),
    Column(name="DI, labels at input size", reading_of="DI", **PH2_INPUT, **MEAN_DI),
)
ISIC2018 = {"data": "isic2018", "unit": "percent"}
ISIC2018_INPUT = {**ISIC2018, "labels": "input"}
ISIC2018_COLUMNS = (
    Column(name="JA", **ISIC2018, **MEAN_JA),
    Column(name="AC", **ISIC2018, **MEAN_AC),
    Column(name="DI", **ISIC2018, **MEAN_DI),
    Column(name="JA, pooled", reading_of="JA", **ISIC2018, **POOLED_JA),
    Column(name="AC, pooled", reading_of="AC", **ISIC2018, **POOLED_AC),
    Column(name="DI, pooled", reading_of="DI", **ISIC2018, **POOLED_DI),
    Column(name="JA, labels at input size", reading_of="JA", **ISIC2018_INPUT, **MEAN_JA),
    Column(name="AC, labels at input size", reading_of="AC", **ISIC2018_INPUT, **MEAN_AC),
    Column(name="DI, labels at input size", reading_of="DI", **ISIC2018_INPUT, **MEAN_DI),
)

CLASSICAL = "A classical method: said to be trained on ISIC 2017, but it has no parameters to train."

FIGURE4 = Figure(
    id="paper2_figure4",
    title="Eight systems, classical methods among them",
    place='Figure 4, "The segmentation performance of each model on the PH2 test set"',
    kind="bars",
    recipe=RECIPE,
    columns=PH2_COLUMNS,
    rows=(
        Row(name="FCN", network="fcn", options=FCN, changes=AUXILIARY, why=SAME_BACKBONE),
        Row(name="UNet", network="unet", options=UNET, why=OWN_PAPER),
        Row(name="ISL-MSCA", network="isl_msca", options=ISL_MSCA, untrained=True, why=CLASSICAL),
        Row(name="SSLS", network="ssls", options=SSLS, untrained=True, why=CLASSICAL),
        Row(
            name="mFCN-PI", network="mfcn_pi", options=MFCN_PI, changes=THREE_STAGES,
            why=SAME_BACKBONE + " Its stages are the FCN of this figure.",
        ),
        Row(
            name="SBPSF",
            why="The paper gives no reference for it and no system of that name could be identified: nothing to build.",
        ),
        Row(
            name="UNet3+", network="unet3plus", options=UNET3PLUS, changes=FIVE_OUTPUTS,
            why=OWN_PAPER + " All its outputs are supervised alike; every image holds a lesion, so no class guidance.",
        ),
        Row(name="TCNet", network="tcnet", options=TCNET),
        PRIOR_ROW,
    ),
    differences=(
        Difference(
            column="JA", row="TCNet", other="UNet", reported="2.475",
            place='Text of Figure 4: "2.475% and 3.96% higher in both JA and DI metrics"',
        ),
        Difference(
            column="DI", row="TCNet", other="UNet", reported="3.96",
            place='Text of Figure 4: "2.475% and 3.96% higher in both JA and DI metrics"',
        ),
        Difference(
            column="AC", row="TCNet", other="SSLS", reported="11.153",
            place='Text of Figure 4: "the difference between the two in pixel-AC index reaches 11.153%"',
        ),
    ),
    notes=("The bars are lost in the text, which gives three differences and no height.",),
)  # fmt: skip

FIGURE5 = Figure(
    id="paper2_figure5",
    title="Eight networks",
    place='Figure 5, "Segmentation performance in the ISIC 2018 validation set"',
    kind="bars",
    recipe=RECIPE,
    columns=ISIC2018_COLUMNS,
    rows=(
        Row(name="UNet++", network="unetplusplus", options=UNETPLUSPLUS, why=SAME_BACKBONE),
        Row(name="DeepLabv3+", network="deeplabv3plus", options=DEEPLABV3PLUS, why=SAME_BACKBONE),
        Row(
            name="CE-Net", network="cenet", options=CENET,
            why="ResNet-34, as its own paper defines it, from random weights like every row.",
        ),
        Row(name="DeepLabv3", network="deeplabv3", options=DEEPLABV3, why=SAME_BACKBONE),
        Row(name="UTNet", network="utnet", options=UTNET, why=OWN_PAPER),
        Row(name="MedT", network="medt", options=MEDT, why=OWN_PAPER),
        Row(name="CA-Net", network="canet", options=CANET, why=OWN_PAPER),
        Row(
            name="TCNet", network="tcnet", options=TCNET,
            reported={"JA": "90.334", "AC": "93.457", "DI": "91.773"},  # from the text: the bars are lost
        ),
        PRIOR_ROW,
    ),
    differences=(
        Difference(
            column="JA", row="TCNet", other="UNet++", reported="7.64",  # in points, or a per cent of UNet++'s number
            place='Text of Figure 5: "a performance improvement of 7.64% compared to the UNet++ method"',
        ),
    ),
    notes=(
        "The bars are lost in the text, which gives TCNet's three and one difference.",
        "Mask R-CNN, one of the three approaches the introduction names, is in none of the paper's tables and figures.",
    ),
)  # fmt: skip

"""Paper 1's figures: the network's structure and its loss curves."""

from repro.papers.paper1.tables import FROM_SCRATCH, MIOU, OURS, PA, RECIPE
from repro.papers.spec import Figure, Row
from repro.papers.systems import AUXILIARY, DEEPLABV3PLUS, FCN, PSPNET, SEGNET, UNET

FIGURE1 = Figure(
    id="paper1_figure1",
    title="Structure of the attention U-Net and of the plain one",
    place='Sec. III, "Figure 1 Unet Network Architecture"',
    kind="architecture",
    recipe=RECIPE,
    columns=(MIOU,),  # names the runs whose traced structure is drawn; the figure itself has no numbers
    rows=(
        Row(name="ours", network="attention_unet", options=OURS),
        Row(
            name="U-Net", network="unet", options=UNET, changes=FROM_SCRATCH,
            why="The caption speaks of the U-Net's architecture, the text of the improved one's: both are drawn.",
        ),
    ),
)  # fmt: skip

FIGURE2 = Figure(
    id="paper1_figure2",
    title="Training and validation loss of the attention U-Net and of what it is compared with",
    place='Sec. IV-C, "Figure 2 Loss function drop graph"',
    kind="curves",
    axis="epoch",
    curves=("train_loss", "selection_loss"),
    recipe=RECIPE,
    columns=(MIOU, PA),
    rows=(
        Row(name="ours", network="attention_unet", options=OURS),
        Row(
            name="ours, 200 epochs", network="attention_unet", options=OURS, extra=True,
            changes={"epochs": 200, "patience": None},
            why='The text sees convergence "after about 175 epochs", which 100 epochs cannot show.',
        ),
        Row(name="FCN", network="fcn", options=FCN, changes=AUXILIARY, extra=True),
        Row(name="SegNet", network="segnet", options=SEGNET, extra=True),
        Row(name="DeepLabv3+", network="deeplabv3plus", options=DEEPLABV3PLUS, extra=True),
        Row(name="PSPNet", network="pspnet", options=PSPNET, changes=AUXILIARY, extra=True),
        Row(name="U-Net", network="unet", options=UNET, changes=FROM_SCRATCH, extra=True),
    ),
    notes=("The paper's own curves are lost in its text: only what the text says of them is compared.",),
)  # fmt: skip

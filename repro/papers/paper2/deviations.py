"""What paper 2 leaves open, and what was chosen; paper2_deviations varies what can be varied."""

from repro.papers.spec import Deviation

NOT_STATED = "not stated"
TCNET = ("*/LKM*", "*/TCNet", "paper2_figure1/*", "paper2_figure2/*", "paper2_figure3/*", "paper2_deviations/*")
VESSELS = ("paper2_table3/*",)
BARS = ("paper2_figure4/*", "paper2_figure5/*")

NETWORK = (
    Deviation(
        subject="stages and widths of TCNet",
        paper=NOT_STATED,
        choice="a stem at strides 1 and 2 with 16 and 32 channels, then two branches side by side of four stages at "
        "strides 4 to 32 with 64, 128, 256 and 512",
        why="The form of the encoders it builds on.",
        rows=TCNET,
    ),
    Deviation(
        subject="decoder of TCNet",
        paper='"and decoder", no more',
        choice="up-sampling, the fused skip, two 3x3 convolutions with batch normalisation, up to the input's size",
        why="A head at stride 4 cannot draw vessels; it is tried.",
        rows=TCNET,
    ),
    Deviation(
        subject="order in the LKM",
        paper="its parts; the equations that order them are lost",
        choice="BN-Conv, then a dense 1x1 and the 31x31 beside it, concatenated, BN-Conv, GELU, 1x1; no residual",
        why="Each named part once; the other order and the residual are tried.",
        rows=TCNET,
    ),
    Deviation(
        subject="kernel on small maps",
        paper="31x31",
        choice="each side at most twice the map's less one: 27x31 on a map of 14x28",
        why="What lies further is padding on every position.",
        rows=TCNET,
    ),
    Deviation(
        subject="order in the ETM",
        paper="three layer norms, one MHSA, one 31x31 and one MLP a half; their order is lost",
        choice="each behind its layer norm and with a residual: 31x31, MHSA with 8 heads, MLP of ratio 4; no "
        "position code",
        why="The order of the words, in the usual pre-norm form.",
        rows=TCNET,
    ),
    Deviation(
        subject="strides of the self-attention",
        paper=NOT_STATED,
        choice="ETM at strides 8, 16 and 32; the MFM's at stride 4 runs on the means of 2x2 positions",
        why="At stride 4 of a 448x448 image the attention matrix alone is larger than the paper's card can hold.",
        rows=TCNET,
    ),
    Deviation(
        subject="upper branch of the MFM",
        paper="lost in the text at hand",
        choice="the next deeper map, up-sampled and cut, through self-attention",
        why='By symmetry with the lower branch, and for the "multi-head self-attention mechanism" the MFM combines.',
        rows=TCNET,
    ),
    Deviation(
        subject="form of the hybrid attention module",
        paper="channel and spatial attention; reduction and kernel not stated",
        choice="CBAM: channel attention with reduction 16, then spatial attention with a 7x7 convolution",
        why="Its two descriptors, average and maximum pooling, are CBAM's.",
        rows=TCNET,
    ),
    Deviation(
        subject="places of the hybrid attention module",
        paper="named, not drawn in the text at hand",
        choice="all-convolution: after every 3x3 unit and every LKM; encoder and decoder units: at the end of every "
        "stage; single and four outputs: after the first unit and before the one head or the four",
        why="The least that tells the names apart.",
        rows=("paper2_figure2/*", "paper2_figure3/*"),
    ),
    Deviation(
        subject="attention in the ablation and the sweep",
        paper="does not say where the hybrid attention sits in Table 3 and Figure 1",
        choice="in all convolutional units, as in the network the paper ends with",
        why="Then Table 3's last row, Figure 1's 0.5 and Figures 4 and 5 are the same network.",
        rows=("paper2_table3/*", "paper2_figure1/*"),
    ),
    Deviation(
        subject="ticks of Table 3",
        paper="two ticks in rows 2 and 3; which columns they are in is lost",
        choice="row 2 is LKM + ETM, row 3 LKM + MFM",
        why="The order of the table's heads.",
        rows=("paper2_table3/LKM*",),
    ),
    Deviation(
        subject="a network without ETM or MFM",
        paper=NOT_STATED,
        choice="without ETM there is no second branch; without MFM its place is taken by concatenation and a 1x1",
        why="The least that keeps the rest as it is.",
        rows=("paper2_table3/LKM*",),
    ),
    Deviation(
        subject="deep supervision",
        paper="better without",
        choice="off; in the row that has it four outputs weigh alike",
        why="As U-Net++, whose four outputs these are, weighs them.",
        rows=TCNET,
    ),
)

TRAINING = (
    Deviation(
        subject="learning rate",
        paper=NOT_STATED,
        choice="0.001, cosine to 0 at the last step",
        why="Adam's default; neighbours in the literature use 0.0001 to 0.001. Chosen on no reported image.",
    ),
    Deviation(subject="weight decay", paper=NOT_STATED, choice="none", why="None is mentioned; 0.0001 is tried."),
    Deviation(
        subject="initial weights",
        paper=NOT_STATED,
        choice="random in every row",
        why="No pretrained TCNet exists, and a comparison with pretrained others would be about pretraining.",
    ),
    Deviation(
        subject="loss",
        paper="weighted cross-entropy and Dice with a parameter; the equation is lost",
        choice="lambda WCE + (1 - lambda) Dice",
        why="A parameter that is best at 0.5 speaks for a balance; WCE + lambda Dice is tried.",
    ),
    Deviation(
        subject="Dice loss",
        paper="named; the equation is lost",
        choice="per image over the classes in its label, background too, then the mean over images; no smoothing",
        why="As in paper 1; so an image without a lesion has one, too. Over the foreground alone is as common.",
    ),
    Deviation(
        subject="grid of the sweep",
        paper="lost with the figure",
        choice="lambda 0.1 to 0.9 in steps of 0.1",
        why="0.5 in the middle, and neither end, where one of the two losses would be gone.",
        rows=("paper2_figure1/*",),
    ),
    Deviation(
        subject="class weights",
        paper='"weighted"; "more than 75% [...] background"',
        choice="foreground to background 3:1 where more than three quarters of the training pixels are background",
        why="The ratio that the sentence gives; unweighted is tried.",
    ),
    Deviation(
        subject="amount of shift and scale",
        paper='"random shift and random scale change"',
        choice="up to a tenth of each side, and a tenth up or down",
        why="As in CE-Net, from whose paper this recipe's wording comes.",
    ),
    Deviation(
        subject="precision",
        paper=NOT_STATED,
        choice="bfloat16 autocast, losses and the large convolution in float32",
        why="Batch 15 has to fit a card of 12 GB; float32 is tried.",
    ),
    Deviation(
        subject="early stopping and weights reported",
        paper=NOT_STATED,
        choice="none; the last weights",
        why="No choice is the choice that cannot flatter; early stopping is tried.",
    ),
    Deviation(
        subject="steps of an epoch",
        paper=NOT_STATED,
        choice="ceil(images / batch): the images of one epoch run on into the next, and no batch is short",
        why="Batch normalisation never sees a small batch.",
    ),
    Deviation(
        subject='"times" of training in Figure 2',
        paper="1000 and 2500 times",
        choice="optimiser steps",
        why="120 epochs cannot be 2500 of anything longer.",
        rows=("paper2_figure2/*",),
    ),
    Deviation(
        subject="seeds",
        paper="one run, as far as can be seen",
        choice="as many as are given with --seeds; mean, spread and n stand beside each other",
        why="One seed proves nothing.",
    ),
)

DATA = (
    Deviation(
        subject="split of ISIC 2017",
        paper="800 for training and 350 for validation, not the publisher's 2000, 150 and 600",
        choice="800 and 350 drawn from the official training images by a named seed, written to a file with its hash",
        why="The paper's lists are not given.",
        data=("isic2017",),
        rows=("paper2_figure1/*", "paper2_figure2/*", "paper2_figure3/*", "paper2_figure4/*", "paper2_deviations/*"),
    ),
    Deviation(
        subject="split of ISIC 2018",
        paper="1865 for training and 635 for validation of 2500, beside a cross-validation that is only announced",
        choice="1865 and 635 drawn by a named seed; folds are an option",
        why="The paper's lists are not given; its table has one split.",
        data=("isic2018",),
        rows=("paper2_figure5/*",),
    ),
    Deviation(
        subject="images of PH2",
        paper="220",
        choice="the 200 that exist, all for testing",
        why="The publisher has 200.",
        data=("ph2",),
        rows=("paper2_figure4/*",),
    ),
    Deviation(
        subject="split of DRIVE and CHASEDB",
        paper=NOT_STATED,
        choice="DRIVE's official 20 and 20; CHASE_DB1's first 20 images for training and last 8 for the report",
        why="What most work on these sets does; no child is in both parts.",
        data=("drive", "chasedb1"),
        rows=VESSELS,
    ),
    Deviation(
        subject="selection lists",
        paper="none: the validation images are the reported ones",
        choice="a part of training, cut by child or patient where one is known",
        why="No image or person that selects is reported.",
    ),
    Deviation(
        subject="data of Figures 1 to 3",
        paper="not named",
        choice="ISIC 2017",
        why="The set the text speaks of beside Figure 1, and the first it introduces.",
        rows=("paper2_figure1/*", "paper2_figure2/*", "paper2_figure3/*"),
    ),
    Deviation(
        subject="test loss of Figure 3",
        paper='"on the test set", though Table 2 leaves no test images for ISIC 2017',
        choice="on the report list, recorded and used for nothing else",
        why="The figure asks for it; nothing is selected by it.",
        rows=("paper2_figure3/*",),
    ),
)

EVALUATION = (
    Deviation(
        subject="size of the labels",
        paper='"all the images are resized to 448x448"',
        choice="predictions are resized to the labels as drawn; labels at input size are another column",
        why="Resized labels are another benchmark: vessels lose what is thin.",
    ),
    Deviation(
        subject="field of view",
        paper=NOT_STATED,
        choice="vessels inside it: DRIVE's official masks, CHASE_DB1's from a folder CHASEDB1_FOV where there is one, "
        "else derived from the image, and the record says which; whole image beside it",
        why="What most work on these sets does.",
        rows=VESSELS,
    ),
    Deviation(
        subject="aggregation",
        paper=NOT_STATED,
        choice="skin: mean over images, pooled beside it; vessels: pooled",
        why="As the challenges of these sets, and most work on them, score.",
    ),
    Deviation(
        subject="threshold and AUC",
        paper="no threshold; AUC not defined",
        choice="foreground where its probability exceeds 0.5; area under the ROC curve over all pixels",
        why="The usual meaning of both.",
    ),
    Deviation(
        subject="differences in per cent",
        paper='"2.475% [...] higher", "a performance improvement of 7.64%"',
        choice="taken as points",
        why="The text leaves open whether points or shares are meant; the first reading is the plainer.",
        rows=BARS,
    ),
)

OTHERS = (
    Deviation(
        subject="the systems compared with",
        paper="names, most without a reference; whether trained here or copied is not said",
        choice="each built as its own paper defines it and trained by this recipe, encoders as paper 1's rows",
        why="One budget for all is the only fair comparison.",
        rows=BARS,
    ),
    Deviation(
        subject="outputs beside the main one",
        paper=NOT_STATED,
        choice="U-Net3+'s five and mFCN-PI's stages weigh 1 each; FCN's auxiliary head 0.4; U-Net++ has one output",
        why="As their papers or libraries have them.",
        rows=("*/UNet3+", "*/mFCN-PI", "*/FCN", "*/UNet++"),
    ),
    Deviation(
        subject="SSLS and ISL-MSCA",
        paper="trained on ISIC 2017",
        choice="applied to the test images, without training",
        why="Both are methods without parameters.",
        rows=("*/SSLS", "*/ISL-MSCA"),
    ),
    Deviation(
        subject="DeepLabv3 and DeepLabv3+",
        paper="named alone",
        choice="smp's: the first without multi-grid, with a 3x3 behind the pyramid; the second with one 3x3 at the end",
        why="What libraries call so; Chen et al. have a multi-grid of 2, 4, 8, and two 3x3 convolutions there.",
        rows=("*/DeepLabv3", "*/DeepLabv3+"),
    ),
    Deviation(
        subject="SBPSF",
        paper="named, no reference",
        choice="the row stays, without a number",
        why="No system of that name could be identified.",
        rows=("*/SBPSF",),
    ),
    Deviation(
        subject="Mask R-CNN",
        paper="one of the three main approaches in the introduction, in no table and no figure",
        choice="not built",
        why="There is no number to reproduce, and it segments instances.",
    ),
)

DEVIATIONS = (*NETWORK, *TRAINING, *DATA, *EVALUATION, *OTHERS)

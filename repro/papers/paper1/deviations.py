"""What paper 1 leaves open, and what was chosen; paper1_deviations varies what can be varied."""

from repro.papers.spec import Deviation

OURS = ("*/ours*", "paper1_table2/*", "paper1_ablation/*", "paper1_deviations/*")
NOT_STATED = "not stated"

DEVIATIONS = (
    Deviation(
        subject="backbone",
        paper=NOT_STATED,
        choice="ResNet-50 in every row that can have it, VGG16-BN for SegNet, none for the plain U-Net and Oktay's",
        why="One backbone for all, so that the table compares networks and not encoders.",
    ),
    Deviation(
        subject="initial weights",
        paper=NOT_STATED,
        choice="ImageNet on Cityscapes, and random ones for every row in a second column; only these on stand-ins",
        why="The usual start of these networks on this data; the two are never mixed in a column.",
    ),
    Deviation(
        subject="plain U-Nets start from random weights",
        paper="no such row",
        choice="U-Net and Attention U-Net (Oktay) have no pretrained weights in any column",
        why="None exist for them: the fair comparison is the row U-Net on ResNet-50.",
        rows=("*/U-Net", "*/Attention U-Net (Oktay)"),
    ),
    Deviation(
        subject="form of FCN",
        paper="cites none",
        choice="ResNet-50 dilated to stride 8 with a 3x3 head; FCN-8s on VGG16 stands in paper1_deviations",
        why="It is what libraries call FCN today.",
        rows=("*/FCN",),
    ),
    Deviation(
        subject="auxiliary loss",
        paper=NOT_STATED,
        choice="weight 0.4 on the encoder's fourth stage for PSPNet and FCN",
        why="PSPNet's own paper defines it so; FCN as libraries train it.",
        rows=("*/FCN", "*/PSPNet"),
    ),
    Deviation(
        subject="loss alpha",
        paper='"balance weight", no number',
        choice="0.5",
        why="The middle; 0.25 and 0.75 are tried.",
    ),
    Deviation(
        subject="Dice loss",
        paper="named, not defined",
        choice="per image over the classes present in its label, then the mean over images",
        why="So it does not depend on how a batch is cut into slices, and absent classes give no gradient.",
    ),
    Deviation(
        subject="reduction r in eq. 1",
        paper=NOT_STATED,
        choice="16",
        why="The default of squeeze-and-excitation, whose form eq. 1 has.",
        rows=OURS,
    ),
    Deviation(
        subject="kernel in eq. 2",
        paper=NOT_STATED,
        choice="7",
        why="The default of CBAM, whose spatial form eq. 2 has.",
        rows=OURS,
    ),
    Deviation(
        subject="multi-scale and global feature fusion",
        paper="named, without equation or figure at hand",
        choice="each skip connection gathers its neighbours' scales, the deepest map all scales, as residuals",
        why="The least that the names allow; switched off in paper1_ablation.",
        rows=OURS,
    ),
    Deviation(
        subject="decoder widths",
        paper=NOT_STATED,
        choice="256, 128, 64, 32, 16",
        why="Those of smp's U-Net.",
        rows=OURS,
    ),
    Deviation(
        subject="dropout",
        paper='"Dropout", no place and no rate',
        choice="0.1 before the head of ours; the other networks as their own papers have it",
        why="The rate that FCN and PSPNet have at that place.",
    ),
    Deviation(
        subject="weight decay",
        paper='"L2", which for AdamW may mean its decoupled decay or a penalty in the gradient',
        choice="decoupled, 0.01",
        why="AdamW is the optimiser named, and 0.01 its default; both readings are tried.",
    ),
    Deviation(
        subject="end of the cosine schedule",
        paper=NOT_STATED,
        choice="0 at the last step, no restarts",
        why="The schedule's plain form.",
    ),
    Deviation(
        subject="early stopping",
        paper='"a dynamic early stopping mechanism"',
        choice="after 20 epochs without a lower selection loss",
        why="A fifth of the epochs; training without it is tried.",
    ),
    Deviation(
        subject="selection list",
        paper="the validation set stops the training, chooses the learning rate and is reported",
        choice="whole cities cut from training stop and select; the validation set is only reported",
        why="A score on the images that selected the model flatters it.",
    ),
    Deviation(
        subject="weights reported",
        paper=NOT_STATED,
        choice="the last; the column `selected` has the best on the selection list",
        why="No choice is the choice that cannot flatter.",
    ),
    Deviation(
        subject="input resolution",
        paper='"512x1024" with "random cropping" of 1024x2048 images',
        choice="crops of 512x1024 in training, whole images of 1024x2048 in evaluation; `resize` is the other reading",
        why="Random cropping to the input's own size would do nothing to halved images.",
    ),
    Deviation(
        subject="augmentation",
        paper="colour perturbation in Sec. IV-A, brightness perturbation in Sec. IV-B; no amounts",
        choice="both, as repro.data.transforms gives them",
        why="The paper says both; each alone is tried.",
    ),
    Deviation(
        subject="learning rates tried",
        paper="five for ours, none named for the other networks",
        choice="every row of paper1_table1 at 0.0005",
        why="One try for each is the same for all.",
        rows=("paper1_table1/*",),
    ),
    Deviation(
        subject="precision",
        paper=NOT_STATED,
        choice="bfloat16 autocast, losses in float32",
        why="Batch 16 at 512x1024 does not fit the paper's 24 GB card otherwise; float32 is tried.",
    ),
    Deviation(
        subject="steps of an epoch",
        paper=NOT_STATED,
        choice="ceil(images / batch): the images of one epoch run on into the next, and no batch is short",
        why="Batch normalisation never sees a small batch.",
    ),
    Deviation(
        subject="mIoU and PA",
        paper="named, not defined",
        choice="from pixel counts pooled over the split, void left out, 19 classes",
        why="The definition of the data set's own evaluation.",
    ),
    Deviation(
        subject="boundaries and small targets",
        paper="claimed, not measured",
        choice="IoU within 3 px of label boundaries; mean IoU of pole, traffic sign, person and bicycle",
        why="Each claim needs a number that could contradict it.",
        rows=("paper1_table1/*", "paper1_ablation/*"),
    ),
    Deviation(
        subject="validation loss of Figure 2",
        paper="on the validation set",
        choice="on the selection list",
        why="The reported images are looked at once, at the end.",
        rows=("paper1_figure2/*",),
    ),
    Deviation(
        subject="length of Figure 2",
        paper="100 epochs in the recipe, about 175 in the text",
        choice="100 epochs, and a second run of 200 without early stopping",
        why="Convergence at 175 can be judged only on a run that goes further.",
        rows=("paper1_figure2/ours, 200 epochs",),
    ),
    Deviation(
        subject="seeds",
        paper="one run, as far as can be seen",
        choice="as many as are given with --seeds; mean, spread and n stand beside each other",
        why="Identical runs differ by about one point of mIoU.",
    ),
)

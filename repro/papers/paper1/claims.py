"""What paper 1's text claims, as predicates over its tables and figures."""

from repro.papers.spec import Above, Claim, ConvergedBy, Faster, Rising, SmallGap

BASELINES = ("FCN", "SegNet", "DeepLabv3+", "PSPNet")

CLAIMS = (
    Claim(
        id="paper1_best",
        text="The attention U-Net exceeds FCN, SegNet, DeepLabv3+ and PSPNet in mIoU and in PA.",
        place='Sec. IV-C: "both exceeding other comparison models"',
        predicate=Above(table="paper1_table1", row="ours", others=BASELINES, columns=("mIoU", "PA")),
    ),
    Claim(
        id="paper1_better_than_unet",
        text="It surpasses the traditional U-Net.",
        place='Sec. I: "not only surpasses the traditional model in performance"',
        predicate=Above(table="paper1_table1", row="ours", others=("U-Net",), columns=("mIoU", "PA")),
    ),
    Claim(
        id="paper1_modules_help",
        text="Attention and fusion together help: it surpasses the U-Net on its own backbone and initial weights.",
        place='Sec. IV-C: "the effectiveness of attention mechanism and multi-scale fusion design"',
        predicate=Above(table="paper1_table1", row="ours", others=("U-Net on ResNet-50",), columns=("mIoU", "PA")),
    ),
    Claim(
        id="paper1_attention_helps",
        text="The hybrid attention helps, with the fusion as it is.",
        place='Sec. IV-C: "through hybrid attention mechanism and global feature fusion module"',
        predicate=Above(table="paper1_ablation", row="hybrid, full", others=("none, full",), columns=("mIoU", "PA")),
    ),
    Claim(
        id="paper1_fusion_helps",
        text="The multi-scale fusion helps, with the attention as it is.",
        place='Sec. V: "the effectiveness and advanced design of the attention mechanism and multi-scale fusion"',
        predicate=Above(table="paper1_ablation", row="hybrid, full", others=("hybrid, none",), columns=("mIoU", "PA")),
    ),
    Claim(
        id="paper1_boundaries",
        text="It is better at blurred boundaries.",
        place='Sec. IV-C: "solves the problems of complex scenes and fuzzy boundary targets"',
        predicate=Above(table="paper1_table1", row="ours", others=BASELINES, columns=("boundary IoU",)),
    ),
    Claim(
        id="paper1_small_targets",
        text="It is better at small targets.",
        place='Sec. IV-C: "especially in complex background and small target processing"',
        predicate=Above(table="paper1_table1", row="ours", others=BASELINES, columns=("small targets",)),
    ),
    Claim(
        id="paper1_learning_rate",
        text="mIoU and PA rise at each step from the highest learning rate to the lowest.",
        place='Sec. IV-C: "As the learning rate decreases, mIoU and PA gradually increase"',
        predicate=Rising(
            table="paper1_table2", rows=("0.005", "0.003", "0.002", "0.001", "0.0005"), columns=("mIoU", "PA")
        ),
    ),
    Claim(
        id="paper1_converges",
        text="The loss has converged by about epoch 175.",
        place='Sec. IV-C, text of Figure 2: "an approximate convergence state after about 175 epochs"',
        predicate=ConvergedBy(figure="paper1_figure2", row="ours, 200 epochs", epoch=175, within=0.02, last=10),
    ),
    Claim(
        id="paper1_small_gap",
        text="The gap between training and validation loss is small: at most a quarter of the training loss.",
        place='Sec. IV-C, text of Figure 2: "the gap between the training loss and the validation loss is small"',
        predicate=SmallGap(figure="paper1_figure2", row="ours", within=0.25),
    ),
    Claim(
        id="paper1_efficient",
        text="It is efficient: it takes less time an image than the networks it is compared with.",
        place='Sec. IV-B: "model inference efficiency as the main evaluation indicators"; Sec. V: "efficiency"',
        predicate=Faster(table="paper1_table1", row="ours", others=BASELINES),
    ),
)

"""Paper 2's recipe and the networks its tables and figures share."""

from repro.papers.spec import Recipe, Row

# Comments in quotation marks cite the paper; the rest is chosen and stands in deviations.py with its reason. The
# paper has no section numbers: places are named by what they are about.
RECIPE = Recipe(
    weights="none",  # chosen: the paper names no pretraining, and TCNet's own encoder has none
    loss="weighted_cross_entropy_dice",  # "the weighted cross-entropy loss function and Dice loss function are used"
    alpha=0.5,  # lambda: "obtains the best performance when the loss function is 0.5"
    class_weights="three_to_one_if_mostly_background",  # chosen: "weighted", and "more than 75% [...] background"
    optimiser="adam",  # "optimized using Adam optimizer"
    learning_rate=0.001,  # chosen: no number in the paper
    schedule="cosine",  # "a cosine annealing strategy is used to adjust the learning rate"
    epochs=120,  # "epoch set to 120"
    batch=15,  # "training batch set to 15"
    size=(448, 448),  # "all the images are resized to 448x448"
    augmentations=(
        "vertical_flip",  # "vertical flip,
        "horizontal_flip",  # horizontal flip,
        "diagonal_flip",  # diagonal flip,
        "shift",  # random shift
        "scale",  # and random scale change"
    ),
    precision="bfloat16",  # chosen, see deviations.py
)

TCNET = {  # the network the paper ends with; what is chosen stands in deviations.py
    "width": 64,
    "kernel_size": 31,  # "one 31x31"
    "order": "a",
    "residual": False,
    "etm": True,
    "etm_strides": (8, 16, 32),
    "heads": 8,
    "mlp_ratio": 4,
    "mfm": True,
    "mfm_attention": "upper",
    "attention_stride": 8,
    "attention": "all_convolution",  # "all the convolutional units are added [...] with the best effect"
    "reduction": 16,
    "attention_kernel": 7,
    "head_stride": 1,
    "deep_supervision": False,  # "canceling the deep supervision mechanism of TCNet will improve the segmentation"
}
FOUR_OUTPUTS = {"auxiliary_weights": (1.0, 1.0, 1.0)}  # deep supervision weighs its four outputs alike, as U-Net++ does

PRIOR_ROW = Row(
    name="position prior", network="position_prior", untrained=True, extra=True,
    why="The floor: each pixel's commonest training label.",
)  # fmt: skip

# Scores of skin images. Tolerance: less than half of the least that the text calls an improvement (2.475 points of
# JA); over published rows on these sets (references.py) AC changes by about a third of JA.
MEAN_AC = {"metric": "mean_accuracy", "tolerance": "0.3"}
MEAN_SE = {"metric": "mean_sensitivity", "tolerance": "1.0"}
MEAN_SP = {"metric": "mean_specificity", "tolerance": "0.3"}
MEAN_JA = {"metric": "mean_jaccard", "tolerance": "1.0"}
MEAN_DI = {"metric": "mean_dice", "tolerance": "1.0"}
POOLED_AC = {**MEAN_AC, "metric": "accuracy"}
POOLED_SE = {**MEAN_SE, "metric": "sensitivity"}
POOLED_SP = {**MEAN_SP, "metric": "specificity"}
POOLED_JA = {**MEAN_JA, "metric": "jaccard"}
POOLED_DI = {**MEAN_DI, "metric": "dice"}

"""Third parties' numbers on paper 2's data, for orientation; compared only where the protocol is known and ours."""

from repro.papers.spec import Reference

OPEN = {
    "backbone": "unknown",
    "weights": "unknown",
    "schedule": "unknown",
    "resolution": "unknown",
    "region": "unknown",
}
IN_VIEW = {**OPEN, "region": "field of view"}
MEAN_OVER_IMAGES = {**OPEN, "aggregation": "mean over images"}

CHASEDB = {"data": "chasedb1", "split": "unknown"}
# The share of vessel pixels that the row's own scores imply is that of these images inside the field of view.
LAST_8 = {"data": "chasedb1", "split": "last 8 images (implied)"}
DRIVE = {"data": "drive", "split": "test"}
ISIC2018 = {"data": "isic2018", "split": "unknown"}
ISIC2018_FOLDS = {"data": "isic2018", "split": "five-fold cross-validation"}
PH2 = {"data": "ph2", "split": "unknown"}
ISIC2017 = {"data": "isic2017", "split": "test"}
COMPARISON = "published comparison tables"

REFERENCES = (
    Reference(
        system="U-Net", scores={"sensitivity": "0.7576", "specificity": "0.9826", "accuracy": "0.9622"},
        protocol={**OPEN, "region": "field of view (implied)"}, source=COMPARISON, **LAST_8,
    ),
    Reference(
        system="LadderNet", scores={"sensitivity": "0.7978", "accuracy": "0.9656", "auc": "0.9839"}, protocol=OPEN,
        source="its own paper", **CHASEDB,
    ),
    Reference(
        system="IterNet", scores={"sensitivity": "0.8073", "accuracy": "0.9655", "auc": "0.9851"}, protocol=OPEN,
        source="its own paper", **CHASEDB,
    ),
    Reference(
        system="FS-Net", scores={"accuracy": "0.9755", "auc": "0.9903"}, protocol=OPEN, source="its own paper",
        **CHASEDB,
    ),
    Reference(system="TransUNext", scores={"auc": "0.9910"}, protocol=OPEN, source="its own paper", **CHASEDB),
    Reference(
        system="U-Net", scores={"dice": "0.8040"}, protocol={**OPEN, "loss": "cross-entropy + 3 Dice"},
        source="mmsegmentation's model zoo", **CHASEDB,
    ),
    Reference(
        system="highest credible accuracy", scores={"accuracy": "0.9582"}, protocol=IN_VIEW,
        source="arXiv 2111.03853", **DRIVE,
    ),
    Reference(
        system="U-Net", scores={"mean_jaccard": "0.769", "mean_dice": "0.848", "mean_accuracy": "0.945"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **ISIC2018,
    ),
    Reference(
        system="DeepLabv3", scores={"mean_jaccard": "0.825", "mean_dice": "0.894", "mean_accuracy": "0.962"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **ISIC2018,
    ),
    Reference(
        system="CE-Net", scores={"mean_jaccard": "0.839", "mean_dice": "0.906", "mean_accuracy": "0.969"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **ISIC2018,
    ),
    Reference(
        system="best of its table", scores={"mean_jaccard": "0.853", "mean_dice": "0.915", "mean_accuracy": "0.972"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **ISIC2018,
    ),
    Reference(
        system="CA-Net", scores={"mean_dice": "0.921"}, protocol=MEAN_OVER_IMAGES,
        source="its own paper, arXiv 2009.10549", **ISIC2018_FOLDS,
    ),
    Reference(
        system="U-Net", scores={"mean_jaccard": "0.851", "mean_dice": "0.915", "mean_accuracy": "0.943"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **PH2,
    ),
    Reference(
        system="U-Net++", scores={"mean_jaccard": "0.853", "mean_dice": "0.917", "mean_accuracy": "0.948"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **PH2,
    ),
    Reference(
        system="SegNet", scores={"mean_jaccard": "0.808", "mean_dice": "0.894", "mean_accuracy": "0.934"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **PH2,
    ),
    Reference(
        system="mFCN-PI", scores={"mean_dice": "0.9066"}, protocol=MEAN_OVER_IMAGES,
        source="its own paper, IEEE TBME 64(9) 2065", **PH2,
    ),
    Reference(
        system="U-Net", scores={"mean_jaccard": "0.736", "mean_dice": "0.825", "mean_accuracy": "0.926"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **ISIC2017,
    ),
    Reference(
        system="best of its table", scores={"mean_jaccard": "0.807", "mean_dice": "0.880", "mean_accuracy": "0.948"},
        protocol=MEAN_OVER_IMAGES, source=COMPARISON, **ISIC2017,
    ),
)  # fmt: skip

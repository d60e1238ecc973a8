"""Which data stand behind the papers' tables in each suite, and what is replaced because they cannot give it."""

from repro.papers.spec import Leg, Stand, Suite

_CITYSCAPES = Stand(train="cityscapes", test="cityscapes", name="Cityscapes", own=True)
_ISIC2017 = Stand(train="isic2017", test="isic2017", name="ISIC 2017", own=True)
_ISIC2018 = Stand(train="isic2018", test="isic2018", name="ISIC 2018", own=True)
_PH2 = Stand(train="isic2017", test="ph2", name="PH2, trained on ISIC 2017", own=True)
_DRIVE = Stand(train="drive", test="drive", name="DRIVE", own=True)
_CHASEDB1 = Stand(train="chasedb1", test="chasedb1", name="CHASE_DB1", own=True)
_ISIC2017_256 = Stand(train="isic2017_256", test="isic2017_256", name="ISIC 2017 at 256x256")

_THREE = (0, 1, 2)  # the fewest that a verdict rests on
_SIX = (0, 1, 2, 3, 4, 5)  # two networks can be told apart: the exact test reaches p = .002

# Everything that makes the demo small, in one place: about 55 runs have to end within minutes on two cores.
_EPOCHS, _LONG = 5, 10  # the second for the run of paper1_figure2 that is twice as long as the others
_BATCH = 4
_CROP = (64, 128)  # of street scenes of 128x256: half of each side, as in the paper
_SIZE = (64, 64)  # of lesions and fundus images
_ENCODER = {"encoder_name": "tu-test_resnet"}  # the smallest residual network of timm: 0.37 M parameters
_DECODER = {"decoder_channels": (64, 48, 32, 24, 16)}
_WIDTH = {"width": 8}

DEMO = Suite(
    name="demo",
    title="Demo on generated data",
    data={
        "cityscapes": Stand(train="toy_cityscapes", test="toy_cityscapes", name="generated streets"),
        "isic2017": Stand(train="toy_isic2017", test="toy_isic2017", name="generated lesions"),
        "isic2018": Stand(train="toy_isic2018", test="toy_isic2018", name="generated lesions, second set"),
        "ph2": Stand(train="toy_isic2017", test="toy_ph2", name="generated lesions, third set"),
        "drive": Stand(train="toy_drive", test="toy_drive", name="generated fundus images"),
        "chasedb1": Stand(train="toy_chasedb1", test="toy_chasedb1", name="generated fundus images, second set"),
    },
    changes={"weights": "none", "precision": "float32", "epochs": _EPOCHS, "batch": _BATCH},
    table_changes={
        "paper1_*": {"crop": _CROP, "alpha": 0.75},  # at 0.5 alpha and 1 - alpha could not be told apart
        "paper2_*": {"size": _SIZE, "epochs": 8, "learning_rate": 0.003},  # 80 steps: TCNet's gates open slowly
        "paper2_table3": {"epochs": 60, "learning_rate": 0.01},  # of twelve images: 180 steps
    },
    row_changes={
        "paper1_figure2/ours, 200 epochs": {"epochs": _LONG},
        "paper1_deviations/resize": {"size": _CROP, "crop": None},
    },
    options={
        "attention_unet": {**_ENCODER, **_DECODER},
        "unetplusplus": {**_ENCODER, **_DECODER},
        "fcn": _ENCODER,
        "fcn8s": {**_WIDTH, "hidden": 64},
        "deeplabv3": _ENCODER,
        "deeplabv3plus": _ENCODER,
        "pspnet": _ENCODER,
        "mfcn_pi": _ENCODER,
        "cenet": _ENCODER,
        "segnet": _WIDTH,
        "unet": _WIDTH,
        "oktay_attention_unet": _WIDTH,
        "unet3plus": _WIDTH,
        "utnet": _WIDTH,
        "canet": _WIDTH,
        "medt": {**_WIDTH, "groups": 4},
        "tcnet": _WIDTH,
    },
    toy=True,
    why="Generated images, small networks and few epochs: it shows that everything runs, not which network is better.",
)

CAMVID = Suite(
    name="camvid",
    title="CamVid in place of Cityscapes",
    data={
        "cityscapes": Stand(
            train="camvid",
            test="camvid",
            name="CamVid",
            classes={"traffic sign": "sign", "person": "pedestrian", "bicycle": "bicyclist"},
        )
    },
    changes={
        "weights": "none",
        "crop": (352, 480),  # the largest multiples of 32 in CamVid's 360x480: nothing is padded, and the crop moves
        "batch": 8,  # 266 images: at batch 16 100 epochs are 1 700 steps, an eleventh of the paper's; so they are 3 400
    },
    row_changes={"paper1_deviations/resize": {"size": (352, 480), "crop": None}},
    seeds=_THREE,
    why="Images of 360x480 hold no crop of 512x1024; every row starts from random weights, so nothing is downloaded.",
)

CITYSCAPES = Suite(
    name="cityscapes", title="Cityscapes, as in paper 1", data={"cityscapes": _CITYSCAPES}, seeds=_THREE
)
ISIC2017 = Suite(name="isic2017", title="ISIC 2017, as in paper 2", data={"isic2017": _ISIC2017}, seeds=_THREE)
ISIC2018 = Suite(name="isic2018", title="ISIC 2018, as in paper 2", data={"isic2018": _ISIC2018}, seeds=_THREE)
ISIC2018_CV = Suite(
    name="isic2018_cv",
    title="ISIC 2018 in five folds, the cross-validation that paper 2 announces",
    data={
        "isic2018": Stand(train="isic2018", test="isic2018", name="ISIC 2018 in five folds", own=True, folds=5),
    },
    seeds=(0, 1, 2, 3, 4),
    why="A fold takes the place of a seed: n counts folds, each trained once and scored on its own fifth.",
)
PH2 = Suite(name="ph2", title="PH2, as in paper 2", data={"ph2": _PH2}, seeds=_THREE)
DRIVE = Suite(name="drive", title="DRIVE, as in paper 2", data={"drive": _DRIVE}, seeds=_SIX)
CHASEDB1 = Suite(name="chasedb1", title="CHASE_DB1, as in paper 2", data={"chasedb1": _CHASEDB1}, seeds=_SIX)

CHASEDB1_960 = Suite(
    name="chasedb1_960",
    title="CHASE_DB1 near its original resolution",
    data={"chasedb1": _CHASEDB1},
    changes={"size": (960, 960)},
    seeds=_THREE,
    why="At 448x448 the thinnest vessels of the 999x960 images are lost; 960x960 is their height, a multiple of 32.",
)

ISIC2017_256 = Suite(
    name="isic2017_256",
    title="ISIC 2017 at 256x256, in place of paper 2's skin data",
    data={"isic2017": _ISIC2017_256, "ph2": _ISIC2017_256, "isic2018": _ISIC2017_256},
    changes={"size": (256, 256)},
    seeds=_THREE,
    why="The images at hand are 256x256 and the test list has few labels: the 150 validation images are scored.",
)

SUITES: dict[str, Suite] = {
    "demo": DEMO,
    "camvid": CAMVID,
    "cityscapes": CITYSCAPES,
    "isic2017": ISIC2017,
    "isic2018": ISIC2018,
    "isic2018_cv": ISIC2018_CV,
    "ph2": PH2,
    "drive": DRIVE,
    "chasedb1": CHASEDB1,
    "chasedb1_960": CHASEDB1_960,
    "isic2017_256": ISIC2017_256,
}

# What can be reproduced on data that anyone may have, most valuable first: what a GPU lent for minutes should do next.
REPRODUCTION = (
    Leg(suite="chasedb1", only="paper2_table3/*"),
    Leg(suite="chasedb1_960", only="paper2_table3/*"),
    Leg(suite="isic2017_256", only="paper2_figure1/*"),
    Leg(suite="isic2017_256", only="paper2_figure2/*"),
    Leg(suite="camvid", only="paper1_table1/*"),
    Leg(suite="camvid", only="paper1_table2/*"),
    Leg(suite="camvid", only="paper1_ablation/*", ablations=True),
    Leg(suite="isic2017_256-e30", only="paper2_figure[45]/*"),
)

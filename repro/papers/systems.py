"""The systems that papers compare with: every option of their constructors written out, so that no default slips in.

Where a paper names no backbone every network that can have it gets ResNet-50; the others are as their own paper
defines them. Sources and defining blocks stand in each network's file.
"""

RESNET50 = {"encoder_name": "resnet50"}

FCN = {**RESNET50, "auxiliary": True}  # dilated to stride 8, as libraries build FCN today
FCN8S = {"encoder_name": "vgg16", "width": 64, "hidden": 4096, "dropout": 0.5}
SEGNET = {"encoder_name": "vgg16_bn", "width": 64}  # un-pooling by indices mirrors this encoder and no other
DEEPLABV3 = {**RESNET50, "atrous_rates": (6, 12, 18), "dropout": 0.5}
DEEPLABV3PLUS = {**RESNET50, "atrous_rates": (6, 12, 18), "dropout": 0.5}
PSPNET = {**RESNET50, "auxiliary": True, "dropout": 0.1}
UNET = {"width": 64, "batch_norm": True, "dropout": 0.5}
OKTAY = {"width": 64}
UNETPLUSPLUS = {**RESNET50, "decoder_channels": (256, 128, 64, 32, 16)}
UNET3PLUS = {"width": 64, "deep_supervision": True, "classification_guided": False}
CENET = {"encoder_name": "resnet34", "pools": (2, 3, 5, 6)}
UTNET = {"width": 32, "heads": 4, "reduced": 8, "dropout": 0.1, "deep_supervision": False}
MEDT = {"width": 16, "groups": 8, "depths": (1, 2, 4, 1), "embedded_size": 128, "local_position": True}
CANET = {"width": 16, "dropout": 0.5}
MFCN_PI = {**RESNET50, "stages": 3, "steps": 5, "influence": 0.15}
ISL_MSCA = {"counts": (100, 200, 400), "steps": 20, "sigma_squared": 5.0}
SSLS = {"count": 300}

AUXILIARY = {"auxiliary_weights": (0.4,)}  # recipe: the weight in PSPNet's paper (Sec. 3.3), used for FCN as well
THREE_STAGES = {"auxiliary_weights": (1.0, 1.0, 1.0)}  # recipe: each stage of mFCN-PI learns from the label alone
FIVE_OUTPUTS = {"auxiliary_weights": (1.0, 1.0, 1.0, 1.0)}  # recipe: U-Net3+ supervises its five outputs alike

SAME_BACKBONE = "ResNet-50: the paper names no backbone, so every network that can have it has the same."
OWN_PAPER = "As its own paper defines it; it has no backbone to choose."

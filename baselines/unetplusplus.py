"""U-Net++ of Zhou et al. 2018, arXiv 1912.05074: smp's network with every setting written out."""

import segmentation_models_pytorch as smp

from baselines.blocks import check_encoder


def unetplusplus(
    in_channels: int = 3,
    classes: int = 1,
    *,
    encoder_name: str = "resnet50",
    decoder_channels: tuple[int, ...] = (256, 128, 64, 32, 16),
) -> smp.UnetPlusPlus:
    """Return smp's U-Net++ with random weights, for images with sides divisible by 32.

    The nested skip connections are the paper's; deep supervision over the four nodes of the first level, which the
    paper calls optional, is not in smp's network.

    Args:
        in_channels: how many channels the image has.
        classes: how many channels the logits have.
        encoder_name: any encoder of smp or timm.
        decoder_channels: channels of the last node on each level, deepest first.
    """
    check_encoder(encoder_name)
    network = smp.UnetPlusPlus(
        encoder_name=encoder_name,
        encoder_depth=5,
        encoder_weights=None,
        decoder_use_norm="batchnorm",
        decoder_channels=decoder_channels,
        decoder_attention_type=None,
        decoder_interpolation="nearest",
        in_channels=in_channels,
        classes=classes,
        activation=None,
        aux_params=None,
    )
    network.encoder_name, network.stride = encoder_name, 32
    return network

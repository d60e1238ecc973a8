"""DeepLabv3 of Chen et al. 2017, arXiv 1706.05587: smp's network, as torchvision has it, at the paper's stride."""

import segmentation_models_pytorch as smp

from baselines.blocks import check_encoder


def deeplabv3(
    in_channels: int = 3,
    classes: int = 1,
    *,
    encoder_name: str = "resnet50",
    atrous_rates: tuple[int, int, int] = (6, 12, 18),
    dropout: float = 0.5,
) -> smp.DeepLabV3:
    """Return smp's DeepLabv3 with random weights, for images with sides divisible by 16.

    Output stride 16 with rates 6, 12, 18, image pooling and 256 channels (Sec. 3.3); smp's own default is stride 8
    with the rates doubled. The logits of stride 16 are resized bilinearly. As in torchvision, and unlike the paper's
    best model, the encoder's last stage has one dilation, 2, and no multi-grid of 2, 4, 8 (Sec. 3.2.1, 4.1), and a 3x3
    convolution stands between the pyramid's 1x1 and the scores (Sec. 3.3 has none).

    Args:
        in_channels: how many channels the image has.
        classes: how many channels the logits have.
        encoder_name: any encoder of smp or timm that can be dilated.
        atrous_rates: dilation of the pyramid's three 3x3 convolutions.
        dropout: share of features dropped behind the pyramid.
    """
    check_encoder(encoder_name)
    network = smp.DeepLabV3(
        encoder_name=encoder_name,
        encoder_depth=5,
        encoder_weights=None,
        encoder_output_stride=16,
        decoder_channels=256,
        decoder_atrous_rates=atrous_rates,
        decoder_aspp_separable=False,
        decoder_aspp_dropout=dropout,
        in_channels=in_channels,
        classes=classes,
        activation=None,
        upsampling=16,
        aux_params=None,
    )
    network.encoder_name, network.stride = encoder_name, 16
    return network

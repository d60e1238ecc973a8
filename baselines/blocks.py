"""Blocks that several of the reference systems share: convolution stacks, encoders and the upsampling of logits."""

import difflib

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.encoders.vgg import VGGEncoder
from torch import nn
from torch.nn import functional as F


def conv_relu(in_channels: int, out_channels: int, *, batch_norm: bool = True) -> nn.Sequential:
    """Return a 3x3 convolution that keeps the size, batch normalisation unless off, and ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=not batch_norm)
    norm = (nn.BatchNorm2d(out_channels),) if batch_norm else ()
    return nn.Sequential(convolution, *norm, nn.ReLU(inplace=True))


def double_conv(in_channels: int, out_channels: int, *, batch_norm: bool = True) -> nn.Sequential:
    """Return the two 3x3 convolutions that make up every level of a U-Net."""
    return nn.Sequential(
        conv_relu(in_channels, out_channels, batch_norm=batch_norm),
        conv_relu(out_channels, out_channels, batch_norm=batch_norm),
    )


def initialise(network: nn.Module) -> None:
    """Draw the convolutions' weights from He's normal distribution and set their biases to zero.

    Source: He et al. 2015, arXiv 1502.01852, eq. 10; the initialisation of U-Net and SegNet.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def upsample(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return (N, C, h, w) logits bilinearly resized to (height, width), pixel areas aligned rather than corners."""
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def dilated_encoder(name: str, *, in_channels: int, stride: int) -> nn.Module:
    """Return an smp or timm ("tu-...") encoder with random weights whose deepest maps have `stride` 8 or 16.

    The strides that are taken away become dilation, in every 3x3 convolution of the stage (torchvision leaves the
    first one of a stage undilated). It returns six maps, the image first.

    Raises:
        ValueError: no such encoder, or one that cannot be dilated.
    """
    check_encoder(name)
    return smp.encoders.get_encoder(name, in_channels=in_channels, depth=5, weights=None, output_stride=stride)


def vgg_encoder(name: str, *, in_channels: int, width: int) -> VGGEncoder:
    """Return one of smp's VGG encoders with random weights, its layers in order in `features`, five max-pools included.

    Args:
        name: "vgg16_bn" and its like.
        in_channels: how many channels the image has.
        width: channels of the first stage; 64 is VGG's own, other widths scale every stage.

    Raises:
        ValueError: the encoder is not a VGG.
    """
    names = [each for each in smp.encoders.encoders if each.startswith("vgg")]
    if name not in names:
        raise ValueError(f"Encoder {name!r} is not a VGG, which this network is defined on: choose {', '.join(names)}.")
    own = smp.encoders.encoders[name]["params"]
    with torch.device("meta"):  # its classifier, 120 million numbers, would be drawn only to be thrown away
        encoder = VGGEncoder(
            out_channels=[channels * width // 64 for channels in own["out_channels"]],
            config=[layer if layer == "M" else layer * width // 64 for layer in own["config"]],
            batch_norm=own["batch_norm"],
            depth=5,
            output_stride=32,
        )
    encoder = encoder.to_empty(device=torch.get_default_device())
    encoder.set_in_channels(in_channels, pretrained=False)
    for layer in encoder.features:
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
    initialise(encoder)
    return encoder


def check_encoder(name: str) -> None:
    """Raise a ValueError with the nearest names when neither smp nor timm has the encoder."""
    if name.startswith("tu-") and timm.is_model(name[3:].split(".")[0]):
        return
    if name not in smp.encoders.encoders:
        known = [*smp.encoders.encoders, *(f"tu-{each}" for each in timm.list_models())]
        near = difflib.get_close_matches(name, known, n=3)
        raise ValueError(
            f"No encoder is called {name!r}; the nearest are {', '.join(near) or 'resnet50, tu-resnet50'}."
        )

"""Paper 1's network: a U-Net whose skip connections are fused over scales and weighed by attention."""

import torch
from segmentation_models_pytorch.base import SegmentationHead, SegmentationModel
from segmentation_models_pytorch.base.hub_mixin import supports_config_loading
from segmentation_models_pytorch.base.initialization import initialize_decoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import nn

from repro.models.any_size import pad_to_multiple
from repro.models.attention import make_attention
from repro.models.encoders import load_encoder_weights, make_encoder
from repro.models.fusion import MultiScaleFusion


class AttentionDecoder(UnetDecoder):
    """smp's U-Net decoder with an attention module on every skip connection, before it is concatenated."""

    def __init__(
        self,
        encoder_channels: tuple[int, ...],
        decoder_channels: tuple[int, ...],
        *,
        attention: str,
        reduction: int,
        kernel: int,
        center: bool,
    ):
        """Build the decoder.

        Args:
            encoder_channels: of the encoder's maps, the image first.
            decoder_channels: of the decoder's blocks, deepest first, one for each halving of the encoder.
            attention: one of `repro.models.attention.ATTENTION`.
            reduction: of channel attention.
            kernel: of spatial attention.
            center: put two convolutions below the last map, which VGG needs: it ends in a pool.
        """
        super().__init__(
            encoder_channels=encoder_channels,
            decoder_channels=decoder_channels,
            n_blocks=len(encoder_channels) - 1,
            use_norm="batchnorm",
            attention_type=None,
            add_center_block=center,
            interpolation_mode="nearest",
        )
        skips = encoder_channels[-2:0:-1]  # deepest first; neither the last map nor the image is one
        signals = (encoder_channels[-1], *decoder_channels)
        self.attention = nn.ModuleList(
            make_attention(attention, each, signal_channels=signal, reduction=reduction, kernel=kernel)
            for each, signal in zip(skips, signals, strict=False)
        )

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return (N, decoder_channels[-1], H, W) from the encoder's maps, the (N, C, H, W) image first."""
        image, *skips, deepest = features
        feature = self.center(deepest)
        for block, attention, skip in zip(self.blocks, self.attention, reversed(skips), strict=False):
            feature = block(feature, *skip.shape[-2:], skip_connection=attention(skip, feature))
        return self.blocks[-1](feature, *image.shape[-2:])


class AttentionUNet(SegmentationModel):
    """Paper 1's attention U-Net: encoder, multi-scale fusion, attention on the skip connections, decoder.

    With `attention="none", fusion="none", dropout=0` it is smp's `Unet` to the bit. It is used as smp's networks are:
    `save_pretrained`, `AttentionUNet.from_pretrained`, `predict`, `freeze_encoder`. Images may have any size: they are
    padded inside by repeating their border, and the logits are cropped.

    Source: Li et al., "Optimized Unet with Attention Mechanism for Multi-Scale Semantic Segmentation", Sec. III, eq. 1
    to 3; the paper gives no equation for the fusion.
    """

    requires_divisible_input_shape = False

    @supports_config_loading
    def __init__(
        self,
        encoder_name: str = "resnet50",
        encoder_depth: int = 5,
        encoder_weights: str | None = None,
        decoder_channels: tuple[int, ...] = (256, 128, 64, 32, 16),
        attention: str = "hybrid",
        fusion: str = "full",
        reduction: int = 16,
        kernel: int = 7,
        dropout: float = 0.1,
        in_channels: int = 3,
        classes: int = 1,
    ):
        """Build the network; nothing is ever downloaded.

        Args:
            encoder_name: any encoder of smp, or "tu-" and a model of timm.
            encoder_depth: how many times the encoder halves the size, 3 to 5.
            encoder_weights: None for random weights, or "imagenet" from a file that is already on this machine.
            decoder_channels: of the decoder's blocks, deepest first, `encoder_depth` of them.
            attention: on every skip connection: "none", "channel" (eq. 1), "spatial" (eq. 2), "hybrid" (eq. 3), or in
                its place "cbam", "scse" or "gate".
            fusion: "none", "adjacent" (each skip connection sees its neighbours' scales) or "full" (and the deepest
                map sees all scales).
            reduction: channels over hidden channels in "channel", "hybrid", "cbam" and "scse".
            kernel: side of the convolution in "spatial", "hybrid" and "cbam", odd.
            dropout: share of the decoder's features dropped before the head.
            in_channels: how many channels the image has.
            classes: how many channels the logits have.

        Raises:
            ValueError: an unknown encoder, attention or fusion, an even kernel, as many decoder channels as do not fit
                the depth, or weights that are not on this machine.
        """
        super().__init__()
        self.encoder_name = encoder_name
        self.encoder = make_encoder(encoder_name, in_channels=in_channels, depth=encoder_depth)
        channels = tuple(self.encoder.out_channels)
        self.fusion = MultiScaleFusion(channels[1:], kind=fusion)
        self.decoder = AttentionDecoder(
            channels,
            tuple(decoder_channels),
            attention=attention,
            reduction=reduction,
            kernel=kernel,
            center=encoder_name.startswith("vgg"),
        )
        self.dropout = nn.Dropout(dropout)
        self.segmentation_head = SegmentationHead(decoder_channels[-1], classes, kernel_size=3)
        self.classification_head = None
        self.name = f"attention-unet-{encoder_name}"
        self.initialize()
        initialize_decoder(self.fusion)
        if encoder_weights is not None:
            load_encoder_weights(self, encoder_weights)
            # a saved network holds its encoder: whoever loads it needs no ImageNet weights
            self.config["encoder_weights"] = None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W) images of any size."""
        height, width = image.shape[-2:]
        first, *maps = self.encoder(pad_to_multiple(image, 2**self.encoder._depth))
        decoded = self.decoder([first, *self.fusion(maps)])
        return self.segmentation_head(self.dropout(decoded))[..., :height, :width]

"""TCNet, put together from its parts; every choice that the paper leaves open is an option."""

from collections.abc import Sequence

import torch
from torch import nn

from repro.models.checkpointing import recomputed
from repro.models.tcnet.blocks import ConvolutionUnit, Placement
from repro.models.tcnet.decoder import DecoderStage, Head
from repro.models.tcnet.fusion import Concatenation, MultiScaleFusion
from repro.models.tcnet.large_kernel_module import ConvolutionalStage
from repro.models.tcnet.transformer import EnhancedTransformerModule, TransformerStage

STRIDES = (4, 8, 16, 32)  # of the encoder's levels, which have width, 2 width, 4 width and 8 width channels
HEADS = 4  # with deep supervision: on the decoder's four finest maps


class TCNet(nn.Module):
    """An encoder of two branches, a fusion module at each level, and a decoder up to the size of the image.

    Two convolutional units, at strides 1 and 2, feed both branches: one of large kernel modules, one of enhanced
    transformer modules. Their maps meet in a fusion module at strides 4, 8, 16 and 32; the coarsest starts the decoder,
    the others are its skip connections, and so are the first two units at strides 2 and 1.

    Source: Li 2025, doi 10.2478/amns-2025-0210. Its equations and figures are lost in the text at hand and no code is
    published: defaults are one reading of it, chosen where it is silent.

    Args:
        in_channels: how many channels the image has.
        classes: how many channels the logits have.
        width: channels at stride 4, divisible by 4; strides 8, 16 and 32 have twice, 4 and 8 times as many,
            strides 2 and 1 a half and a quarter.
        kernel_size: of the large depth-wise convolutions, odd. A map with sides under half of it meets only
            its middle, see `repro.models.large_kernel`.
        order: "a" or "b", of the operations in the large kernel module.
        residual: add the large kernel module's input to its result.
        etm: have the transformer branch at all.
        etm_strides: which of strides 4, 8, 16 and 32 have an enhanced transformer module.
        heads: of every self-attention.
        mlp_ratio: hidden over outer channels in the transformer.
        mfm: fuse by fusion modules; else by concatenation and a 1x1 convolution.
        mfm_attention: "upper" or "after" (the concatenation), where the fusion module's self-attention stands.
        attention_stride: 4, 8, 16 or 32. No self-attention of a fusion module runs on a finer grid than this; at
            stride 4 with the default 8 it runs on the means of 2x2 positions.
        attention: where the hybrid attention module stands, a key of `blocks.PLACES`.
        reduction: of channel attention, there and in the fusion module.
        attention_kernel: of spatial attention, likewise; odd.
        head_stride: 1, or 4 for a decoder that ends at a quarter of the image's size.
        deep_supervision: while training, return four heads' logits, the finest first.
        checkpoint: while training, compute blocks again in the backward pass to save memory; changes no number.

    Raises:
        ValueError: a value that is none of those.
    """

    stride = 32

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        *,
        width: int = 64,
        kernel_size: int = 31,
        order: str = "a",
        residual: bool = False,
        etm: bool = True,
        etm_strides: Sequence[int] = (8, 16, 32),
        heads: int = 8,
        mlp_ratio: int = 4,
        mfm: bool = True,
        mfm_attention: str = "upper",
        attention_stride: int = 8,
        attention: str = "all_convolution",
        reduction: int = 16,
        attention_kernel: int = 7,
        head_stride: int = 1,
        deep_supervision: bool = False,
        checkpoint: bool = False,
    ):
        """Build the network with random weights; the class says what each option means."""
        super().__init__()
        etm_strides = tuple(etm_strides) if etm else ()
        _check(width, etm_strides, mfm_attention, attention_stride, head_stride)
        self.checkpoint = checkpoint
        self.deep_supervision = deep_supervision
        placement = Placement(attention, reduction=reduction, kernel=attention_kernel)
        stem = (width // 4, width // 2)
        widths = [width * 2**level for level in range(len(STRIDES))]

        self.stem = nn.ModuleList(
            [
                ConvolutionUnit(in_channels, stem[0], placement, place="input"),
                ConvolutionUnit(stem[0], stem[1], placement, stride=2),
            ]
        )
        self.convolutional = nn.ModuleList(
            ConvolutionalStage(before, channels, placement, order=order, kernel_size=kernel_size, residual=residual)
            for before, channels in zip([stem[1], *widths], widths)
        )
        self.transformer = _transformer(
            stem[1], widths, etm_strides, kernel_size=kernel_size, heads=heads, mlp_ratio=mlp_ratio
        )
        self.has_transformer = [stride in etm_strides for stride in STRIDES]
        branches = [1 + present for present in self.has_transformer]
        self.fusions = (
            _fusions(
                stem[1], widths, branches, attention_stride,
                attention=mfm_attention, heads=heads, reduction=reduction, kernel=attention_kernel,
            )
            if mfm
            else nn.ModuleList(Concatenation(each, branches=count) for each, count in zip(widths, branches))
        )  # fmt: skip
        self._build_decoder(widths, stem, placement, classes, head_stride)

    def _build_decoder(self, widths, stem, placement, classes, head_stride) -> None:
        """Build the decoder's stages, the attention before its heads, and the heads, the finest last."""
        skips = [*reversed(widths[:-1]), *reversed(stem)]
        strides = [stride for stride in (32, 16, 8, 4, 2, 1) if stride >= head_stride]
        channels = [widths[-1], *skips][: len(strides)]
        self.decoder = nn.ModuleList(
            DecoderStage(before, skip, skip, placement) for before, skip in zip(channels, skips[: len(strides) - 1])
        )
        four = range(len(strides) - HEADS, len(strides))
        self.before_head = nn.ModuleList(
            nn.Sequential(
                placement.at("four_outputs", each) if place in four else nn.Identity(),
                placement.at("output", each) if place == four[-1] else nn.Identity(),
            )
            for place, each in enumerate(channels)
        )
        supervised = four if self.deep_supervision else four[-1:]
        self.heads = nn.ModuleList(Head(channels[place], classes, stride=strides[place]) for place in supervised)

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return (N, classes, H, W) logits; while training with deep supervision a tuple of four, the main one first.

        Args:
            image: (N, in_channels, H, W), H and W divisible by 32.
        """
        fine = self._run(self.stem[0], image)
        half = self._run(self.stem[1], fine)
        fused = self._fuse(half)
        feature = self.before_head[0](fused[-1])
        skips = [*reversed(fused[:-1]), half, fine]
        decoded = [feature]
        for stage, attend, skip in zip(self.decoder, self.before_head[1:], skips):
            decoded.append(attend(self._run(stage, decoded[-1], skip)))
        if not (self.training and self.deep_supervision):
            return self.heads[-1](decoded[-1])
        return tuple(head(each) for head, each in zip(reversed(self.heads), reversed(decoded)))

    def _fuse(self, half: torch.Tensor) -> list[torch.Tensor]:
        """Return the fused map of each level, the finest first, from the (N, width / 2, H / 2, W / 2) map."""
        convolutional, transformed = [], []
        feature = half
        for stage in self.convolutional:
            feature = self._run(stage, feature)
            convolutional.append(feature)
        feature = half
        for stage in self.transformer:
            feature = self._run(stage, feature)
            transformed.append(feature)
        maps = [
            [convolutional[level], transformed[level]] if present else [convolutional[level]]
            for level, present in enumerate(self.has_transformer)
        ]
        # down come details of the convolutions, up comes the transformer's wide view where there is one
        finer = [half, *convolutional]
        coarser = [*(each[-1] for each in maps[1:]), maps[-1][-1]]
        return [self._run(fusion, *inputs) for fusion, *inputs in zip(self.fusions, maps, finer, coarser)]

    def _run(self, block: nn.Module, *inputs) -> torch.Tensor:
        """Return block(*inputs), recomputed in the backward pass if the network checkpoints."""
        if self.checkpoint and self.training and torch.is_grad_enabled():
            return recomputed(block, *inputs)
        return block(*inputs)


def _transformer(channels: int, widths: list[int], strides: tuple[int, ...], **sizes: int) -> nn.ModuleList:
    """Return the second branch's stages, down to the coarsest stride that has a module."""
    stages = nn.ModuleList()
    for stride, width in zip(STRIDES, widths):
        if stride > max(strides, default=0):
            break
        module = EnhancedTransformerModule(width, **sizes) if stride in strides else None
        stages.append(TransformerStage(channels, width, module=module))
        channels = width
    return stages


def _fusions(
    finest: int, widths: list[int], branches: list[int], attention_stride: int, **options: int | str
) -> nn.ModuleList:
    """Return the fusion module of each level; `finest` is how many channels the map at stride 2 has."""
    neighbours = zip([finest, *widths], [*widths[1:], None])
    return nn.ModuleList(
        MultiScaleFusion(
            channels, finer=finer, coarser=coarser, branches=count, square=max(1, attention_stride // stride), **options
        )
        for channels, (finer, coarser), count, stride in zip(widths, neighbours, branches, STRIDES)
    )


def _check(width: int, etm_strides: tuple[int, ...], mfm_attention: str, attention_stride: int, head_stride: int):
    """Raise a ValueError for a value that is not among those an option can have."""
    if width % 4:
        raise ValueError(f"A width of {width} cannot be quartered for stride 1: choose a multiple of 4.")
    if not set(etm_strides) <= set(STRIDES):
        raise ValueError(f"Transformer modules at strides {etm_strides}: choose among {STRIDES}.")
    if mfm_attention not in ("upper", "after"):
        raise ValueError(f"Self-attention {mfm_attention!r} of the fusion module is not known: 'upper' or 'after'.")
    if attention_stride not in STRIDES:
        raise ValueError(f"Self-attention from stride {attention_stride} on: choose among {STRIDES}.")
    if head_stride not in (1, 4):
        raise ValueError(f"A head at stride {head_stride} is not known: choose 1 or 4.")

"""The one list of what can be trained: a network's name and the address of what builds it."""

import difflib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

# To add a network: one file with its class, one line here. A class need not be importable where torch is not installed;
# an address is looked up when the network is built, never before.
NETWORKS: dict[str, str] = {
    # floors
    "position_prior": "repro.models.floors:PositionPrior",
    "second_observer": "repro.models.floors:SecondObserver",
    # paper 1
    "attention_unet": "repro.models.attention_unet:AttentionUNet",
    "deeplabv3plus": "baselines.deeplabv3plus:deeplabv3plus",
    "fcn": "baselines.fcn:DilatedFCN",
    "fcn8s": "baselines.fcn:FCN8s",
    "oktay_attention_unet": "baselines.oktay_attention_unet:OktayAttentionUNet",
    "pspnet": "baselines.pspnet:DilatedPSPNet",
    "segnet": "baselines.segnet:SegNet",
    "unet": "baselines.unet:PlainUNet",
    "unetplusplus": "baselines.unetplusplus:unetplusplus",
    # paper 2
    "canet": "baselines.canet:CANet",
    "cenet": "baselines.cenet:CENet",
    "deeplabv3": "baselines.deeplabv3:deeplabv3",
    "isl_msca": "baselines.isl_msca:ISLMSCA",
    "medt": "baselines.medt:MedT",
    "mfcn_pi": "baselines.mfcn_pi:MultistageFCN",
    "ssls": "baselines.ssls:SSLS",
    "tcnet": "repro.models.tcnet:TCNet",
    "unet3plus": "baselines.unet3plus:UNet3Plus",
    "utnet": "baselines.utnet:UTNet",
}

# Networks whose blocks are computed twice, which changes no number, from so many pixels of a micro-batch on. At paper
# 1's 16 at 512x1024 they fit 22 GB only so: without it 22.4 (fcn) to 35.9 GB (oktay_attention_unet). At paper 2's 15 at
# 448x448 it takes U-Net3+ from 38.5 to 29 and MedT from 117 to 53 GB: on a card of 24 they need --micro-batch.
# `python -m repro.bench memory` has paper 1's.
_STREETS, _SKIN, _SKIN_256 = 8_000_000, 3_000_000, 900_000
RECOMPUTED = {
    **dict.fromkeys(("fcn", "oktay_attention_unet", "pspnet", "segnet", "unet", "unetplusplus"), _STREETS),
    "unet3plus": _SKIN,
    "medt": _SKIN_256,
}

# The images that a forward pass in training needs: these normalise a map of one pixel, which has no variance alone.
LEAST_IMAGES = dict.fromkeys(("deeplabv3", "deeplabv3plus", "pspnet"), 2)


def constructor(name: str) -> Callable[..., "nn.Module"]:
    """Return the class, or the function that returns a library's network, behind a name of `NETWORKS`.

    Raises:
        ValueError: no network has that name; the sentence gives the nearest ones.
    """
    if name not in NETWORKS:
        raise ValueError(f"No network is called {name!r}{_nearest(name, NETWORKS)}.")
    return pkgutil.resolve_name(NETWORKS[name])


def encoder_of(name: str, options: Mapping[str, object]) -> str | None:
    """Return the encoder that a network of `NETWORKS` is built on with these options, None for one without."""
    known = inspect.signature(constructor(name)).parameters
    return options.get("encoder_name", known["encoder_name"].default) if "encoder_name" in known else None


def build(name: str, *, classes: int, in_channels: int = 3, **options: object) -> "nn.Module":
    """Return a network with random weights that takes (N, in_channels, H, W) images of any size.

    One whose `stride` is above 1 comes wrapped in `AnySize`, which pads the image and crops the logits.

    Args:
        name: a key of `NETWORKS`.
        classes: how many channels the logits have, at least 1.
        in_channels: how many channels the image has.
        options: of the network's constructor.

    Raises:
        ValueError: unknown name, or an option that the constructor does not take.
    """
    from repro.models.any_size import AnySize  # torch takes seconds to import; the list itself must not

    construct = constructor(name)
    known = inspect.signature(construct).parameters
    for option in options:
        if option not in known:
            raise ValueError(f"Network {name!r} has no option {option!r}{_nearest(option, known)}.")
    network = construct(in_channels=in_channels, classes=classes, **options)
    stride = getattr(network, "stride", 1)
    return AnySize(network, stride=stride) if stride > 1 else network


def _nearest(word: str, known) -> str:
    """Return the end of a sentence that names what the caller may have meant."""
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?"[:-1] if near else f"; there are {', '.join(known)}"

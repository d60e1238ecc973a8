"""Encoders of smp and timm: built with random weights, given ImageNet's from a file that is already on this machine."""

import difflib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import huggingface_hub
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import load_file
from torch import nn

WEIGHTS = ("none", "imagenet")  # what a recipe may say of its encoders' initial weights


def make_encoder(name: str, *, in_channels: int = 3, depth: int = 5, output_stride: int = 32) -> nn.Module:
    """Return an encoder with random weights; it maps an image to its `depth` + 1 feature maps, finest first.

    The first map is the image itself (of VGG the maps of its first stage); map i has stride 2**i, or `output_stride`
    where that is less.

    Args:
        name: one of smp's encoders ("resnet50"), or "tu-" and one of timm's models.
        in_channels: how many channels the image has.
        depth: how many times the size is halved.
        output_stride: 8 or 16 for dilation in the place of the last strides.

    Raises:
        ValueError: neither library has it; the sentence gives the nearest names.
    """
    check_encoder(name)
    return smp.encoders.get_encoder(
        name, in_channels=in_channels, depth=depth, weights=None, output_stride=output_stride
    )


def check_encoder(name: str) -> None:
    """Raise a ValueError with the nearest names if neither smp nor timm has the encoder."""
    if name in smp.encoders.encoders or (name.startswith("tu-") and timm.is_model(name[3:].split(".")[0])):
        return
    known = [*smp.encoders.encoders, *(f"tu-{each}" for each in timm.list_models())]
    near = difflib.get_close_matches(name, known, n=3) or ["resnet50", "tu-resnet50"]
    raise ValueError(f"No encoder is called {name!r}; the nearest are {', '.join(near)}.")


def load_encoder_weights(network: nn.Module, weights: str) -> str | None:
    """Give the network's encoder its initial weights and return the SHA-256 of the file they came from.

    Nothing is downloaded: the file must be in `$REPRO_CACHE/weights` or in Hugging Face's cache.

    Args:
        network: one with the attributes `encoder` and `encoder_name`.
        weights: "none" leaves the random weights and returns None; "imagenet" loads the ones that smp or timm publish
            under the encoder's name. A first convolution for other than three channels sums or repeats theirs.

    Raises:
        ValueError: other weights, a network without encoder, no such file on this machine, a damaged file, or an
            encoder of another width than the published one.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"Encoder weights {weights!r} are not known: choose {' or '.join(WEIGHTS)}.")
    if weights == "none":
        return None
    if getattr(network, "encoder_name", None) is None:
        raise ValueError(f"{type(network).__name__} has no encoder to give weights to: declare weights 'none' for it.")
    file, digest = _verified(network.encoder_name)
    published = _published(network.encoder_name, network.encoder, file)
    own = network.encoder.state_dict()
    other = [key for key in own if key not in published or own[key].shape != published[key].shape]
    if other:
        raise ValueError(
            f"ImageNet weights of {network.encoder_name} do not fit this encoder, {other[0]} for one; "
            "it has another width or depth: declare weights 'none' for it."
        )
    network.encoder.load_state_dict({key: published[key] for key in own})
    return digest


def weights_folder() -> Path:
    """Return where fetched weights lie: `$REPRO_CACHE/weights`, by default ~/.cache/repro/weights."""
    return Path(os.environ.get("REPRO_CACHE") or "~/.cache/repro").expanduser() / "weights"


def fetched_file(name: str) -> Path:
    """Return the path at which `python -m repro.weights fetch NAME` puts an encoder's weights, there or not."""
    return weights_folder() / f"{name}.imagenet.safetensors"


def address(name: str) -> tuple[str, str | None]:
    """Return (repository, revision) on Hugging Face of the `model.safetensors` with an encoder's ImageNet weights.

    smp pins a revision; timm does not, so None.

    Raises:
        ValueError: no such encoder, or none of its published weights is called "imagenet".
    """
    check_encoder(name)
    if name.startswith("tu-"):
        published = timm.models.get_pretrained_cfg(name[3:])
        repository = published.hf_hub_id if published else None
        revision = None
    else:
        published = smp.encoders.encoders[name]["pretrained_settings"].get("imagenet", {})
        repository, revision = published.get("repo_id"), published.get("revision")
    if not repository:
        raise ValueError(f"Nobody publishes ImageNet weights for encoder {name!r} under that name.")
    return repository, revision


def local_file(name: str) -> Path | None:
    """Return the file with an encoder's ImageNet weights on this machine, or None."""
    if fetched_file(name).is_file():
        return fetched_file(name)
    repository, revision = address(name)
    found = huggingface_hub.try_to_load_from_cache(repository, "model.safetensors", revision=revision)
    return Path(found) if isinstance(found, str) else None


def check_local(names: Iterable[str]) -> None:
    """Raise a ValueError that names every encoder whose ImageNet weights are not on this machine, and what to do."""
    missing = [name for name in dict.fromkeys(names) if local_file(name) is None]
    if missing:
        commands = ", ".join(f"`python -m repro.weights fetch {name}`" for name in missing)
        raise ValueError(
            f"No ImageNet weights of {', '.join(missing)} on this machine (looked in {weights_folder()} and in Hugging "
            f"Face's cache): run {commands}, or train from scratch with weights 'none'."
        )


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verified(name: str) -> tuple[Path, str]:
    """Return an encoder's weights file with its SHA-256, compared with the one noted beside it when it was fetched."""
    check_local((name,))
    file = local_file(name)
    digest, note = sha256(file), file.with_name(f"{file.name}.sha256")
    if note.is_file() and note.read_text().strip() != digest:
        raise ValueError(f"{file} is damaged (its SHA-256 has changed): run `python -m repro.weights fetch {name}`.")
    return file, digest


def _published(name: str, encoder: nn.Module, file: Path) -> dict[str, torch.Tensor]:
    """Return the published weights by the names that `encoder` has for them, with its number of input channels."""
    in_channels = encoder._in_channels
    if name.startswith("tu-"):
        # timm renames and reshapes on loading; "file" is the one source that it never looks elsewhere for
        source = {"file": str(file), "hf_hub_id": None, "url": None}
        return smp.encoders.get_encoder(
            name, in_channels=in_channels, depth=encoder._depth, weights=True, pretrained_cfg_overlay=source
        ).state_dict()
    reference = make_encoder(name, depth=encoder._depth)
    try:
        reference.load_state_dict(load_file(file))
    except RuntimeError as error:
        raise ValueError(
            f"{file} does not hold the weights of {name}: {str(error).splitlines()[-1].strip()}"
        ) from error
    reference.set_in_channels(in_channels, pretrained=True)
    return reference.state_dict()

"""`python -m repro.weights`: fetch an encoder's ImageNet weights, or list the ones that are on this machine.

    python -m repro.weights fetch resnet50     # from the address that smp or timm publishes it at
    python -m repro.weights list

Nothing else in the suite opens a socket for weights. They go to `$REPRO_CACHE/weights`.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import huggingface_hub

from repro.command import Parser, run
from repro.models.encoders import address, fetched_file, sha256, weights_folder

PROG = "repro.weights"
EXAMPLES = (
    "repro weights fetch resnet50     from the address that smp or timm publishes it at",
    "repro weights list               what is on this machine",
)


def fetch(name: str) -> Path:
    """Download an encoder's ImageNet weights and return the file; the SHA-256 is noted beside it.

    The download is compared with the SHA-256 that the publisher states for it and takes its place only if equal.

    Raises:
        ValueError: no such encoder, nobody publishes weights for it, the address does not answer, or other bytes came.
    """
    repository, revision = address(name)
    file = fetched_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        downloaded, stated = _download(repository, revision, folder)
        digest = sha256(downloaded)
        if stated is not None and stated != digest:
            raise ValueError(
                f"{repository}: the download has SHA-256 {digest}, the publisher states {stated}; try again."
            )
        os.replace(downloaded, file)
    file.with_name(f"{file.name}.sha256").write_text(f"{digest}\n")
    return file


def fetched() -> tuple[tuple[str, int, str], ...]:
    """Return (encoder, bytes, SHA-256) of every file in the weights folder, by name."""
    files = sorted(weights_folder().glob("*.imagenet.safetensors"))
    return tuple((file.name.removesuffix(".imagenet.safetensors"), file.stat().st_size, sha256(file)) for file in files)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, or 2 after one sentence on standard error."""
    return run(_weights, arguments, PROG)


def _weights(arguments: Sequence[str] | None) -> int:
    """Fetch or list, as the arguments say."""
    parser = Parser(prog=PROG, description="Encoders' ImageNet weights.", examples=EXAMPLES)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("fetch", help="download an encoder's weights").add_argument("name", help="resnet50, tu-...")
    verbs.add_parser("list", help="show what is in the weights folder")
    given = parser.parse_args(arguments)
    if given.verb == "fetch":
        print(fetch(given.name))
    else:
        _print_list()
    return 0


def _download(repository: str, revision: str | None, folder: str) -> tuple[Path, str | None]:
    """Return the downloaded file and the SHA-256 that the publisher states, None where it states another hash."""
    try:
        stated = huggingface_hub.get_hf_file_metadata(
            huggingface_hub.hf_hub_url(repository, "model.safetensors", revision=revision)
        ).etag
        path = huggingface_hub.hf_hub_download(repository, "model.safetensors", revision=revision, local_dir=folder)
    except Exception as error:  # the client raises its transport's errors, which differ between its versions
        raise ValueError(
            f"Could not download {repository} from {huggingface_hub.constants.ENDPOINT}: {error}"
        ) from error
    return Path(path), stated if stated and len(stated) == 64 else None


def _print_list() -> None:
    """Print one line for each fetched file, or where it would be."""
    for name, size, digest in fetched():
        print(f"{name:24} {size / 1e6:8.1f} MB  sha256 {digest}")
    if not fetched():
        print(f"No weights in {weights_folder()}.")


if __name__ == "__main__":
    sys.exit(main())

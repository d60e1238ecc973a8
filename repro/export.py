"""Export the trained weights of a run, with a model card: safetensors, ONNX (checked against torch) or smp's form."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from repro.command import DONE, FAILED, Parser, run, size
from repro.files import write_anew
from repro.folders import DONE as FINISHED
from repro.folders import WEIGHTS, RunFolder, find
from repro.progress import make_console
from repro.trained.card import USES, card

EXAMPLES = (
    "repro export --run 16e6                               exports/16e6ac00c2bc-last: model.safetensors, README.md",
    "repro export --run 16e6 --format onnx --size 512x512  one graph, RGB in and logits out",
    "repro export --run e606 --format smp --output shared  for smp.from_pretrained",
)
CODES = "exit codes: 0 done; 1 the exported network computes otherwise than torch; 2 bad input, nothing written"
AGREE = 1e-4  # how far ONNX's logits may be from torch's, of the largest logit or of 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.export")


def make_parser() -> Parser:
    """Return the parser of `repro export`."""
    parser = Parser(prog="repro.export", description=__doc__, examples=EXAMPLES, epilog=CODES)
    add = parser.add_argument
    add("--run", required=True, metavar="ID", help="a finished run of this checkout; the beginning of its id will do")
    add("--weights", choices=WEIGHTS, default=WEIGHTS[0], help="the last, or those selected in training")
    add("--format", choices=sorted(FORMATS), default="safetensors")
    add("--size", type=size, metavar="HxW", help="of onnx: the image the graph is for; default: as the run was costed")
    add("--output", type=Path, metavar="DIR", help="default: exports/<run id>-<weights>")
    add("--force", action="store_true", help="replace files in DIR that differ")
    add("--quiet", action="store_true", help="say nothing but errors")
    return parser


def _main(arguments: Sequence[str] | None) -> int:
    options = make_parser().parse_args(arguments)
    if options.size and options.format != "onnx":
        raise ValueError(f"--size goes with --format onnx; a {options.format} export takes images of any size")
    folder = find(options.run)
    if folder.state != FINISHED:
        raise ValueError(f"run {folder.id} is {folder.state}; only a finished run is exported")
    from repro.trained import network  # torch takes seconds to import

    model = network.load(folder.path, weights=options.weights)
    output = options.output or Path("exports") / f"{folder.id}-{options.weights}"
    console = make_console(quiet=options.quiet)
    with tempfile.TemporaryDirectory() as aside:
        try:
            uses, said = FORMATS[options.format](model, folder, Path(aside), options.size)
        except Disagreement as why:
            print(f"repro.export: {why}", file=sys.stderr)
            return FAILED
        files = {path.name: path.read_bytes() for path in sorted(Path(aside).iterdir())}
    files["README.md"] = card(folder.record, weights=options.weights, uses=uses).encode()
    _add(output, files, force=options.force)
    for line in (*said, *(f"{output / name}  {len(data) / 1e6:.1f} MB" for name, data in files.items())):
        console.print(line, markup=False)
    return DONE


class Disagreement(Exception):
    """The exported network computes otherwise than torch."""


def _add(output: Path, files: dict[str, bytes], *, force: bool) -> None:
    """Write all files, or none where one is there with other content."""
    other = [name for name in files if (output / name).exists() and (output / name).read_bytes() != files[name]]
    for name in (*other, *files):
        write_anew(output / name, files[name], force=force)


def to_safetensors(model, folder: RunFolder, to: Path, size) -> tuple[str, list[str]]:
    """Write model.safetensors, which says itself what it holds; return how to load it and what to print."""
    from safetensors.torch import save_file

    from repro.trained.network import KEY, MODEL

    state = {name: tensor.contiguous() for name, tensor in model.network.state_dict().items()}
    save_file(state, to / MODEL, metadata={KEY: model.about.as_json()})  # one entry: several have no fixed order
    return USES["safetensors"], []


def to_smp(model, folder: RunFolder, to: Path, size) -> tuple[str, list[str]]:
    """Write what smp's `from_pretrained` reads; return how to load it and what to print.

    Raises:
        ValueError: the network's class is none of smp's.
    """
    from segmentation_models_pytorch.base import SegmentationModel

    from repro.models.any_size import AnySize

    inner = model.network.network if isinstance(model.network, AnySize) else model.network
    if not isinstance(inner, SegmentationModel):
        raise ValueError(
            f"{model.about.run.network} is no SegmentationModel of smp, so that smp could not load it; "
            "export it with --format safetensors"
        )
    inner.save_pretrained(to)
    kind = type(inner)
    if kind.__module__.startswith("segmentation_models_pytorch"):
        return USES["smp"].format(imports="import segmentation_models_pytorch as smp", load="smp"), []
    return USES["smp"].format(imports=f"from {kind.__module__} import {kind.__name__}", load=kind.__name__), []


def to_onnx(model, folder: RunFolder, to: Path, size) -> tuple[str, list[str]]:
    """Write model.onnx and run it; return how to load it and what was found.

    Raises:
        ValueError: a package is missing, or this network cannot be expressed.
        Disagreement: its logits are not torch's.
    """
    from repro.trained.onnx import difference, write_onnx

    height, width = size or folder.record["network"]["size"]
    write_onnx(model.network, to / "model.onnx", (height, width))
    found, largest = difference(model.network, to / "model.onnx", (height, width))
    line = f"Largest difference from torch's logits {found:.1e}, largest logit {largest:.1f}, at {height}x{width}."
    if not found <= AGREE * max(1.0, largest):
        raise Disagreement(f"{line} More than {AGREE:.0e} of it; nothing is written.")
    return USES["onnx"].format(height=height, width=width), [line]


FORMATS: dict[str, Callable[..., tuple[str, list[str]]]] = {
    "safetensors": to_safetensors,
    "onnx": to_onnx,
    "smp": to_smp,
}


if __name__ == "__main__":
    sys.exit(main())

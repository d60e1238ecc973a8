"""Segment pictures with a trained network: one mask a picture, of its size, in the classes' colours."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from repro.command import DONE, FAILED, Parser, run, size
from repro.files import pictures_below, write_anew
from repro.folders import WEIGHTS, find
from repro.progress import make_console, track

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
SMALLEST = 32  # pixels of a window: one of the deepest map
EXAMPLES = (
    "repro predict photo.jpg --run 16e6                  the mask, predictions/photo.png",
    "repro predict photos --run 16e6 --overlay           every picture below a folder, with overlays",
    "repro predict large.tif --run 16e6 --window 512x512 --flips --scales 0.75,1,1.25",
    "repro predict leftImg8bit/test --checkpoint exports/4d9a/model.safetensors --format cityscapes",
)
RULES = """A mask is an indexed PNG: a pixel is its class's number (DIR/classes.txt names them), its palette the data
set's colours. Pictures are PNG, JPEG, TIFF, BMP or GIF (its first frame) of 8 bits a channel: grey is repeated,
transparency dropped, 16 bits are refused. An EXIF rotation is not applied: a mask lies pixel on pixel over the
file as stored. Without --window, --flips and --scales the protocol is the one the run was evaluated by.

exit codes: 0 all done; 1 some pictures failed and are named, the others are done; 2 bad input, nothing written"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.predict")


def make_parser() -> Parser:
    """Return the parser of `repro predict`."""
    parser = Parser(prog="repro.predict", description=__doc__, examples=EXAMPLES, epilog=RULES)
    add = parser.add_argument
    add("pictures", nargs="+", type=Path, metavar="IMAGE|DIR", help="pictures, or folders whose pictures to take")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", metavar="ID", help="a finished run of this checkout; the beginning of its id will do")
    which.add_argument("--checkpoint", type=Path, metavar="FILE", help="exported weights, or an unfinished run's .pt")
    add("--weights", choices=WEIGHTS, help="of a run: the last (the default), or those selected in training")
    add("--output", type=Path, default=Path("predictions"), metavar="DIR", help="default: predictions")
    add("--force", action="store_true", help="replace files in DIR that differ")
    add("--overlay", action="store_true", help="also NAME_overlay.png: the picture under the colours")
    add("--probabilities", action="store_true", help="also NAME_probabilities.npy: (classes, height, width) float16")
    add("--flips", action="store_true", help="average over the picture and its mirror image")
    add("--scales", type=_scales, default=(), metavar="0.75,1", help="average over these scales")
    add("--window", type=_window, metavar="HxW", help="slide a window this large over the picture: needs less memory")
    add("--format", choices=("png", "cityscapes"), default="png",
        help="cityscapes: what its test server takes, label ids at 1024x2048 under official names")  # fmt: skip
    add("--device", choices=("auto", "cuda", "cpu"), default="auto")
    add("--quiet", action="store_true", help="say nothing but errors")
    return parser


def _window(text: str) -> tuple[int, int]:
    found = size(text)
    if min(found) < SMALLEST:
        raise argparse.ArgumentTypeError(f"{text!r} is a window of less than {SMALLEST}x{SMALLEST} pixels")
    return found


def _scales(text: str) -> tuple[float, ...]:
    if not re.fullmatch(r"(0\.[1-9]\d*|[1-9](\.\d+)?)(,(0\.[1-9]\d*|[1-9](\.\d+)?)){0,15}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of scales from 0.1 to under 10, expected 0.75,1,1.25")
    return tuple(map(float, text.split(",")))


def _main(arguments: Sequence[str] | None) -> int:
    options = make_parser().parse_args(arguments)
    official = options.format == "cityscapes"
    if official and options.overlay:
        raise ValueError("--overlay goes with --format png: the server would take an overlay for a second result")
    named = find_pictures(options.pictures, output=options.output)
    path = options.checkpoint or find(options.run).path
    from repro.machine import keep_freed_memory, pick_device
    from repro.trained import network, pictures  # torch takes seconds to import

    made = pictures.makers(official=official, overlay=options.overlay, probabilities=options.probabilities)
    targets = plan_files(named, options.output, made, pictures.official_name if official else _stem)
    model = network.load(path, weights=options.weights, device=pick_device(options.device))
    keep_freed_memory(model.device)
    if official and model.class_names != tuple(pictures.CLASSES):
        raise ValueError(f"{path}: its {len(model.class_names)} classes are not Cityscapes' 19")
    protocol = {"window": options.window, "flips": options.flips, "scales": options.scales}
    how = {"recipe": network.with_protocol(model.recipe, **protocol), "size": pictures.SIZE if official else None}
    console = make_console(quiet=options.quiet)
    console.print(f"{_what(model)}; {_count(len(targets))}.", markup=False)
    if any(_has_output(path, options.output) for path in options.pictures):
        console.print(f"What is in {options.output} is passed over, since masks go there.", markup=False)
    if not official:
        write_anew(options.output / "classes.txt", _classes(model.class_names), force=options.force)
    failed = []
    for picture, files in track(console, "predicting", [*targets.items()]):
        try:
            predict(picture, files, model, how, force=options.force)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:  # one picture; the others go on
            failed.append(picture)
            print(f"repro.predict: {_sentence(error, picture)}", file=sys.stderr)
    return _end(console, len(targets), failed, options.output)


def find_pictures(paths: Sequence[Path], *, output: Path) -> dict[Path, PurePath]:
    """Return the pictures that were asked for, sorted within a folder, each with its name below that folder.

    Args:
        paths: pictures, or folders whose pictures to take.
        output: where masks go; see `_has_output`.

    Raises:
        ValueError: a path that is not there, a folder without pictures, or a picture's name that is no file.
    """
    found: dict[Path, PurePath] = {}
    for path in paths:
        if path.is_dir():
            inside = pictures_below(path, ENDINGS)
            if _has_output(path, output):
                inside = [each for each in inside if not each.resolve().is_relative_to(output.resolve())]
            if not inside:
                raise ValueError(f"{path}: no pictures below this folder, expected files in {', '.join(ENDINGS)}")
            found |= {each: each.relative_to(path) for each in inside}
        elif path.is_file():
            found[path] = PurePath(path.name)
        else:
            raise ValueError(f"{path}: no such file or folder")
    return found


def _has_output(path: Path, output: Path) -> bool:
    """Whether the output lies below a folder of pictures: a second call would take the masks there for pictures."""
    return output.is_dir() and path.resolve() in output.resolve().parents


def plan_files(
    named: dict[Path, PurePath], output: Path, made: dict[str, Callable], begin: Callable[[PurePath], str]
) -> dict[Path, dict[Path, Callable]]:
    """Return picture -> file -> the function for its bytes.

    Args:
        named: pictures with their names.
        output: the folder of the files.
        made: how a file's name ends -> the function for its bytes.
        begin: how the names of a picture's files begin.

    Raises:
        ValueError: two pictures would share a file, or a file would replace a picture; nothing was written.
    """
    targets: dict[Path, dict[Path, Callable]] = {}
    taken: dict[Path, Path] = {}
    originals = {picture.resolve() for picture in named}
    for picture, name in named.items():
        targets[picture] = {output / f"{begin(name)}{ending}": function for ending, function in made.items()}
        for path in targets[picture]:
            if path in taken:
                raise ValueError(f"{taken[path]} and {picture} would both become {path}; rename one of them")
            if path.resolve() in originals:
                raise ValueError(f"{path} is one of the pictures and would be replaced; name another folder: --output")
            taken[path] = picture
    return targets


def _stem(name: PurePath) -> str:
    return str(name.with_suffix(""))


def predict(picture: Path, files: dict[Path, Callable], model, how: dict, *, force: bool) -> None:
    """Write a picture's files; ValueError where it cannot be read or a file would replace another."""
    from repro.data.images import read_picture

    image = read_picture(picture)
    logits = model.logits(image, **how)
    for path, function in files.items():
        write_anew(path, function(image, logits, model.about.colours), force=force)


def _classes(names: Sequence[str]) -> bytes:
    return "".join(f"{number}: {name}\n" for number, name in enumerate(names)).encode()


def _what(model) -> str:
    run_of = model.about.run
    return f"{run_of.network} with the {model.about.weights} weights of run {run_of.id}, on {model.device.type}"


def _sentence(error: Exception, picture: Path) -> str:
    """An error with one picture as a sentence that names it."""
    from repro.training.failures import is_out_of_memory

    text = " ".join(str(error).split())[:300]
    if is_out_of_memory(error):
        return f"{picture}: too large for the memory here; give --window 512x512"
    return text if str(picture) in text else f"{picture}: {text}"


def _count(number: int) -> str:
    return f"{number} picture{'' if number == 1 else 's'}"


def _end(console, number: int, failed: Sequence[Path], output: Path) -> int:
    """Say what was done and what not; return the exit code."""
    console.print(f"{number - len(failed)} of {_count(number)} done, in {output}.", markup=False)
    if failed:
        names = ", ".join(map(str, failed[:5])) + (" ..." if len(failed) > 5 else "")
        print(f"repro.predict: {len(failed)} of {_count(number)} failed: {names}", file=sys.stderr)
    return FAILED if failed else DONE


if __name__ == "__main__":
    sys.exit(main())

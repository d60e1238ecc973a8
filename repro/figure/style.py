"""One clean style for every figure: legible in print and for colour-blind readers, the same bytes on every machine."""

import io
import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

# Okabe and Ito 2008, "Color universal design"; black last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")
OPAQUE = np.array([bytes.fromhex(colour[1:] + "ff") for colour in COLOURS]).view(np.uint32)  # as pixels
GREY = "#555555"  # of what is said beside the data
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # colour or form alone tells neighbours apart
PALETTES = {32: 12.0, 256: 3.0}  # colours: the most that they may change, root mean square, of 255
MOST_SHADES = 20_000  # colours: a photograph has more
_TAG = re.compile(rb"<[^<>]*>")
_IDLE = re.compile(rb' transform="rotate\(-0 [^"]*"|(?<=<g) id="[^"]*"')  # turns by nothing, names of groups
_FINER = re.compile(rb"(\.\d\d)\d+")  # of a coordinate
_INDENT = re.compile(rb"^ +", re.MULTILINE)
_PATH = re.compile(rb'(?<= d=")[^"]+')
_AROUND = re.compile(rb"\s*([A-Za-z])\s*")  # the letters of a path need no blanks
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "svg.hashsalt": "repro",
    "svg.fonttype": "none",
    "path.simplify": False,
}


@contextmanager
def canvas(*, columns: int = 1, rows: int = 1, width: float = 7.0, height: float = 3.6, **options) -> Iterator[tuple]:
    """Yield (figure, axes) in the house style; `options` go to `plt.subplots`. Inches."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)
        try:
            yield figure, axes
        finally:
            plt.close(figure)


def as_png(figure: Canvas) -> bytes:
    """Return the figure as PNG without a date or a version in it, in as few colours as change nothing to the eye.

    Lines and letters need no more than 32 colours: those of `COLOURS` that are in it, so that a single marker keeps its
    own among the greys of letters, and the commonest others. Pillow's quantisers mix rare ones. A matrix would change
    by 26 and more, and takes 256; a photograph keeps all.
    """
    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    image = np.asarray(Image.open(drawn).convert("RGBA"))
    packed, which, counts = np.unique(image.view(np.uint32).ravel(), return_inverse=True, return_counts=True)
    colours = packed.view(np.uint8).reshape(-1, 4)[:, :3]
    picture = Image.fromarray(np.ascontiguousarray(image[..., :3]))
    ours = np.isin(packed, OPAQUE)
    for number, most_change in PALETTES.items() if len(colours) <= MOST_SHADES else ():
        kept = np.lexsort((-counts, ~ours))[:number]
        commonest = colours[kept[np.argsort(-counts[kept], kind="stable")]]
        distance = ((colours[:, None].astype(int) - commonest) ** 2).sum(-1)
        if np.sqrt(np.average(distance.min(1), weights=counts)) <= most_change:
            picture = Image.fromarray(distance.argmin(1).astype(np.uint8)[which].reshape(image.shape[:2]))
            picture.putpalette(commonest.tobytes())
            break
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def as_svg(figure: Canvas) -> bytes:
    """Return the figure as SVG without a date, with fixed ids, to a hundredth of a point and without what is idle."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "repro"})
    drawn = _INDENT.sub(b"", _TAG.sub(lambda tag: _FINER.sub(rb"\1", _IDLE.sub(b"", tag[0])), buffer.getvalue()))
    drawn = _PATH.sub(lambda path: _AROUND.sub(rb"\1", path[0]).rstrip(), drawn)
    # Letters are text, a quarter of the bytes of their outlines; Verdana is as wide as DejaVu Sans.
    return drawn.replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")


def headline(figure: Canvas, title: str, *, letters: float = 12.5) -> None:
    """Put a title over a figure, in as many lines as it needs; `letters` go into an inch."""
    text = "\n".join(textwrap.wrap(title, width=int(letters * figure.get_figwidth())))
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, fontweight="bold")


def notes(figure: Canvas, lines: Iterable[str]) -> None:
    """Put sentences under a figure, each on lines of its own, and make the figure higher by them."""
    width = int(17 * figure.get_figwidth())
    wrapped = [part for line in lines for part in textwrap.wrap(line, width=width, subsequent_indent="   ")]
    figure.supxlabel("\n".join(wrapped), x=0.01, ha="left", fontsize=7, color=GREY, linespacing=1.35)
    figure.set_figheight(figure.get_figheight() + 0.133 * len(wrapped))


def in_decades(axes) -> None:
    """Make the horizontal axis logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def empty(axes, sentence: str) -> None:
    """Say in a figure why there is nothing in it."""
    axes.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True, transform=axes.transAxes, color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])

"""What every figure's file keeps of what was drawn."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from repro.figure.style import COLOURS, as_png, as_svg, canvas


def test_a_png_keeps_the_colour_of_every_line():
    with canvas() as (figure, axes):
        for number, colour in enumerate(COLOURS):
            axes.plot([0, 1], [number, number + 0.3], color=colour, marker="o", label=f"line {number}")
        axes.legend()
        figure.suptitle("letters of many greys")
        picture = np.array(Image.open(io.BytesIO(as_png(figure))).convert("RGB"))
    assert picture[0, 0].tolist() == [255, 255, 255]
    for colour in COLOURS:
        wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        nearest = np.abs(picture.astype(int) - wanted).max(-1)
        assert (nearest == 0).sum() > 100, colour


def test_a_png_keeps_the_colour_of_a_single_marker_among_many_letters():
    with canvas() as (figure, axes):
        for number, colour in enumerate(COLOURS):
            axes.plot([number], [number], color=colour, marker="o", markersize=3, linestyle="")
        for line in range(40):
            ink = "#555555" if line % 2 else "k"
            figure.text(0, line / 40, "letters of many greys " * 4, fontsize=6 + line / 40, color=ink)
        picture = np.array(Image.open(io.BytesIO(as_png(figure))).convert("RGB"))
    for colour in COLOURS:
        assert (picture == list(bytes.fromhex(colour[1:]))).all(-1).sum() > 4, colour


@pytest.mark.parametrize(("shades", "most"), [("matrix", 30), ("photograph", 0)])
def test_a_png_with_shades_keeps_them(shades, most):
    draw = np.random.default_rng(0)
    with canvas() as (figure, axes):
        if shades == "matrix":
            axes.imshow(np.linspace(0, 1, 400).reshape(20, 20), cmap="Blues", aspect="auto")
        else:
            axes.imshow(draw.integers(0, 256, (300, 600, 3), np.uint8), aspect="auto")
        figure.canvas.draw()  # once for the layout
        whole = io.BytesIO()
        figure.savefig(whole, format="png")
        picture = Image.open(io.BytesIO(as_png(figure))).convert("RGB")
    change = np.abs(np.array(picture).astype(int) - np.array(Image.open(whole).convert("RGB")))
    assert np.quantile(change, 0.999) <= most


def test_an_svg_is_drawn_to_a_hundredth_of_a_point_and_keeps_every_digit_of_its_text():
    with canvas() as (figure, axes):
        axes.plot(np.linspace(0, 1, 7), np.sqrt(np.linspace(0, 1, 7)))
        axes.set_title("a gain of 2.4753 points < 3.1415")
        drawn = as_svg(figure).decode()
    assert "a gain of 2.4753 points &lt; 3.1415" in drawn
    paths = re.findall(r' d="([^"]*)"', drawn)
    assert "M0 0L0 3.5" in paths  # of a tick
    assert len(paths) > 10 and not re.search(r"\.\d{3}", " ".join(paths))
    assert max(len(line) - len(line.lstrip(" ")) for line in drawn.splitlines()) == 0

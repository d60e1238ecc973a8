"""What every figure's file keeps of what was drawn."""

import io

import numpy as np
from PIL import Image

from repro.figure.style import COLOURS, as_png, canvas


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

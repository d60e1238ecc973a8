"""How far TCNet looks, as the benchmark measured it: a picture and a profile for each kernel."""

import csv
import io

import numpy as np

from repro.figure.style import COLOURS, DASHES, canvas, empty, headline, notes

TITLE = "Effective receptive field of TCNet's convolutional branch, with 31x31 kernels and with 3x3"
FAINTEST = 1e-4  # of the strongest cell: what is shown as nothing


def fields(lines: list[dict[str, str]]) -> dict[str, np.ndarray]:
    """Return (rows, columns) of shares that sum to about 1, by kernel, from the lines of the benchmark's table."""
    found = {}
    for line in lines:
        height, width = (int(side) for side in line["size"].split("x"))
        cells = np.array([float(each) for each in line["cells"].split()]) / 1e6
        across = round((len(cells) * width / height) ** 0.5)
        found[line["kernel"]] = cells.reshape(-1, across)
    return found


def draw(lines: list[dict[str, str]]):
    """Yield the drawn figure: the field of each kernel on one logarithmic scale of colours, then both in profile."""
    shown = fields(lines)
    with canvas(columns=max(len(shown), 1) + 1, width=7.2, height=2.9, squeeze=False) as (figure, axes):
        profile = axes[0, -1]
        for panel, line, (kernel, field), colour, dash in zip(axes[0], lines, shown.items(), COLOURS, DASHES):
            _picture(panel, line, field, max(each.max() for each in shown.values()))
            height = int(line["size"].split("x")[0])
            pixels = (np.arange(len(field)) - len(field) // 2 + 0.5) * height / len(field)
            profile.plot(pixels, 100 * field.sum(1), color=colour, linestyle=dash, label=f"{kernel} kernels")
        if shown:
            profile.set(title="profile", xlabel="rows from the centre (pixels)", yscale="log")
            profile.set_ylabel("share of the field (%)", fontsize=8)
            profile.legend(fontsize=7, loc="lower center")
        else:
            empty(profile, "not measured")
        headline(figure, TITLE)
        notes(figure, _said(lines))
        yield figure


def _picture(panel, line: dict[str, str], field: np.ndarray, strongest: float) -> None:
    height, width = (int(side) for side in line["size"].split("x"))
    strength = np.log10(np.maximum(field / strongest, FAINTEST))
    panel.imshow(strength, cmap="magma", vmin=np.log10(FAINTEST), vmax=0, extent=(0, width, height, 0))
    panel.set_title(f"{line['kernel']} kernels")
    half, most = line["area of 50 %"], line["area of 90 %"]
    panel.set_xlabel(f"half in {half} %, nine tenths\nin {most} % of the image", fontsize=8)
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)


def _said(lines: list[dict[str, str]]) -> list[str]:
    if not lines:
        return ["python -m repro.bench receptive-field --write measures it."]
    first = lines[0]
    return [
        "Colour: share of the gradient of the branch's last map (stride 32, its centre) by the image, over four powers "
        "of ten; brightest is the strongest cell of both.",
        f"TCNet's convolutional branch without attention, at random weights (torch's initialisation, "
        f"{first['initialisations']} seeds), width {first['width']}, {first['images']} images of noise each, "
        f"{first['size']}; torch {first['torch']} on a {first['device'].upper()}.",
    ]


def as_csv(lines: list[dict[str, str]]) -> str:
    """Return a line a row of cells: kernel, row, then each column's share in millionths."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    shown = fields(lines)
    writer.writerow(["kernel", "row", *range(max((field.shape[1] for field in shown.values()), default=0))])
    for kernel, field in shown.items():
        for row, shares in enumerate(field):
            writer.writerow([kernel, row, *(round(1e6 * share) for share in shares)])
    return buffer.getvalue()

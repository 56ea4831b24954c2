"""The picture of what densities of codes draw: a row of samples for each."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from zoo.reports.figures import figure, picture, plain

INCH = 0.55  # a sample
LABEL = 1.3  # beside a row


def sheet(rows: Sequence[tuple[str, str, Tensor]], title: str) -> Image.Image:
    """Rows (name, what was measured, images (n, channels, height, width) in [0, 1]), each below the other. Raises
    MissingExtra without matplotlib."""
    columns = max(len(images) for _, _, images in rows)
    drawn = figure(2 * LABEL + columns * INCH, 0.4 + len(rows) * INCH)
    drawn.suptitle(plain(title), fontsize="medium")
    every = drawn.subplots(len(rows), 1, squeeze=False).ravel()
    for axes, (name, text, images) in zip(every, rows, strict=True):
        pixels = images.permute(2, 0, 3, 1).flatten(1, 2).numpy()  # (height, n·width, channels)
        axes.imshow(pixels.clip(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_ylabel(plain(name), rotation=0, ha="right", va="center", fontsize="small")
        axes.text(1.01, 0.5, plain(text), transform=axes.transAxes, ha="left", va="center", fontsize="small")
    return picture(drawn)

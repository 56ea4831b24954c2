"""The picture of `zoo.metrics.projection`: samples in two dimensions, in the colours of their classes."""

from __future__ import annotations

import math

import torch
from PIL import Image

from zoo.metrics.projection import K, Panel, Projection
from zoo.reports.figures import GREY, Axes, Figure, colours, figure, picture, plain

PANEL, COLUMNS = 3.4, 3  # inches, a side of a panel; panels in a row
LINE = 0.2  # inches, a row of the legend
NAMED = 20  # classes that a legend names


def sheet(found: Projection) -> Image.Image:
    """The panels beside each other, what was measured below each, and the classes at the bottom. Raises MissingExtra
    without matplotlib."""
    return picture(page(found))


def page(found: Projection) -> Figure:
    """The figure of that."""
    columns = min(COLUMNS, len(found.panels))
    rows = math.ceil(len(found.panels) / columns)
    present = [] if found.labels is None else sorted({int(label) for label in found.labels.tolist() if label >= 0})
    named = len(present) if len(present) <= NAMED else 0
    drawn = figure(columns * PANEL, rows * (PANEL + 0.3) + LINE * (2 + math.ceil(named / (2 * columns))))
    axes = drawn.subplots(rows, columns, squeeze=False).ravel()
    for place in axes[len(found.panels) :]:
        place.set_axis_off()
    for place, panel in zip(axes, found.panels, strict=False):
        show(place, panel, found, present)
    if named:
        handles, names = axes[0].get_legend_handles_labels()
        drawn.legend(handles, names, loc="outside lower center", ncols=2 * columns, fontsize="small", markerscale=3)
    drawn.suptitle(
        plain(f"{found.n} samples of {found.dataset}, held out; codes of {found.release}"), fontsize="medium"
    )
    return drawn


def show(axes: Axes, panel: Panel, found: Projection, present: list[int]) -> None:
    """One panel: points of no class in grey, below the classes `present`."""
    labels = torch.full((found.n,), -1) if found.labels is None else found.labels
    for label, colour in zip([-1, *present], [GREY, *colours(len(present))], strict=True):
        x, y = panel.points[labels == label].T.numpy()
        name = plain(found.classes[label]) if label >= 0 else "_"  # which a legend leaves out
        axes.scatter(x, y, s=4, color=[colour], alpha=0.7, linewidths=0, label=name)
    caption = f"trustworthiness {panel.trustworthiness:.3f}"
    axes.set_title(plain(panel.title), fontsize="medium")
    axes.set_xlabel(caption if panel.knn is None else f"{caption}\n{K}-NN accuracy {panel.knn:.3f}", fontsize="medium")
    axes.set_xticks([])
    axes.set_yticks([])

"""What the discriminator of a GAN of the plane says of each place, as a picture with data and samples over it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from zoo.data.dataset import Dataset
from zoo.model import Model
from zoo.models._gan import AdversarialObjective
from zoo.objective import Objective

CELLS, PIXELS = 72, 4  # on a side; on a side of a cell
BANDS = 16  # shades, whose edges are lines of equal height
POINTS = 600  # of the data, and samples
MARGIN = 0.4  # beyond the data, as a share of their extent
MADE, BETWEEN, REAL = (196, 92, 38), (250, 248, 243), (38, 104, 158)  # taken for a sample, for either, for data
DATA, SAMPLE = (150, 150, 150), (20, 20, 20)


def picture(objective: Objective[Any], model: Model, data: Dataset) -> Image.Image | None:
    """The field of `objective`'s discriminator from orange, taken for samples, to blue, taken for data (of scores, from
    the least to the greatest), points of `data` in grey and samples of seed 0 of `model` in black; None for what is no
    GAN of two columns without a condition."""
    if not isinstance(objective, AdversarialObjective) or model.space.shape != (2,) or model.condition.name is not None:
        return None
    real = data.all_samples()[:POINTS].double()
    low, high = real.amin(0), real.amax(0)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    steps = (torch.arange(CELLS) + 0.5) / CELLS
    places = low + torch.cartesian_prod(1 - steps, steps).flip(1) * (high - low)  # rows from above
    with torch.no_grad(), _still(objective.discriminator):
        own = objective.model.standardised(places).to(model.device, model.dtype)
        values = objective.loss.shown(objective.score(own, None)).flatten().double().cpu()
    if objective.loss.outputs != "probability":
        values = (values - values.min()) / (values.max() - values.min()).clamp_min(1e-12)
    field = _coloured(values.clamp(0, 1)).reshape(CELLS, CELLS, 3).repeat(PIXELS, 0).repeat(PIXELS, 1)
    for points, colour, size in ((real, DATA, 2), (model.generate(POINTS, seed=0).double().cpu(), SAMPLE, 3)):
        _draw(field, (points - low) / (high - low), colour, size)
    return Image.fromarray(field).quantize(32, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


@contextlib.contextmanager
def _still(network: nn.Module) -> Iterator[None]:
    """`network` in eval mode, in which it draws and remembers nothing; after it each part as it was."""
    modes = [(part, part.training) for part in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _coloured(values: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Levels (n, 3) of values in [0, 1], in bands."""
    shares = ((values * BANDS).floor().clamp(max=BANDS - 1) + 0.5) / BANDS
    ends = torch.tensor((MADE, BETWEEN, REAL), dtype=torch.float64)
    part = (2 * shares)[:, None]
    mixed = torch.where(part < 1, ends[0] + part * (ends[1] - ends[0]), ends[1] + (part - 1) * (ends[2] - ends[1]))
    return mixed.round().to(torch.uint8).numpy()


def _draw(field: np.ndarray[Any, np.dtype[np.uint8]], places: Tensor, colour: tuple[int, ...], size: int) -> None:
    """Squares at `places` (n, 2), shares of the sides from below on the left; what is outside is not drawn."""
    side = len(field)
    for x, y in (places * side).floor().long().tolist():
        if 0 <= x < side and 0 <= y < side:
            field[max(side - 1 - y, 0) :, x:][:size, :size] = colour

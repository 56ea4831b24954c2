"""A picture of generated images above the training images that they are nearest to."""

from __future__ import annotations

import torch
from PIL import Image

from zoo import images
from zoo.data.dataset import floats
from zoo.metrics.neighbours import Pairs

COLUMNS = 10


def sheet(pairs: Pairs) -> Image.Image:
    """Each sample, the nearest first, with its neighbour below it; ten to a row."""
    return images.grid(floats(torch.cat([pairs.samples, pairs.neighbours], 2)), columns=min(COLUMNS, len(pairs.rows)))

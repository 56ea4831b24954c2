"""Pictures of a gallery: one of each release for the hall, and examples of what is translated, from the card's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo import images
from zoo.conditions import Images
from zoo.files import decoding
from zoo.model import Model
from zoo.releases import Release, files
from zoo.releases.cards import SAMPLES

WIDTH, HEIGHT = 320, 160  # pixels, of the picture in the hall
COLUMNS, ROWS = 4, 2
POINTS = 20_000
EXAMPLES = 4
TILES, REACH = 12, 3.0  # of a map, on a side; of the plane, in units of its sliders, as pad.js has it
WHITE = 250  # levels from which the lines between the images of a card's picture are white


def write_picture(release: Release, model: Model, path: Path) -> None:
    """Write the picture of the hall: samples of seed 0 or, of a model that needs something to make them from, a part of
    the card's; WebP, some kB."""
    if "generate" in model.capabilities() and not model.condition.required:
        n = POINTS if model.space.name == "vectors" else COLUMNS * ROWS
        picture = model.space.preview(model.generate(n, seed=0), columns=COLUMNS)
    elif (samples := files.optional_file(release, SAMPLES)) is not None:
        picture = _read(samples)
    else:
        picture = Image.new("L", (WIDTH, HEIGHT), 128)
    _fitted(picture.convert("RGB")).save(path, quality=80)


def write_examples(release: Release, model: Model, folder: Path) -> dict[str, list[str]]:
    """Write images that a translator can be given, from the card's picture; their names, by what they become."""
    samples = files.optional_file(release, SAMPLES)
    rows = cells(_read(samples)) if samples is not None else []
    found = dict[str, list[str]]()
    for index, to in enumerate(reversed(model.domains) if model.domains else ("",)):
        row = 2 * index  # sources and what becomes of them, in turns
        if isinstance(model.condition, Images) and model.space.shape[0] < model.condition.channels:
            row = len(rows) - 1  # sources have holes, and whole ones are last
        for k, image in enumerate(rows[row][:EXAMPLES] if row < len(rows) else []):
            if model.enlargement > 1:
                image = image.reduce(model.enlargement)
            name = f"example-{index}-{k + 1}.png"
            image.save(folder / name)
            found.setdefault(to, []).append(name)
    return found


def write_map(model: Model, center: Tensor, units: Sequence[float], path: Path) -> None:
    """Write what the decoder makes of places on a plane of two latents, from `center` (2,) `REACH` units along each of
    the axes: `TILES` on a side, each of the middle of its part of the plane, the second latent upwards; WebP."""
    ways = center[:, None] + torch.tensor(units)[:, None] * REACH * ((torch.arange(TILES) + 0.5) / TILES * 2 - 1)
    places = torch.stack([ways[0].repeat(TILES), ways[1].flip(0).repeat_interleave(TILES)], 1)
    drawn = model.decode(places.view(-1, *model.latent_shape))
    images.grid(drawn, columns=TILES, padding=0).convert("RGB").save(path, lossless=True)


def cells(picture: Image.Image) -> list[list[Image.Image]]:
    """The images of a grid with white lines between them, in rows; none if it is no such grid."""
    pixels = np.asarray(picture.convert("L"))
    across, down = _runs(pixels.min(0) < WHITE), _runs(pixels.min(1) < WHITE)
    widths = {end - start for start, end in across}
    return [[picture.crop((a, c, b, d)) for a, b in across] for c, d in down] if len(widths) == 1 else []


def _read(path: Path) -> Image.Image:
    """A card's picture. Raises DataError."""
    with decoding.opened(path) as picture:
        return picture.convert("RGB")


def _runs(inked: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Where runs of True begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inked, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _fitted(picture: Image.Image) -> Image.Image:
    """Fill the frame: what is too high is cut at the bottom; what is enlarged keeps its pixels."""
    if (
        picture.width < picture.height * WIDTH / HEIGHT * 0.75 and picture.height <= 256
    ):  # of one piece, such as a plane
        frame = Image.new("RGB", (2 * picture.height, picture.height), "white")
        frame.paste(picture, ((frame.width - picture.width) // 2, 0))
        picture = frame
    picture = picture.crop((0, 0, picture.width, min(picture.height, picture.width * HEIGHT // WIDTH)))
    small = picture.width < WIDTH
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)

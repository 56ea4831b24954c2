"""Pictures of the hall, and examples cut out of a card's picture."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from small_models import small

import zoo
from zoo import images, releases
from zoo.conditions import Images as Sources
from zoo.errors import DataError
from zoo.releases.cards import SAMPLES
from zoo.reports.gallery import pictures
from zoo.spaces import Images


def test_cells_of_a_grid_come_back(tmp_path):
    made = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.8
    rows = pictures.cells(images.grid(made, columns=3))
    assert [len(row) for row in rows] == [3, 3]
    levels = images.quantise(made)
    for image, cell in zip(levels, (cell for row in rows for cell in row), strict=True):
        assert cell.tobytes() == image.permute(1, 2, 0).numpy().tobytes()


def test_what_is_no_grid_has_no_cells():
    plot = Image.new("RGB", (90, 30), "white")
    plot.paste("black", (10, 5, 20, 25))
    plot.paste("black", (40, 5, 80, 25))
    assert pictures.cells(plot) == []


@pytest.mark.parametrize("size", [(530, 596), (256, 256), (122, 62), (692, 272)])
def test_every_picture_fills_the_frame(size):
    assert pictures._fitted(Image.new("RGB", size)).size == (pictures.WIDTH, pictures.HEIGHT)


def test_a_damaged_picture_of_a_card_is_said(publishable, tmp_path):
    (publishable / SAMPLES).write_bytes(b"no picture")
    release = releases.find(publishable)
    with pytest.raises(DataError, match=rf"{SAMPLES} is not a readable image"):
        pictures.write_examples(release, zoo.load(publishable), tmp_path)


def test_a_map_has_what_each_place_decodes_to(perturbed, tmp_path):
    model = perturbed(small("vae", image_size=8, width=4, latent_dim=2)(), 0.5).eval()
    center, units = torch.tensor([0.3, -0.2]), [0.8, 1.1]
    pictures.write_map(model, center, units, tmp_path / "map.webp")
    with Image.open(tmp_path / "map.webp") as file:
        found = file.convert("RGB")
    side = pictures.TILES
    assert found.size == (8 * side, 8 * side)
    for row, column in ((0, 0), (2, 7), (side - 1, side - 1)):
        along = torch.tensor([2 * column + 1 - side, side - 1 - 2 * row]) / side * pictures.REACH
        expected = images.to_pil(model.decode((center + along * torch.tensor(units))[None]))[0].convert("RGB")
        box = (8 * column, 8 * row, 8 * column + 8, 8 * row + 8)
        assert found.crop(box).tobytes() == expected.tobytes(), (row, column)


def test_examples_for_images_with_holes_are_whole(tmp_path, monkeypatch):
    rows = [[Image.new("RGB", (8, 8), colour)] for colour in ("red", "green", "blue")]
    monkeypatch.setattr(pictures, "cells", lambda _: rows)
    monkeypatch.setattr(pictures, "_read", lambda _: None)
    monkeypatch.setattr(pictures.files, "optional_file", lambda *_: tmp_path)
    for channels, colour in ((3, (255, 0, 0)), (4, (0, 0, 255))):  # of sources, the fourth says where holes are
        model = SimpleNamespace(space=Images((3, 8, 8)), condition=Sources(channels), domains=(), enlargement=1)
        (name,) = pictures.write_examples(None, model, tmp_path)[""]
        assert Image.open(tmp_path / name).getpixel((0, 0)) == colour

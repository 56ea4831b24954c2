"""Pictures of the hall, and examples cut out of a card's picture."""

import pytest
import torch
from PIL import Image

import zoo
from zoo import images, releases
from zoo.errors import DataError
from zoo.releases.cards import SAMPLES
from zoo.reports.gallery import pictures


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

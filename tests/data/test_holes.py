"""Images with holes."""

import pytest
import torch
from PIL import Image

from zoo.data import loading as data


@pytest.fixture
def faces(tmp_path):
    for i in range(40):
        Image.new("RGB", (16, 16), (200, 5 * i + 10, 90)).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def test_sources_are_the_images_but_for_a_hole(faces):
    held = {"shape": (3, 16, 16), "holdout": 8, "holdout_seed": None}
    holed = data.load("holes", faces, "train", **held)
    assert holed.images.shape == (32, 3, 16, 16)
    assert holed.sources.shape == (32, 4, 16, 16)
    assert holed.paired
    known = holed.sources[:, 3:] == 255
    assert torch.equal(holed.sources[:, 3:], 255 * known.to(torch.uint8))
    assert torch.equal(holed.sources[:, :3], holed.images * known)
    sizes = (~known).flatten(1).sum(1)
    assert ((sizes >= 4 * 4) & (sizes <= 8 * 8)).all()
    assert torch.equal(
        data.load("holes", faces, "test", **held).images[0],
        holed.images[0] * 0 + torch.tensor([200, 5 * 32 + 10, 90], dtype=torch.uint8)[:, None, None],
    )


def test_some_holes_are_central_and_others_anywhere(faces):
    known = data.load("holes", faces, "train", shape=(3, 16, 16)).sources[:, 3] == 255
    central = torch.ones(16, 16, dtype=torch.bool)
    central[4:12, 4:12] = False
    share = (known == central).flatten(1).all(1).float().mean().item()
    assert 0.25 < share < 0.75
    assert len({tuple(row) for row in (~known).flatten(1).int().argmax(1)[:, None].tolist()}) > 8


def test_a_hole_follows_from_the_place_of_its_image(faces):
    once, again = (data.load("holes", faces, "train", shape=(3, 16, 16)) for _ in range(2))
    assert torch.equal(once.sources, again.sources)

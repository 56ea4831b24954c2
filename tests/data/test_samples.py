"""What is known of samples at hand once they are understood."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data.samples import Samples
from zoo.images import Reader


def picture(*pixels, mode="L"):
    return Image.fromarray(np.array(pixels, np.uint8).reshape(2, 2, *[3] * (mode == "RGB")), mode)


GREY, COLOUR = picture(0, 1, 2, 3), picture(*range(12), mode="RGB")


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (torch.zeros(5, 3, 4, 6, dtype=torch.uint8), (3, 4, 6)),
        ([GREY, GREY], (1, 2, 2)),
        ([GREY, COLOUR], (3, 2, 2)),
        ([GREY, GREY.resize((3, 2))], (1, None, None)),
    ],
)
def test_the_shape_of_images_is_of_all_of_them(values, shape):
    assert Samples(values).shape() == shape


def test_rows_are_a_table_and_images_are_none():
    assert Samples(torch.zeros(4, 2)).is_table
    assert not Samples(torch.zeros(4, 1, 2, 2, dtype=torch.uint8)).is_table
    assert not Samples([GREY]).is_table


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_digest_is_of_what_a_sample_holds_and_of_its_shape(tmp_path):
    pixels = torch.arange(4, dtype=torch.uint8)
    first, again, other, wide = (
        Samples(each[None]).digests[0]
        for each in (pixels.view(1, 2, 2), pixels.view(1, 2, 2), pixels.flip(0).view(1, 2, 2), pixels.view(1, 1, 4))
    )
    assert first == again == Samples([GREY]).digests[0]
    assert len({first, other, wide}) == 3
    for name in ("a.png", "b.png"):
        GREY.save(tmp_path / name)
    one, same, gone = Samples([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]).digests
    assert one == same != gone


def test_rows_are_read_in_the_order_asked_for_and_bad_files_left_out(tmp_path):
    for i, name in enumerate("abc"):
        picture(*[i] * 4).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    files = Samples([tmp_path / f"{name}.png" for name in "abc"])
    pixels, kept = files.read([2, 1, 0], (1, 2, 2), Reader(skip_bad=True))
    assert (pixels[:, 0, 0, 0].tolist(), kept) == ([2, 0], [2, 0])
    pixels, kept = Samples(torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1)).read([2, 0], (1, 1, 1), Reader())
    assert (pixels.flatten().tolist(), kept) == ([2, 0], [2, 0])

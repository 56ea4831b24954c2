"""Images: tensors to pictures and back, and what happens to files that are not what they should be."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import images
from zoo.errors import DataError, InvalidInput


@pytest.fixture
def picture(tmp_path):
    """Save a PIL image and return its path: `picture(array, "name.png")`."""

    def save(pixels, name="picture.png", **options):
        path = tmp_path / name
        Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)
        return path

    return save


RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLOUR = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)


def test_quantise_rounds_to_the_nearest_of_256_levels():
    levels = torch.tensor([0.0, 0.4, 0.5, 0.6, 1.0, 254.4, 254.6, 255.0]) / 255
    levels[1] = 0.49 / 255
    levels[3] = 0.51 / 255
    levels[4] = 1.49 / 255
    assert images.quantise(levels.view(1, 1, 2, 4)).flatten().tolist() == [0, 0, 0, 1, 1, 254, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_every_byte_survives(dtype):
    levels = (torch.arange(256).to(dtype) / 255).view(1, 1, 16, 16)
    assert images.quantise(levels).flatten().tolist() == list(range(256))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1, 1, 2, 2).byte(), r"torch\.uint8 \(1, 1, 2, 2\); expected floats"),
        (torch.zeros(1, 2, 2), r"\(1, 2, 2\); expected floats of shape"),
        (torch.zeros(1, 2, 2, 2), r"expected 1 \(grey\) or 3 \(RGB\) channels"),
        (np.zeros((1, 1, 2, 2)), "came as ndarray"),
        (None, "came as NoneType"),
        (torch.zeros(0, 1, 2, 2), "empty, not finite, or outside"),
        (torch.full((1, 1, 2, 2), 1.01), "outside"),
        (torch.full((1, 1, 2, 2), -0.01), "outside"),
        (torch.full((1, 1, 2, 2), float("nan")), "not finite"),
    ],
)
@pytest.mark.parametrize("function", [images.quantise, images.to_pil, images.grid])
def test_what_is_no_batch_of_images(function, value, message):
    with pytest.raises(InvalidInput, match=message):
        function(value)


@pytest.mark.parametrize("pixels", [RAMP, COLOUR])
def test_file_to_tensor_to_file_is_exact(picture, tmp_path, pixels):
    shape = (1 if pixels.ndim == 2 else 3, 16, 16)
    batch = images.load(picture(pixels), shape)
    assert batch.dtype is torch.float32
    assert batch.shape == (1, *shape)
    assert (images.quantise(batch)[0].movedim(0, -1).squeeze(-1).numpy() == pixels).all()
    (back,) = images.to_pil(batch)
    assert back.mode == ("L" if pixels.ndim == 2 else "RGB")
    assert (np.asarray(back) == pixels).all()
    assert torch.equal(images.from_pil(back, shape), batch)


def test_grey_and_colour_are_converted():
    grey = images.from_pil(Image.fromarray(COLOUR), (1, 16, 16))
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[0, 0].numpy() * 255 - COLOUR @ weights).max() < 1.01
    colour = images.from_pil(Image.fromarray(RAMP), (3, 16, 16))
    assert (colour[0] == torch.from_numpy(RAMP).float() / 255).all()


def test_palette_alpha_and_bilevel_pictures(tmp_path):
    paths = []
    for mode in ("P", "RGBA", "LA", "1", "CMYK"):
        paths.append(tmp_path / f"{mode}.tiff")
        Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode).save(paths[-1])
    batch = images.load(paths, (3, 4, 4))
    assert batch.shape == (5, 3, 4, 4)
    assert (batch == 1).all()


def test_resizing_keeps_the_range_and_a_constant():
    flat = images.from_pil(Image.new("L", (50, 30), 77), (1, 8, 8))
    assert (flat * 255 == 77).all()
    checks = Image.fromarray(((np.indices((64, 64)).sum(0) % 2) * 255).astype(np.uint8))
    small = images.from_pil(checks, (1, 8, 8))
    assert small.min() >= 0
    assert small.max() <= 1
    assert (small - 0.5).abs().max() < 0.05  # antialiased: the fine checks average out


def test_several_files_in_their_order(picture):
    paths = [picture(np.full((4, 4), value), f"{value}.png") for value in (200, 0, 100)]
    assert (images.load(paths, (1, 4, 4))[:, 0, 0, 0] * 255).round().tolist() == [200, 0, 100]
    assert images.load(str(paths[0]), (1, 4, 4)).shape == (1, 1, 4, 4)


def test_a_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned; shown upright after a quarter turn clockwise
    lying = Image.fromarray(np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8))
    lying.save(tmp_path / "photo.png", exif=exif)
    upright = images.load(tmp_path / "photo.png", (1, 3, 2))
    assert upright[0, 0].tolist() == [[1.0, 0.0]] * 3


def test_a_crop_in_fractions_is_cut_out_before_resizing(picture):
    """A quarter of the picture, in whole pixels; of a photograph, as it stands upright."""
    part = images.to_bytes(Image.fromarray(COLOUR), (3, 4, 8), (0.5, 0.25, 1.0, 0.5))
    assert (part.movedim(0, -1).numpy() == COLOUR[4:8, 8:]).all()
    whole = images.read_bytes(picture(COLOUR), (3, 16, 16), (0, 0, 1, 1))
    assert torch.equal(whole, images.read_bytes(picture(COLOUR), (3, 16, 16)))
    rounded = images.to_bytes(Image.fromarray(RAMP), (1, 8, 6), (0.09, 0.0, 0.41, 0.5))  # columns 1.44 to 6.56
    assert (rounded[0].numpy() == RAMP[:8, 1:7]).all()


def test_a_crop_is_of_the_upright_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8))
    lying.save(tmp_path / "photo.png", exif=exif)
    upper = images.read_bytes(tmp_path / "photo.png", (1, 1, 2), (0, 0, 1, 1 / 3))
    assert upper[0].tolist() == [[40, 10]]  # a quarter turn clockwise: the left column becomes the first row


def test_damaged_files_are_named(picture, tmp_path):
    good = picture(COLOUR)
    data = good.read_bytes()
    for name, content in (
        ("cut.png", data[: len(data) // 2]),
        ("text.png", b"no image"),
        ("empty.png", b""),
        ("broken.tiff", b"II*\x00" + b"\xff" * 40),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="missing or not a readable image") as caught:
            images.load([good, tmp_path / name], (3, 16, 16))
        assert str(tmp_path / name) in str(caught.value)
    for path in (tmp_path / "nowhere.png", tmp_path):
        with pytest.raises(DataError, match="Remove or replace it"):
            images.load(path, (3, 16, 16))


def test_sixteen_bit_pictures_are_not_turned_white(tmp_path):
    Image.fromarray((np.arange(16).reshape(4, 4) * 4000).astype(np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png.*more than 8 bits per channel"):
        images.load(tmp_path / "deep.png", (1, 4, 4))


PATCH = np.array([[[250, 10, 20], [30, 240, 60]]], dtype=np.uint8)  # red beside green


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_whole_pictures_of_every_mode(tmp_path, mode):
    picture = Image.fromarray(PATCH).convert(mode)
    picture.save(tmp_path / f"{mode}.tiff")
    for source in (picture, tmp_path / f"{mode}.tiff", str(tmp_path / f"{mode}.tiff")):
        pixels = images.whole(source, 3)
        assert pixels.dtype == torch.uint8
        assert pixels.shape == (3, 1, 2)
        assert (pixels.permute(1, 2, 0).numpy() == np.asarray(picture.convert("RGB"))).all()
        assert images.whole(source, 1).shape == (1, 1, 2)


def test_whole_grey_and_bilevel_pictures():
    assert images.whole(Image.fromarray(RAMP), 3).tolist() == [RAMP.tolist()] * 3
    assert images.whole(Image.fromarray(RAMP), 1).tolist() == [RAMP.tolist()]
    assert images.whole(Image.new("1", (2, 1), 1), 1).tolist() == [[[255, 255]]]
    assert images.whole(Image.new("L", (1, 1), 7), 1).tolist() == [[[7]]]


def test_what_is_transparent_is_laid_on_white_unless_alpha_is_asked_for(tmp_path):
    shades = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [200, 0, 0, 51]]], dtype=np.uint8)
    picture = Image.fromarray(shades)
    assert images.whole(picture, 3).permute(1, 2, 0).tolist() == [[[200, 0, 0], [255, 255, 255], [244, 204, 204]]]
    assert images.whole(picture, 4).permute(1, 2, 0).tolist() == shades.tolist()
    assert images.whole(picture, 2)[1].tolist() == [[255, 0, 51]]
    assert images.whole(picture, 1)[0, 0, 1] == 255
    picture.convert("LA").save(tmp_path / "grey.png")
    assert images.whole(tmp_path / "grey.png", 1)[0, 0, 1] == 255
    palette = Image.new("P", (1, 1), 1)
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.save(tmp_path / "palette.png", transparency=1)
    assert images.whole(tmp_path / "palette.png", 3).flatten().tolist() == [255, 255, 255]
    assert images.whole(tmp_path / "palette.png", 4).flatten().tolist() == [9, 8, 7, 0]
    assert images.whole(tmp_path / "palette.png", 2)[1].tolist() == [[0]]
    assert images.whole(Image.fromarray(PATCH), 4)[3].tolist() == [[255, 255]]


def test_whole_photographs_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)).save(tmp_path / "photo.png", exif=exif)
    assert images.whole(tmp_path / "photo.png", 1).tolist() == [[[4, 1], [5, 2], [6, 3]]]
    with Image.open(tmp_path / "photo.png") as photo:
        assert images.whole(photo, 1).tolist() == [[[4, 1], [5, 2], [6, 3]]]


def test_whole_pictures_that_cannot_be_read_are_named(picture, tmp_path):
    data = picture(COLOUR).read_bytes()
    Image.fromarray((np.arange(16).reshape(4, 4) * 4000).astype(np.uint16)).save(tmp_path / "deep.png")
    for name, content in (("cut.png", data[: len(data) // 2]), ("text.png", b"no image"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name} is missing or not a readable image"):
            images.whole(tmp_path / name, 3)
    with pytest.raises(DataError, match=r"nowhere\.png is missing"):
        images.whole(tmp_path / "nowhere.png", 3)
    with pytest.raises(DataError, match=r"deep\.png.*more than 8 bits per channel"):
        images.whole(tmp_path / "deep.png", 3)
    with Image.open(tmp_path / "deep.png") as deep, pytest.raises(DataError, match=r"deep\.png.*more than 8 bits"):
        images.whole(deep, 3)
    with Image.open(tmp_path / "cut.png") as lazy, pytest.raises(DataError, match=r"cut\.png is missing or not"):
        images.whole(lazy, 3)
    with pytest.raises(DataError, match="the PIL image: the picture has no pixels"):
        images.whole(Image.new("L", (0, 4)), 1)


def test_what_is_no_picture_at_all():
    for wrong, message in ((RAMP, r"ndarray.*torch\.from_numpy"), (b"bytes", "as bytes"), (None, "as NoneType")):
        with pytest.raises(InvalidInput, match=message):
            images.whole(wrong, 3)


def test_nothing_to_load_and_impossible_shapes(picture):
    with pytest.raises(InvalidInput, match="no image files came"):
        images.load([], (1, 4, 4))
    with pytest.raises(InvalidInput, match="no images came"):
        images.from_pil([], (1, 4, 4))
    for shape in ((2, 4, 4), (4, 4), (1, 1, 4, 4)):
        with pytest.raises(InvalidInput, match="are unknown"):
            images.from_pil(Image.new("L", (4, 4)), shape)


@pytest.mark.parametrize(
    ("n", "columns", "size"), [(4, None, (18, 18)), (5, None, (26, 18)), (3, 3, (26, 10)), (3, 1, (10, 26))]
)
def test_grid_layout(n, columns, size):
    """Images of 6 × 6 with two white pixels around each."""
    sheet = images.grid(torch.zeros(n, 1, 6, 6), columns=columns)
    assert sheet.size == size
    pixels = np.asarray(sheet.convert("L"))
    assert (pixels == 0).sum() == n * 36
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("columns", [0, -1, 1.5, "4", True])
def test_wrong_columns(columns):
    with pytest.raises(InvalidInput, match="columns="):
        images.grid(torch.zeros(1, 1, 2, 2), columns=columns)


def test_save_makes_its_folder_and_returns_the_path(tmp_path):
    path = images.save(torch.zeros(2, 3, 4, 4), tmp_path / "new" / "grid.png")
    assert path == tmp_path / "new" / "grid.png"
    with Image.open(path) as sheet:
        assert sheet.size == (14, 8)


@pytest.mark.parametrize("name", ["grid", "grid.xyz", "taken", "file/grid.png"])
def test_where_no_picture_can_be_written(tmp_path, name):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        images.save(torch.zeros(1, 1, 4, 4), tmp_path / name)


def test_binarise_without_a_seed_cuts_at_one_half():
    grey = torch.tensor([0.0, 0.499, 0.5, 1.0]).view(1, 1, 2, 2)
    assert images.binarise(grey).flatten().tolist() == [0, 0, 1, 1]


def test_binarise_by_chance_takes_pixels_for_probabilities():
    grey = torch.tensor([0.0, 0.2, 0.7, 1.0]).view(1, 1, 2, 2).expand(4000, 1, 2, 2)
    drawn = images.binarise(grey, seed=0)
    assert drawn.unique().tolist() == [0, 1]
    assert drawn.mean(0).flatten().tolist() == pytest.approx([0, 0.2, 0.7, 1], abs=0.03)
    assert drawn[:, 0, 0, 0].max() == 0
    assert drawn[:, 0, 1, 1].min() == 1


def test_binarise_draws_image_i_of_a_seed_whatever_comes_after_it(monkeypatch):
    grey = torch.full((5, 1, 3, 3), 0.5)
    whole = images.binarise(grey, seed=7)
    monkeypatch.setattr(images, "CHUNK", 2)
    assert torch.equal(images.binarise(grey, seed=7), whole)
    assert torch.equal(images.binarise(grey[:2], seed=7), whole[:2])
    assert not torch.equal(images.binarise(grey, seed=8), whole)


@pytest.mark.parametrize("wrong", [torch.full((1, 1, 2, 2), 1.5), torch.zeros(2, 2), torch.zeros(1, 1, 2, 2).byte(), 3])
def test_what_cannot_be_binarised(wrong):
    with pytest.raises(InvalidInput):
        images.binarise(wrong)

"""Files and pictures to tensors: what is read exactly, what is made to fit, and what is no picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import images
from zoo.errors import Converted, DataError, InvalidInput, LeftOut
from zoo.files.reading import Reader


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


def test_palette_alpha_and_bilevel_pictures(tmp_path):
    paths = []
    for mode in ("P", "RGBA", "LA", "1", "CMYK"):
        paths.append(tmp_path / f"{mode}.tiff")
        Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode).save(paths[-1])
    batch = images.load(paths, (3, 4, 4))
    assert batch.shape == (5, 3, 4, 4)
    assert (batch == 1).all()


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
    (all_of_it, upper), rows = Reader().read([picture(COLOUR)], (3, 16, 16), (0, 0, 1, 1), (0, 0, 1, 0.5))
    assert torch.equal(all_of_it.float() / 255, images.load(picture(COLOUR), (3, 16, 16)))
    assert rows == [0]
    assert not torch.equal(upper, all_of_it)
    rounded = images.to_bytes(Image.fromarray(RAMP), (1, 8, 6), (0.09, 0.0, 0.41, 0.5))  # columns 1.44 to 6.56
    assert (rounded[0].numpy() == RAMP[:8, 1:7]).all()


def test_a_crop_is_of_the_upright_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8))
    lying.save(tmp_path / "photo.png", exif=exif)
    upper = images.to_bytes(Image.open(tmp_path / "photo.png"), (1, 1, 2), (0, 0, 1, 1 / 3))
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
        with pytest.raises(DataError, match="is not a readable image") as caught:
            images.load([good, tmp_path / name], (3, 16, 16))
        assert str(tmp_path / name) in str(caught.value)
    for path, message in ((tmp_path / "nowhere.png", r"nowhere\.png is not there"), (tmp_path, "this is a folder")):
        with pytest.raises(DataError, match=message):
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
        with pytest.raises(DataError, match=rf"{name} is not a readable image"):
            images.whole(tmp_path / name, 3)
    with pytest.raises(DataError, match=r"nowhere\.png is not there"):
        images.whole(tmp_path / "nowhere.png", 3)
    with pytest.raises(DataError, match=r"deep\.png.*more than 8 bits per channel"):
        images.whole(tmp_path / "deep.png", 3)
    with Image.open(tmp_path / "deep.png") as deep, pytest.raises(DataError, match=r"deep\.png.*more than 8 bits"):
        images.whole(deep, 3)
    with Image.open(tmp_path / "cut.png") as lazy, pytest.raises(DataError, match=r"cut\.png is not a readable"):
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


def test_all_bad_files_are_told_at_once_and_skipped_if_wished(picture, tmp_path):
    good = [picture(np.full((4, 4), value), f"{value}.png") for value in (10, 20)]
    (tmp_path / "text.png").write_bytes(b"no image")
    paths = [tmp_path / "text.png", good[0], tmp_path / "nowhere.png", good[1]]
    with pytest.raises(
        DataError, match=r"2 of 4 images are of no use\. .*text\.png is not .*nowhere\.png is not there"
    ):
        images.load(paths, (1, 4, 4))
    reader = Reader(skip_bad=True)
    (pixels,), rows = reader.read(paths, (1, 4, 4))
    assert rows == [1, 3]
    assert pixels[:, 0, 0, 0].tolist() == [10, 20]
    assert [sentence.split(" is ")[0] for sentence in reader.bad] == [str(paths[0]), str(paths[2])]
    reader.read(paths, (1, 4, 4))
    assert len(reader.bad) == 2, "a file read twice is told once"
    with pytest.raises(DataError, match="is not a readable image"):
        Reader(skip_bad=True).read(paths[:1], (1, 4, 4))


def test_files_are_cropped_to_the_middle_unless_told_otherwise(picture):
    path = picture(np.repeat(np.arange(10)[None], 4, 0))  # 10 wide, 4 high
    assert (images.load(path, (1, 4, 4))[0, 0, 0] * 255).round().tolist() == [3, 4, 5, 6]
    assert torch.equal(images.load(path, (1, 4, 4)), images.from_pil(Image.open(path), (1, 4, 4)))
    assert (images.load(path, (1, 10, 10), fit="pad")[0, 0, :3] == 1).all()
    squeezed = images.load(path, (1, 4, 4), fit="squeeze")
    assert torch.equal(squeezed, images.from_pil(Image.open(path), (1, 4, 4), fit="squeeze"))
    assert squeezed[0, 0, 0, 0] < 3 / 255
    for wrong in ("stretch", None):
        with pytest.raises(InvalidInput, match="expected one of crop, pad, squeeze"):
            images.load(path, (1, 4, 4), fit=wrong)


@pytest.mark.parametrize("wrong", [3, None, "a.png", b"a.png", [3], [None], [[]], np.zeros((2, 4, 4)), object()])
def test_what_is_no_pil_image(wrong):
    with pytest.raises(InvalidInput, match="an image came as"):
        images.from_pil(wrong, (1, 4, 4))


@pytest.mark.parametrize("wrong", [3, None, b"photo.png", [3], [b"photo.png"], [None], Image.new("L", (4, 4))])
def test_what_names_no_file(wrong):
    with pytest.raises(InvalidInput, match="a file came as"):
        images.load(wrong, (1, 4, 4))


@pytest.mark.parametrize("shape", [None, 3, "abc", (1, 0, 4), (1, -4, 4), (1, 4.0, 4), (True, 4, 4), (), [None] * 3])
def test_what_is_no_shape(picture, shape):
    for function, source in ((images.load, picture(RAMP)), (images.from_pil, Image.new("L", (4, 4)))):
        with pytest.raises(InvalidInput, match="are unknown; expected"):
            function(source, shape)


def test_pil_images_that_are_damaged_are_data_errors(picture):
    path = picture(COLOUR)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    with Image.open(path) as lazy, pytest.raises(DataError, match=r"picture\.png is not a readable image"):
        images.from_pil(lazy, (3, 16, 16))
    with pytest.raises(DataError, match="the PIL image: the picture has more than 8 bits"):
        images.from_pil(Image.new("F", (4, 4)), (3, 16, 16))
    with pytest.raises(DataError, match="the PIL image: the picture has no pixels"):
        images.from_pil(Image.new("RGB", (0, 4)), (3, 16, 16))


def test_of_several_frames_the_first_is_taken_and_that_is_told(tmp_path):
    frames = [Image.new("RGB", (4, 4), (value, 0, 0)) for value in (10, 200, 90)]
    paths = []
    for name in ("a.gif", "b.png", "c.webp", "d.tiff"):
        paths.append(tmp_path / name)
        frames[0].save(paths[-1], save_all=True, append_images=frames[1:], lossless=True)
    for path in paths:
        with pytest.warns(
            LeftOut, match=rf"the image has several frames, of which the first was taken: .*{path.name} \(3\)"
        ):
            assert images.whole(path, 3)[0, 0, 0] == 10
    Image.new("RGB", (4, 4)).save(tmp_path / "still.png")
    with pytest.warns(LeftOut, match="4 of 5 images have several frames"):
        images.load([*paths, tmp_path / "still.png"], (3, 4, 4))
    with pytest.warns(LeftOut, match=r"6 of 6 images have .* and 1 more"):
        images.load([*paths, *paths[:2]], (3, 4, 4))


def test_no_frames_are_told_of_other_views_of_a_photograph(tmp_path):
    first, second = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "white")
    first.save(tmp_path / "camera.jpg", format="MPO", save_all=True, append_images=[second])
    assert images.whole(tmp_path / "camera.jpg", 3).max() < 3


def test_what_was_changed_is_told_of_all_at_once(tmp_path):
    sizes = {"same": (8, 8), "large": (20, 16), "small": (4, 4)}
    for name, size in sizes.items():
        Image.new("RGB", size, (200, 10, 10)).save(tmp_path / f"{name}.png")
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "grey.png")  # in the mode of colours
    files = sorted(tmp_path.iterdir())
    reader = Reader()
    reader.read(files, (1, 8, 8))
    assert reader.summary((1, 8, 8)) == (
        "3 of 4 images are made 8×8, grey: 1 shrunk, 1 cropped, 3 turned grey, 1 enlarged."
    )
    with pytest.warns(Converted, match="3 of 4 images are made"):
        reader.tell((1, 8, 8))
    for fit, way in (("pad", "padded"), ("squeeze", "squeezed")):
        reader = Reader(fit)
        reader.read([tmp_path / "large.png"], (3, 8, 8))
        assert reader.summary((3, 8, 8)) == f"the image is made 8×8, RGB: shrunk, {way}."
    reader = Reader()
    reader.read([tmp_path / "same.png"], (3, 8, 8))
    assert reader.summary((3, 8, 8)) == ""
    reader.tell((3, 8, 8))  # warns of nothing


def test_what_a_look_at_whole_images_finds(tmp_path):
    for name, colour in (("grey", (90, 90, 90)), ("red", "red"), ("blue", "blue")):
        Image.new("RGB", (9, 5), colour).save(tmp_path / f"{name}.png")
    reader = Reader()
    for name in ("grey", "red", "blue"):
        reader.look(tmp_path / f"{name}.png", (1,))
    assert reader.summary((1,)) == "2 of 3 images are turned grey."
    with pytest.warns(Converted, match=r"^2 of 3 images are turned grey\.$"):
        reader.tell((1,))
    alone, none = Reader(), Reader()
    alone.look(tmp_path / "red.png", (1,))
    assert alone.summary((1,)) == "the image is turned grey."
    none.look(tmp_path / "red.png", (3,))
    assert none.summary((3,)) == ""


def test_what_is_left_out_by_its_name_looks_at_names_that_have_no_end():
    reader = Reader(exclude=("a/b",))
    assert [reader.takes(Path(name)) for name in ("a/b", "a/b.png", "b.png", ".", "a/.")] == [
        False,
        False,
        True,
        True,
        True,
    ]
    for name in ("", "."):
        with pytest.raises(DataError, match=r"^\.: this is a folder, not an image file\. Name a file\.$"):
            images.load(name, (1, 8, 8))

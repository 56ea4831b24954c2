"""Image files: which are taken for images, which way up they are, how deep they may be, what is dangerous in them."""

import io
import os
import signal
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from zoo import images
from zoo._util import signals, switches
from zoo.errors import DataError, Interrupted, InvalidInput
from zoo.files import decoding

LYING = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
UPRIGHT = [[4, 1], [5, 2], [6, 3]]  # after a quarter turn clockwise, which is orientation 6


def pixels(path, channels=1):
    return images.whole(path, channels).tolist()


def png(path, width, height, depth, kind, rows, *chunks):
    """A PNG by hand: `kind` is its colour type, `rows` the bytes of each row."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in ((b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")):
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))
    return path


def test_a_link_that_leads_nowhere_is_told_with_where(tmp_path):
    (tmp_path / "a.png").symlink_to("/nowhere/b.png")
    with pytest.raises(DataError, match=r"a\.png \(a link to /nowhere/b\.png\) is not there\. Pass an image"):
        images.load(tmp_path / "a.png", (1, 8, 8))


@pytest.mark.parametrize("number", signals.STOPPING)
def test_a_signal_within_a_decoder_is_no_damage_of_the_file(tmp_path, monkeypatch, number):
    Image.new("RGB", (200, 200)).save(tmp_path / "a.jp2")

    class Asking(io.BytesIO):
        """A file each read of which, also by Pillow's decoder in C, is met by a signal."""

        def read(self, *size):
            signal.raise_signal(number)
            return super().read(*size)

    content = (tmp_path / "a.jp2").read_bytes()
    monkeypatch.setattr(decoding, "_regular", lambda _: Asking(content))
    reader = images.Reader(skip_bad=True)
    with pytest.raises(Interrupted) as caught, signals.raising(signals.Asked()):
        reader.read([tmp_path / "a.jp2"], (3, 8, 8))
    assert (caught.value.number, reader.bad, reader.changes["read"]) == (number, [], 1)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (1, LYING),
        (2, LYING[:, ::-1]),
        (3, LYING[::-1, ::-1]),
        (4, LYING[::-1]),
        (5, LYING.T),
        (6, np.rot90(LYING, -1)),
        (7, LYING[::-1, ::-1].T),
        (8, np.rot90(LYING)),
        (0, LYING),
        (9, LYING),
    ],
)
def test_pictures_stand_upright(tmp_path, way, expected):
    exif = Image.Exif()
    exif[0x0112] = way
    for name in ("a.png", "a.tiff"):
        Image.fromarray(LYING).save(tmp_path / name, exif=exif)
        assert pixels(tmp_path / name)[0] == expected.tolist()


@pytest.mark.parametrize(
    "garbage", [b"Exif\0\0garbage garbage", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"x" * 40]
)
@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jpg"])
def test_a_picture_with_broken_exif_is_taken_as_it_is(tmp_path, name, garbage):
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / name, exif=garbage)
    found = images.whole(tmp_path / name, 3)
    assert found.shape == (3, 8, 16)
    assert abs(found[0].int() - 200).max() < 8


def test_a_text_chunk_that_should_be_exif_and_is_none(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n   10\nno hex digits\n")
    Image.fromarray(LYING).save(tmp_path / "a.png", pnginfo=text)
    assert pixels(tmp_path / "a.png") == [LYING.tolist()]


def test_a_picture_is_turned_although_another_entry_of_its_exif_is_wrong(tmp_path):
    """XResolution, a fraction, as the text "72"; which Pillow cannot write back."""
    entries = [(0x0112, 3, 1, struct.pack("<HH", 6, 0)), (0x011A, 2, 3, b"72\0\0")]
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    exif += b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries) + bytes(4)
    for name in ("a.png", "a.webp"):
        Image.fromarray(LYING).save(tmp_path / name, exif=exif, lossless=True)
        assert pixels(tmp_path / name) == [UPRIGHT]
    Image.fromarray(LYING).resize((48, 32)).save(tmp_path / "a.jpg", exif=exif)
    assert images.whole(tmp_path / "a.jpg", 1).shape == (1, 48, 32)


@pytest.mark.parametrize(("depth", "row"), [(1, 0b01), (2, 0b0110), (4, 0x5A)])
def test_the_transparent_level_of_few_bits_is_the_one_that_is_laid_on_white(tmp_path, depth, row):
    """The first of two pixels, and of the two the darker."""
    first = row >> depth
    chunk = (b"tRNS", struct.pack(">H", first))
    path = png(tmp_path / "a.png", 2, 1, depth, 0, [bytes([row << (8 - 2 * depth)])], chunk)
    second = (row & (1 << depth) - 1) * 255 // ((1 << depth) - 1)
    assert pixels(path) == [[[255, second]]]
    assert images.whole(path, 2)[1].tolist() == [[0, 255]]


@pytest.mark.parametrize("kind", [0, 2, 4, 6])
def test_pngs_of_sixteen_bits_are_refused_whatever_their_colours(tmp_path, kind):
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    path = png(tmp_path / "deep.png", 2, 1, 16, kind, [struct.pack(">H", 655) * 2 * channels])
    with pytest.raises(DataError, match=r"deep\.png: the picture has more than 8 bits per channel .*Convert it"):
        images.whole(path, 3)
    with Image.open(path) as picture, pytest.raises(DataError, match="more than 8 bits"):
        images.from_pil(picture, (3, 2, 2))


def tiff16(path, order, channels, planar=1):
    """An uncompressed TIFF of 2 × 1 pixels with 16 bits."""
    tags = {256: 2, 257: 1, 259: 1, 262: 2 if channels > 2 else 1, 273: 0, 277: channels, 278: 1, 279: 4 * channels}
    tags[284] = planar
    if channels > 3:
        tags[338] = 2
    count = len(tags) + 1
    data = 8 + 2 + 12 * count + 4
    bits, tags[273] = data, data + 2 * channels
    entries = {tag: struct.pack(order + "HHI", tag, 4, 1) + struct.pack(order + "I", v) for tag, v in tags.items()}
    value = struct.pack(order + "I", bits) if channels > 2 else struct.pack(order + "HH", 16, 16)
    entries[258] = struct.pack(order + "HHI", 258, 3, channels) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, count)
    body = b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    path.write_bytes(
        head + body + struct.pack(order + "H", 16) * channels + struct.pack(order + "H", 655) * 2 * channels
    )
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiffs_of_sixteen_bits_are_refused(tmp_path, order, channels):
    path = tiff16(tmp_path / "deep.tiff", order, channels)
    with pytest.raises(DataError, match="more than 8 bits per channel"):
        images.whole(path, 3)


def test_other_deep_files_are_refused(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6\n2 1\n65535\n" + bytes(12))
    (tmp_path / "b.ppm").write_bytes(b"P3\n2 1\n1023\n" + b"655 " * 6)
    (tmp_path / "c.pfm").write_bytes(b"Pf\n2 1\n-1.0\n" + bytes(8))
    Image.new("RGB", (2, 1)).save(tmp_path / "d.sgi", bpc=2)
    Image.fromarray(np.full((8, 8), 655, dtype=np.uint16)).save(tmp_path / "e.jp2")
    for name in ("a.ppm", "b.ppm", "c.pfm", "d.sgi", "e.jp2"):
        with pytest.raises(DataError, match="more than 8 bits per channel"):
            images.whole(tmp_path / name, 3)


@pytest.mark.parametrize("offset", [0, 64])
def test_jpeg_2000_of_more_than_eight_bits_is_refused_in_colour(tmp_path, offset):
    """The depth of each component stands in the file, and Pillow does not look at it."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(stream, format="JPEG2000", no_jp2=not offset)
    data = bytearray(stream.getvalue())
    at = data.find(b"\xff\x4f\xff\x51") + 42
    (tmp_path / "good.jp2").write_bytes(data)
    assert images.whole(tmp_path / "good.jp2", 3)[:, 0, 0].tolist() == [1, 2, 3]
    for component in range(3):
        data[at + 3 * component] = 11  # which means 12
    (tmp_path / "deep.jp2").write_bytes(data)
    with pytest.raises(DataError, match=r"more than 8 bits per channel \(12 bits\)"):
        images.whole(tmp_path / "deep.jp2", 3)


def test_avif_of_ten_bits_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (8, 8), (90, 80, 70)).save(tmp_path / "a.avif")
    assert images.whole(tmp_path / "a.avif", 3).shape == (3, 8, 8)
    data = bytearray((tmp_path / "a.avif").read_bytes())
    assert decoding._announced("AVIF", io.BytesIO(data)) == 8
    for flags, bits in ((0x40, 10), (0x60, 12)):  # of the configuration, after a version and a profile
        data[data.find(b"av1C") + 6] = flags
        assert decoding._announced("AVIF", io.BytesIO(data)) == bits
    monkeypatch.setattr(decoding, "_announced", lambda kind, file: 10)
    with pytest.raises(DataError, match="10 bits"):
        images.whole(tmp_path / "a.avif", 3)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_mode_of_eight_bits_becomes_every_kind(mode, channels):
    """White stays white, and full alpha full."""
    through = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}.get(mode)
    picture = Image.new("RGB", (2, 2), "white")
    picture = (picture.convert(through) if through else picture).convert(mode)
    made = images.whole(picture, channels)
    assert made.shape == (channels, 2, 2)
    assert (made == 255).all()


def test_lab_is_converted():
    """CIE L* a* b* of a grey and of a strong red, to within a level of 8-bit Lab."""
    picture = Image.merge("LAB", [Image.new("L", (2, 2), value) for value in (137, 128, 128)])  # L* 53.7, a* and b* 0
    assert (images.whole(picture, 3).int() - 128).abs().max() <= 2
    red = Image.merge("LAB", [Image.new("L", (1, 1), value) for value in (138, 209, 198)])  # L* 54.1, a* 81, b* 70
    made = images.whole(red, 3).flatten().tolist()
    assert made[0] >= 252
    assert max(made[1:]) < 16


@pytest.mark.parametrize("mode", ["I", "F", "I;16", "I;16B"])
def test_modes_of_more_than_eight_bits_are_refused(mode):
    with pytest.raises(DataError, match=rf"the PIL image: the picture has more than 8 bits per channel \(mode {mode}"):
        images.whole(Image.new(mode, (2, 2)), 3)


def test_the_limit_of_size_is_told_in_one_sentence_and_can_be_raised(tmp_path, monkeypatch):
    path = png(tmp_path / "large.png", 40, 25, 8, 0, [bytes(40)] * 25)
    monkeypatch.setitem(switches.NUMBERS, "ZOO_MAX_PIXELS", 999)
    with pytest.raises(
        DataError, match=r"large\.png: the picture has 40×25 pixels, more than 999\..*ZOO_MAX_PIXELS=1000"
    ):
        images.whole(path, 1)
    monkeypatch.setenv("ZOO_MAX_PIXELS", "1000")
    assert images.whole(path, 1).shape == (1, 25, 40)
    for wrong in ("many", "1e9", "-3", "²"):
        monkeypatch.setenv("ZOO_MAX_PIXELS", wrong)
        with pytest.raises(DataError, match=r"ZOO_MAX_PIXELS=.*expected a whole number"):
            images.whole(path, 1)


def test_pillows_own_limit_and_warnings_are_not_met(tmp_path, monkeypatch):
    path = png(tmp_path / "large.png", 40, 25, 8, 0, [bytes(40)] * 25)
    for limit in (900, 10):  # of which one warns and the other raises
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert images.whole(path, 1).shape == (1, 25, 40)
        assert caught == []
        assert limit == Image.MAX_IMAGE_PIXELS


def test_a_photograph_of_two_hundred_megapixels_is_not_too_large():
    decoding._check_size((16320, 12240))
    with pytest.raises(InvalidInput, match="99999×99999 pixels"):
        decoding._check_size((99999, 99999))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    failures = []

    def read():
        try:
            images.load(tmp_path / "pipe.png", (1, 4, 4))
        except DataError as error:
            failures.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert failures == [f"{tmp_path / 'pipe.png'}: this is a pipe or a device, not an image file. Name a file."]


def test_postscript_is_not_run(tmp_path, monkeypatch):
    def ghostscript(*arguments, **options):
        raise AssertionError("a program was started")

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", ghostscript)
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    (tmp_path / "photo.png").write_bytes(page)
    with pytest.raises(DataError, match=r"photo\.png is not a readable image: it holds PostScript"):
        images.load(tmp_path / "photo.png", (1, 4, 4))
    assert ".eps" not in decoding.suffixes()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"no image", "it is in no format that is known here"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pip install pillow-heif"),
        (b"%PDF-1.4\n", "PDF"),
    ],
)
def test_why_a_file_is_no_image(tmp_path, content, why):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.png is not a readable image: .*{why}"):
        images.whole(tmp_path / "a.png", 3)


def test_what_is_not_there_is_not_called_damaged(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for path in (tmp_path / "no.png", tmp_path / "file" / "no.png", tmp_path / "link.png"):
        with pytest.raises(DataError, match=rf"{path.name} (\(a link to .*gone\.png\) )?is not there"):
            images.whole(path, 3)


def test_suffixes_are_those_of_pillow():
    known = Image.registered_extensions()
    assert {".jpg", ".png", ".tif", ".avif", ".jp2", ".jfif", ".gif", ".apng", ".qoi", ".mpo"} <= set(
        decoding.suffixes()
    )
    assert set(decoding.suffixes()) <= set(known)
    assert not {".eps", ".ps", ".pdf", ".wmf", ".emf", ".h5", ".mpg"} & set(decoding.suffixes())
    assert decoding.written()[0] == ".png"
    for suffix in decoding.written():
        assert known[suffix] in Image.SAVE


def test_what_can_be_written_can_be_read(tmp_path):
    """One picture, in every format: in its own size, which is no icon's."""
    picture = Image.new("RGB", (62, 21), (200, 100, 50))
    for suffix in decoding.written():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of formats that Pillow is about to give up
            picture.save(tmp_path / f"a{suffix}")
        found = images.whole(tmp_path / f"a{suffix}", 3)
        assert found.shape == (3, 21, 62)
        assert found.float().mean((1, 2)).tolist() == pytest.approx([200, 100, 50], abs=8)
    assert len(decoding.written()) > 25
    assert {".ico", ".icns"} < set(decoding.suffixes()) - set(decoding.written())


def test_files_without_a_suffix_are_known_by_what_is_in_them(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "IMG", format="JPEG")
    (tmp_path / "LICENSE").write_text("Apache License")
    assert decoding.is_named(tmp_path / "IMG")
    assert not decoding.is_named(tmp_path / "LICENSE")
    assert decoding.is_named(tmp_path / "missing.PNG")
    assert not decoding.is_named(tmp_path / "IMG.txt")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(40, "Too many levels of symbolic links", "a.png"), "Too many levels of symbolic links"),
        (OSError("unrecognized data"), "unrecognized data"),
        (AssertionError(), "it is damaged"),
    ],
)
def test_why_a_picture_is_not_readable_is_said_in_words(error, said):
    with (
        pytest.raises(DataError, match=rf"^a\.png is not a readable image: {said}\. Remove or replace it\.$"),
        decoding.named("a.png"),
    ):
        raise error

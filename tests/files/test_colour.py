"""Colours: what a profile, a PNG's gamma or a camera's note says is applied, to within the rounding of levels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from zoo import images
from zoo.errors import DataError

D65, D50 = (0.3127, 0.329), (0.3457, 0.3585)
SRGB = (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3 = (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
ADOBE = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
PROPHOTO = (*D50, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def linear(levels):
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def to_d50(places):
    """XYZ, under D50, of the primaries, in columns."""
    white, red, green, blue = (
        np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(places[::2], places[1::2], strict=True)
    )
    matrix = np.stack([red, green, blue], 1)
    matrix = matrix * np.linalg.solve(matrix, white)
    d50 = np.array([0.9642, 1, 0.8249])
    return np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ d50) / (BRADFORD @ white)) @ BRADFORD @ matrix


def converted(pixels, places, light):
    """What uint8 (…, 3) of other primaries is in sRGB, unrounded, by `light`, from a level in [0, 1] to light."""
    made = light(pixels / 255) @ (np.linalg.inv(to_d50(SRGB)) @ to_d50(places)).T
    made = np.clip(made, 0, 1)
    return 255 * np.where(made <= 0.0031308, made * 12.92, 1.055 * made ** (1 / 2.4) - 0.055)


def profile(places, curve, kind=b"RGB "):
    """An ICC profile by hand; curve: the bytes of its tone curve."""
    fixed = lambda *values: struct.pack(f">{len(values)}i", *(round(65536 * value) for value in values))  # noqa: E731
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    if kind == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        for name, column in zip((b"r", b"g", b"b"), to_d50(places).T, strict=True):
            tags |= {name + b"XYZ": b"XYZ \0\0\0\0" + fixed(*column), name + b"TRC": curve}
    return assemble(tags, kind, b"XYZ ", b"mntr")


def assemble(tags, kind, connection, device):
    table, data, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content
    head = (
        struct.pack(">I4sI", start + len(data), b"test", 0x02400000) + device + kind + connection + bytes(12) + b"acsp"
    )
    return head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + data


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * value))


LINEAR_SRGB = b"curv\0\0\0\0" + struct.pack(
    ">I4096H", 4096, *np.round(65535 * linear(np.arange(4096) / 4095)).astype(int)
)
WIDE = {
    "Display P3": (P3, LINEAR_SRGB, linear),
    "Adobe RGB": (ADOBE, gamma(563 / 256), lambda levels: levels ** (563 / 256)),
    "ProPhoto RGB": (PROPHOTO, gamma(1.8), lambda levels: levels**1.8),
}


@pytest.fixture(scope="module")
def colours():
    """Every kind of colours: strong ones, photograph-like ones and dark ones."""
    draw = np.random.default_rng(0)
    strong = draw.integers(0, 256, (48, 64, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(strong[:6, :8]).resize((64, 48), Image.Resampling.BICUBIC))
    return np.concatenate([strong, smooth, smooth // 6])


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_colours_of_wider_spaces_become_those_of_srgb(tmp_path, colours, name, suffix):
    places, curve, light = WIDE[name]
    Image.fromarray(colours).save(tmp_path / f"a{suffix}", icc_profile=profile(places, curve), lossless=True)
    made = images.whole(tmp_path / f"a{suffix}", 3).permute(1, 2, 0).numpy()
    right = converted(colours, places, light)
    assert np.abs(colours - right).mean() > 2, "there is something to be done"
    assert np.abs(made - np.round(right)).mean() < 0.1
    assert np.abs(made - right).max() < 1
    batch = images.load(tmp_path / f"a{suffix}", (3, *colours.shape[:2]))
    assert (255 * batch[0].permute(1, 2, 0).numpy()).round().astype(int).tolist() == made.tolist()


def test_alpha_and_palettes_keep_what_they_are_beside_colour(tmp_path, colours):
    places, curve, light = WIDE["Adobe RGB"]
    alpha = np.random.default_rng(1).integers(0, 256, (*colours.shape[:2], 1)).astype(np.uint8)
    Image.fromarray(np.concatenate([colours, alpha], 2)).save(tmp_path / "a.png", icc_profile=profile(places, curve))
    made = images.whole(tmp_path / "a.png", 4).permute(1, 2, 0).numpy()
    assert (made[..., 3:] == alpha).all()
    assert np.abs(made[..., :3] - converted(colours, places, light)).mean() < 0.3
    palette = Image.fromarray(colours).quantize(64)
    palette.save(tmp_path / "p.png", icc_profile=profile(places, curve))
    right = converted(np.asarray(palette.convert("RGB")), places, light)
    assert np.abs(images.whole(tmp_path / "p.png", 3).permute(1, 2, 0).numpy() - right).mean() < 0.3


def test_grey_of_another_gamma(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    light = (ramp / 255) ** 1.8
    right = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    for kind in (b"GRAY", b"RGB "):
        Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=profile(SRGB, gamma(1.8), kind))
        for channels in (1, 3):
            assert np.abs(images.whole(tmp_path / "a.png", channels).numpy() - right).max() < 1
    Image.fromarray(ramp).convert("LA").save(tmp_path / "la.png", icc_profile=profile(SRGB, gamma(1.8), b"GRAY"))
    assert np.abs(images.whole(tmp_path / "la.png", 2)[0].numpy() - right).max() < 1


def cmyk_profile():
    """A press by hand: lightness 100 − 0.6 of the black and 0.4 of the mean of the inks, a* by magenta less cyan."""
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 5)] * 4, indexing="ij"), -1).reshape(-1, 4)
    lightness = 100 * (1 - 0.6 * grid[:, 3] - 0.4 * grid[:, :3].mean(1))
    a, b = 60 * (grid[:, 1] - grid[:, 0]), 60 * (grid[:, 2] - grid[:, 0])
    table = np.stack([lightness * 2.55, a + 128, b + 128], 1).round().astype(np.uint8).tobytes()
    identity = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([4, 3, 5, 0]) + struct.pack(">9i", *[65536, 0, 0, 0, 65536, 0, 0, 0, 65536])
    lut = head + identity * 4 + table + identity * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    return assemble({b"wtpt": white, b"A2B0": lut}, b"CMYK", b"Lab ", b"prtr")


def lab_to_srgb(lightness, a, b):
    f = np.stack([(lightness + 16) / 116 + a / 500, (lightness + 16) / 116, (lightness + 16) / 116 - b / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]
    made = np.clip(xyz @ np.linalg.inv(to_d50(SRGB)).T, 0, 1)
    return 255 * np.where(made <= 0.0031308, made * 12.92, 1.055 * made ** (1 / 2.4) - 0.055)


def test_inks_are_turned_to_colours_by_their_profile(tmp_path):
    inks = np.random.default_rng(0).integers(0, 256, (32, 32, 4)).astype(np.uint8)
    inks = np.asarray(Image.fromarray(inks[:6, :6], "CMYK").resize((32, 32)))
    shares = inks / 255
    right = lab_to_srgb(
        100 * (1 - 0.6 * shares[..., 3] - 0.4 * shares[..., :3].mean(-1)),
        60 * (shares[..., 1] - shares[..., 0]),
        60 * (shares[..., 2] - shares[..., 0]),
    )
    picture = Image.fromarray(inks, "CMYK")
    picture.save(tmp_path / "a.tiff", icc_profile=cmyk_profile())
    made = images.whole(tmp_path / "a.tiff", 3).permute(1, 2, 0).numpy()
    assert np.abs(np.asarray(picture.convert("RGB")) - right).mean() > 10, "there is something to be done"
    assert np.abs(made - right).mean() < 1.2  # the table's own levels, of 8 bits
    source, options = ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())), {"flags": ImageCms.Flags.NOOPTIMIZE}
    exact = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB", **options)
    assert (made == np.asarray(exact)).all()
    picture.save(tmp_path / "a.jpg", icc_profile=cmyk_profile(), quality=100, subsampling=0)
    from_jpeg = images.whole(tmp_path / "a.jpg", 3).permute(1, 2, 0).numpy()
    assert np.abs(from_jpeg.astype(int) - made).mean() < 3


def png_with(path, picture, *chunks):
    info = PngImagePlugin.PngInfo()
    for name, content in chunks:
        info.add(name, content)
    Image.fromarray(picture).save(path, pnginfo=info)


def test_the_gamma_of_a_png_is_applied(tmp_path, colours):
    for exponent in (1.0, 1.8):
        png_with(tmp_path / "a.png", colours, (b"gAMA", struct.pack(">I", round(100000 / exponent))))
        made = images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy()
        right = converted(colours, SRGB, lambda levels, exponent=exponent: levels**exponent)
        assert np.abs(made - right).mean() < 0.3
    places = struct.pack(">8I", *(round(100000 * place) for place in ADOBE))
    png_with(tmp_path / "b.png", colours, (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", places))
    made = images.whole(tmp_path / "b.png", 3).permute(1, 2, 0).numpy()
    assert np.abs(made - converted(colours, ADOBE, lambda levels: levels**2.2)).mean() < 0.3


def camera(levels):
    """Light of BT.709 and BT.2020."""
    return np.where(levels < 0.0812, levels / 4.5, ((levels + 0.0993) / 1.0993) ** (1 / 0.45))


BT2020 = (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046)
POINTS = {
    "BT.709": (1, 1, SRGB, camera),
    "Display P3": (12, 13, P3, linear),
    "BT.2020": (9, 14, BT2020, camera),
    "linear sRGB": (1, 8, SRGB, lambda levels: levels),
}


@pytest.mark.parametrize("name", POINTS)
def test_the_code_points_of_a_png_are_applied_before_all_else(tmp_path, colours, name):
    primaries, transfer, places, light = POINTS[name]
    right = converted(colours, places, light)
    assert np.abs(colours - right).mean() > 2, "there is something to be done"
    picture, path = Image.fromarray(colours), tmp_path / "a.png"
    for others in ([], [(b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0")]):
        png_with(path, colours, *others, (b"cICP", bytes([primaries, transfer, 0, 1])))
        assert np.abs(images.whole(path, 3).permute(1, 2, 0).numpy() - right).mean() < 0.3
    info = PngImagePlugin.PngInfo()
    info.add(b"cICP", bytes([primaries, transfer, 0, 1]))
    picture.save(path, pnginfo=info, icc_profile=profile(ADOBE, gamma(1.8)))
    assert np.abs(images.whole(path, 3).permute(1, 2, 0).numpy() - right).mean() < 0.3
    with Image.open(path) as opened:
        assert (images.whole(opened, 3) == images.whole(path, 3)).all()


def test_code_points_of_fewer_levels_and_of_grey(tmp_path, colours):
    narrow = (16 + colours * (219 / 255)).round().astype(np.uint8)
    for points, source, places, light in (
        ((1, 13, 0, 0), narrow, SRGB, linear),
        ((12, 13, 0, 0), narrow, P3, linear),
        ((1, 1, 0, 0), narrow, SRGB, camera),
    ):
        png_with(tmp_path / "a.png", source, (b"cICP", bytes(points)))
        made = images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy()
        levels = np.clip((source.astype(float) - 16) * (255 / 219), 0, 255)
        assert np.abs(made - converted(levels, places, light)).mean() < 0.3
    png_with(tmp_path / "g.png", colours[..., 0], (b"cICP", bytes([1, 8, 0, 1])))
    light = colours[..., 0] / 255
    right = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(images.whole(tmp_path / "g.png", 1)[0].numpy() - right).max() < 1


def test_code_points_of_every_frame(tmp_path, colours):
    first, second = Image.fromarray(colours), Image.fromarray(colours[::-1])
    first.save(tmp_path / "plain.png", save_all=True, append_images=[second])
    chunk = b"cICP" + bytes([12, 13, 0, 1])
    data = (tmp_path / "plain.png").read_bytes()
    chunk = b"\0\0\0\4" + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])  # behind the header
    for number, pixels in enumerate((colours, colours[::-1])):
        made = images.Reader().frame(tmp_path / "a.png", 3, number).permute(1, 2, 0).numpy()
        assert np.abs(made - converted(pixels, P3, linear)).mean() < 0.3


def test_the_code_points_of_an_avif_are_applied(tmp_path, colours):
    path = tmp_path / "a.avif"
    Image.fromarray(colours).save(path, quality=100, subsampling="4:4:4")
    plain = images.whole(path, 3).permute(1, 2, 0).numpy()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"colrnclx\0\1\0\x0d", b"colrnclx\0\x0c\0\x0d"))
    made = images.whole(path, 3).permute(1, 2, 0).numpy()
    assert np.abs(made - plain.astype(int)).mean() > 2
    assert np.abs(made - converted(plain, P3, linear)).mean() < 0.3


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused(tmp_path, colours, transfer, name):
    png_with(tmp_path / "a.png", colours, (b"cICP", bytes([9, transfer, 0, 1])))
    with pytest.raises(DataError, match=rf"a\.png: the picture's colours are of high dynamic range \({name}\)"):
        images.whole(tmp_path / "a.png", 3)


@pytest.mark.parametrize(
    "points", [[1, 13, 0, 1], [2, 2, 0, 1], [1, 200, 0, 1], [200, 13, 0, 1], [12, 13, 1, 1], [12, 13, 0, 7], [12, 13]]
)
def test_code_points_that_say_srgb_or_nothing_change_nothing(tmp_path, colours, points):
    png_with(tmp_path / "a.png", colours, (b"cICP", bytes(points)))
    assert (images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy() == colours).all()


def test_a_camera_that_notes_adobe_rgb_in_its_exif_alone(tmp_path, colours):
    parts = [(0x8769, 4, 1, 26), (0xA005, 4, 1, 44), (1, 2, 4, int.from_bytes(b"R03\0", "little"))]
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    exif += b"".join(struct.pack("<HHHIII", 1, *part, 0) for part in parts)  # each a list of one entry
    Image.fromarray(colours).save(tmp_path / "a.png", exif=exif)
    made = images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy()
    assert np.abs(made - converted(colours, ADOBE, lambda levels: levels ** (563 / 256))).mean() < 0.3


SAME = {
    "no profile": {},
    "sRGB by Pillow": {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()},
    "sRGB by hand": {"icc_profile": profile(SRGB, LINEAR_SRGB)},
    "a damaged profile": {"icc_profile": profile(P3, LINEAR_SRGB)[:200]},
    "no profile at all": {"icc_profile": b"nothing"},
    "a profile of inks": {"icc_profile": cmyk_profile()},
    "a profile of grey": {"icc_profile": profile(SRGB, gamma(1.8), b"GRAY")},
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_in_srgb_or_cannot_be_told_is_taken_to_the_bit(tmp_path, colours, name):
    Image.fromarray(colours).save(tmp_path / "a.png", **SAME[name])
    assert (images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy() == colours).all()
    grey = colours[..., 0]
    options = {} if "grey" in name else SAME[name]
    Image.fromarray(grey).save(tmp_path / "g.png", **options)
    assert (images.whole(tmp_path / "g.png", 1)[0].numpy() == grey).all()


@pytest.mark.parametrize("gamma", [1, 9999, 1000001, 2**32 - 1])
def test_a_gamma_that_no_screen_has_is_none(tmp_path, colours, gamma):
    png_with(tmp_path / "a.png", colours, (b"gAMA", struct.pack(">I", gamma)))
    assert np.array_equal(images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy(), colours)


@pytest.mark.parametrize(
    "places", [(0,) * 8, (31270, 0, 64000, 33000, 30000, 60000, 15000, 6000), (33333,) * 8, (1, 1, *[2**31 - 1, 1] * 3)]
)
def test_primaries_that_are_no_colours_leave_a_picture_as_it_is(tmp_path, colours, places):
    png_with(tmp_path / "a.png", colours, (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *places)))
    assert np.array_equal(images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy(), colours)


@pytest.mark.parametrize("chunks", [[(b"gAMA", 45455)], [(b"sRGB", None), (b"gAMA", 100000)], [(b"gAMA", 0)]])
def test_the_usual_gamma_and_the_note_of_srgb_change_nothing(tmp_path, colours, chunks):
    data = [(name, b"\0" if value is None else struct.pack(">I", value)) for name, value in chunks]
    png_with(tmp_path / "a.png", colours, *data)
    assert (images.whole(tmp_path / "a.png", 3).permute(1, 2, 0).numpy() == colours).all()


def test_a_profile_is_applied_to_pil_images_as_to_files(tmp_path, colours):
    places, curve, _ = WIDE["Display P3"]
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=profile(places, curve))
    with Image.open(tmp_path / "a.png") as picture:
        made = images.whole(picture, 3)
    assert (made == images.whole(tmp_path / "a.png", 3)).all()

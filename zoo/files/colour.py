"""Pictures in sRGB: what their ICC profile, a PNG's code points or gamma, or a camera's note says of their colours is
applied."""

from __future__ import annotations

import functools
import io
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from PIL import Image

SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}  # what a profile for each mode calls its colours
SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # chromaticities x, y of white, red, green and blue
ADOBE_RGB = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ADOBE_GAMMA = 563 / 256
# By the code points of ITU-T H.273: chromaticities as above, and light as `matrix_profile` takes it.
PRIMARIES = {
    1: SRGB,  # BT.709
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),  # BT.470 M
    5: (0.3127, 0.329, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),  # BT.601, 625 lines
    6: (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601, 525 lines
    7: (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # SMPTE 240M
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # DCI P3
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
    22: (0.3127, 0.329, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),  # EBU 3213
}
CAMERA = (1 / 0.45, 1 / 1.0993, 0.0993 / 1.0993, 1 / 4.5, 0.0812)  # of BT.709, BT.601 and BT.2020
LIGHT = {
    **dict.fromkeys((1, 6, 14, 15), CAMERA),
    4: (2.2,),
    5: (2.8,),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
    8: (1.0,),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),  # sRGB
}
HIGH_RANGE = {16: "PQ", 18: "HLG"}
SCREEN = 2.2  # the exponent of a PNG's gamma that means sRGB, to within 5 % as libpng has it
INTEROPERABILITY = 0xA005  # the part of a camera's EXIF whose first entry is R03 if the colours are Adobe RGB


class CodePoints(NamedTuple):
    """What colours are by ITU-T H.273, so far as a picture has them: its PNG's cICP, or its AVIF's nclx."""

    primaries: int
    transfer: int
    full: bool  # levels from 0 to 255; else from 16 to 235


def code_points(picture: Image.Image) -> CodePoints | None:
    """Those that the picture's file notes, which Pillow does not tell; None if there are none, or if they mean nothing.

    To be asked for before the picture is loaded. Raises InvalidInput for light of high dynamic range.
    """
    file: Any = getattr(picture, "fp", None)
    if picture.format not in ("PNG", "AVIF") or not getattr(picture, "tile", None) or not hasattr(file, "seek"):
        return None
    place = file.tell()
    file.seek(0)
    points = _of_png(file) if picture.format == "PNG" else _of_avif(file.read(1 << 16))
    file.seek(place)
    if points and points.transfer in HIGH_RANGE:
        raise InvalidInput(
            f"the picture's colours are of high dynamic range ({HIGH_RANGE[points.transfer]}), more than sRGB has. "
            "Convert it to sRGB first."
        )
    return points if points and points.primaries in PRIMARIES and points.transfer in LIGHT else None


def _of_png(file: Any) -> CodePoints | None:
    at = 8
    while True:  # chunks: length, name, content, checksum; this one is before the pixels
        file.seek(at)
        start = file.read(12)
        if len(start) < 12 or start[4:8] in (b"IDAT", b"IEND"):
            return None
        if start[:8] == b"\0\0\0\4cICP":
            primaries, transfer, matrix, full = start[8:]
            return CodePoints(primaries, transfer, bool(full)) if matrix == 0 and full < 2 else None
        at += 12 + int.from_bytes(start[:4], "big")


def _of_avif(start: bytes) -> CodePoints | None:
    at = start.find(b"colrnclx") + 8
    if at < 8 or len(start) < at + 4:
        return None
    primaries, transfer = struct.unpack_from(">HH", start, at)
    return CodePoints(primaries, transfer, full=True)  # the decoder has seen to the levels


def to_srgb(picture: Image.Image, points: CodePoints | None = None) -> Image.Image:
    """The picture in sRGB, with its alpha as it was; itself if it says nothing of its colours, is in sRGB to within a
    level, or has a profile that is damaged or of another kind of colours. points: as `code_points` finds them."""
    from PIL import Image

    profile = _profile(picture, points)
    if picture.mode == "LAB":
        return _applied(picture, profile) or _applied(picture, _lab()) or picture.convert("RGB")
    if profile is None:
        return picture
    alpha = None
    if picture.has_transparency_data:
        rgba = picture.convert("LA" if picture.mode in ("L", "LA") else "RGBA")
        alpha, plain = rgba.getchannel("A"), rgba.convert(rgba.mode[:-1])
    elif picture.mode in ("1", "L"):
        plain = picture.convert("L")
    else:
        plain = picture if picture.mode == "CMYK" else picture.convert("RGB")
    made = _applied(plain, profile)
    if made is None and plain.mode == "L":  # grey pictures often have a profile of colours
        made = _applied(plain.convert("RGB"), profile)
    if made is None:
        return picture
    made = made.convert("L") if plain.mode == "L" else made
    if alpha is not None:
        made = Image.merge(made.mode + "A", (*made.split(), alpha))
    return made


def _profile(picture: Image.Image, points: CodePoints | None) -> bytes | None:
    """The ICC profile of the picture's colours: its own, or one that says the same as its code points, which a PNG has
    before all else, its gamma or its EXIF."""
    own = picture.info.get("icc_profile")
    if isinstance(own, bytes) and own and not (points and picture.format == "PNG"):
        return own
    if points:
        return matrix_profile(LIGHT[points.transfer], PRIMARIES[points.primaries], points.full)
    gamma = picture.info.get("gamma")
    if "srgb" not in picture.info and isinstance(gamma, float) and 0.1 <= gamma <= 10:  # of a screen's or a file's
        exponent, places = 1 / gamma, picture.info.get("chromaticity") or SRGB
        usual = max(abs(a - b) for a, b in zip(places, SRGB, strict=True)) < 0.01
        try:
            return None if usual and abs(exponent / SCREEN - 1) < 0.05 else matrix_profile((exponent,), places)
        except (ArithmeticError, RuntimeError, ValueError, struct.error):  # of numbers that are no colours
            return None
    try:
        adobe = picture.getexif().get_ifd(INTEROPERABILITY).get(1) == "R03"
    except Exception:  # of damaged EXIF
        return None
    return matrix_profile((ADOBE_GAMMA,), ADOBE_RGB) if adobe else None


def _applied(picture: Image.Image, profile: bytes | None) -> Image.Image | None:
    """The picture, of a mode in `SPACES`, in sRGB; None where the profile is of no use for it or changes nothing."""
    from PIL import ImageCms

    transform = None if profile is None else _transform(profile, picture.mode)
    return None if transform is None else ImageCms.applyTransform(picture, transform)


@functools.lru_cache(32)
def _transform(profile: bytes, mode: str) -> Any:
    """From `mode`, its colours as the profile says, to sRGB, or None."""
    from PIL import Image, ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != SPACES[mode]:
            return None
        target = ImageCms.createProfile("sRGB")
        # Between the points of a table made beforehand inks would come out several levels off.
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "CMYK" else ImageCms.Flags.HIGHRESPRECALC
        transform = ImageCms.buildTransform(source, target, mode, "RGB", flags=flags)
        if mode in ("L", "RGB"):
            sample = Image.new(mode, (16, 256))
            levels = range(0, 256, 17)
            values: list[Any] = list(range(256)) * 16
            if mode == "RGB":
                values = [(r, g, b) for r in levels for g in levels for b in levels]
            sample.putdata(values)
            made: Any = ImageCms.applyTransform(sample, transform)
            if _most(sample.convert("RGB"), made) <= 1:
                return None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return transform


def _most(a: Image.Image, b: Image.Image) -> int:
    """The largest difference between two pictures, in levels."""
    from PIL import ImageChops

    extremes: Any = ImageChops.difference(a, b).getextrema()
    return int(max(high for _, high in extremes))


@functools.cache
def _lab() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@functools.lru_cache(32)
def matrix_profile(light: tuple[float, ...], places: tuple[float, ...], full: bool = True) -> bytes:
    """An ICC profile of the RGB colours with these chromaticities, as `SRGB` has them; or of grey.

    light: of a level x, the power (g,) of it, or (g, a, b, c, d): (a x + b)^g from d on and c x below. full: whether
    levels are from 0 to 255, or from 16 to 235.
    """
    import torch

    def xyz(x: float, y: float) -> list[float]:
        return [x / y, 1.0, (1 - x - y) / y]

    white, *primaries = (torch.tensor(xyz(*places[i : i + 2]), dtype=torch.float64) for i in range(0, 8, 2))
    matrix = torch.stack(primaries, 1)
    matrix = matrix * torch.linalg.solve(matrix, white)
    # Seen under the light that profiles are of, D50 (Bradford's transform).
    bradford = torch.tensor(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], dtype=torch.float64
    )
    d50 = torch.tensor([0.9642, 1.0, 0.8249], dtype=torch.float64)
    scale = torch.diag((bradford @ d50) / (bradford @ white))
    matrix = torch.linalg.solve(bradford, scale @ bradford @ matrix)

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    g, a, b, c, d = light if len(light) == 5 else (*light, 1.0, 0.0, 0.0, 0.0)
    stretch, shift = (1.0, 0.0) if full else (255 / 219, -16 / 219)
    curve = b"para" + struct.pack(">IHH", 0, 4, 0)
    curve += fixed(g, a * stretch, a * shift + b, c * stretch, (d - shift) / stretch, 0, c * shift)
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(*d50.tolist())}
    for name, column in zip((b"r", b"g", b"b"), matrix.T.tolist(), strict=True):
        tags[name + b"XYZ"], tags[name + b"TRC"] = b"XYZ " + bytes(4) + fixed(*column), curve
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"zoo ", 0x04200000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp")
    return header + bytes(28) + fixed(*d50.tolist()) + bytes(48) + table + data

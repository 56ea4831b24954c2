"""Image files: which files are taken for images, and how one becomes a picture of 8-bit pixels in sRGB, upright.

Whatever reads an image, for training, encoding, scoring or translating, reads it here.
"""
# Long because what each format asks of Pillow, and what may be wrong with its files, is known here alone.

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from zoo._util import shortage, signals
from zoo._util.paths import absent
from zoo._util.switches import number
from zoo.errors import DataError, InvalidInput
from zoo.files.colour import code_points, to_srgb

if TYPE_CHECKING:
    from PIL import Image

# Pillow's formats that hold pixels. Left out are those by which it starts another program, such as EPS by Ghostscript,
# those of which it reads the header alone, and those that open whatever is in them.
# fmt: off
FORMATS = (
    "PNG", "JPEG", "MPO", "WEBP", "GIF", "TIFF", "BMP", "DIB", "AVIF", "HEIF", "JPEG2000", "JXL", "PPM", "TGA", "ICO",
    "ICNS", "CUR", "PCX", "DCX", "PSD", "QOI", "SGI", "SUN", "IM", "IMT", "DDS", "FTEX", "BLP", "FLI", "GBR", "MSP",
    "PCD", "PIXAR", "SPIDER", "XBM", "XPM", "XVTHUMB", "MCIDAS", "FITS",
)
# fmt: on
STILL = ("MPO", "PSD")  # what these hold besides the first picture is seen from elsewhere, or parts of it: no frames
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands of a camera's HEIC files
HEIF_SUFFIXES = (".heic", ".heif", ".hif", ".heics", ".heifs")
LOSING = ("ICO", "ICNS", "BLP", "MSP", "XBM")  # of these Pillow writes no size but an icon's, or no RGB
ORIENTATION = 0x0112  # of EXIF
BITS = 258  # TIFF's bits per sample
# Pillow's limit of size and its warnings are the whole process's; one picture at a time has them as it needs them.
_LOCK = threading.RLock()


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Of the files that are taken for images, in small letters: those that Pillow, as it is installed here, gives to
    the formats of `FORMATS`; of HEIC if the package pillow-heif is there."""
    from PIL import Image

    Image.init()
    if importlib.util.find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
    known = Image.registered_extensions()
    # Pillow opens MPO as JPEG.
    return tuple(sorted(suffix for suffix, kind in known.items() if kind in ("MPO", *_formats())))


def _formats() -> list[str]:
    """Of `FORMATS` those that Pillow can open here, in the order in which it tries them."""
    from PIL import Image

    return [kind for kind in Image.ID if kind in FORMATS]


@functools.cache
def written() -> tuple[str, ...]:
    """The suffixes of images that can be written as well, the usual ones first."""
    from PIL import Image

    usual = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
    kinds = Image.registered_extensions()
    more = (suffix for suffix in suffixes() if kinds[suffix] in Image.SAVE and kinds[suffix] not in LOSING)
    return tuple(dict.fromkeys((*usual, *more)))


def is_named(path: str | Path) -> bool:
    """Whether a file in a folder is taken for an image: by its suffix, or by what is in it if it has none."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix in suffixes() if suffix.strip(".") else is_picture(Path(path))


def is_picture(path: Path) -> bool:
    """Whether there is a picture in the file, so far as its beginning tells."""
    try:
        with opened(path):
            return True
    except DataError:
        return False


def most_pixels() -> int:
    """How many pixels a picture may have. Raises InvalidInput when ZOO_MAX_PIXELS is no whole number above 0."""
    return number("ZOO_MAX_PIXELS")


class Member:
    """An image file within another file, such as an archive or a table. Its text names it to people."""

    __slots__ = ()

    def content(self) -> bytes:
        """The bytes of the image file. Raises DataError."""
        raise NotImplementedError

    def key(self) -> str:
        """What tells it from others, wherever the data lie."""
        raise NotImplementedError

    def identity(self) -> str:
        """What tells it from others, and from itself before a change, told without reading it."""
        raise NotImplementedError


@contextlib.contextmanager
def opened(path: str | Path | Member) -> Iterator[Image.Image]:
    """The picture in a file, whose pixels are not yet read. Every error, the body's too, is a DataError naming it."""
    from PIL import Image, UnidentifiedImageError

    suffixes()  # imports all of Pillow's formats
    with quiet(), named(path), _content(path) as file:
        try:
            picture = Image.open(file, formats=_formats())
        except UnidentifiedImageError as error:
            raise DataError(f"{path} is not a readable image: {_strange(file)}") from error
        with picture:
            _check_size(picture.size)
            yield picture


def digest(path: Path) -> str:
    """The sha256 of a regular file. Raises DataError."""
    with named(path), _regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Pillow without its own limit of size, for which `_check_size` stands, and without its warnings. A signal comes
    after the block: within a decoder Pillow would make of what it raises an error of the file, or nothing."""
    from PIL import Image

    with _LOCK, signals.postponed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextlib.contextmanager
def named(what: str | Path | Member) -> Iterator[None]:
    """Every error is a DataError that names the image."""
    try:
        yield
    except DataError:
        raise
    except InvalidInput as error:
        raise DataError(f"{what}: {error}") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{absent(str(what))}. Pass an image file.") from error
    except PermissionError as error:
        raise DataError(f"{what} cannot be read: {error.strerror}. Change its permissions.") from error
    except Exception as error:  # PIL's many decoders raise whatever they come upon in a damaged file
        if shortage.explain(error):
            raise
        said = (isinstance(error, OSError) and error.strerror) or str(error)
        reason = " ".join(said.split()).rstrip(".") or "it is damaged"
        raise DataError(f"{what} is not a readable image: {reason}. Remove or replace it.") from error


def _content(path: str | Path | Member) -> AbstractContextManager[BinaryIO]:
    return io.BytesIO(path.content()) if isinstance(path, Member) else _regular(Path(path))


@contextlib.contextmanager
def _regular(path: Path) -> Iterator[BufferedReader]:
    """The file, opened for reading, if it is one; to open a pipe otherwise would be to wait for its other end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_dir():
        raise InvalidInput("this is a folder, not an image file. Name a file.")
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidInput("this is a pipe or a device, not an image file. Name a file.")
        yield file


def _strange(file: BinaryIO) -> str:
    """Why a file in none of the formats is not read."""
    file.seek(0)
    start = file.read(64)
    if not start:
        return "it is empty. Remove or replace it."
    if start[4:8] == b"ftyp" and start[8:12] in HEIF:
        return "it is a HEIC file, for which there is a package of its own: pip install pillow-heif."
    if start.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6", b"%PDF")):
        return "it holds PostScript or PDF, which is not run here. Convert it to PNG first."
    return "it is in no format that is known here. Remove, replace or convert it."


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if 0 in size:
        raise InvalidInput("the picture has no pixels.")
    if (most := most_pixels()) < width * height:
        raise InvalidInput(
            f"the picture has {width}×{height} pixels, more than {most:,}. If that is right, set the environment "
            f"variable ZOO_MAX_PIXELS={width * height}, or make it smaller first."
        )


def plain(picture: Image.Image) -> Image.Image:
    """The picture with its pixels read, upright as its EXIF says, in sRGB and in a mode with 8 bits per channel.

    EXIF or a profile that cannot be understood are left alone. Raises InvalidInput for more than 8 bits per channel,
    which would be cut off, and whatever Pillow raises for damaged files.
    """
    _check_depth(picture)
    _scale_transparent(picture)
    points = code_points(picture)
    try:
        picture.load()
    except Exception:
        # A TIFF turns itself once all its pixels are there, and may fail at that.
        if getattr(picture, "tile", True) or not hasattr(picture, "tag_v2"):
            raise
    turned = to_srgb(_upright(picture), points)
    straight = {"La": "LA", "RGBa": "RGBA", "HSV": "RGB", "YCbCr": "RGB", "RGBX": "RGB"}.get(turned.mode)
    return turned.convert(straight) if straight else turned


def has_colour(picture: Image.Image) -> bool:
    """Whether the picture is of a kind that holds colours, or of a palette that has some."""
    if picture.mode in ("P", "PA") and picture.palette is not None:
        colours = picture.getpalette() or []
        return not colours[::3] == colours[1::3] == colours[2::3]
    return picture.mode not in ("1", "L", "LA", "La") and not picture.mode.startswith(("I", "F"))


def frames(picture: Image.Image) -> int:
    """How many frames, or pages, the picture has."""
    try:
        return 1 if picture.format in STILL else int(getattr(picture, "n_frames", 1))
    except Exception:  # of damage after the first, which is all that will be read
        return 1


def _check_depth(picture: Image.Image) -> None:
    bits = f"mode {picture.mode}" if picture.mode.startswith(("I", "F")) else ""
    if not bits and (deep := _bits(picture)) > 8:
        bits = f"{deep} bits"
    if bits:
        raise InvalidInput(
            f"the picture has more than 8 bits per channel ({bits}), of which the lower ones would be lost. Convert it "
            "to 8 bits first, for example by ImageMagick: convert IN -depth 8 OUT."
        )


def _bits(picture: Any) -> int:
    """Bits per channel of the file, so far as Pillow, or the file's beginning, tells before it is read."""
    if hasattr(picture, "tag_v2"):
        bits = picture.tag_v2.get(BITS, 8)
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    file: Any = getattr(picture, "fp", None)
    if picture.format in ("JPEG2000", "AVIF") and getattr(picture, "tile", None) and hasattr(file, "seek"):
        return _announced(picture.format, file)
    for decoder, _, _, args in getattr(picture, "tile", ()):
        words = args if isinstance(args, tuple) else (args,)
        if decoder in ("ppm", "ppm_plain") and words[-1] > 255:
            return int(words[-1]).bit_length()
        if any(isinstance(word, str) and re.search(r";16[BLN]", word) for word in words) or decoder == "SGI16":
            return 16
        if decoder == "sgi_rle" and words[-1] == 2:
            return 16
    return int(picture.info.get("bit_depth", 8))  # of pillow-heif


def _scale_transparent(picture: Image.Image) -> None:
    """Have the level that a PNG's pixels of 2 or 4 bits are transparent at be one of 8 bits, as Pillow makes those."""
    for words in (tile[3] for tile in getattr(picture, "tile", ()) if picture.format == "PNG"):
        level, bits = picture.info.get("transparency"), {"L;2": 2, "L;4": 4}.get(str(words))
        if bits and isinstance(level, int):
            picture.info["transparency"] = level * 255 // ((1 << bits) - 1)


def _announced(kind: str, file: BinaryIO) -> int:
    """Bits per channel, of JPEG 2000 or AVIF, which Pillow does not tell."""
    place = file.tell()
    file.seek(0)
    start = file.read(1 << 16)
    file.seek(place)
    if kind == "AVIF":
        at = start.find(b"av1C")
        flags = start[at + 6] if 0 <= at < len(start) - 6 else 0
        return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    at = start.find(b"\xff\x4f\xff\x51")  # where the code begins; then come sizes, and three bytes for each component
    count = int.from_bytes(start[at + 40 : at + 42], "big")
    return max([8, *((depth & 0x7F) + 1 for depth in start[at + 42 : at + 42 + 3 * count : 3])]) if at >= 0 else 8


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as its EXIF tag says it is to be held, or as it is where that cannot be understood."""
    from PIL.Image import Transpose

    ways = [
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    ]
    try:
        turn: Any = picture.getexif().get(ORIENTATION, 1)
        turn = int(turn[0] if isinstance(turn, tuple) else turn)
    except Exception:  # whatever its parser comes upon
        return picture
    return picture.transpose(ways[turn - 2]) if 2 <= turn <= 8 else picture

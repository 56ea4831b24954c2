"""A picture made to be of a shape: laid on white, turned to grey or RGB, cut or padded to the proportions, resized."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from zoo.errors import InvalidInput
from zoo.files import decoding

if TYPE_CHECKING:
    from PIL import Image

MODES = {1: "L", 3: "RGB"}  # PIL's name for the mode with this many channels
KINDS = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGB with alpha"}
FITS = ("crop", "pad", "squeeze")


def to_bytes(
    picture: Image.Image, shape: Sequence[int], crop: Sequence[float] | None = None, *, fit: str = "crop"
) -> Tensor:
    """A PIL image as uint8 of `shape` (channels, height, width), in sRGB, turned upright as its EXIF tag says.

    crop: (left, top, right, bottom) as fractions of width and height, rounded to whole pixels; None keeps all. fit: as
    of `Reader`. Raises InvalidInput for more than 8 bits per channel, and for a shape that is none.
    """
    check_shape(shape)
    pixels = pixels_of(picture, shape[0])
    if crop is not None:
        (height, width), (left, top, right, bottom) = pixels.shape[1:], crop
        pixels = pixels[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    return resize_bytes(fitted(pixels, shape[1:], fit).unsqueeze(0), shape)[0]


def differences(picture: Image.Image, shape: Sequence[int], fit: str | None) -> list[str]:
    """What a picture loses or is given to be of `shape`, in words; None for `fit` says nothing of its size."""
    from PIL import ImageChops

    found = [] if fit is None else resizing(picture.size[::-1], shape, fit)
    if shape[0] == 1 and decoding.has_colour(picture):
        bands = picture.convert("RGB").split()
        if any(ImageChops.difference(bands[0], band).getbbox() for band in bands[1:]):
            found.append("turned grey")
    return found


def resizing(size: Sequence[int], shape: Sequence[int], fit: str) -> list[str]:
    """What happens to an image of `size` (height, width) to be of `shape`, in words."""
    (height, width), (high, wide) = size, shape[1:]
    found = list[str]()
    if (height, width) != (high, wide):
        found.append("shrunk" if width * height > wide * high else "enlarged")
    if width * high != height * wide:
        found.append({"crop": "cropped", "pad": "padded", "squeeze": "squeezed"}[fit])
    return found


def pixels_of(picture: Image.Image, channels: int) -> Tensor:
    """uint8 (channels, height, width); of 2 or 4 channels the last one is alpha."""
    from torchvision.transforms.functional import pil_to_tensor

    if 0 in picture.size:
        raise InvalidInput("the picture has no pixels.")
    straight = decoding.plain(picture)
    mode = MODES[channels] if channels in MODES else MODES[channels - 1] + "A"
    pixels: Tensor = pil_to_tensor((_opaque(straight) if channels in MODES else straight).convert(mode))
    return pixels


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture, laid on white where it is transparent."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


def fitted(pixels: Tensor, size: Sequence[int], fit: str) -> Tensor:
    """uint8 (…, h, w) with the proportions of `size` (height, width) as `fit` says, to within a pixel: its middle, or
    with white on both sides; as it is to be squeezed, or if it has them."""
    (height, width), (high, wide) = pixels.shape[-2:], size
    if fit == "squeeze" or height * wide == width * high:
        return pixels
    if fit == "crop":
        rows, columns = min(height, round(width * high / wide) or 1), min(width, round(height * wide / high) or 1)
        top, left = (height - rows) // 2, (width - columns) // 2
        return pixels[..., top : top + rows, left : left + columns]
    down, right = max(0, round(width * high / wide) - height), max(0, round(height * wide / high) - width)
    return F.pad(pixels, (right // 2, right - right // 2, down // 2, down - down // 2), value=255)


def resize_bytes(pixels: Tensor, shape: Sequence[int]) -> Tensor:
    """uint8 (n, c, h, w) as uint8 (n, *shape): bicubic with antialiasing, grey by ITU-R 601 luma, no copy if equal."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as F

    check_shape(shape)
    channels, height, width = shape
    if pixels.shape[1] == 3 and channels == 1:
        pixels = F.rgb_to_grayscale(pixels)
    elif pixels.shape[1] == 1 and channels == 3:
        pixels = pixels.expand(-1, 3, -1, -1)
    if tuple(pixels.shape[2:]) != (height, width):
        pixels = F.resize(pixels, [height, width], InterpolationMode.BICUBIC, antialias=True)
    return pixels.contiguous()


def check_shape(shape: Sequence[int]) -> None:
    """Raise InvalidInput for what is not (1 or 3, height, width), whole numbers above 0."""
    sides = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides)
    if len(sides) != 3 or sides[0] not in MODES or not whole:
        hint = " A model of vectors takes the rows of a table." if len(sides) == 1 else ""
        raise InvalidInput(f"images of shape {sides} are unknown; expected (1 or 3, height, width).{hint}")

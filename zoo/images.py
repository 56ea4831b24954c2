"""Images: [0, 1] tensors to and from PIL, files and grids. torchvision is imported when first needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo._util import inputs
from zoo.errors import DataError, InvalidInput
from zoo.noise import Noise

if TYPE_CHECKING:
    from PIL import Image

CHUNK = 1024  # images binarised at once, each by a generator of its own
MODES = {1: "L", 3: "RGB"}  # PIL's name for the mode with this many channels
KINDS = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGB with alpha"}


def load(files: str | Path | Iterable[str | Path], shape: Sequence[int]) -> Tensor:
    """Image files as a float batch (n, *shape) in [0, 1], resized with antialiasing, turned to grey or RGB as needed.

    shape: (channels, height, width), usually `model.space.shape`. Raises DataError naming the first bad file.
    """
    paths = [Path(files)] if isinstance(files, (str, Path)) else [Path(f) for f in files]
    if not paths:
        raise InvalidInput("no image files came. Pass at least one path.")
    return torch.stack([read_bytes(path, shape) for path in paths]).float() / 255


def from_pil(pictures: Image.Image | Iterable[Image.Image], shape: Sequence[int]) -> Tensor:
    """PIL images as a float batch (n, *shape) in [0, 1]; resized and converted as in `load`."""
    from PIL import Image

    batch = [pictures] if isinstance(pictures, Image.Image) else list(pictures)
    if not batch:
        raise InvalidInput("no images came. Pass at least one PIL image.")
    return torch.stack([to_bytes(picture, shape) for picture in batch]).float() / 255


def to_pil(images: Tensor) -> list[Image.Image]:
    """A float batch (n, 1 or 3, height, width) in [0, 1] as PIL images, rounded to the nearest of 256 levels."""
    from torchvision.transforms.functional import to_pil_image

    return [to_pil_image(image) for image in quantise(images).cpu()]


def binarise(images: Tensor, *, seed: int | None = None) -> Tensor:
    """`images` (n, channels, height, width) in [0, 1] with every pixel 0 or 1, for models of binary pixels.

    seed: None sets pixels of at least ½ to 1; an integer draws each, its value the probability of a 1 (Salakhutdinov &
    Murray 2008), image i of a seed not depending on n. Raises InvalidInput for what is no batch of images.
    """
    quantise(images)  # raises for what is no batch of images
    if seed is None:
        return (images >= 0.5).to(images.dtype)
    start, drawn = inputs.seed(seed), torch.empty_like(images)
    for first in range(0, len(images), CHUNK):
        rows = images[first : first + CHUNK]
        noise = Noise(start, first, len(rows), stream="binarise", device=images.device)
        drawn[first : first + CHUNK] = noise.uniform(*images.shape[1:]) < rows
    return drawn


def quantise(images: Tensor) -> Tensor:
    """Float images in [0, 1] as uint8, rounded to the nearest of 256 levels. Raises InvalidInput for anything else."""
    got = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
    if not isinstance(images, Tensor) or not images.is_floating_point() or images.ndim != 4:
        raise InvalidInput(f"images came as {got}; expected floats of shape (n, 1 or 3, height, width).")
    if images.shape[1] not in MODES:
        raise InvalidInput(f"images came as {got}; expected 1 (grey) or 3 (RGB) channels.")
    if not len(images) or not bool(torch.isfinite(images).all()) or images.min() < 0 or images.max() > 1:
        raise InvalidInput("images are empty, not finite, or outside [0, 1]. Clamp or rescale them first.")
    return (images.float() * 255).round().to(torch.uint8)


def grid(images: Tensor, *, columns: int | None = None, padding: int = 2) -> Image.Image:
    """One picture of the batch, `columns` images wide (default: as square as possible), with `padding` white pixels
    between them. Raises InvalidInput as `quantise`, and for `columns` below 1."""
    from torchvision.transforms.functional import to_pil_image
    from torchvision.utils import make_grid

    pixels = quantise(images).cpu()
    # torchvision's nrow is the number of images in a row.
    nrow = math.ceil(math.sqrt(len(pixels))) if columns is None else inputs.whole("columns", columns, 1)
    picture: Image.Image = to_pil_image(make_grid(pixels, nrow=nrow, padding=padding, pad_value=255))
    return picture


def save(images: Tensor, path: str | Path, *, columns: int | None = None) -> Path:
    """Write a grid of the batch to `path`, creating its folder; the suffix sets the format. Returns the path."""
    path = Path(path)
    picture = grid(images, columns=columns)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{path} cannot be written: {error}. Use a suffix such as .png.") from error
    return path


def show(images: Tensor, *, columns: int | None = None) -> Image.Image:
    """The `grid` of the batch, for a notebook: small images are enlarged to be seen. Raises as `grid` does."""
    from PIL.Image import Resampling

    picture = grid(images, columns=columns)
    factor = max(1, 64 // max(images.shape[2:]))
    return picture.resize((factor * picture.width, factor * picture.height), Resampling.NEAREST)


def is_picture(path: Path) -> bool:
    """Whether there is a picture in the file, so far as its beginning tells."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path):
            return True
    except (OSError, UnidentifiedImageError):
        return False


def read_bytes(path: Path, shape: Sequence[int], crop: Sequence[float] | None = None) -> Tensor:
    """An image file as uint8 (channels, height, width), whole or cropped as `to_bytes` does.

    Raises DataError when it is missing or damaged.
    """
    return _opened(path, lambda picture: to_bytes(picture, shape, crop))


def _opened(path: Path, read: Callable[[Image.Image], Tensor]) -> Tensor:
    """What `read` makes of the image file, or DataError naming it."""
    from PIL import Image

    with _named(path), Image.open(path) as picture:
        return read(picture)


@contextmanager
def _named(what: str | Path) -> Iterator[None]:
    """Every error is a DataError that names the image."""
    try:
        yield
    except InvalidInput as error:
        raise DataError(f"{what}: {error}") from error
    except Exception as error:  # PIL's many decoders raise whatever they come upon in a damaged file
        raise DataError(f"{what} is missing or not a readable image: {error}. Remove or replace it.") from error


def whole(source: Any, channels: int) -> Tensor:
    """An image, a path or PIL image, as uint8 (channels, height, width) in its own size, upright: in grey or RGB, with
    1 or 3 channels, or with an alpha channel besides, with 2 or 4.

    Without one, what is transparent is laid on white. Raises InvalidInput for what is neither, and DataError for a file
    that is missing, damaged or has more than 8 bits per channel, and for a picture that is.
    """
    from PIL import Image

    if channels not in MODES and channels - 1 not in MODES:
        raise InvalidInput(f"no picture has {channels} channels. Pass a tensor.")
    if isinstance(source, (str, Path)):
        return _opened(Path(source), lambda picture: _upright(picture, channels))
    if not isinstance(source, Image.Image):
        hint = " Arrays: torch.from_numpy()." if hasattr(source, "ndim") else ""
        raise InvalidInput(f"an image came as {type(source).__name__}; expected a tensor, a PIL image or a path.{hint}")
    with _named(getattr(source, "filename", "") or "the PIL image"):
        return _upright(source, channels)


def to_bytes(picture: Image.Image, shape: Sequence[int], crop: Sequence[float] | None = None) -> Tensor:
    """A PIL image as uint8 of `shape` (channels, height, width), turned upright as its EXIF tag says.

    crop: (left, top, right, bottom) as fractions of width and height, rounded to whole pixels; None keeps all.
    Raises InvalidInput for more than 8 bits per channel, which PIL would clip to white, and for a shape that is none.
    """
    from torchvision.transforms.functional import pil_to_tensor

    _check_shape(shape)
    upright = _opaque(_turned(picture))
    if crop is not None:
        (width, height), (left, top, right, bottom) = upright.size, crop
        upright = upright.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))
    return resize_bytes(pil_to_tensor(upright.convert(MODES[shape[0]])).unsqueeze(0), shape)[0]


def _turned(picture: Image.Image) -> Image.Image:
    """The picture as its EXIF tag says it is to be held."""
    from PIL import ImageOps

    if picture.mode.startswith(("I", "F")):
        raise InvalidInput(f"the picture has mode {picture.mode}, more than 8 bits per channel. Convert it first.")
    return ImageOps.exif_transpose(picture)


def _upright(picture: Image.Image, channels: int) -> Tensor:
    from torchvision.transforms.functional import pil_to_tensor

    turned = _turned(picture)
    if 0 in turned.size:
        raise InvalidInput("the picture has no pixels.")
    if channels in MODES:
        made: Tensor = pil_to_tensor(_opaque(turned).convert(MODES[channels]))
    else:
        made = pil_to_tensor(turned.convert(MODES[channels - 1] + "A"))
    return made


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture, laid on white where it is transparent."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


def resize_bytes(pixels: Tensor, shape: Sequence[int]) -> Tensor:
    """uint8 (n, c, h, w) as uint8 (n, *shape): bicubic with antialiasing, grey by ITU-R 601 luma, no copy if equal."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as F

    _check_shape(shape)
    channels, height, width = shape
    if pixels.shape[1] == 3 and channels == 1:
        pixels = F.rgb_to_grayscale(pixels)
    elif pixels.shape[1] == 1 and channels == 3:
        pixels = pixels.expand(-1, 3, -1, -1)
    if tuple(pixels.shape[2:]) != (height, width):
        pixels = F.resize(pixels, [height, width], InterpolationMode.BICUBIC, antialias=True)
    return pixels.contiguous()


def _check_shape(shape: Sequence[int]) -> None:
    if len(shape) != 3 or shape[0] not in MODES:
        hint = " A model of vectors takes the rows of a table." if len(shape) == 1 else ""
        raise InvalidInput(f"images of shape {tuple(shape)} are unknown; expected (1 or 3, height, width).{hint}")

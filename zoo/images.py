"""Images: [0, 1] tensors to and from PIL, files and grids. torchvision is imported when first needed.

How files are read is in `zoo.files.reading`."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo._util import inputs, shortage
from zoo._util.atomic import replacing
from zoo._util.paths import user_path
from zoo.errors import InvalidInput
from zoo.files.decoding import most_pixels
from zoo.files.fitting import KINDS as KINDS
from zoo.files.fitting import MODES
from zoo.files.fitting import resize_bytes as resize_bytes
from zoo.files.fitting import to_bytes as to_bytes
from zoo.files.lettering import lettering
from zoo.files.reading import Reader as Reader
from zoo.files.reading import from_pil as from_pil
from zoo.files.reading import load as load
from zoo.files.reading import whole as whole
from zoo.noise import Noise

if TYPE_CHECKING:
    from PIL import Image

CAPTIONED, LETTER, MARGIN = 96, 12, 4  # pixels: of a side at least, of a line of text, between images with captions
CHUNK = 1024  # images binarised at once


def to_pil(images: Tensor) -> list[Image.Image]:
    """A float batch (n, 1 or 3, height, width) in [0, 1] as PIL images, rounded to the nearest of 256 levels.

    >>> zoo.images.to_pil(torch.zeros(2, 3, 8, 8))[0].size
    (8, 8)
    """
    from torchvision.transforms.functional import to_pil_image

    return [to_pil_image(image) for image in quantise(images).cpu()]


def binarise(images: Tensor, *, seed: int | None = None) -> Tensor:
    """`images` (n, channels, height, width) in [0, 1] with every pixel 0 or 1, for models of binary pixels.

    seed: None sets pixels of at least ½ to 1; an integer draws each, its value the probability of a 1 (Salakhutdinov &
    Murray 2008), image i of a seed not depending on n. Raises InvalidInput for what is no batch of images.

    >>> zoo.images.binarise(torch.tensor([[[[0.2, 0.5]]]]))
    tensor([[[[0., 1.]]]])
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


def noisy(images: Tensor, deviation: float, *, seed: int = 0) -> Tensor:
    """`images` (n, channels, height, width) in [0, 1] with Gaussian noise of this deviation, clamped and in 8-bit
    levels; that of image i of a seed does not depend on n. Raises InvalidInput for what is no batch of images, and for
    a deviation below 0.

    >>> zoo.images.noisy(torch.full((1, 1, 1, 2), 0.2), 0.0)
    tensor([[[[0.2000, 0.2000]]]])
    """
    quantise(images)  # raises for what is no batch of images
    spread, start = inputs.scalar("deviation", deviation, 0, "0.25"), inputs.seed(seed)
    noise = Noise(start, 0, len(images), stream="denoising", device=images.device, dtype=images.dtype)
    return ((images + spread * noise.normal(*images.shape[1:])).clamp(0, 1) * 255).round() / 255


def quantise(images: Tensor) -> Tensor:
    """Float images in [0, 1] as uint8, rounded to the nearest of 256 levels. Raises InvalidInput for anything else.

    >>> zoo.images.quantise(torch.ones(1, 1, 1, 2))
    tensor([[[[255, 255]]]], dtype=torch.uint8)
    """
    if not isinstance(images, Tensor):
        raise InvalidInput(
            f"images came as {type(images).__name__}; expected a tensor (n, 1 or 3, height, width). Arrays: "
            "torch.from_numpy(). PIL images: zoo.images.from_pil()."
        )
    shape = tuple(inputs.dense("images", images).shape)
    if not images.is_floating_point():
        hint = "" if images.dtype is torch.bool else " / 255"
        raise InvalidInput(f"images came as {images.dtype}; expected floats in [0, 1]. Pass images.float(){hint}.")
    if images.ndim != 4 or shape[1] not in MODES:
        hint = " Add the batch dimension with .unsqueeze(0)." if images.ndim == 3 else ""
        hint = inputs.CHANNELS_LAST if images.ndim == 4 and shape[3] in MODES else hint
        raise InvalidInput(f"images came with shape {shape}; expected (n, 1 (grey) or 3 (RGB), height, width).{hint}")
    if not len(images):
        raise InvalidInput("images are empty. Pass at least one.")
    inputs.finite("images", images)
    if images.min() < 0 or images.max() > 1:
        raise InvalidInput("images hold values outside [0, 1]. Clamp or rescale them first.")
    return (images.float() * 255).round().to(torch.uint8)


def grid(images: Tensor, *, columns: int | None = None, padding: int = 2) -> Image.Image:
    """One picture of the batch, `columns` images wide (default: as square as possible), with `padding` white pixels
    between them. Raises InvalidInput as `quantise`, and for `columns` below 1.

    >>> zoo.images.grid(torch.zeros(6, 3, 8, 8), columns=3).size
    (32, 22)
    """
    from torchvision.transforms.functional import to_pil_image
    from torchvision.utils import make_grid

    pixels = quantise(images).cpu()
    # torchvision's nrow is the number of images in a row.
    nrow = math.ceil(math.sqrt(len(pixels))) if columns is None else inputs.integer("columns", columns, 1)
    picture: Image.Image = to_pil_image(make_grid(pixels, nrow=nrow, padding=padding, pad_value=255))
    return picture


def check_grid(n: int, shape: Sequence[int], *, columns: int | None = None, padding: int = 2) -> None:
    """Raise InvalidInput when a `grid` of `n` images of `shape` would have more pixels than a picture may have (see
    `zoo.files.decoding.most_pixels`), or take more memory than there is.

    >>> zoo.images.check_grid(64, (3, 64, 64))
    """
    wide = math.isqrt(n - 1) + 1 if columns is None else columns
    cells, (height, width) = wide * -(-n // wide), (side + padding for side in shape[-2:])
    pixels, most = cells * height * width, most_pixels()
    if pixels > most:
        size = f"{pixels:,}" if pixels < 10**18 else "more than 10^18"
        raise InvalidInput(
            f"one picture of {shortage.many(n, 'image')} would have {size} pixels, and {most:,} is the most. Make "
            "fewer, or write an array (--out NAME.npy) or, by zoo generate, single files (--out NAME/)."
        )
    # As floats, as bytes, in the grid's three channels, as a picture and as its file.
    count, what = 4 * n * math.prod(shape) + 10 * pixels, f"one picture of {shortage.many(n, 'image')}"
    shortage.check_memory(count, what, "Make fewer, or write an array (--out NAME.npy).")


def save(images: Tensor, path: str | Path, *, columns: int | None = None) -> Path:
    """Write a grid of the batch to `path`, creating its folder; the suffix sets the format. Returns the path.

    >>> zoo.images.save(torch.zeros(4, 1, 8, 8), "black.png").name
    'black.png'
    """
    path = user_path(path)
    write(grid(images, columns=columns), path)
    return path


def write(picture: Image.Image, path: Path, **options: Any) -> None:
    """Write a picture to `path` in one step, making its folder; the suffix sets the format, `options` are Pillow's for
    it. Raises InvalidInput where the suffix means no format, or one that does not take such a picture, and OSError.

    >>> zoo.images.write(zoo.images.grid(torch.zeros(4, 1, 8, 8)), Path("black.webp"), lossless=True)
    """
    from PIL import Image

    content, kind = io.BytesIO(), Image.registered_extensions().get(path.suffix.lower())
    try:
        picture.save(content, kind or path.suffix, **options)
    except (ValueError, KeyError, OSError) as error:
        reason = str(error) if kind in Image.SAVE else f"{path.suffix or 'no suffix'} is no format of pictures"
        raise InvalidInput(f"{path} cannot be written: {reason}. Use a suffix such as .png.") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidInput(f"{path} cannot be written: {error.filename} is no folder. Choose another place.") from error
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())


def animate(frames: Sequence[Image.Image], path: Path, *, seconds: float = 0.1, back: bool = True) -> None:
    """Write pictures of one size as an animation that goes on for ever, `seconds` each and longer at both ends; .gif,
    .webp or .apng. back: whether it goes back the way it came, or begins anew. Raises as `write` does.

    >>> frames = [zoo.images.grid(torch.full((4, 1, 8, 8), level)) for level in (0.0, 0.5, 1.0)]
    >>> zoo.images.animate(frames, Path("brighter.gif"))
    """
    there, rest = list(frames), list(frames[-2:0:-1]) if back else []
    times = [round(1000 * seconds)] * len(there + rest)
    times[0] = times[len(there) - 1] = round(5000 * seconds)
    more = {"lossless": True} if path.suffix.lower() == ".webp" else {}
    write(there[0], path, save_all=True, append_images=[*there[1:], *rest], duration=times, loop=0, **more)


def captioned(images: Tensor, captions: Sequence[str], *, columns: int | None = None) -> Image.Image:
    """The `grid` of the batch with its caption below each image; small images are enlarged, so that words fit. Raises
    InvalidInput as `grid` does, and for another number of captions than of images.

    >>> zoo.images.captioned(torch.zeros(2, 1, 8, 8), ["one", "two"]).mode
    'RGB'
    """
    from PIL import Image, ImageDraw

    quantise(images)  # raises for what is no batch of images
    if len(captions) != len(images):
        raise InvalidInput(f"{len(captions)} captions came for {len(images)} images; expected one for each.")
    cells = [enlarged(grid(image[None], padding=0), -(-CAPTIONED // max(images.shape[2:]))) for image in images]
    wide = math.ceil(math.sqrt(len(cells))) if columns is None else inputs.integer("columns", columns, 1)
    (width, height), (font, texts) = cells[0].size, lettering(captions, LETTER)
    letters = [max(LETTER // 2, math.ceil(font.getlength(text) / max(1, len(text)))) for text in texts]  # of a letter
    below = [textwrap.wrap(text, max(1, width // letter)) for text, letter in zip(texts, letters, strict=True)]
    deep = height + MARGIN + max(map(len, below)) * (LETTER + 2)
    check_grid(len(cells), (deep, width), columns=wide, padding=MARGIN)
    size = wide * (width + MARGIN) + MARGIN, -(-len(cells) // wide) * (deep + MARGIN) + MARGIN
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for place, (cell, lines) in enumerate(zip(cells, below, strict=True)):
        x, y = MARGIN + place % wide * (width + MARGIN), MARGIN + place // wide * (deep + MARGIN)
        sheet.paste(cell, (x, y))
        for row, line in enumerate(lines):
            pen.text((x + width / 2, y + height + 2 + row * (LETTER + 2)), line, fill="black", font=font, anchor="ma")
    return sheet


def lettered(lines: Sequence[str]) -> Image.Image:
    """Lines of text, one below the other, as a grey picture.

    >>> zoo.images.lettered(["one", "two"]).mode
    'L'
    """
    from PIL import Image, ImageDraw

    font, texts = lettering(lines, LETTER)
    wide = max((math.ceil(font.getlength(text)) for text in texts), default=0)
    picture = Image.new("L", (wide + 2 * MARGIN, len(texts) * (LETTER + 4) + 2 * MARGIN), "white")
    pen = ImageDraw.Draw(picture)
    for row, text in enumerate(texts):
        pen.text((MARGIN, MARGIN + row * (LETTER + 4)), text, fill="black", font=font)
    return picture


def titled(picture: Image.Image, text: str) -> Image.Image:
    """`picture` with a line of text below it.

    >>> zoo.images.titled(zoo.images.grid(torch.zeros(4, 1, 8, 8)), "four").width
    22
    """
    from PIL import ImageDraw

    page = padded(picture, picture.height + LETTER + 2 * MARGIN)
    place = (MARGIN, picture.height + MARGIN // 2)
    font, (line,) = lettering([text], LETTER)
    ImageDraw.Draw(page).text(place, line, fill="black", font=font)
    return page


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """One picture below the other, on white.

    >>> zoo.images.stacked([zoo.images.grid(torch.zeros(4, 1, 8, 8))] * 2).size
    (22, 44)
    """
    from PIL import Image

    size = max(picture.width for picture in pictures), sum(picture.height for picture in pictures)
    page, top = Image.new("RGB", size, "white"), 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height
    return page


def padded(picture: Image.Image, height: int) -> Image.Image:
    """`picture` on white, made higher at its bottom.

    >>> zoo.images.padded(zoo.images.grid(torch.zeros(4, 1, 8, 8)), 40).size
    (22, 40)
    """
    from PIL import Image

    page = Image.new("RGB", (picture.width, height), "white")
    page.paste(picture)
    return page


def show(images: Tensor, *, columns: int | None = None) -> Image.Image:
    """The `grid` of the batch, for a notebook: small images are enlarged to be seen. Raises as `grid` does.

    >>> zoo.images.show(torch.zeros(4, 1, 8, 8)).size
    (176, 176)
    """
    return enlarged(grid(images, columns=columns), 64 // max(images.shape[2:]))


def enlarged(picture: Image.Image, factor: int) -> Image.Image:
    """`picture` with each pixel a square of `factor` × `factor`; as it is if that is below 2.

    >>> zoo.images.enlarged(zoo.images.grid(torch.zeros(4, 1, 8, 8), padding=0), 4).size
    (64, 64)
    """
    from PIL.Image import Resampling

    size = (factor * picture.width, factor * picture.height)
    return picture.resize(size, Resampling.NEAREST) if factor > 1 else picture

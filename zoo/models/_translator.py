"""What models conditioned on an image share: inputs of any size, padded to what the network can halve, and large ones
cut into overlapping tiles, so that memory stays bounded."""
# Long because tiles and their statistics are one thing with the strips of a picture that is drawn row by row.

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo import images
from zoo._util import inputs, shortage
from zoo.errors import DataError, InvalidInput
from zoo.model import Model
from zoo.nn.layers import is_pooled, pooled
from zoo.noise import Noise

if TYPE_CHECKING:
    from PIL import Image

# Of the results that are computed at once, unless batch_size says otherwise; on a CPU more are slower.
PIXELS = 32 * 64 * 64
GOLDEN = (5**0.5 - 1) / 2
POOLED = 16  # tiles from which the statistics of an image are taken
ROWS = 64  # of a picture that are turned to bytes at once


class Translator(Model):
    """Images of one kind from images of another, `enlargement` times as large on each side.

    A subclass writes `_translate_tile(images)`: floats (n, channels of the condition, height, width) in [0, 1], height
    and width multiples of `multiple` and at least `smallest`, to floats in [0, 1], `enlargement` times as large. The
    shape of `space` is what it was trained on; what it is given may be larger or smaller.
    """

    deterministic = True
    latent_shape = ()  # what is random, if anything is, depends on the size

    tile: int = 256  # side of a tile in the source, overlaps included
    compiled = ("_translate_tile",)
    multiple = 1
    overlap: int = 16  # pixels of the source that neighbouring tiles share, on each side
    keeps_colour: bool = False  # whether what it makes of a grey picture is grey
    normed: bool = False  # whether it has instance norms, whose statistics are to be those of the whole image
    fade: int | None = None  # of these, over how many one tile fades into the next: as many, unless given

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images of images `x`, whose sides the network can take, without padding or tiles. Raises InvalidInput for
        another number of channels or dimensions."""
        of: Any = self.condition
        sides = tuple(x.shape[-2:]) if isinstance(x, Tensor) else self.space.shape[1:]
        inputs.shaped("images", x, (of.channels, *sides), "(n, channels, height, width)")
        return self._translate_tile(x).contiguous()

    def _translate(self, images: Tensor, noise: Noise, temperature: float, *, tile: int | None = None) -> Tensor:
        """tile: side of the tiles, in pixels of the source, into which larger images are cut; 0 does not cut."""
        return self._tiled(self._tile, images, tile)

    def _tile(self, images: Tensor, *more: Any, **options: Any) -> Tensor:
        """`_translate_tile`; as it is written where it is compiled and tiles share statistics."""
        method = type(self)._translate_tile.__get__(self) if is_pooled() else self._translate_tile
        made: Tensor = method(images, *more, **options)
        return made

    def _tiled(self, function: Callable[..., Tensor], images: Tensor, tile: int | None, *more: Tensor) -> Tensor:
        """`function` of images, and of what has a row `more` for each, padded and, where they are large, in tiles."""
        side = self._side(tile)
        # Each image has its own statistics. A graph, which is not cut, must not ask how many there are.
        if self.normed and 0 < side < max(images.shape[2:]) and len(images) > 1:
            alone = (slice(i, i + 1) for i in range(len(images)))
            return torch.cat([self._tiled(function, images[i], tile, *(rows[i] for rows in more)) for i in alone])
        return tiled(lambda part: function(part, *more), images, side, **self._sizes())

    def _sizes(self) -> dict[str, Any]:
        """What `tiled` and `strips` need to know of the network."""
        names = ("overlap", "multiple", "smallest", "fade", "normed")
        return {"scale": self.enlargement, **{name: getattr(self, name) for name in names}}

    def _side(self, tile: int | None) -> int:
        """The side of tiles, or InvalidInput for one that is nothing but overlap."""
        side = self.tile if tile is None else inputs.integer("tile", tile, 0)
        if 0 < side <= 2 * self.overlap:
            least = 2 * self.overlap
            raise InvalidInput(f"tile={side}; expected more than {least}, of which neighbours share the edges, or 0.")
        return side

    def picture(
        self, source: Any, *, seed: int = 0, temperature: float = 1.0, tile: int | None = None, **options: Any
    ) -> Image.Image:
        """What `translate(source, seed=seed, …)` makes of one image, a tensor, PIL image or path, as a PIL image; drawn
        in strips, so that a large one takes the memory of its bytes and of a row of tiles. A model that keeps colours
        makes a grey picture, with one channel, of what is grey in all its pixels.

        Raises as `translate` does, and DataError for an image in which there is nothing to do.
        """
        from PIL import Image

        sources, start = self.check_condition(source, 1, required=True), inputs.seed(seed)
        spread = inputs.scalar("temperature", temperature, 0, "0.7")
        assert sources is not None  # or check_condition would have raised
        if nothing := self.nothing_to_do(sources):
            raise DataError(nothing)
        # The hook gets tiles, which it need not cut again; each brings the same noise, as all tiles of an image do.
        hook = self._with_options("_translate", {**options, "tile": 0})

        def made(piece: Tensor) -> Tensor:
            return hook(model, piece, self.noise_class(start, device=self.device, dtype=self.dtype), spread)

        parts = strips(made, sources, self._side(tile), **self._sizes())
        drawn: Image.Image | None = None
        top = 0
        with torch.inference_mode(), self.evaluating() as model:
            for strip in parts:
                for rows in torch.split(strip, ROWS, 2):
                    part_drawn = images.to_pil(self.check_result(rows, given="this image"))[0]
                    if drawn is None:
                        drawn = Image.new(part_drawn.mode, (part_drawn.width, self.enlargement * sources.shape[2]))
                    drawn.paste(part_drawn, (0, top))
                    top += part_drawn.height
                del strip, rows  # before the next is made
        assert drawn is not None
        colours = sources[:, :3]
        return drawn.convert("L") if self.keeps_colour and bool((colours == colours[:, :1]).all()) else drawn

    def nothing_to_do(self, images: Tensor) -> str:
        """Why there is nothing to translate in images, in a sentence; empty if there is."""
        return ""

    def _join(self, parts: list[Tensor]) -> Tensor:
        # What was put together from tiles is nobody else's, and may be most of the memory.
        fresh = not parts[0].is_inference() and not parts[0]._is_view()
        if len(parts) == 1 and fresh and all(parts[0] is not tensor for tensor in self._tensors()):
            return parts[0].contiguous()
        return super()._join(parts)

    def _at_once(self, condition: Tensor | None) -> int:
        assert condition is not None
        height, width = condition.shape[2:]
        return max(1, min(self.space.chunk, PIXELS // (self.enlargement**2 * height * width)))

    def _translate_tile(self, images: Tensor) -> Tensor:
        raise NotImplementedError


def tiled(
    function: Callable[[Tensor], Tensor],
    images: Tensor,
    side: int,
    *,
    scale: int = 1,
    overlap: int = 0,
    multiple: int = 1,
    smallest: int = 1,
    fade: int | None = None,
    normed: bool = False,
) -> Tensor:
    """`function` of `images` (n, channels, height, width), computed in tiles of at most `side` pixels on a side.

    function: images with sides that are multiples of `multiple` and at least `smallest` to images in [0, 1], `scale`
    times as large. Images are padded by reflection, or by their edge where they are too small for that, and the result
    is cropped. Neighbouring tiles share at least 2·`overlap` pixels, in whose middle, so that no tile's own border is
    seen, one is faded into the next over `fade` pixels. With 0 they are cut there: where a pixel depends on no others
    than `overlap` around it, and `side` is a multiple of `multiple`, the result is the same as without tiles. side:
    more than 2·overlap, or 0 for no tiles. normed: whether `function` has instance norms; in all tiles of an image they
    take their statistics from up to `POOLED` of them, spread over it.
    """
    whole = strips(
        function,
        images,
        side,
        scale=scale,
        overlap=overlap,
        multiple=multiple,
        smallest=smallest,
        fade=fade,
        normed=normed,
    )
    height = scale * images.shape[2]
    result: Tensor | None = None
    top = 0
    for strip in whole:
        if result is None:
            if strip.shape[2] == height:
                return strip
            size = strip[:, :, 0].nbytes * height
            shortage.check_memory(size, f"an image of {strip.shape[3]} by {height} pixels", "Make the picture smaller.")
            # Outside of inference mode, so that it need not be copied for the caller: it may be most of the memory.
            with torch.inference_mode(False):
                result = strip.new_empty(*strip.shape[:2], height, strip.shape[3])
        result[:, :, top : top + strip.shape[2]] = strip
        top += strip.shape[2]
    assert result is not None
    return result


def strips(
    function: Callable[[Tensor], Tensor],
    images: Tensor,
    side: int,
    *,
    scale: int = 1,
    overlap: int = 0,
    multiple: int = 1,
    smallest: int = 1,
    fade: int | None = None,
    normed: bool = False,
) -> Iterator[Tensor]:
    """The result of `tiled` from top to bottom, in strips (n, channels, rows, scale·width), each as soon as it is
    ready: a large image need never be whole in memory."""
    height, width = images.shape[2:]
    whole = not side or max(height, width) <= side
    images = padded(images, multiple, smallest)
    if whole:
        yield function(images)[:, :, : scale * height, : scale * width]
        return
    if normed:
        function = _pooled(function, images, side, multiple, smallest)
    places = list(spans(images.shape[2], side, overlap, fade, multiple))
    begun: Tensor | None = None  # rows that the strip before has a share in
    for i, (rows, row_weights) in enumerate(places):
        strip: Tensor | None = None
        for columns, column_weights in spans(images.shape[3], side, overlap, fade, multiple):
            part = images[:, :, rows, columns]
            made = function(padded(part, multiple, smallest))[:, :, : scale * part.shape[2], : scale * part.shape[3]]
            if strip is None:
                strip = made.new_zeros(*made.shape[:3], scale * images.shape[3])
            weights = _stretched(row_weights, scale)[:, None] * _stretched(column_weights, scale)
            strip[:, :, :, _scaled(columns, scale)] += made * weights.to(made)
        assert strip is not None
        if begun is not None:
            strip[:, :, : begun.shape[2]] += begun
        # What was padded below the image is left out, be it more than a tile.
        end = places[i + 1][0].start if i + 1 < len(places) else height
        begun = strip[:, :, scale * (end - rows.start) :].clone()  # a view would keep the whole strip
        if (ready := min(end, height) - rows.start) > 0:
            yield strip[:, :, : scale * ready, : scale * width].clamp_(0, 1)  # weights add up to 1 but for rounding


def _pooled(
    function: Callable[[Tensor], Tensor], image: Tensor, side: int, multiple: int, smallest: int
) -> Callable[[Tensor], Tensor]:
    """`function` of tiles of `image` (1, channels, height, width) with the statistics of its instance norms taken from
    `POOLED` of them, or all if there are no more, at once."""
    rows, columns = (list(spans(length, side, 0, 0, multiple)) for length in image.shape[2:])
    chosen = [(row, column) for row, _ in rows for column, _ in columns]
    if len(chosen) > POOLED:  # rows in turn, columns by the golden ratio, which spreads any number of them
        shares = [((i + 0.5) / POOLED, (i + 0.5) * GOLDEN % 1) for i in range(POOLED)]
        chosen = [(rows[int(down * len(rows))][0], columns[int(along * len(columns))][0]) for down, along in shares]
    statistics: dict[int, tuple[Tensor, Tensor]] = {}

    def called(tile: Tensor) -> Tensor:
        with pooled(statistics):
            return function(tile)

    called(padded(torch.cat([image[:, :, row, column] for row, column in chosen]), multiple, smallest))
    return called


def spans(
    length: int, side: int, overlap: int, fade: int | None = None, multiple: int = 1
) -> Iterator[tuple[slice, Tensor]]:
    """Slices of at most `side` that cover `length`, with the weights of their places, which add up to 1 everywhere.

    They are as few as can be, and then, all alike, as short, a multiple of `multiple` if that is no more than `side`.
    Where `length` and `side` are multiples of it, slices begin at such, too: what halves an image has its pixels in
    the same places then, whatever the slice.

    Of two neighbours, which share at least 2·`overlap` places, each alone counts on its own half but for a ramp of
    `fade` places in the middle, by default `overlap` of them, so that within overlap/2 of its own end a slice counts
    for nothing.
    """
    if length <= side:
        yield slice(0, length), torch.ones(length, dtype=torch.float32, device="cpu")
        return
    ramp = overlap if fade is None else fade
    fits = length % multiple == side % multiple == 0 and side > -(-2 * overlap // multiple) * multiple
    unit = multiple if fits else 1
    total, most, shared = length // unit, side // unit, -(-2 * overlap // unit)
    count = -(-(total - shared) // (most - shared))
    needed = unit * (-(-(total - shared) // count) + shared)
    side = min(side, -(-needed // multiple) * multiple)
    # Spread evenly: the last slice ends where the image does, and all have the same side.
    starts = [unit * round(i * (length - side) / unit / (count - 1)) for i in range(count)]
    for i, start in enumerate(starts):
        # The differences of ramps add up to 1 even where they are so close that three slices count.
        places = torch.arange(start, start + side, dtype=torch.float32, device="cpu") + 0.5
        weights = _ramp(places, start, starts[i - 1] + side, ramp) if i else torch.ones_like(places)
        if i + 1 < count:
            weights = weights - _ramp(places, starts[i + 1], start + side, ramp)
        yield slice(start, start + side), weights


def _ramp(places: Tensor, first: int, last: int, width: int) -> Tensor:
    """0 before and 1 after the middle of [first, last], rising linearly over `width` around it."""
    middle = (first + last) // 2  # between two places
    return ((places - middle) / max(width, 1) + 0.5).clamp(0, 1)


def padded(images: Tensor, multiple: int = 1, smallest: int = 1) -> Tensor:
    """`images` with rows below and columns on the right, so that both sides are multiples of `multiple` and at least
    `smallest`: reflected where there is enough to reflect, else the edge repeated."""
    height, width = images.shape[2:]
    down, right = (-(-max(side, smallest) // multiple) * multiple - side for side in (height, width))
    if not (down or right):
        return images
    mode = "reflect" if down < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, down), mode=mode)


def _scaled(places: slice, scale: int) -> slice:
    return slice(scale * places.start, scale * places.stop)


def _stretched(weights: Tensor, scale: int) -> Tensor:
    return weights.repeat_interleave(scale)

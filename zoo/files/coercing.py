"""Images in whatever form callers have them: arrays, pictures, paths or lists of these, as tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo._util import inputs
from zoo.errors import Converted, DataError, InvalidInput, outside
from zoo.files.reading import Reader

FORMS = "a tensor, an array, PIL images, or paths"


def samples(given: Any, shape: Sequence[int], *, fit: str = "crop", strict: bool = False) -> Tensor:
    """Images as a batch: tensors and arrays as they are; PIL images and files, one or a list, or a data set of Hugging
    Face, as floats (n, *shape) in [0, 1], upright, in sRGB, turned to grey or RGB and resized as `Reader` does.

    Warns (Converted), in a sentence for all, of what was changed to be of `shape`; with `strict` that is InvalidInput.
    Raises InvalidInput for what is in none of these forms, and DataError naming all files that cannot be read.
    """
    given = unpacked(given)
    found = arrays(given)
    if found is not None:
        return found
    reader, items = Reader(fit), _items(given)
    if all(isinstance(item, Path) for item in items):
        pixels: Tensor = reader.read(items, shape)[0][0]
    else:
        pixels = torch.cat(_each(items, lambda item: _read(reader, item, shape)))
    _tell(reader, shape, strict)
    return pixels.float() / 255


def sources(given: Any, channels: int, *, strict: bool = False) -> Tensor:
    """`samples` in their own size, which must be one: PIL images and files as floats (n, channels, height, width)."""
    given = unpacked(given)
    found = arrays(given)
    if found is not None:
        return found
    reader, items = Reader(), _items(given)
    if len(items) > 1 and all(isinstance(item, Path) for item in items):
        pictures = list(reader.whole(items, channels).values())
    else:
        pictures = _each(items, lambda item: reader.picture(item, channels))
    sizes = sorted({(picture.shape[2], picture.shape[1]) for picture in pictures})
    if len(sizes) != 1:
        some = ", ".join(f"{width}×{height}" for width, height in sizes[:4])
        raise InvalidInput(f"images of one call must have one size; {some}. Call once for each size.")
    _tell(reader, (channels,), strict)
    return torch.stack(pictures).float() / 255


def unpacked(given: Any) -> Any:
    """What a data set of Hugging Face holds, in whatever format: its one column of images as a list of PIL images, or
    its numbers as a data frame; of several splits the only one. Anything else as it is. Raises InvalidInput for more
    splits, and DataError for several columns of images, for a transform that leaves none, and for a stream that does
    not say what it holds."""
    if isinstance(given, Mapping) and any(hasattr(each, "features") for each in given.values()):
        names, first = ", ".join(map(repr, given)), next(iter(given))
        if len(given) > 1:
            raise InvalidInput(f"a {type(given).__name__} of {names} came; expected one of these: data[{first!r}].")
        given = given[first]
    if not hasattr(given, "column_names") or not hasattr(given, "features"):
        return given
    if given.features is None:
        raise DataError(
            "the data set does not say what its columns hold. Say so where it is made: "
            "IterableDataset.from_generator(…, features=Features(image=Image()))."
        )
    pictures = [name for name, feature in given.features.items() if type(feature).__name__ == "Image"]
    if not pictures and hasattr(given, "to_pandas"):
        return given.to_pandas()
    if len(pictures) != 1:
        raise DataError(f"the data set has columns of images {pictures}; expected one. Choose: data.select_columns(…).")
    if getattr(given, "format", {}).get("type") != "custom":  # but what a transform makes of images stays
        return [row[pictures[0]] for row in unformatted(given)]
    rows = list(given)
    if lacking := [row for row in rows if pictures[0] not in row]:
        raise DataError(
            f"the transform of the data set gives {', '.join(lacking[0]) or 'nothing'}, and no {pictures[0]!r}, its "
            "column of images. Pass the data set without it: data.with_format(None)."
        )
    return [row[pictures[0]] for row in rows]


def unformatted(given: Any) -> Any:
    """A data set of Hugging Face that gives all its columns, as they are kept."""
    return given.with_format(None) if hasattr(given, "with_format") else given


def arrays(given: Any) -> Tensor | None:
    """A tensor as it is, an array as one, several of either as a batch, if of one shape; None for what is neither.
    Raises InvalidInput for an array that holds no real numbers."""
    if isinstance(given, Tensor):
        return inputs.dense("the samples", given)
    if _is_array(given):
        return inputs.real(given)
    if not isinstance(given, Sequence) or not given or not all(map(_is_array, given)):
        return None
    parts = [inputs.real(each) for each in given]
    if len({part.shape for part in parts}) > 1:
        some = ", ".join(str(shape) for shape in sorted({tuple(part.shape) for part in parts})[:4])
        raise InvalidInput(f"the samples of one call must have one shape; {some}. Call once for each.")
    return torch.stack(parts)


def _is_array(given: Any) -> bool:
    """Whether these are numbers, and not objects such as paths."""
    return hasattr(given, "ndim") and getattr(getattr(given, "dtype", None), "kind", "") not in ("O", "U", "T")


def _items(given: Any) -> list[Any]:
    """Pictures and paths, one or several, paths as such."""
    if hasattr(given, "ndim"):  # an array of objects, or a column of a data frame
        given = np.asarray(given, dtype=object).reshape(-1).tolist()
    several = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
    items = [Path(each) if isinstance(each, str) else each for each in (given if several else [given])]
    if not items:
        raise InvalidInput(f"no images came; expected at least one, as {FORMS}.")
    for item in items:
        if not isinstance(item, Path) and not hasattr(item, "getbands"):
            raise InvalidInput(f"an image came as {type(item).__name__}; expected {FORMS}, or a list of one of these.")
    return items


def _each(items: list[Any], read: Callable[[Any], Tensor]) -> list[Tensor]:
    """What is read of each of the items, or DataError naming all that cannot be read."""
    found, bad = list[Tensor](), list[str]()
    for item in items:
        try:
            found.append(read(item))
        except DataError as error:
            bad.append(str(error))
    if bad:
        raise DataError(" ".join(bad))
    return found


def _read(reader: Reader, item: Any, shape: Sequence[int]) -> Tensor:
    return reader.read([item], shape)[0][0] if isinstance(item, Path) else reader.pictures([item], shape)


def _tell(reader: Reader, shape: Sequence[int], strict: bool) -> None:
    """Say what was changed, or refuse it."""
    if not (text := reader.summary(shape)):
        return
    if strict:
        raise InvalidInput(
            f"with strict=True nothing is changed, and {text} Change it beforehand, or leave strict out."
        )
    warnings.warn(text, Converted, stacklevel=outside())

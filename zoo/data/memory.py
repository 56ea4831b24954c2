"""Samples that are at hand in Python: tensors, arrays, pictures, data frames, and data sets of torch and Hugging Face.

Nothing of these libraries is imported: what a thing is shows in what it has.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo import images, tables
from zoo.data import splitting
from zoo.data.dataset import UNLABELLED, TensorDataset
from zoo.data.finding import channels
from zoo.data.tables import parted
from zoo.errors import DataError
from zoo.files.decoding import has_colour
from zoo.files.reading import MODES
from zoo.images import Reader

NAME = "in-memory"  # of the data set, in recipes
KINDS = (
    "a tensor, an array, PIL images, paths, a data frame, a Dataset with a length, or {'train': …, 'test': …} of such"
)
HELD_OUT = ("test", "validation", "val")  # names of splits, the first of which there is is the test split


@dataclass(frozen=True)
class Samples:
    """What is at hand, understood: `values` is uint8 images (n, channels, height, width), or the rows of a table
    (n, features), or a list of PIL images or of paths."""

    values: Any
    name: str = NAME
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    test: Samples | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_table(self) -> bool:
        """Whether these are the rows of a table, and not images."""
        return isinstance(self.values, Tensor) and self.values.ndim == 2

    def shape(self) -> tuple[Any, ...]:
        """Of images: channels, 1 if none has colours, and height and width, None where there are several, or files."""
        if isinstance(self.values, Tensor):
            return tuple(self.values.shape[1:])
        if isinstance(self.values[0], Path):
            return channels(self.values), None, None
        sizes = {(picture.height, picture.width) for picture in self.values}
        return (3 if any(map(has_colour, self.values)) else 1, *(sizes.pop() if len(sizes) == 1 else (None, None)))

    def read(self, rows: Sequence[int], shape: tuple[int, ...], reader: Reader) -> tuple[Tensor, list[int]]:
        """The images at `rows` as uint8 (m, *shape), and those of the `rows` that could be read."""
        if isinstance(self.values, Tensor):
            return reader.pixels(self.values[list(rows)], shape), list(rows)
        chosen = [self.values[row] for row in rows]
        if not isinstance(chosen[0], Path):
            return reader.pictures(chosen, shape), list(rows)
        (pixels,), kept = reader.read(chosen, shape)
        return pixels, [rows[place] for place in kept]


def is_path(data: Any) -> bool:
    """Whether `data` says where samples are, and is not what holds them; so does nothing at all."""
    return data is None or isinstance(data, (str, os.PathLike))


def understand(data: Any) -> Samples:
    """`Samples` of whatever holds them; see `zoo.train`. Raises DataError for anything else."""
    if isinstance(data, Samples):
        return data
    if isinstance(data, Mapping):
        return _of_splits(data)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return _of_frame(data)
    if hasattr(data, "column_names") and hasattr(data, "features"):
        return _of_hub(data)
    if isinstance(data, tuple) and len(data) == 2 and all(hasattr(part, "ndim") for part in data):
        return _labelled(Samples(_values(data[0])), data[1])
    if hasattr(data, "ndim"):
        return Samples(_values(data))
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (str, bytes)):
        return _of_items(data)
    raise DataError(f"the data came as {type(data).__name__}; expected a path, {KINDS}.")


def in_memory(
    root: Any,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    holdout_seed: int | None,
    download: bool,
    reader: Reader,
) -> TensorDataset:
    """Samples at hand, `root`, of which `holdout` are the test split, drawn by `holdout_seed` within each class, or the
    last ones if it is None; unless they came with a test split of their own. Images are made to be of `shape`."""
    found = understand(root)
    sides, how = _divided(found, holdout, holdout_seed)
    if found.is_table:
        whole = found.values if found.test is None else torch.cat([found.values, found.test.values])
        held = torch.zeros(len(whole), dtype=torch.bool, device="cpu")
        held[sides[1]] = True
        return parted(tables.Table(whole, found.columns), found.name, split, held, how)
    if len(shape) != 3:
        raise DataError(
            f"{found.name} holds images, no samples of {shape}. A model of vectors takes a table; one that may be of "
            "images is trained on these with config.image_shape=[3,32,32]."
        )
    rows = sides[split == "test"]
    if not rows:
        raise DataError(f"{found.name} has no {split} samples. Check how many are held out: holdout={holdout}.")
    chosen, first = (found, 0) if found.test is None or split == "train" else (found.test, len(found))
    pixels, kept = chosen.read([row - first for row in rows], shape, reader)
    data = TensorDataset(found.name, split, pixels, None if chosen.labels is None else chosen.labels[kept])
    facts = f"{len(found.classes)} classes, " if found.classes else ""
    summary = f"{found.name}: {facts}{splitting.summary(len(sides[0]), len(sides[1]), holdout_seed, how=how)}."
    division = splitting.digest(*([str(row) for row in side] for side in sides))
    return dataclasses.replace(data, classes=found.classes, summary=summary, division=division)


def _divided(found: Samples, holdout: int, seed: int | None) -> tuple[tuple[list[int], list[int]], str]:
    """The rows for training and those held out, those of an own test split counted on, and how they were chosen."""
    count = len(found)
    if found.test is not None:
        return (list(range(count)), list(range(count, count + len(found.test)))), "as they came"
    if seed is None:
        held = [row >= count - holdout for row in range(count)]
    else:
        groups = [] if found.labels is None else [found.classes[k] if k >= 0 else "" for k in found.labels.tolist()]
        names = [str(row) for row in range(count)]
        held = splitting.draw(names, holdout, seed, classes=groups if any(groups) else ())
    return ([row for row in range(count) if not held[row]], [row for row in range(count) if held[row]]), ""


def _of_splits(data: Mapping[Any, Any]) -> Samples:
    """Of splits by their names, as those of a DatasetDict."""
    if "train" not in data:
        raise DataError(
            f"the data came as a mapping of {', '.join(map(str, data)) or 'nothing'}; expected 'train' in it."
        )
    found = understand(data["train"])
    held = next((understand(data[name]) for name in HELD_OUT if name in data), None)
    if held is not None and (held.is_table != found.is_table or held.classes != found.classes):
        raise DataError("the test split is not of the same kind, or of other classes, than the training split.")
    return dataclasses.replace(found, test=held)


def _of_frame(data: Any) -> Samples:
    """Of a data frame: each column a feature."""
    strange = [str(name) for name in data.columns if getattr(data[name].dtype, "kind", "O") not in "fiu"]
    if strange:
        raise DataError(
            f"the data frame has columns that hold no numbers: {', '.join(strange)}. Leave them out: "
            "data.select_dtypes('number')."
        )
    columns = tuple(map(str, data.columns))
    return Samples(_finite(_floats(data.to_numpy())), columns=columns)


def _of_hub(data: Any) -> Samples:
    """Of a data set of Hugging Face: its one column of images, and its one column of classes if there is one; or all
    its columns of numbers."""
    kinds = {name: type(feature).__name__ for name, feature in data.features.items()}
    pictures, classes = ([name for name, kind in kinds.items() if kind == wanted] for wanted in ("Image", "ClassLabel"))
    if not pictures and hasattr(data, "to_pandas"):
        return _of_frame(data.to_pandas())
    if len(pictures) != 1:
        raise DataError(f"the data set has columns of images {pictures}; expected one. Choose: data.select_columns(…).")
    found = _gathered([row[pictures[0]] for row in data])
    if len(classes) == 1:
        found = _labelled(found, list(data[classes[0]]), data.features[classes[0]].names)
    info = getattr(data, "info", None)
    return dataclasses.replace(found, name=getattr(info, "dataset_name", None) or NAME)


def _of_items(data: Any) -> Samples:
    """Of a sequence of samples, or of pairs of a sample and its class, as torch's and torchvision's data sets are."""
    items = [data[row] for row in range(len(data))]
    if not items:
        raise DataError(f"the data, {type(data).__name__}, are empty. Pass at least a few samples.")
    if all(isinstance(item, (list, tuple)) and all(isinstance(each, float | int) for each in item) for item in items):
        return _gathered([np.array(item, np.float64) for item in items])  # rows
    parts = [item if isinstance(item, (tuple, list)) and len(item) else (item,) for item in items]
    found, targets = _gathered([part[0] for part in parts]), [part[1] for part in parts if len(part) > 1]
    if len(targets) == len(items) and all(_is_class(target) for target in targets):
        found = _labelled(found, targets, getattr(data, "classes", ()))
    return found if isinstance(data, (list, tuple)) else dataclasses.replace(found, name=type(data).__name__)


def _gathered(items: list[Any]) -> Samples:
    """Of a list of samples in any form."""
    if all(isinstance(item, (str, os.PathLike)) for item in items):
        return Samples([Path(item).expanduser() for item in items])
    forms = [_values(item[None])[0] if hasattr(item, "ndim") else item for item in items]
    if strange := [form for form in forms if not isinstance(form, Tensor) and not hasattr(form, "getbands")]:
        raise DataError(f"a sample came as {type(strange[0]).__name__}; expected {KINDS}.")
    if all(isinstance(form, Tensor) for form in forms) and len({form.shape for form in forms}) == 1:
        return Samples(torch.stack(forms))
    if any(isinstance(form, Tensor) and form.ndim != 3 for form in forms):
        raise DataError("the samples are rows of several lengths, or rows and images. Pass samples of one kind.")
    return Samples([images.to_pil(form[None].float() / 255)[0] if isinstance(form, Tensor) else form for form in forms])


def _labelled(found: Samples, labels: Any, names: Sequence[str] = ()) -> Samples:
    """The samples with their classes: whole numbers, places in `names` if there are any, or names."""
    given = (
        labels.tolist() if hasattr(labels, "tolist") else [getattr(each, "item", lambda e=each: e)() for each in labels]
    )
    if len(given) != len(found) or not all(_is_class(each) for each in given):
        raise DataError(
            f"{len(given)} labels came for {len(found)} samples; expected a whole number or a name for each."
        )
    if found.is_table:
        return found
    if any(isinstance(each, str) for each in given):
        names = sorted(set(map(str, given)))
        given = [names.index(str(each)) for each in given]
    classes = tuple(map(str, names)) or tuple(map(str, range(max(given) + 1)))
    if min(given) < UNLABELLED or max(given) >= len(classes):
        raise DataError(f"labels range from {min(given)} to {max(given)}, and there are {len(classes)} classes.")
    return dataclasses.replace(found, labels=torch.tensor(given, device="cpu"), classes=classes)


def _values(data: Any) -> Tensor:
    """A tensor or array of samples, as `Samples.values` is."""
    values = data.detach().cpu() if isinstance(data, Tensor) else torch.from_numpy(np.array(data, copy=True, order="C"))
    shape, kind = tuple(values.shape), values.dtype
    if values.ndim == 2:
        return _finite(_floats(values.numpy()))
    if values.ndim != 4 or shape[1] not in MODES or not len(values):
        hint = " Of grey images pass data[:, None]." if values.ndim == 3 else ""
        hint = " Put the channels first." if values.ndim == 4 and shape[3] in MODES else hint
        raise DataError(f"the data have shape {shape}; expected (n, 1 or 3, height, width) or (n, features).{hint}")
    if kind == torch.uint8:
        return values
    if not values.is_floating_point() or not bool(values.isfinite().all()) or values.min() < 0 or values.max() > 1:
        span = f", from {values.min().item():.4g} to {values.max().item():.4g}"
        raise DataError(f"the images are {kind}{span}; expected floats in [0, 1], or uint8. Rescale them first.")
    return (values.float() * 255).round().to(torch.uint8)


def _floats(values: Any) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32 if values.dtype in (np.float16, np.float32) else np.float64))


def _finite(values: Tensor) -> Tensor:
    bad = (~values.isfinite()).nonzero()
    if not values.numel() or len(bad):
        where = f"no finite number in row {bad[0, 0]}, column {bad[0, 1]}" if len(bad) else "no rows"
        raise DataError(f"the table has {where}. Correct it, or leave out the row or column.")
    return values


def _is_class(target: Any) -> bool:
    return isinstance(value := _plain(target), (int, str)) and not isinstance(value, bool)


def _plain(target: Any) -> Any:
    return target.item() if getattr(target, "ndim", None) == 0 else target

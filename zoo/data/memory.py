"""Samples that are at hand in Python: tensors, arrays, pictures, data frames, and data sets of torch and Hugging Face.

Nothing of these libraries is imported: what a thing is shows in what it has.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo import images, tables
from zoo._util.paths import real_path, user_path
from zoo.data import archives, arrays, splitting
from zoo.data.dataset import UNLABELLED, TensorDataset
from zoo.data.samples import NAME, Samples
from zoo.data.tables import parted
from zoo.errors import DataError, LeftOut, outside
from zoo.files import coercing
from zoo.images import Reader

KINDS = (
    "a tensor, an array, PIL images, paths, a data frame, a Dataset with a length, or {'train': …, 'test': …} of such"
)
HELD_OUT = ("test", "validation", "val")  # names of splits, the first of which there is is the test split


def is_path(data: Any) -> bool:
    """Whether `data` says where samples are, and is not what holds them; so does nothing at all."""
    return data is None or isinstance(data, (str, os.PathLike))


def understand(data: Any) -> Samples:
    """`Samples` of whatever holds them; see `zoo.train`. Raises DataError for anything else."""
    if isinstance(data, Samples):
        return data
    if isinstance(data, Mapping):
        return _of_splits(data)
    if tables.is_frame(data):
        return _of_table(tables.of_frame(data))
    if hasattr(data, "column_names") and hasattr(data, "features"):
        return _of_hub(data)
    if isinstance(data, tuple) and len(data) == 2 and not _is_sample(*data):
        return _labelled(understand(data[0]), data[1])
    if _holds_objects(data):
        return _of_items(data.tolist())
    if hasattr(data, "ndim"):
        return Samples(arrays.values(data))
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (str, bytes)):
        return _of_items(data)
    raise DataError(f"the data came as {type(data).__name__}; expected a path, {KINDS}.")


def at_hand(data: Any) -> Any:
    """`Samples` of what is handed over, and of archives, tables of images and addresses on the Hub; a path to anything
    else as it is. Raises as `understand` and `zoo.data.archives.find`."""
    if not is_path(data):
        return understand(data)
    found = None if data is None else archives.find(data)
    if found is None or hasattr(found, "column_names") or all(hasattr(each, "features") for each in found.values()):
        return data if found is None else understand(found)
    name = real_path(user_path(data)).name.removesuffix(archives.TAR)
    parts = {role: (Samples(images, name), classes) for role, (images, classes) in found.items()}
    return understand({role: part if part[1] else part[0] for role, part in parts.items()})


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
    digests = found.digests + (found.test.digests if found.test else [])
    division = splitting.digest(*([digests[row] for row in side] for side in sides))
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
    if held is None:
        return found
    if held.is_table != found.is_table:
        raise DataError("one split is a table, the other one of images. Pass a test split of the same kind.")
    return dataclasses.replace(found, test=_in_columns(held, found) if found.is_table else _in_classes(held, found))


def _in_columns(held: Samples, found: Samples) -> Samples:
    """The rows held out, with the columns in the order of those for training."""
    wide, wanted = held.values.shape[1], found.values.shape[1]
    named = bool(held.columns and found.columns)
    if wide != wanted or (named and set(held.columns) != set(found.columns)):
        new, lost = (
            [name for name in one.columns if name not in other.columns] for one, other in ((held, found), (found, held))
        )
        names = f": it has {', '.join(new) or 'nothing'} besides and lacks {', '.join(lost) or 'none'}" if named else ""
        raise DataError(
            f"the test split has {wide} columns, the training split {wanted}{names}. Pass both with the same columns."
        )
    if not named:
        return held
    order = [held.columns.index(name) for name in found.columns]
    return dataclasses.replace(held, values=held.values[:, order], columns=found.columns)


def _in_classes(held: Samples, found: Samples) -> Samples:
    """The samples held out, with labels in the classes of those for training."""
    if held.labels is None or found.labels is None:
        if held.labels is not found.labels:
            raise DataError("one split has labels, the other one none. Pass them with both, or with neither.")
        return held
    named = [held.classes[label] if label >= 0 else "" for label in held.labels.tolist()]
    if unknown := sorted(set(named) - {"", *found.classes}):
        raise DataError(
            f"the test split has the classes {', '.join(unknown)}, which the training split lacks; it has "
            f"{', '.join(found.classes)}. Leave those samples out."
        )
    labels = [found.classes.index(name) if name else UNLABELLED for name in named]
    return dataclasses.replace(held, labels=torch.tensor(labels, device="cpu"), classes=found.classes)


def _of_table(table: tables.Table) -> Samples:
    return Samples(table.values, columns=table.columns)


def _of_hub(data: Any) -> Samples:
    """Of a data set of Hugging Face: its one column of images, and its one column of classes if there is one; or all
    its columns of numbers."""
    found = archives.column(data)
    if found is None:
        held = coercing.unpacked(data)
        if tables.is_frame(held):
            return _of_table(tables.of_frame(held))
        found = _gathered(held)
    classes = [name for name, feature in data.features.items() if type(feature).__name__ == "ClassLabel"]
    if len(classes) == 1:
        found = _labelled(found, list(coercing.unformatted(data)[classes[0]]), data.features[classes[0]].names)
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
        return Samples([user_path(item) for item in items])
    forms = [arrays.values(item[None])[0] if hasattr(item, "ndim") else item for item in items]
    if strange := [form for form in forms if not isinstance(form, Tensor) and not hasattr(form, "getbands")]:
        raise DataError(f"a sample came as {type(strange[0]).__name__}; expected {KINDS}.")
    if all(isinstance(form, Tensor) for form in forms) and len({form.shape for form in forms}) == 1:
        return Samples(torch.stack(forms))
    if any(isinstance(form, Tensor) and form.ndim != 3 for form in forms):
        raise DataError("the samples are rows of several lengths, or rows and images. Pass samples of one kind.")
    return Samples([images.to_pil(form[None].float() / 255)[0] if isinstance(form, Tensor) else form for form in forms])


def _labelled(found: Samples, labels: Any, names: Sequence[str] = ()) -> Samples:
    """The samples with their classes: whole numbers, places in `names` if there are any, or names."""
    if not hasattr(labels, "__iter__") or getattr(labels, "ndim", 1) == 0:
        raise DataError(
            f"the labels came as {type(labels).__name__}; expected a whole number or a name for each sample."
        )
    given = (
        labels.tolist() if hasattr(labels, "tolist") else [getattr(each, "item", lambda e=each: e)() for each in labels]
    )
    if len(given) != len(found) or not all(_is_class(each) for each in given):
        raise DataError(
            f"{len(given)} labels came for {len(found)} samples; expected a whole number or a name for each."
        )
    if found.is_table:
        warnings.warn(
            f"labels came beside the rows of {found.name}, and are left out: a model of vectors has no classes. Make "
            "them a column, or pass the rows alone.",
            LeftOut,
            stacklevel=outside(),
        )
        return found
    if any(isinstance(each, str) for each in given):
        names = sorted(set(map(str, given)))
        given = [names.index(str(each)) for each in given]
    classes = tuple(map(str, names)) or tuple(map(str, range(max(given) + 1)))
    if min(given) < UNLABELLED or max(given) >= len(classes):
        raise DataError(f"labels range from {min(given)} to {max(given)}, and there are {len(classes)} classes.")
    return dataclasses.replace(found, labels=torch.tensor(given, device="cpu"), classes=classes)


def _is_sample(part: Any, other: Any) -> bool:
    """Whether `part` of a pair is one sample, or one and its class, and not the samples of which `other` are the
    labels."""
    if hasattr(part, "ndim"):
        return part.ndim == getattr(other, "ndim", 1) and part.ndim in (1, 3) and not _holds_objects(part)
    if isinstance(part, tuple) and len(part) == 2 and _is_class(part[1]) and not _is_class(part[0]):
        return True
    row = isinstance(part, (list, tuple)) and len(part) and all(isinstance(each, float | int) for each in part)
    return bool(row) or isinstance(part, (str, bytes, os.PathLike)) or hasattr(part, "getbands")


def _holds_objects(data: Any) -> bool:
    """Whether `data` is an array of paths or pictures."""
    return getattr(data, "ndim", 0) == 1 and getattr(getattr(data, "dtype", None), "kind", "") in ("U", "O", "T")


def _is_class(target: Any) -> bool:
    return isinstance(value := _plain(target), (int, str)) and not isinstance(value, bool)


def _plain(target: Any) -> Any:
    return target.item() if getattr(target, "ndim", None) == 0 else target

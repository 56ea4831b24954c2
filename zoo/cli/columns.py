"""Many samples, or what was computed of them, in files of some of them each: arrays, tables and archives."""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo import images, tables
from zoo._util.atomic import replacing
from zoo.cli.shards import PARQUET
from zoo.errors import MissingExtra

IMAGE = "image"  # the column of pictures
FILE = "file"  # that of what each row was computed of
DIGITS = 9  # of the number by which a sample is called within an archive
Columns = Mapping[str, Tensor]


def write(path: Path, columns: Columns, first: int = 0, names: Sequence[str] = ()) -> None:
    """Write columns (n, …), by their names, in one step, as the suffix of `path` says.

    .npy: the column as float32, or several numbers as (n, columns); .safetensors: each as it is; .parquet: a table
    (needs pyarrow), in which the column `IMAGE`, (n, channels, height, width) in [0, 1], is of PNG files, as `datasets`
    has images, and numbers that are more than one for a sample are a list; .tar: an archive of WebDataset, whose
    samples are called by their numbers, from `first` on: a .png for the column `IMAGE`, a .json for single numbers, a
    .npy for several. names: of each row, for the two that hold text. Raises MissingExtra, and OSError.
    """
    WRITERS[path.suffix](path, columns, first, names)


def _npy(path: Path, columns: Columns, first: int, names: Sequence[str]) -> None:
    values = list(columns.values())
    tables.save_parts([values[0] if len(values) == 1 else torch.stack(values, 1)], len(values[0]), path)


def _safetensors(path: Path, columns: Columns, first: int, names: Sequence[str]) -> None:
    from safetensors.torch import save

    content = save({name: values.contiguous() for name, values in columns.items()})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _parquet(path: Path, columns: Columns, first: int, names: Sequence[str]) -> None:
    pyarrow, parquet = arrow()
    made, about = {FILE: pyarrow.array(names, pyarrow.string())} if names else {}, {}
    for name, values in columns.items():
        if name == IMAGE:
            cells = [{"bytes": content, "path": None} for content in _pngs(values)]
            made[name] = pyarrow.array(cells, pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()}))
            about = {"huggingface": json.dumps({"info": {"features": {IMAGE: {"_type": "Image"}}}})}
        else:
            flat = pyarrow.array(np.ascontiguousarray(values.reshape(-1).numpy()))
            size = math.prod(values.shape[1:])
            made[name] = flat if values.ndim == 1 else pyarrow.FixedSizeListArray.from_arrays(flat, size)
    with replacing(path) as temporary:
        parquet.write_table(pyarrow.table(made).replace_schema_metadata(about), temporary)


def arrow() -> tuple[Any, Any]:
    """pyarrow, and its Parquet. Raises MissingExtra."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra(PARQUET) from error
    return pyarrow, parquet


def _tar(path: Path, columns: Columns, first: int, names: Sequence[str]) -> None:
    pictures = _pngs(columns[IMAGE]) if IMAGE in columns else []
    single = {name: values.tolist() for name, values in columns.items() if values.ndim == 1}
    several = {name: values.numpy() for name, values in columns.items() if values.ndim > 1 and name != IMAGE}
    with replacing(path) as temporary, tarfile.open(temporary, "w") as archive:
        for row in range(len(next(iter(columns.values())))):
            members = {"png": pictures[row]} if pictures else {}
            members |= {f"{name}.npy": _array(values[row]) for name, values in several.items()}
            facts: dict[str, Any] = {FILE: names[row]} if names else {}
            facts |= {name: value[row] if math.isfinite(value[row]) else None for name, value in single.items()}
            members |= {"json": json.dumps(facts).encode()} if facts else {}
            for ending, content in members.items():
                entry = tarfile.TarInfo(f"{first + row:0{DIGITS}d}.{ending}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def _pngs(pictures: Tensor) -> list[bytes]:
    """Each of a batch as a PNG file."""
    made = []
    for picture in images.to_pil(pictures):
        file = io.BytesIO()
        picture.save(file, "PNG")
        made.append(file.getvalue())
    return made


def _array(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


WRITERS: dict[str, Callable[[Path, Columns, int, Sequence[str]], None]] = {
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
    ".tar": _tar,
}

"""Tables: vectors to and from .csv and .npy files. Rows are samples, columns are features."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo._util import inputs
from zoo._util.atomic import replacing
from zoo._util.paths import absent, user_path
from zoo.errors import DataError, InvalidInput

SUFFIXES = (".csv", ".npy")
NARROW = (torch.float16, torch.bfloat16, torch.float32)  # of which rows become float32


@dataclass(frozen=True)
class Table:
    """What a file holds: values (n, features), float32 if it says so, else float64; the columns' names, none if the
    file has none; and of text in which line each row ends, as editors count."""

    values: Tensor
    columns: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


def numbers(data: Any) -> Tensor:
    """Real numbers in a tensor or an array, as a tensor on the CPU. Raises DataError."""
    try:
        return inputs.real(data).detach().cpu()
    except InvalidInput as error:
        raise DataError(str(error)) from None


def rows(data: Any) -> Tensor:
    """`numbers` (n, features) as finite float32, or float64 where they are wider; a copy. Raises DataError."""
    found = numbers(data)
    found = found.to(torch.float32 if found.dtype in NARROW else torch.float64, copy=True)
    bad = (~found.isfinite()).nonzero()
    if not found.numel() or len(bad):
        first = zip(("row", "column"), bad[:1].flatten().tolist(), strict=False)
        place = ", ".join(f"{what} {at}" for what, at in first)
        where = f"no finite number{f' in {place}' if place else ''}" if len(bad) else "no rows"
        raise DataError(f"the table has {where}. Correct it, or leave out the row or column.")
    return found


def is_frame(data: Any) -> bool:
    """Whether `data` is a data frame, of whatever library."""
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def of_frame(frame: Any) -> Table:
    """The table in a data frame, each column a feature. Raises DataError for columns that hold no numbers."""
    columns = tuple(map(str, frame.columns))
    if strange := [name for name, dtype in zip(columns, frame.dtypes, strict=True) if not _is_numeric(dtype)]:
        raise DataError(f"the data frame has columns that hold no numbers: {', '.join(strange)}. Leave them out.")
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise DataError(f"the data frame has several columns called {', '.join(twice)}. Rename them.")
    values = frame.to_numpy()
    if values.dtype.kind == "O":  # of columns in which numbers may be missing
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    return Table(rows(values), columns)


def _is_numeric(dtype: Any) -> bool:
    """Whether a column of this type, of pandas or of polars, holds real numbers."""
    asked = getattr(dtype, "is_numeric", None)
    return bool(asked()) if callable(asked) else getattr(dtype, "kind", "O") in "fiu"


def load(path: str | Path) -> Table:
    """The table in a .csv file (comma-separated numbers, with or without a line of names) or a .npy file (an array of
    two dimensions). Raises DataError for anything else; it names the line and column of a cell that is no number."""
    path = user_path(path)
    readers = {".csv": _read_csv, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is no table; expected a name that ends in {' or '.join(SUFFIXES)}.")
    try:
        table = readers[path.suffix.lower()](path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{absent(path)}. Pass a table of numbers.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Expected a table of numbers.") from error
    if not table.values.numel():
        raise DataError(f"{path} holds no rows. Pass a table of numbers.")
    return table


def decoded(path: Path, content: bytes) -> str:
    """The text of a table. Raises DataError, naming the line, for what is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: the byte 0x{content[error.start]:02x} is no UTF-8. Save the table as UTF-8; a "
            "spreadsheet calls it CSV UTF-8."
        ) from error


def save(values: Tensor, path: str | Path, columns: Sequence[str] = ()) -> Path:
    """Write vectors (n, features) as .csv with a line of names (default: x1, x2 …) or as .npy, in float32, or in
    float64 if they are, which both give back exactly; returns the path. Raises InvalidInput for another shape or
    suffix."""
    path = user_path(path)
    if values.ndim != 2 or path.suffix.lower() not in SUFFIXES:
        raise InvalidInput(
            f"{path} for values of shape {tuple(values.shape)}; expected (n, features) and {' or '.join(SUFFIXES)}."
        )
    save_parts([values], len(values), path, columns)
    return path


def save_parts(parts: Iterable[Tensor], n: int, path: Path, columns: Sequence[str] = ()) -> str:
    """Write tensors (m, …), of `n` rows together, one after the other as they come, in one step: as .npy in float32, or
    in float64 if the first of them is, or vectors as .csv, as `save` does. Returns what was written, in words. Raises
    InvalidInput for a .csv of what is no vector, and OSError."""
    parts = iter(parts)
    first = next(parts)
    shape, wide = (n, *first.shape[1:]), first.dtype == torch.float64
    every = (part.double() if wide else part.float() for part in itertools.chain([first], parts))
    if path.suffix.lower() == ".npy":
        kind = "<f8" if wide else "<f4"
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
            for part in every:
                file.write(np.ascontiguousarray(part.cpu().numpy(), kind).data)
        return f"{'float64' if wide else 'float32'} array of shape {shape}"
    if len(shape) != 2:
        raise InvalidInput(f"{path} for values of shape {shape}; expected (n, features), or a name that ends in .npy.")
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns or [f"x{i + 1}" for i in range(shape[1])])
        for part in every:
            writer.writerows([repr(value) if wide else f"{value:.9g}" for value in row] for row in part.tolist())
    return f"{n} row{'s' * (n != 1)}"


def _read_csv(path: Path) -> Table:
    reader = csv.reader(io.StringIO(decoded(path, path.read_bytes()), newline=""))
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as mistake:
        raise DataError(f"{path}, line {reader.line_num}: {mistake}. Correct that line.") from mistake
    columns: tuple[str, ...] = ()
    # Names are a first line without a number; a number among them would make it a row with something wrong in it.
    if lines and not any(_is_number(cell) for cell in lines[0][1]):
        columns = tuple(name.strip() for name in lines.pop(0)[1])
        if "" in columns:
            raise DataError(
                f"{path}: column {columns.index('') + 1} has no name. Name it, or leave it out: pandas writes its "
                "index so, unless told to_csv(index=False)."
            )
    width = len(columns or lines[0][1]) if lines else 0
    rows = []
    for number, cells in lines:
        if len(cells) != width:
            hint = " Separate them by commas, and write 1.5 with a point." if 1 in (len(cells), width) else ""
            expected = "1 column was" if width == 1 else f"{width} columns were"
            raise DataError(f"{path}, line {number}: {len(cells)} cells, where {expected} expected.{hint}")
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            bad = next(i for i, cell in enumerate(cells) if not _is_number(cell))
            error = _bad_cell(path, f"line {number}", bad, columns, repr(cells[bad]))
            if width == 1 and ";" in cells[bad]:
                error = DataError(f"{path}, line {number}: {cells[bad]!r} is no number. Separate cells by commas.")
            raise error from None
    values = torch.tensor(rows, dtype=torch.float64, device="cpu").reshape(len(rows), width)
    places = tuple(number for number, _ in lines)
    return Table(_finite(path, values, columns, [f"line {number}" for number in places]), columns, places)


def _read_npy(path: Path) -> Table:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        reason = "it is damaged, or holds objects" if "pickle" in str(error) else str(error).rstrip(".")
        raise DataError(
            f"{path} is no .npy file of numbers: {reason}. Write an array of them with numpy.save."
        ) from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        what = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        of_images = isinstance(array, np.ndarray) and array.ndim in (3, 4)
        hint = " Images in an array are trained on in Python: zoo.train(NAME, numpy.load(FILE))." if of_images else ""
        raise DataError(f"{path} holds {what}; expected numbers of shape (rows, columns).{hint}")
    values = torch.from_numpy(array.astype(np.float32 if array.dtype in (np.float16, np.float32) else np.float64))
    return Table(_finite(path, values, (), [f"row {i + 1}" for i in range(len(values))]))


def _finite(path: Path, values: Tensor, columns: tuple[str, ...], names: list[str]) -> Tensor:
    """`values`, or DataError naming the first that is NaN or infinite."""
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        row, column = bad[0].tolist()
        raise _bad_cell(path, names[row], column, columns, str(values[row, column].item()))
    return values


def _bad_cell(path: Path, where: str, column: int, columns: tuple[str, ...], cell: str) -> DataError:
    name = repr(columns[column]) if columns else str(column + 1)
    return DataError(
        f"{path}, {where}, column {name}: {cell} is no finite number. Correct it, or leave out the row or column."
    )


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False

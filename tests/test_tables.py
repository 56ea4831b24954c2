"""`zoo.tables`: .csv and .npy files to vectors and back, and what is said of files that are no tables."""

import numpy as np
import pytest
import torch

from zoo import tables
from zoo.errors import DataError, InvalidInput


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("height,weight\n1.5,2\n-3e2,4\n", ("height", "weight")),
        ("1.5,2\n-3e2,4\n", ()),
        ("\ufeffheight, weight\r\n1.5, 2\r\n\r\n-3e2 ,4\r\n", ("height", "weight")),
        ('"height, cm","weight"\n"1.5","2"\n-3e2,4', ("height, cm", "weight")),
    ],
    ids=["names", "no names", "as editors on Windows leave it", "quoted"],
)
def test_csv(write, text, columns):
    table = tables.load(write(text))
    assert table.columns == columns
    assert table.values.dtype == torch.float64
    assert table.values.tolist() == [[1.5, 2], [-300, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3,four\n", r"line 3, column 'y': 'four' is no finite number"),
        ("1,2\n3,\n", r"line 2, column 2: '' is no finite number"),
        ("x,y\n\n1,2\nnan,4\n", r"line 4, column 'x': nan is no finite number"),
        ("x,y\n1,inf\n", r"line 2, column 'y': inf is no"),
        ("x,y\n1,1e309\n", r"line 2, column 'y': inf is no finite"),
        ("x,2020\n1,2\n", r"line 1, column 1: 'x' is no finite number"),
        ("x,y\n1,2\n3\n", r"line 3: 1 cells, where 2 columns were expected\. Separate them by commas"),
        ("x;y\n1;2\n", r"line 2: '1;2' is no number\. Separate cells by commas"),
        ("x,y\n1,2,3\n", r"line 2: 3 cells, where 2 columns were expected\.$"),
        (
            "x;y\n1,5;2,5\n",
            r"line 2: 3 cells, where 1 column was expected\. Separate them by commas, and write 1\.5 with",
        ),
        (",x,y\n0,1,2\n", r"column 1 has no name.*to_csv\(index=False\)"),
        ("x,y\n", "holds no rows"),
        ("", "holds no rows"),
        (b"x,y\n\xff\xfe,2\n", "line 2: the byte 0xff is no UTF-8. Save the table as UTF-8"),
        ("x,y\n1,2\n".encode("utf-16"), "line 1: the byte 0xff is no UTF-8"),
        (b"x,y\n1," + b"2" * 200_000, r"line 2: field larger than field limit \(131072\)\. Correct that line."),
    ],
)
def test_csv_that_is_no_table(write, text, message):
    with pytest.raises(DataError, match=rf"table\.csv.*{message}"):
        tables.load(write(text))


@pytest.mark.parametrize("array", [np.array([[1, 2], [3, 4]]), np.array([[1.0, 2], [3, 4]], dtype=np.float16)])
def test_npy(tmp_path, array):
    np.save(tmp_path / "table.npy", array)
    table = tables.load(tmp_path / "table.npy")
    kind = torch.float32 if array.dtype.kind == "f" else torch.float64
    assert (table.values.dtype, table.columns) == (kind, ())
    assert table.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"float64 \(3,\); expected numbers of shape \(rows, columns\)\.$"),
        (
            np.zeros((2, 1, 4, 4)),
            r"expected numbers of shape \(rows, columns\)\. Images in an array .* in Python: zoo\.train",
        ),
        (np.zeros((2, 2), dtype=bool), "bool"),
        (np.array([["a", "b"]]), "expected numbers"),
        (np.array([[1, 2], [3, np.nan]]), "row 2, column 2: nan is no finite number"),
        (np.zeros((0, 2)), "holds no rows"),
        (np.array([[object()]]), "no .npy file of numbers"),
    ],
)
def test_npy_that_is_no_table(tmp_path, array, message):
    np.save(tmp_path / "table.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        tables.load(tmp_path / "table.npy")


def test_files_of_another_kind(write, tmp_path):
    with pytest.raises(DataError, match=r"table\.txt is no table; expected a name that ends in \.csv or \.npy"):
        tables.load(write("1,2", "table.txt"))
    with pytest.raises(DataError, match=r"no \.npy file of numbers"):
        tables.load(write("1,2", "table.npy"))
    with pytest.raises(DataError, match=r"missing\.csv is not there\. Pass a table of numbers\."):
        tables.load(tmp_path / "missing.csv")


@pytest.mark.parametrize("name", ["points.csv", "points.npy"])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_saved_values_come_back_exactly(tmp_path, name, kind):
    values = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e-20, 1, 1e20])
    values = values.to(kind) + torch.tensor([0, 1.7e9, 0], dtype=kind)
    path = tables.save(values, tmp_path / name, ("a", "b, in cm", "c"))
    table = tables.load(path)
    assert torch.equal(table.values.to(kind), values)
    assert name.endswith("csv") or table.values.dtype == kind
    assert table.columns == (("a", "b, in cm", "c") if name.endswith("csv") else ())


def test_columns_without_names_get_some(tmp_path):
    assert tables.load(tables.save(torch.zeros(1, 2), tmp_path / "points.csv")).columns == ("x1", "x2")


def test_only_tables_are_saved(tmp_path):
    for values, name in ((torch.zeros(2, 1, 2, 2), "points.csv"), (torch.zeros(2, 2), "points.txt")):
        with pytest.raises(InvalidInput, match=r"expected \(n, features\) and \.csv or \.npy"):
            tables.save(values, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_a_table_that_cannot_be_written_wholly_stays_what_it_was(tmp_path, little_room, suffix):
    path = tmp_path / f"s{suffix}"
    tables.save(torch.rand(300, 3), path)
    before = path.read_bytes()
    with little_room(len(before) // 2), pytest.raises(OSError, match="File too large") as caught:
        tables.save(torch.rand(3000, 3), path)
    assert caught.value.filename == str(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize(("suffix", "shape"), [(".csv", (5, 2)), (".npy", (5, 2)), (".npy", (5, 1, 2, 2))])
def test_what_comes_in_parts_is_what_comes_at_once(tmp_path, suffix, shape):
    values = torch.rand(shape, dtype=torch.float64)
    parts, whole = tmp_path / f"parts{suffix}", tmp_path / f"whole{suffix}"
    tables.save_parts(iter(values.split(2)), len(values), parts)
    tables.save_parts([values], len(values), whole)
    assert parts.read_bytes() == whole.read_bytes()
    if suffix == ".npy":
        np.save(tmp_path / "numpy.npy", values.numpy())
        assert parts.read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_float32_of_which_eight_digits_would_be_another(tmp_path):
    values = torch.tensor([[1055042240.0, 1070534464.0], [1055213632.0, 0.1]])
    tables.save(values, tmp_path / "a.csv")
    assert torch.equal(tables.load(tmp_path / "a.csv").values.float(), values)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (torch.tensor([[0.5, 2.0]], dtype=torch.bfloat16), torch.float32),
        (np.array([[0.5, 2.0]], ">f4"), torch.float32),
        (np.array([[0.5, 2.0]]), torch.float64),
        (np.array([[0.5, 2.0]], np.longdouble), torch.float64),
        (np.array([[1, 2]], np.int32), torch.float64),
    ],
)
def test_rows_keep_what_they_tell_apart(given, kind):
    found = tables.rows(given)
    assert found.dtype == kind
    assert found.tolist() == [[float(each) for each in given.tolist()[0]]]


@pytest.mark.parametrize("given", [np.array([[1.0, 2.0]]), torch.tensor([[1.0, 2.0]])])
def test_rows_are_a_copy(given):
    found = tables.rows(given)
    given[0, 0] = 9
    assert found[0, 0] == 1

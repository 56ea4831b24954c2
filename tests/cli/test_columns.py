"""Columns of numbers and pictures in files of four kinds."""

import io
import json
import sys
import tarfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from zoo import images
from zoo.cli.columns import IMAGE, write
from zoo.data import loading
from zoo.data.memory import at_hand
from zoo.errors import MissingExtra

NUMBERS = {"log_prob": torch.tensor([1.5, torch.nan]), "bits_per_dim": torch.tensor([3.0, 4.0])}
CODES = {"code": torch.arange(12.0).reshape(2, 2, 3)}


def test_arrays(tmp_path):
    write(tmp_path / "a.npy", NUMBERS)
    assert np.load(tmp_path / "a.npy").tolist()[0] == [1.5, 3]
    write(tmp_path / "b.npy", CODES)
    assert np.array_equal(np.load(tmp_path / "b.npy"), CODES["code"].numpy())
    write(tmp_path / "c.safetensors", NUMBERS | CODES)
    found = load_file(tmp_path / "c.safetensors")
    assert torch.equal(found["code"], CODES["code"])
    assert found["bits_per_dim"].tolist() == [3, 4]


def test_tables(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "a.parquet", NUMBERS | CODES, names=["x.png", "y.png"])
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["file"] for row in rows] == ["x.png", "y.png"]
    assert rows[0]["log_prob"] == 1.5
    assert rows[1]["code"] == [6, 7, 8, 9, 10, 11]


def test_archives(tmp_path):
    write(tmp_path / "a.tar", NUMBERS | CODES, first=7, names=["x.png", "y.png"])
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    assert list(members) == [f"00000000{k}.{ending}" for k in (7, 8) for ending in ("code.npy", "json")]
    assert json.loads(members["000000008.json"]) == {"file": "y.png", "log_prob": None, "bits_per_dim": 4.0}
    assert np.load(io.BytesIO(members["000000008.code.npy"])).tolist() == CODES["code"][1].tolist()


@pytest.mark.parametrize("kind", ["parquet", "tar"])
def test_pictures_are_data_to_train_on(tmp_path, kind):
    pytest.importorskip("datasets")
    drawn = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / f"a-000000000.{kind}", {IMAGE: drawn[:3]})
    write(tmp_path / "data" / f"a-000000003.{kind}", {IMAGE: drawn[3:]}, first=3)
    found = loading.load("in-memory", at_hand(tmp_path / "data"), "train", shape=(3, 8, 8))
    assert torch.equal(found.images[:], images.quantise(drawn))


def test_without_pyarrow_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"generative-zoo\[data\]"):
        write(tmp_path / "a.parquet", NUMBERS)

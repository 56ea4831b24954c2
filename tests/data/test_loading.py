"""Data sets by name: what is not there is said."""

import pytest

from zoo.data import loading as data
from zoo.errors import DataError, UnknownName


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        data.load("mnist", tmp_path / "nowhere", "train", shape=(1, 28, 28))


def test_unknown_name_and_split(tmp_path):
    with pytest.raises(UnknownName, match="'mnist'"):
        data.load("mnits", tmp_path, "train", shape=(1, 28, 28))
    with pytest.raises(DataError, match="'train' or 'test'"):
        data.load("mnist", tmp_path, "validation", shape=(1, 28, 28))

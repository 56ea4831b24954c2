"""Attributes of a module that are imported when they are first asked for."""

import importlib
import sys

import pytest

from zoo._util.lazy import attribute


def test_a_name_is_a_module_or_what_stands_in_one():
    where = {"path": "os.path", "join": "posixpath:join"}
    assert attribute("here", where, "path") is importlib.import_module("os.path")
    assert attribute("here", where, "join")("a", "b") == "a/b"


def test_nothing_is_imported_before_it_is_asked_for(tmp_path, monkeypatch):
    (tmp_path / "asked_for.py").write_text("VALUE = 3")
    monkeypatch.syspath_prepend(str(tmp_path))
    where = {"value": "asked_for:VALUE", "other": "not_there"}
    with pytest.raises(AttributeError, match=r"module 'here' has no attribute 'values'"):
        attribute("here", where, "values")
    assert "asked_for" not in sys.modules
    assert attribute("here", where, "value") == 3
    monkeypatch.delitem(sys.modules, "asked_for")

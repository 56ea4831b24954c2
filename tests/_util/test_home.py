"""Where zoo keeps its notes."""

import os
from pathlib import Path

from zoo._util.home import state_folder


def test_the_state_folder_follows_the_environment(tmp_path, monkeypatch):
    assert state_folder() == Path(os.environ["ZOO_HOME"])
    monkeypatch.delenv("ZOO_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "zoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".cache" / "zoo"

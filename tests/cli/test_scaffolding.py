"""`zoo plugin new`: what it says and what it refuses; what it writes is tested with `zoo.testing.scaffold`."""

import errno
import os
from pathlib import Path


def test_it_says_what_it_wrote_and_what_comes_next(run):
    result = run("plugin", "new", "cat")
    assert (result.status, result.err) == (0, "")
    *files, after = result.out.splitlines()
    assert {Path(file) for file in files} == {path for path in Path().rglob("*") if path.is_file()}
    assert "zoo-cat/zoo_cat/cat.py" in files
    assert after == "Next: cd zoo-cat && pip install -e '.[dev]' && pytest"


def test_out_is_the_folder_to_write(run):
    result = run("plugin", "new", "cat", "--out", "my cats")
    assert Path("my cats/zoo_cat").is_dir()
    assert "Next: cd 'my cats' && " in result.out


def test_a_full_disk_is_said_to_be_that(mistake, monkeypatch):
    def full(self, *_, **__):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(Path, "write_text", full)
    assert mistake("plugin", "new", "cat").startswith("zoo: zoo-cat could not be written: the disk is full, or no more")
    assert not list(Path().iterdir())


def test_mistakes(mistake):
    assert "no name for a plugin" in mistake("plugin", "new", "Two Cats")
    assert "'dcgan' is taken" in mistake("plugin", "new", "dcgan")
    assert "See zoo plugin" in mistake("plugin", "new")
    assert "See zoo plugin" in mistake("plugin")
    assert not list(Path().iterdir())

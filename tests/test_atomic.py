"""A file that is replaced is the old one or the new one, and nothing stays beside it."""

import pytest

from zoo.atomic import replacing


def test_the_new_content_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def break_off():
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_lies_where_it_was_asked_to(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with replacing(folder / "file", within=tmp_path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert not list(folder.iterdir())
    assert (folder / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]

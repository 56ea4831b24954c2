"""A file that is replaced is the old one or the new one, a new folder is whole, and nothing stays beside them."""

import pytest

from zoo._util.atomic import making, replacing


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


def test_a_folder_appears_when_the_block_ends(tmp_path):
    folder = tmp_path / "folder"
    with making(folder) as temporary:
        (temporary / "file").write_text("new")
        assert not folder.exists()
    assert (folder / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_could_not_be_filled_is_not_there(tmp_path):
    def break_off():
        with making(tmp_path / "folder") as temporary:
            (temporary / "file").write_text("half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_came_up_meanwhile_is_kept(tmp_path):
    folder = tmp_path / "folder"

    def collide():
        with making(folder) as temporary:
            (temporary / "file").write_text("new")
            folder.mkdir()
            (folder / "file").write_text("theirs")

    with pytest.raises(OSError, match="folder"):
        collide()
    assert (folder / "file").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [folder]

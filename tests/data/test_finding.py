"""Files in folders: which are samples, in what order, and what is told of the others."""

import os
import warnings
from collections import Counter
from pathlib import Path

import pytest

from zoo.data.finding import basename, check_there, find, holds, inside, look, parent, tell
from zoo.errors import DataError, LeftOut


def takes(path):
    return path.endswith(".x")


@pytest.fixture
def folder(tmp_path):
    for name in ("b/1.x", "a/2.x", "c.x", "b/0.x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(folder, paths):
    return [str(Path(path).relative_to(folder)) for path in paths]


def test_all_are_found_in_the_order_of_their_paths_and_nothing_is_told(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names(folder, find(folder, takes)) == ["a/2.x", "b/0.x", "b/1.x", "c.x"]


def test_each_reason_is_counted(folder):
    for name in ("notes.TXT", "more.txt", "LICENSE", ".hidden.x", "i.heic"):
        (folder / name).touch()
    (folder / ".git").mkdir()
    (folder / ".git" / "3.x").touch()
    taken, reasons = look(folder, takes, "image", "")
    assert names(folder, taken) == ["a/2.x", "b/0.x", "b/1.x", "c.x"]
    assert reasons == {
        ".txt": 2,
        "hidden": 2,
        "without a suffix and no image": 1,
        ".heic (pip install pillow-heif to read them)": 1,
    }
    with pytest.warns(LeftOut) as caught:
        find(folder, takes)
    assert [str(each.message) for each in caught] == [
        f"6 of 10 files in {folder} were left out: 1 .heic (pip install pillow-heif to read them), 2 .txt, 2 hidden, "
        "1 without a suffix and no image."
    ]


def test_one_was_left_out(tmp_path):
    with pytest.warns(LeftOut, match=r"1 of 4 files in .* was left out: 1 odd\."):
        tell(tmp_path, 3, Counter(odd=1))


def test_a_folder_that_is_to_be_passed_over(folder):
    assert names(folder, find(folder, takes, without=folder / "b")) == ["a/2.x", "c.x"]
    assert names(folder, find(folder, takes, without=folder / "nowhere")) == ["a/2.x", "b/0.x", "b/1.x", "c.x"]


def test_a_file_counts_once_however_many_links_lead_to_it(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "0.x").touch()
    (folder / "a" / "0.x").symlink_to(folder / "b" / "1.x")  # before what it leads to
    (folder / "d.x").symlink_to("c.x")
    for name in ("e.x", "f.x"):
        (folder / name).symlink_to(elsewhere / "0.x")
    for name in ("g.x", "h.x"):
        (folder / name).symlink_to(f"nowhere-{name}")  # which is told of each when it is read
    taken, reasons = look(folder, takes, "x", "")
    assert names(folder, taken) == ["a/2.x", "b/0.x", "b/1.x", "c.x", "e.x", "g.x", "h.x"]
    assert reasons == {"a link to a file that is read already": 3}


def test_links_that_say_of_which_class_pictures_are_stay(folder):
    for name, target in (("cat/0.x", "b/0.x"), ("dog/1.x", "b/1.x"), ("dog/2.x", "a/2.x")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(folder / target)
    taken, reasons = look(folder, takes, "x", "")
    assert names(folder, taken) == ["a/2.x", "b/0.x", "b/1.x", "c.x", "cat/0.x", "dog/1.x", "dog/2.x"]
    assert not reasons


def test_links_are_followed_once(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "0.x").touch()
    (elsewhere / "back").symlink_to(folder)
    (folder / "a" / "link").symlink_to(elsewhere)
    taken, reasons = look(folder, takes, "image", "")
    assert names(folder, taken) == ["a/2.x", "a/link/0.x", "b/0.x", "b/1.x", "c.x"]
    assert reasons == {"a link to a folder that is read already": 1}


def test_a_table_is_no_sample_and_says_which_files_are(folder):
    (table := folder / "table.csv").touch()
    (folder / "d.png").touch()
    taken, reasons = look(folder, takes, "image", "", table=table)
    assert (len(taken), reasons) == (4, {"not in table.csv": 1})
    assert look(folder, lambda path: False, "image", "", table=folder / "a" / "2.x")[0] == []


def test_nothing_is_found(tmp_path):
    with pytest.raises(DataError) as caught:
        find(tmp_path, takes, "row", "Bring some.")
    assert str(caught.value) == f"the folder {tmp_path} holds no rows. Bring some."
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"holds no images, but 1 \.txt\. Name the files\."):
        find(tmp_path, takes)


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(DataError) as caught:
        find(tmp_path, takes)
    assert str(caught.value) == f"{tmp_path} cannot be read: Permission denied. Change its permissions."


@pytest.mark.parametrize("path", ["a.x", "b/c/a.x", "/a.x", "/b/a.x"])
def test_paths_as_strings_are_parted_as_paths_are(path):
    assert (parent(path), basename(path)) == (os.path.dirname(path), Path(path).name)


def test_a_folder_within_the_working_folder_is_written_without_a_point(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert look(Path("."), takes, "x", "")[0] == ["a/2.x", "b/0.x", "b/1.x", "c.x"]
    assert [inside(file, ".") for file in look(Path("b"), takes, "x", "")[0]] == ["b/0.x", "b/1.x"]
    assert [inside("b/0.x", "b"), inside("/b/0.x", "/")] == ["0.x", "b/0.x"]


def test_names_are_in_the_order_of_their_paths_and_not_of_their_letters(tmp_path):
    for name in ("a/1.x", "a-b/1.x", "a.x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find(tmp_path, takes)
    assert found == sorted(found)
    assert names(tmp_path, found) == ["a/1.x", "a-b/1.x", "a.x"]
    assert holds(tmp_path, takes)
    assert not holds(tmp_path, lambda path: path.endswith(".y"))


@pytest.mark.parametrize(
    ("data", "dataset", "told"),
    [
        ("nowhere", "", r"^nowhere is not there\. Pass --data"),
        ("empty", "", r"^the folder empty holds no files\. Pass --data"),
        (None, "mnist", r"^the data set mnist is read from a folder\. Pass --data that folder\.$"),
    ],
)
def test_data_of_which_nothing_is_there(folder, monkeypatch, data, dataset, told):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=told):
        check_there(data, dataset)


def test_data_that_may_be_there_are_left_to_who_reads_them(folder):
    for data, dataset, download in (
        (folder, "", False),
        ([1, 2], "mnist", False),
        ("hf:org/data", "", False),
        (folder / "new", "mnist", True),
        (None, "two-moons", False),
        (None, "of-a-plugin-that-is-gone", False),
    ):
        check_there(data, dataset, download=download)

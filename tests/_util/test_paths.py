"""Paths in full, wherever their links lead."""

from pathlib import Path

import pytest
import torch

import zoo
from zoo._util.paths import absent, no_folder, real_path, user_path
from zoo.errors import InvalidInput


def test_a_path_is_followed_as_far_as_its_links_lead(tmp_path, monkeypatch):
    root = real_path(tmp_path)
    monkeypatch.chdir(root)
    (root / "there").mkdir()
    (root / "link").symlink_to("there")
    (root / "circle").symlink_to("circle")
    assert real_path(root / "link" / ".." / "link" / "new") == root / "there" / "new"
    assert real_path((root / "link").relative_to(root)) == root / "there"
    assert real_path(root / "circle" / "new") == root / "circle" / "new"


def test_what_is_no_path_is_told_so_wherever_one_is_given():
    pixels, rows = torch.zeros(1, 1, 8, 8), torch.zeros(2, 2)
    calls = [
        lambda: zoo.images.save("x.png", pixels),
        lambda: zoo.tables.save(rows, 3),
        lambda: zoo.tables.load(rows),
        lambda: zoo.create("flow-2d").save(None),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="came where a path was expected"):
            call()


def test_of_a_link_that_leads_nowhere_it_is_told_where(tmp_path):
    link, plain = tmp_path / "link", tmp_path / "plain"
    link.symlink_to("/nowhere/x")
    assert absent(link) == f"{link} (a link to /nowhere/x) is not there"
    assert absent(plain, link) == f"{plain}, {link} (a link to /nowhere/x) are not there"
    assert no_folder(link) == absent(link)
    assert no_folder(plain) == f"{plain} is not a folder"


def test_a_home_folder_is_put_in_where_there_is_one(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert user_path("~/mine") == Path("/somewhere/mine")
    assert user_path(Path("~nobody-of-that-name/mine")) == Path("~nobody-of-that-name/mine")
    assert user_path("./~") == Path("~")


def test_no_path_of_a_user_is_followed_home_in_another_way():
    for path in Path(zoo.__file__).parent.rglob("*.py"):
        if path.parent.name != "_util":
            assert "expanduser(" not in path.read_text(encoding="utf-8"), path

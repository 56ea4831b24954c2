"""Paths in full, wherever their links lead."""

from pathlib import Path

import zoo
from zoo._util.paths import absent, no_folder, real_path, user_path


def test_a_path_is_followed_as_far_as_its_links_lead(tmp_path, monkeypatch):
    root = real_path(tmp_path)
    monkeypatch.chdir(root)
    (root / "there").mkdir()
    (root / "link").symlink_to("there")
    (root / "circle").symlink_to("circle")
    assert real_path(root / "link" / ".." / "link" / "new") == root / "there" / "new"
    assert real_path((root / "link").relative_to(root)) == root / "there"
    assert real_path(root / "circle" / "new") == root / "circle" / "new"


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

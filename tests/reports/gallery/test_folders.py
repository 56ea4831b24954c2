"""The folder of a site: over what it may be written, and that it is written whole or not at all."""

from pathlib import Path

import pytest

from zoo.errors import InvalidInput
from zoo.reports.gallery import folders


@pytest.fixture
def site(tmp_path):
    """A folder with a site in it, known by the file `mark`."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name in (folders.HALL, "mark", "old.txt"):
        (folder / name).write_text("old")
    return folder


def test_a_new_or_an_empty_folder_is_taken(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        assert folders.checked(tmp_path / name, "mark", "site", force=False) == (tmp_path / name).resolve()
    monkeypatch.chdir(tmp_path / "empty")
    assert folders.checked(Path(), "mark", "site", force=False) == (tmp_path / "empty").resolve()


@pytest.mark.parametrize(
    ("lost", "force", "told"),
    [
        (
            None,
            False,
            r"site is there already\. Look at it by zoo gallery --serve --out .*site, write over it \(--force\)",
        ),
        ("mark", True, r"site is there already and no site\."),
        (folders.HALL, True, r"site is there already and no site\."),
        (".git", True, r"site also holds \.git, which would be lost"),
    ],
    ids=["not asked for", "another site", "no site", "more than a site"],
)
def test_over_a_site_alone_and_if_asked(site, lost, force, told):
    if lost == ".git":
        (site / lost).mkdir()
    elif lost:
        (site / lost).unlink()
    with pytest.raises(InvalidInput, match=told):
        folders.checked(site, "mark", "site", force=force)
    assert (site / "old.txt").exists()


def test_it_takes_the_place_of_the_old_one_when_it_is_whole(site):
    with folders.anew(folders.checked(site, "mark", "site", force=True)) as new:
        (new / "new.txt").touch()
        assert (site / "old.txt").exists(), "which stands until then"
    assert [path.name for path in site.iterdir()] == ["new.txt"]
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_what_fails_leaves_the_old_one(site):
    def half():
        with folders.anew(site) as new:
            (new / "half.txt").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert sorted(path.name for path in site.iterdir()) == ["index.html", "mark", "old.txt"]
    assert [path.name for path in site.parent.iterdir()] == ["site"]

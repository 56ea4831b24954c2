"""The reference of zoo's Python: its pages, whose links all lead somewhere, and what is not written over."""

import sys

import pytest

import zoo
from zoo import plugin
from zoo.errors import InvalidInput, MissingExtra
from zoo.reports.gallery import reference


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    pytest.importorskip("pdoc")
    folder = tmp_path_factory.mktemp("site") / "reference"
    count = reference.write(folder)
    assert count == len(list(folder.rglob("*.html")))
    return folder


def test_all_that_is_public_has_its_place(pages):
    for module in (zoo, plugin):
        page = pages / f"{module.__name__.replace('.', '/')}.html"
        anchors = reference._Page(page.read_text(encoding="utf-8")).anchors
        assert set(module.__all__) - modules(module) <= anchors
    assert (pages / "index.html").is_file()
    for name in reference.MODULES:
        assert (pages / f"{name.replace('.', '/')}.html").is_file()


def modules(module):
    """Names of modules, which have pages of their own, or none."""
    return {name for name in module.__all__ if isinstance(getattr(module, name), type(sys))}


def test_no_link_is_broken(pages):
    assert reference.broken(pages) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "other.html").write_text('<p id="there">')
    links = ("other.html#there", "other.html#gone", "none.html", "#here", "#lost", "https://example.org/none")
    (tmp_path / "index.html").write_text('<h1 id="here">' + "".join(f'<a href="{link}">' for link in links))
    assert reference.broken(tmp_path) == [f"index.html: {link}" for link in ("other.html#gone", "none.html", "#lost")]


def test_nothing_else_is_written_over(pages, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="no reference"):
        reference.write(tmp_path, force=True)
    with pytest.raises(InvalidInput, match="--force"):
        reference.write(pages)


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pdoc", None)
    with pytest.raises(MissingExtra, match=r"generative-zoo\[docs\]"):
        reference.write(tmp_path / "reference")

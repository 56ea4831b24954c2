"""The reference of zoo's Python: its pages, whose links all lead somewhere, and what is not written over."""

import re
import sys
from urllib.parse import unquote, urldefrag

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


def broken(folder):
    """The links of a site's pages that lead nowhere in it: "page: link". What is elsewhere is not asked for."""
    pages = {path.resolve(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.html"))}
    anchors = {path: reference._Page(text).anchors for path, text in pages.items()}
    found = []
    for path, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            where, anchor = urldefrag(link)
            if where.startswith(("http://", "https://", "data:", "mailto:")):
                continue
            target = (path.parent / unquote(where)).resolve() if where else path
            if not target.is_file() or (anchor and unquote(anchor) not in anchors.get(target, [unquote(anchor)])):
                found.append(f"{path.relative_to(folder.resolve())}: {link}")
    return found


def test_no_link_is_broken(pages):
    assert broken(pages) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "other.html").write_text('<p id="there">')
    links = ("other.html#there", "other.html#gone", "none.html", "#here", "#lost", "https://example.org/none")
    (tmp_path / "index.html").write_text('<h1 id="here">' + "".join(f'<a href="{link}">' for link in links))
    assert broken(tmp_path) == [f"index.html: {link}" for link in ("other.html#gone", "none.html", "#lost")]


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

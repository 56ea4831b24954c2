"""`zoo reference`; the pages are tested with `zoo.reports.gallery.reference`."""

from pathlib import Path

from zoo.reports.gallery import reference


def test_it_says_what_it_wrote(run, monkeypatch):
    given = []
    monkeypatch.setattr(reference, "write", lambda folder, force: given.append((folder, force)) or 7)
    assert run("reference", "--out", "site/reference", "--force").out == "Wrote site/reference: 7 pages.\n"
    assert run("reference").status == 0
    assert given == [(Path("site/reference"), True), (Path("reference"), False)]

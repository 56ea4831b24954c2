"""Paths in full, wherever their links lead."""

from zoo._util.paths import real_path


def test_a_path_is_followed_as_far_as_its_links_lead(tmp_path, monkeypatch):
    root = real_path(tmp_path)
    monkeypatch.chdir(root)
    (root / "there").mkdir()
    (root / "link").symlink_to("there")
    (root / "circle").symlink_to("circle")
    assert real_path(root / "link" / ".." / "link" / "new") == root / "there" / "new"
    assert real_path((root / "link").relative_to(root)) == root / "there"
    assert real_path(root / "circle" / "new") == root / "circle" / "new"

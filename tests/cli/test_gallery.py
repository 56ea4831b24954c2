"""`zoo gallery`: what it writes, serves and says."""

import shutil
from pathlib import Path

import pytest

from zoo.errors import MissingExtra
from zoo.reports.gallery import building, serving


def test_it_tells_what_was_written(run, release, monkeypatch):
    def build(chosen, folder, *, source, data, with_reference, force, quiet):
        assert (list(chosen), source, force, quiet) == ([release.name], None, False, True)
        assert data == {"mnist": Path("there")}
        built.append(with_reference)
        return building.Built(folder, 3_000_000, 20_000, {}, {release.name: ["encode cannot be exported."]})

    built = []
    monkeypatch.setattr(building, "build", build)
    monkeypatch.setattr(building.reference, "check_extra", lambda: None)
    Path("there").mkdir()
    words = ("gallery", release, "--out", "deep", "--data", "mnist=there", "-q")
    result = run(*words)
    assert result.status == 0
    assert result.out == "Wrote deep: 1 room, 3.0 MB; the hall is 20 kB.\n"
    assert result.err == f"{release.name}: encode cannot be exported.\n"
    lacking = MissingExtra("the reference is made by pdoc. Install it.")
    monkeypatch.setattr(building.reference, "check_extra", lambda: (_ for _ in ()).throw(lacking))
    told = f"The site is without the reference of zoo's Python: {lacking}\n"
    assert run(*words).err == told + result.err
    assert run(*words, "--reference").err == run(*words, "--no-reference").err == result.err
    assert built == [True, False, True, False]


def test_data_that_are_not_there_are_told_before_anything_is_built(mistake, monkeypatch):
    monkeypatch.setattr(building, "build", lambda *_, **__: pytest.fail("built for nothing"))
    assert "--data mnist=typo: there is no typo." in mistake("gallery", "--data", "mnist=typo")


def test_a_site_that_is_there_is_served_as_it_is(run, tmp_path, monkeypatch):
    class Served:
        server_port = 8123

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def serve_forever(self):
            raise KeyboardInterrupt

    asked = []
    monkeypatch.setattr(serving, "server", lambda folder, port: asked.append((folder.name, port)) or Served())
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "index.html").touch()
    result = run("gallery", "--serve", "--out", tmp_path / "old")
    assert asked == [("old", 8000)]
    assert "at http://127.0.0.1:8123/ until interrupted." in result.out
    # What is asked of a site besides is not passed over.
    for choice in ("--reference", "--no-reference"):
        refused = run("gallery", "--serve", choice, "--out", tmp_path / "old")
        assert (refused.status, asked.pop()) == (2, ("old", 8000))
        assert "Serving" not in refused.out


def test_a_port_that_is_taken_is_told_before_anything_is_built(run, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.cli.gallery._build", lambda *_: pytest.fail("built for nothing"))
    with serving.server(tmp_path, 0) as other:
        result = run("gallery", "--serve", "--out", tmp_path / "new", "--port", str(other.server_port))
    assert result.status == 2
    assert f"port {other.server_port} cannot be had" in result.err


def test_the_film_of_a_run(run, mistake, tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 50, "losses": {"vae": 1.5}}')
    result = run("gallery", "--run", tmp_path, "--out", tmp_path / "film")
    assert result.out.startswith(f"Wrote {tmp_path / 'film'}: 1 line of the log, 0 pictures, ")
    assert (tmp_path / "film" / "index.html").is_file()
    for extra in (["dcgan-celeba"], ["--reference"]):
        assert "takes neither releases nor --runtime, --data or --reference" in mistake(
            "gallery", *extra, "--run", tmp_path
        )


def test_what_is_no_gallery_stays(mistake, release, tmp_path):
    (tmp_path / "thesis.tex").touch()
    assert "no gallery. Choose another --out." in mistake("gallery", release, "--out", tmp_path)


def test_two_releases_of_one_name_are_refused(mistake, release, tmp_path):
    other = tmp_path / "other" / release.name
    shutil.copytree(release, other)
    assert f"are both called {release.name}. Rename one" in mistake("gallery", release, other)


def test_data_are_named(mistake, release):
    assert "--data there; expected a data set and where it lies, such as mnist=DIR" in mistake(
        "gallery", release, "--data", "there"
    )

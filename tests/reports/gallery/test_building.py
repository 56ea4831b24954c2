"""The folder of a gallery: written whole, over a gallery alone, and with what its pages look for."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch

import zoo
from zoo import releases
from zoo.errors import ExportError, InvalidInput, MissingExtra
from zoo.releases.cards import Card
from zoo.reports.diagnosis import diagnose
from zoo.reports.gallery import building, graphs


def about(page):
    return json.loads(re.search(r'id="about">(.*?)</script>', page.read_text(encoding="utf-8"))[1])


def test_a_site(publishable, source, without_export, tmp_path):
    site = tmp_path / "deep" / "site"
    built = building.build({"tiny": releases.find(publishable)}, site, source=source, quiet=True)
    assert (built.folder, built.models, built.refused) == (site, {"tiny": 4}, {})
    assert built.size == sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert built.hall < 60_000
    room = about(site / "tiny" / "index.html")
    assert list(room["graphs"]) == ["decode"]
    assert (site / "tiny" / room["graphs"]["decode"]["file"]).read_bytes() == b"onnx"
    place = room["tensors"]["latents"]
    numbers = torch.frombuffer(bytearray((site / "tiny" / "tensors.bin").read_bytes()), dtype=torch.float32)
    latents = numbers[place["offset"] :][: 64 * 4].view(place["shape"])
    model = zoo.load(publishable)
    assert torch.equal(latents[7], model.latents(1, seed=7))
    for page in (site / "index.html", site / "tiny" / "index.html"):
        for target in re.findall(r'(?:src|href)="([^":]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), target


def test_directions_on_the_card_are_sliders_of_the_room(publishable, source, without_export, tmp_path):
    Card.read(publishable).with_directions({"smiling": [0, 0, 3, 4]}).write()
    building.build({"tiny": releases.find(publishable)}, tmp_path / "site", source=source, quiet=True)
    room = about(tmp_path / "site" / "tiny" / "index.html")
    *others, (label, named) = ((slider["label"], slider["named"]) for slider in room["sliders"])
    assert (label, named) == ("smiling", True)
    assert [name for name, _ in others] == ["direction 1", "direction 2", "direction 3", "direction 4"]


def test_rooms_that_read_data_come_first(publishable, source, tmp_path, monkeypatch):
    class Met(Exception):
        pass

    def room(name, release, folder, data):
        raise Met(name, data)

    monkeypatch.setattr(building, "_room", room)
    found = {"gan-mnist": releases.find("gan-mnist"), "tiny": releases.find(publishable)}
    mine = found["tiny"].outline.dataset
    with pytest.raises(Met) as first:
        building.build(found, tmp_path / "site", source=source, data={mine: tmp_path}, quiet=True)
    assert first.value.args == ("tiny", tmp_path)


def test_directions_of_other_latents_are_told_and_left_out(publishable, source, without_export, tmp_path):
    Card.read(publishable).with_directions({"smiling": [3, 4]}).write()
    built = building.build({"tiny": releases.find(publishable)}, tmp_path / "site", source=source, quiet=True)
    (told,) = built.refused["tiny"]
    assert "the direction 'smiling' has 2 numbers" in told
    room = about(tmp_path / "site" / "tiny" / "index.html")
    assert not any(slider["named"] for slider in room["sliders"])


@pytest.mark.parametrize(
    ("body", "example"),
    [
        ('model.generate(8, condition="…")\nmodel.generate(8, condition="blue sky")', "blue sky"),
        ('model.generate(8, condition="…")', "red"),
    ],
)
def test_a_room_of_texts_opens_with_one_from_its_card(body, example):
    model = zoo.create("stackgan", vocabulary=("red", "blue", "sky"), sketch=(4, 4), refine=(4, 4, 3))
    assert building._condition(model, body)["example"] == example


def test_the_hall_leads_to_the_reference_if_there_is_one(publishable, source, without_export, tmp_path, monkeypatch):
    chosen = {"tiny": releases.find(publishable)}
    monkeypatch.setattr(building.reference, "write", lambda folder: folder.mkdir() or (folder / "zoo.html").touch())
    monkeypatch.setattr(building.reference, "check_extra", lambda: None)
    for choice in (True, False):
        site = tmp_path / str(choice)
        building.build(chosen, site, source=source, with_reference=choice, quiet=True)
        assert ('href="reference/zoo.html"' in (site / "index.html").read_text(encoding="utf-8")) == choice
        assert (site / "reference" / "zoo.html").is_file() == choice


def test_what_the_reference_needs_is_told_before_anything_is_written(publishable, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pdoc", None)
    monkeypatch.setattr(building, "_room", lambda *_: pytest.fail("built for nothing"))
    with pytest.raises(MissingExtra, match="made by pdoc"):
        building.build({"tiny": releases.find(publishable)}, tmp_path / "site", with_reference=True, quiet=True)
    assert not (tmp_path / "site").exists()


def test_it_is_written_over_a_gallery_alone(publishable, source, without_export, tmp_path):
    site, chosen = tmp_path / "site", {"tiny": releases.find(publishable)}
    site.mkdir()
    (site / "thesis.tex").touch()
    with pytest.raises(InvalidInput, match=r"is there already and no gallery. Choose another --out"):
        building.build(chosen, site, source=source, force=True, quiet=True)
    (site / "thesis.tex").unlink()
    building.build(chosen, site, source=source, quiet=True)
    with pytest.raises(
        InvalidInput, match=r"is there already. Look at it by zoo gallery --serve .* write over it \(--force\)"
    ):
        building.build(chosen, site, source=source, quiet=True)
    (site / "old.txt").touch()
    building.build(chosen, site, source=source, force=True, quiet=True)
    assert not (site / "old.txt").exists()
    assert not (tmp_path / "site.new").exists()


def test_a_checkout_stays(publishable, source, without_export, tmp_path):
    site, chosen = tmp_path / "site", {"tiny": releases.find(publishable)}
    building.build(chosen, site, source=source, quiet=True)
    (site / ".git").mkdir()
    with pytest.raises(InvalidInput, match=r"also holds \.git, which would be lost"):
        building.build(chosen, site, source=source, force=True, quiet=True)
    other = tmp_path / "other"  # somebody's, which looks alike
    (other / "runtime").mkdir(parents=True)
    (other / "index.html").touch()
    with pytest.raises(InvalidInput, match="no gallery"):
        building.build(chosen, other, source=source, force=True, quiet=True)


def test_the_folder_that_one_is_in(publishable, source, without_export, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "site")
    building.build({"tiny": releases.find(publishable)}, Path(), source=source, quiet=True)
    assert (tmp_path / "site" / "tiny" / "index.html").is_file()
    assert [path.name for path in tmp_path.glob("*site*")] == ["site"]


@pytest.mark.parametrize("name", ["hf:org/tiny@main", "../tiny", "plugin:tiny", 'a"><b>#?'])
def test_names_lead_to_folders_of_the_site(name, publishable, source, without_export, tmp_path):
    site = tmp_path / "site"
    building.build({name: releases.find(publishable)}, site, source=source, quiet=True)
    (link,) = re.findall(r'<a href="([^"]*)/"><img src="\1/picture', (site / "index.html").read_text(encoding="utf-8"))
    assert re.fullmatch(r"[\w.-]+", link)
    assert about(site / link / "index.html")["load"].endswith(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["dist", "site", publishable.name])


@pytest.mark.parametrize("names", [("runtime",), ("style.css",), ("a/b", "a:b"), ("Tiny", "tiny")])
def test_two_rooms_in_one_folder_are_refused(names, publishable, source, tmp_path):
    with pytest.raises(InvalidInput, match="would have one folder"):
        building.build(dict.fromkeys(names, releases.find(publishable)), tmp_path / "site", source=source, quiet=True)


def test_what_cannot_be_exported_is_told(publishable, source, without_export, tmp_path, monkeypatch):
    def refuse(*arguments, **keywords):
        raise ExportError("decode of tiny cannot be exported: no reason.")

    monkeypatch.setattr(graphs.export, "write", refuse)
    built = building.build({"tiny": releases.find(publishable)}, tmp_path / "site", source=source, quiet=True)
    assert built.refused == {"tiny": ["decode of tiny cannot be exported: no reason."]}
    assert about(tmp_path / "site" / "tiny" / "index.html")["refused"] == built.refused["tiny"]


def test_nothing_is_left_of_one_that_failed(publishable, tmp_path):
    with pytest.raises(InvalidInput):
        building.build({"tiny": releases.find(publishable)}, tmp_path / "site", source=tmp_path, quiet=True)
    assert not (tmp_path / "site").exists()


def test_scripts_and_styles_are_in_the_package():
    assert {path.suffix for path in building.SITE.iterdir()} == {".js", ".css"}


def test_films_of_two_runs_are_shipped(publishable, source, without_export, tmp_path):
    """A GAN that loses what a Wasserstein GAN keeps, as zoo diagnose finds by itself."""
    site = tmp_path / "site"
    building.build({"tiny": releases.find(publishable)}, site, source=source, quiet=True)
    hall = (site / "index.html").read_text(encoding="utf-8")
    collapsing, keeping = "gan-gaussian-ring", "wgan-gp-gaussian-ring"
    for name in (collapsing, keeping):
        assert f'<a href="films/{name}/"><img src="films/{name}/fields/' in hall
        assert (site / "films" / name / "index.html").is_file()
        assert len(about(site / "films" / name / "index.html")["fields"]) >= 15
    found = {name: diagnose(building.RUNS / name) for name in (collapsing, keeping)}
    reached = {name: each.history.lines[-1].coverage["modes"] for name, each in found.items()}
    assert reached[keeping] == 8
    assert reached[collapsing] == 1
    assert any("Mode collapse" in finding.text for finding in found[collapsing].findings)
    assert not found[keeping].findings
    assert sum(path.stat().st_size for path in building.RUNS.rglob("*") if path.is_file()) < 250_000

"""Codes of held-out samples on a room's plane, and the share of what a model draws that lies between them."""

import pytest
import torch
from small_models import small

from zoo import releases
from zoo.data.dataset import TensorDataset
from zoo.errors import InvalidInput
from zoo.reports.gallery import building, codes, latents

N = 40


@pytest.fixture
def vae(perturbed):
    return perturbed(small("vae")(), 0.1).eval()


@pytest.fixture
def data(vae, monkeypatch):
    """What `splits` gives: held-out images of three classes, some without one."""
    pixels = torch.randint(0, 256, (N, *vae.space.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    made = TensorDataset("stripes", "test", pixels, labels=torch.arange(N) % 4 - 1, classes=("a", "b", "c"))
    monkeypatch.setattr(codes, "splits", lambda card, root: (None, made) if root == "there" else pytest.fail(root))
    return made


def test_places_are_those_of_the_sliders(vae, data, publishable):
    bank = latents.bank(vae)
    assert codes.wanted(vae, bank)
    found = codes.found(releases.find(publishable), vae, bank, "there")
    assert (found.about["n"], found.about["classes"], found.about["data"]) == (N, ["a", "b", "c"], "stripes")
    shown = found.rows[found.rows[:, 2] != codes.DRAWN]
    assert torch.equal(shown[:, 2], data.labels.float())
    z = vae.encode(data.floats(torch.arange(N)), seed=0).flatten(1)
    sliders = bank.about["sliders"]
    for axis in (0, 1):
        along = (z - bank.tensors["mean"]) @ bank.tensors["directions"][axis] / sliders[axis]["unit"]
        assert torch.allclose(shown[:, axis], along, atol=1e-5)
    assert len(found.rows) == N + codes.SHOWN


def test_what_has_no_codes_shows_none(perturbed):
    gan = perturbed(small("gan")(), 0.1).eval()
    assert not codes.wanted(gan, latents.bank(gan))  # its codes are searched for


def test_holes_are_where_no_code_is_near():
    noise = torch.Generator().manual_seed(0)
    where = torch.randn(1000, 2, generator=noise)
    alike = codes.holes(where, torch.randn(1000, 2, generator=noise))
    assert 0.02 < alike < 0.1
    ring = where / where.norm(dim=1, keepdim=True)
    assert codes.holes(ring, where) > 0.5
    assert codes.holes(where, ring) < alike


def test_rooms_of_one_data_set_stand_beside_each_other(publishable, source, without_export, tmp_path, monkeypatch):
    release = releases.find(publishable)
    found = codes.Codes(torch.arange(6.0).view(2, 3), {"n": 2, "holes": 0.5})
    monkeypatch.setattr(codes, "wanted", lambda model, bank: True)
    monkeypatch.setattr(codes, "found", lambda release, model, bank, root: found)
    name = release.outline.dataset
    pages = {}
    monkeypatch.setattr(
        building.pages, "room", lambda name, release, about, others: pages.setdefault(name, about) and ""
    )
    building.build({"a:b": release, "c": release}, tmp_path / "site", source=source, data={name: tmp_path}, quiet=True)
    assert (tmp_path / "site" / "a-b" / "codes.bin").read_bytes() == found.rows.numpy().tobytes()
    assert pages["c"]["beside"] == [{"name": "a:b", "place": "a-b", "n": 2, "holes": 0.5}]
    assert pages["c"]["codes"] == found.about
    with pytest.raises(InvalidInput, match=rf"no release here is of 'moons'\. Its data are of {name}\."):
        building.build({"c": release}, tmp_path / "other", source=source, data={"moons": tmp_path}, quiet=True)


def test_without_data_there_are_none(publishable, source, without_export, tmp_path, monkeypatch):
    pages = {}
    monkeypatch.setattr(
        building.pages, "room", lambda name, release, about, others: pages.setdefault(name, about) and ""
    )
    building.build({"c": releases.find(publishable)}, tmp_path / "site", source=source, quiet=True)
    assert (pages["c"]["codes"], pages["c"]["beside"]) == (None, [])
    assert not (tmp_path / "site" / "c" / "codes.bin").exists()

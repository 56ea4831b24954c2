"""Weights files: what is written is read again, in few bytes too, and formats before and after this one."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import zoo
from zoo import building
from zoo.errors import (
    ConfigError,
    InvalidInput,
    UnknownArchitecture,
    WeightsMismatch,
)
from zoo.releases import integrity
from zoo.releases.cards import FORMAT, Card
from zoo.weights import rounding


def test_half_precision_storage_is_widened(release, path, contents, repin):
    zoo.load(release).save(path, dtype=torch.float16)
    repin(release)
    assert contents(path)[0]["generator.0.weight"].dtype is torch.float16
    assert zoo.load(release).dtype is torch.float32


@pytest.fixture
def all_rounded(monkeypatch):
    """Matrices of any size are kept as whole numbers: the model here has no large ones."""
    monkeypatch.setattr(rounding, "rounded", partial(rounding.rounded, least=0))


@pytest.mark.usefixtures("all_rounded")
def test_storage_of_one_byte_a_weight(release, path, contents, repin):
    model = zoo.load(release)
    model.save(path, dtype=torch.int8)
    repin(release)
    stored, loaded = contents(path)[0], zoo.load(release)
    assert stored["generator.0.weight"].dtype is torch.int8
    assert stored["generator.1.weight"].dtype is torch.float32  # batch norm's, a vector
    for key, exact in model.state_dict().items():
        got = loaded.state_dict()[key]
        assert got.dtype == exact.dtype
        if exact.ndim > 1:
            largest = exact.flatten(1).abs().amax(1).view(-1, *[1] * (exact.ndim - 1))
            assert ((got - exact).abs() <= largest / 254 * 1.0001).all()
        else:
            assert torch.equal(got, exact)
    again = zoo.load(release).save(path, dtype=torch.int8)
    assert again == Card.read(release).weights["sha256"]  # nothing more is lost


@pytest.mark.usefixtures("all_rounded")
def test_factors_of_a_mixture_take_16_bits_where_weights_take_a_byte(tmp_path):
    model = zoo.create("vae", image_size=4, width=2, latent_dim=2, components=3)
    model.mixture.factors.copy_(torch.randn(3, 2, 2).tril() / 3)
    model.mixture.means.normal_()
    model.save(tmp_path / "model.safetensors", dtype=torch.int8)
    stored, loaded = load_file(tmp_path / "model.safetensors"), building.read(tmp_path / "model.safetensors").mixture
    assert {key: stored[f"mixture.{key}"].dtype for key in ("weights", "means", "factors")} == {
        "weights": torch.float32,
        "means": torch.float32,
        "factors": torch.float16,
    }
    assert torch.equal(loaded.means, model.mixture.means)
    assert torch.equal(loaded.factors, model.mixture.factors.half().float())


@pytest.mark.usefixtures("all_rounded")
def test_whole_numbers_without_their_scales_are_refused(release, path, rewrite, refused):
    zoo.load(release).save(path, dtype=torch.int8)
    rewrite(lambda state, header: state.__delitem__("generator.0.weight:scale"))
    refused(release, WeightsMismatch, "generator.0.weight torch.int8 instead of torch.float32")


@pytest.mark.usefixtures("all_rounded")
def test_scales_that_do_not_fit_are_refused(release, path, rewrite, refused):
    zoo.load(release).save(path, dtype=torch.int8)
    rewrite(lambda state, header: state.update({"generator.0.weight:scale": torch.ones(99)}))
    refused(release, WeightsMismatch, "unexpected: generator.0.weight:scale", "of wrong type: generator.0.weight")


@pytest.mark.parametrize(
    "zoo_entry",
    [
        "not JSON",
        "[]",
        "null",
        "{}",
        '{"architecture": "dcgan"}',
        '{"architecture": 3, "config": {}}',
        '{"architecture": "dcgan", "config": []}',
        "[" * 100_000,
    ],
)
def test_header_that_names_no_architecture(release, rewrite, zoo_entry, refused):
    rewrite(lambda state, header: zoo_entry)
    refused(release, UnknownArchitecture, "model.save(path)")


def test_safetensors_of_another_program(release, path, repin, refused):
    save_file({"weight": torch.zeros(3)}, path)
    repin(release)
    refused(release, UnknownArchitecture, "not written by zoo")


def test_saving_is_reproducible_and_returns_the_sha256(release, tmp_path):
    model = zoo.load(release)
    first, second = model.save(tmp_path / "a" / "b.safetensors"), model.save(tmp_path / "c.safetensors")
    assert first == second == integrity.hash_file(tmp_path / "c.safetensors")
    assert first == model.provenance.sha256


def test_an_interrupted_save_leaves_the_old_file_and_no_litter(release, path, monkeypatch):
    model = zoo.load(release)
    before = path.read_bytes()

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in release.iterdir()) == ["README.md", "model.safetensors"]


def test_saving_refuses_a_type_that_would_lose_the_weights(release, tmp_path):
    with pytest.raises(InvalidInput, match=r"dtype=torch\.int16"):
        zoo.load(release).save(tmp_path / "x.safetensors", dtype=torch.int16)
    assert not (tmp_path / "x.safetensors").exists()


@pytest.fixture
def aged(release, path, rewrite):
    """The release as before formats had numbers, with other names of its layers and of a field of its config."""

    def age(state, header):
        for key in list(state):
            state[f"old.{key}"] = state.pop(key)
        del header["format"], header["made_with"]
        header["config"]["features"] = header["config"].pop("width")

    rewrite(age)
    card = Card.read(release)
    card.replace(config={("features" if key == "width" else key): value for key, value in card.config.items()}).write()
    return release


def migrate(cls, config, state, format, version):
    assert (format, version) == (0, 0)
    config = {("width" if key == "features" else key): value for key, value in config.items()}
    return config, {key.removeprefix("old."): tensor for key, tensor in state.items()}


def test_a_file_of_format_0_is_read_through_migrate_with_the_same_values(
    path, request, monkeypatch, tmp_path, contents
):
    release = request.getfixturevalue("release")
    expected = zoo.load(release)
    request.getfixturevalue("aged")
    assert "format" not in contents(path)[1]
    monkeypatch.setattr(type(expected), "migrate", classmethod(migrate))
    model = zoo.load(release)
    assert model.config == expected.config
    assert model.state_dict().keys() == expected.state_dict().keys()
    z = expected.latents(3, seed=0)
    assert torch.equal(model.decode(z), expected.decode(z))
    # Written again it is of this format, and what reads it has nothing to translate.
    model.save(tmp_path / "again.safetensors")
    monkeypatch.setattr(type(expected), "migrate", None)
    again = building.read(tmp_path / "again.safetensors")
    assert torch.equal(again.generate(3, seed=0), model.generate(3, seed=0))


def test_a_renamed_layer_without_migrate_is_refused(aged, refused):
    refused(aged, ConfigError, "features")


@pytest.mark.parametrize(
    ("format", "writer", "words"),
    [
        (FORMAT + 1, "zoo 9.1.0", ("was written by zoo 9.1.0", "--upgrade 'generative-zoo>=9.1.0'")),
        (FORMAT + 1, None, ("comes from a later zoo", "pip install --upgrade generative-zoo")),
        (-1, None, ("its format is -1",)),
        ("1", None, ("its format is '1'",)),
    ],
)
def test_another_format_is_an_error_that_names_the_zoo_that_reads_it(release, rewrite, format, writer, words, refused):
    def edit(state, header):
        # A later zoo may spell all else otherwise.
        return json.dumps({"format": format, "made_with": writer, "design": header["architecture"]})

    rewrite(edit)
    refused(release, WeightsMismatch, *words)


def test_a_compiled_network_is_saved_under_its_own_names(release, tmp_path):
    model, plain = zoo.load(release), zoo.load(release)
    model.generator = torch.compile(model.generator)
    assert any("_orig_mod" in key for key in model.state_dict())
    assert model.save(tmp_path / "compiled") == plain.save(tmp_path / "plain")
    assert building.read(tmp_path / "compiled").generate(1, seed=0).equal(plain.generate(1, seed=0))


def parametrised(model):
    torch.nn.utils.parametrizations.weight_norm(model.generator[0])


def wrapped(model):
    model.generator = torch.nn.Sequential(model.generator)


def enlarged(model):
    model.generator[0] = torch.nn.ConvTranspose2d(4, 9, 4, bias=False)


def test_a_model_without_weights_is_not_saved(release, tmp_path):
    with pytest.raises(InvalidInput, match="the model is on the meta device, where it has no weights"):
        zoo.load(release).to("meta").save(tmp_path / "m.safetensors")


@pytest.mark.parametrize("change", [parametrised, wrapped, enlarged])
def test_what_could_not_be_read_again_is_not_saved(release, tmp_path, change):
    model = zoo.load(release)
    change(model)
    with pytest.raises(InvalidInput, match=r"not as its config says: generator\.0.* could not be loaded\. Remove what"):
        model.save(tmp_path / "m.safetensors")
    assert list(tmp_path.glob("m.*")) == []

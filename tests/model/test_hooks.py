"""What a class says of itself by the hooks that it writes."""

import inspect
from dataclasses import dataclass

import pytest
import torch

from zoo.errors import CapabilityError
from zoo.model import Model
from zoo.noise import Noise


@dataclass(frozen=True)
class Config:
    pass


class Decoder(Model):
    config_class = Config
    latent_shape = (2,)

    def __init__(self):
        super().__init__(Config())

    def _decode(self, z, condition, *, gain=1.0, steps=1):
        return gain * z


class Both(Decoder):
    def _encode(self, x, condition, noise, *, steps=1, blur=0.0):
        return x


class Without(Both):
    """Takes back what its base can do."""

    _encode = Model._encode

    def _decode(self, z, condition):
        return z


def test_hooks_that_are_written_are_capabilities_and_who_decodes_generates():
    assert Model.capabilities() == frozenset()
    assert Decoder.capabilities() == {"decode", "generate"}
    assert Both.capabilities() == {"decode", "generate", "encode"}
    assert Without.capabilities() == {"decode", "generate"}


def test_options_are_the_keywords_of_the_hook_that_a_class_has_now():
    assert [cls.options("decode") for cls in (Decoder, Both, Without)] == [["gain", "steps"], ["gain", "steps"], []]
    assert (Both.options("encode"), Without.options("encode")) == (["steps", "blur"], [])
    assert "gain" in inspect.signature(Both.decode).parameters
    assert "gain" not in inspect.signature(Without.decode).parameters


@pytest.mark.parametrize(
    ("options", "encoder", "decoder"),
    [
        ({"blur": 1, "gain": 2}, {"blur": 1}, {"gain": 2}),
        ({"steps": 3}, {"steps": 3}, {"steps": 3}),
        ({"colour": 4}, {"colour": 4}, {}),
        ({}, {}, {}),
    ],
)
def test_options_go_to_who_has_them_and_what_nobody_has_to_the_encoder(options, encoder, decoder):
    assert Both.split_options(options) == (encoder, decoder)


def test_latents_are_drawn_for_each_sample_of_a_seed_and_scaled_by_the_temperature():
    model = Decoder()
    rows = Noise(7, 0, 4).normal(2)
    assert torch.equal(model._latents(Noise(7, 2, 2), 0.5), 0.5 * rows[2:])
    assert model._starts(Noise(7, 0, 4), 3).shape == (4, 3, 2)


def test_what_is_improbable_is_the_mean_square():
    assert Decoder()._improbability(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist() == [12.5, 0.0]


def test_dequantised_levels_lie_in_their_cells_and_the_density_there_is_the_number_of_cells():
    """Two pixels of one of 256 levels: q = 256² in each cell of 1 / 256 on a side."""
    model = Decoder()
    levels = torch.tensor([[[[0.0, 255.0]]]])
    model.space = type("Two", (), {"levels": 256, "shape": (1, 1, 2), "dimensions": 2})()
    y, spent = model._dequantise(levels, Noise(0))
    assert ((levels / 256 <= y) & (y < (levels + 1) / 256)).all()
    assert spent.exp().tolist() == pytest.approx([65536.0], rel=1e-4)


def test_a_model_of_nothing_says_so():
    class Nothing(Model):
        config_class = Config

    model = Nothing(Config())
    with pytest.raises(CapabilityError, match=r"Nothing has no decode, so that model\(z\) has nothing to compute"):
        model._decode(torch.zeros(1), None)
    assert (model.filters(3), model.first_layer(), model.releases_with("encode", model.provenance)) == (None, None, ())
    assert (model.provenance.architecture, model.provenance.source) == ("Nothing", "created, not loaded")

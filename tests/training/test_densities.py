"""Densities of latents: where codes lie, closed forms, seeds, and what is refused."""

from dataclasses import dataclass

import pytest
import torch

from zoo import latent
from zoo.errors import InvalidInput
from zoo.latent import Noise
from zoo.model import Model
from zoo.spaces import Images


@dataclass(frozen=True)
class NoConfig:
    pass


class TwoCodes(Model):
    """An autoencoder of two pixels, whose code is ten times the pixels."""

    def __init__(self):
        super().__init__(NoConfig())
        self.space, self.latent_shape = Images((1, 1, 2)), (1, 2)
        self.eval()

    def _encode(self, images, condition, noise):
        return 10 * images[:, 0]

    def _decode(self, z, condition):
        return (z / 10)[:, None].clamp(0, 1)


@pytest.fixture
def black_and_white():
    """Images near (0.2, 0.2) and (0.8, 0.8), twice as many of the first."""
    places = torch.tensor([0.2, 0.2, 0.8]).repeat(400)[:, None, None, None].expand(-1, 1, 1, 2)
    return (places + 0.01 * Noise(0, 0, 1200).normal(1, 1, 2)).clamp(0, 1)


def test_a_mixture_finds_where_codes_lie(black_and_white):
    model = TwoCodes()
    density = latent.fit(model, black_and_white, "gmm", components=2)
    z = density.sample(300, seed=0)
    assert z.shape == (300, 1, 2)
    drawn = model.decode(z).mean((1, 2, 3))
    assert ((drawn - 0.2).abs() < 0.05).float().mean().item() == pytest.approx(2 / 3, abs=0.08)
    assert (((drawn - 0.2).abs() < 0.05) | ((drawn - 0.8).abs() < 0.05)).all()
    assert density.log_prob(torch.tensor([[[2.0, 2.0]]])) > density.log_prob(torch.tensor([[[5.0, 5.0]]])) + 50


def test_a_gaussian_covers_what_lies_between(black_and_white):
    density = latent.fit(TwoCodes(), black_and_white, "gaussian")
    assert density.sample(2000, seed=0).mean().item() == pytest.approx(4, abs=0.3)
    cold = density.sample(20, seed=0, temperature=0.0)
    assert torch.equal(cold, cold[:1].expand(20, 1, 2))
    assert torch.equal(density.sample(2, seed=1, first=3), density.sample(5, seed=1)[3:])


def test_the_density_of_a_gaussian_is_its_closed_form(black_and_white):
    model = TwoCodes()
    density, codes = latent.fit(model, black_and_white, "gaussian"), model.encode(black_and_white).flatten(1).double()
    covariance = torch.cov(codes.T, correction=0)
    expected = torch.distributions.MultivariateNormal(codes.mean(0), covariance).log_prob(codes[:5])
    assert density.log_prob(codes[:5].float().view(5, 1, 2)).tolist() == pytest.approx(expected.tolist(), abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "kde"}, "kind='kde'; expected one of gaussian, gmm, flow"),
        ({"kind": "gaussian", "components": 2}, "components=2 of a single gaussian"),
        ({"steps": 5}, "steps=5 of a gmm, which is not trained"),
        ({"kind": "flow", "steps": 0}, "steps=0"),
        ({"components": 0}, "components=0"),
        ({"components": 1200}, "1200 samples came for 1200 Gaussians"),
    ],
)
def test_what_is_no_density_is_refused(black_and_white, arguments, message):
    with pytest.raises(InvalidInput, match=message):
        latent.fit(TwoCodes(), black_and_white, **arguments)


def test_a_flow_finds_where_codes_lie(black_and_white):
    model, state = TwoCodes(), torch.get_rng_state()
    density = latent.fit(model, black_and_white, "flow", steps=120)
    assert torch.equal(torch.get_rng_state(), state)
    z = density.sample(300, seed=0)
    assert z.shape == (300, 1, 2)
    assert torch.equal(density.sample(2, seed=1, first=3), density.sample(5, seed=1)[3:])
    single = latent.fit(model, black_and_white, "gaussian")
    codes = model.encode(black_and_white)
    assert density.log_prob(codes).mean() > single.log_prob(codes).mean() + 0.5


def test_a_flow_is_made_again_by_its_seed(black_and_white):
    once, again, other = (latent.fit(TwoCodes(), black_and_white, "flow", steps=2, seed=s).sample(3) for s in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_a_flow_needs_codes_of_two_numbers_and_two_samples(black_and_white):
    class OneCode(TwoCodes):
        def __init__(self):
            super().__init__()
            self.latent_shape = (1,)

        def _encode(self, images, condition, noise):
            return images[:, 0, 0, :1]

    with pytest.raises(InvalidInput, match="these codes are 1"):
        latent.fit(OneCode(), black_and_white, "flow")
    with pytest.raises(InvalidInput, match="1 sample came for a flow"):
        latent.fit(TwoCodes(), black_and_white[:1], "flow")

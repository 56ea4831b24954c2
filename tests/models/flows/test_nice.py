"""NICE: additive, with a logistic prior. What it shares with every flow is proven in test_every_flow.py."""

import math

import pytest
import scipy.stats
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models.flows.nice import NICE, Config, EvenOdd
from zoo.nn.linear import Diagonal
from zoo.noise import Noise

TINY = {"couplings": 4, "layers": 2, "width": 8}


def build(shape=(1, 3, 3), **config):
    torch.manual_seed(0)
    return NICE(Config(shape, **{**TINY, **config})).eval()


def test_prior_is_the_standard_logistic_distribution():
    z = torch.linspace(-40, 40, 81, dtype=torch.float64).view(27, 3)
    expected = scipy.stats.logistic.logpdf(z.numpy()).sum(1)
    assert build().log_prior(z).tolist() == pytest.approx(expected.tolist(), abs=1e-12)
    assert build().log_prior(torch.full((1, 3), 1e3)).item() == pytest.approx(-3e3)


def test_latents_are_drawn_from_the_prior():
    draws = build((2,))._draw(Noise(0, 0, 4000, dtype=torch.float64))
    assert draws.shape == (4000, 2)
    for column in draws.T:
        assert scipy.stats.kstest(column.numpy(), "logistic").pvalue > 0.05
    assert abs(scipy.stats.pearsonr(*draws.T.numpy()).statistic) < 0.05


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_ends_of_a_uniform_draw_give_finite_latents(dtype):
    class Ends:
        def uniform(self, *shape):
            return torch.tensor([[0.0, 1 - 2.0**-24]]).to(dtype)

    low, high = build((2,))._draw(Ends()).flatten().tolist()
    assert low == pytest.approx(-high, rel=0.05)
    assert 5 < high < 17


def test_generate_decodes_logistic_latents_at_a_temperature():
    model = build()
    z = 0.5 * model._draw(Noise(3, 0, 2))
    assert torch.equal(model.generate(2, seed=3, temperature=0.5), model.decode(z))
    assert not torch.equal(model.generate(2, seed=3), model.decode(z))


def test_every_layer_but_the_last_keeps_volumes(perturbed):
    *layers, scaling = perturbed(build((7,))).bijection.layers
    assert isinstance(scaling, Diagonal)
    x = torch.randn(3, 7)
    for layer in layers:
        x, log_det = layer(x)
        assert not log_det.any()
    assert scaling(x)[1].abs().min() > 0


def test_even_and_odd_dimensions_take_turns_in_being_shifted(perturbed):
    model = perturbed(build((5,)))
    assert EvenOdd()(torch.arange(5.0)[None])[0].tolist() == [[0, 2, 4, 1, 3]]
    assert EvenOdd().inverse(torch.tensor([[0.0, 2, 4, 1, 3]])).tolist() == [[0, 1, 2, 3, 4]]
    x = torch.randn(2, 5)
    for i, coupling in enumerate(model.bijection.layers[2:-1]):
        moved = (coupling(x)[0] != x).all(0).tolist()
        assert moved == ([False] * 3 + [True] * 2 if i % 2 == 0 else [True] * 3 + [False] * 2)


def test_a_new_flow_of_plain_pixels_is_the_identity_under_the_prior():
    model = build().double()
    y = torch.rand(2, 1, 3, 3, dtype=torch.float64)
    flat = y.flatten(1)
    assert torch.equal(model.flow(y)[0], torch.cat((flat[:, ::2], flat[:, 1::2]), 1))
    expected = scipy.stats.logistic.logpdf(flat.numpy()).sum(1)
    assert model.log_density(y).tolist() == pytest.approx(expected.tolist())


def test_plain_pixels_are_clamped_and_have_the_real_line_for_support():
    model = build()
    assert model.support == (-math.inf, math.inf)
    assert model.space.name != "vectors"
    far = model.decode(torch.tensor([[-5.0, 5.0] * 4 + [0.5]]))
    assert set(far.flatten().tolist()) == {0.0, (256 * 0.5 - 0.5) / 255, 1.0}
    low, high = build(logit=True).support
    assert -0.1 < low < 0 < 1 < high < 1.1


def test_bits_per_dim_are_those_of_the_dequantised_pixels():
    model = build()
    images = (255 * torch.rand(3, 1, 3, 3)).round() / 255
    u = Noise(0, 0, 3, stream="dequantisation").uniform(1, 3, 3)
    with torch.no_grad():
        nats = model.log_density(((255 * images).round() + u) / 256)
    expected = 8 - nats / (9 * math.log(2))
    torch.testing.assert_close(model.bits_per_dim(images), expected)


def test_default_weights_fit_the_budget_in_half_precision():
    with torch.device("meta"):
        model = zoo.create("nice")
    assert 2 * sum(p.numel() for p in model.parameters()) < 5 * 2**20
    assert model.space.shape == (1, 28, 28)
    assert len(model.bijection.layers[2].network.hidden) == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1,)}, "at least 2"),
        ({"image_shape": (1, 1, 1)}, "at least 2"),
        ({"image_shape": (4, 4)}, r"\(channels, height, width\)"),
        ({"couplings": 0}, "couplings=0; expected a whole number of at least 1"),
        ({"layers": 0}, "layers=0"),
        ({"width": 0}, "width=0"),
        ({"dequantisation": "none"}, "uniform, variational"),
    ],
)
def test_impossible_sizes_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("nice", **fields)

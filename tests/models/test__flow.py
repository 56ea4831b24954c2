"""`Flow`: the change of variables, dequantisation and its bound, maximum likelihood; on flows small enough to know."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn

from zoo._util.config import setting
from zoo.errors import ConfigError, InvalidInput
from zoo.models import _flow as flows
from zoo.models._flow import DEQUANTISATIONS, Dequantiser, Flow, check_flow_config
from zoo.nn.bijections import Chain, Coupling, MultiScale, Squeeze
from zoo.nn.linear import LU, ActNorm, Diagonal
from zoo.noise import Noise
from zoo.objective import Batch


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, ...] = (1, 2, 2)
    dequantisation: str = setting("variational", choices=DEQUANTISATIONS)
    bound: float = setting(2.0, above=0)


class Tiny(Flow):
    """Images are squeezed to vectors, vectors go through one step of every kind."""

    config_class = Config

    def __init__(self, config=None):
        config = config or Config()
        super().__init__(config, config.dequantisation)
        d = self.space.dimensions
        layers = [ActNorm(d), LU(d), Coupling(nn.Linear(d - d // 2, 2 * (d // 2)), (0,), 2), Diagonal(d)]
        if self.pixels is not None:
            squeeze = Squeeze(self.space.shape)
            layers.insert(0, MultiScale([squeeze], [squeeze.shape]))
        self.bijection = Chain(*layers)


class Pixel(Flow):
    """One pixel of one channel, whose logit is scaled and shifted: all integrals are in one dimension."""

    config_class = Config

    def __init__(self, dequantisation="variational"):
        super().__init__(Config((1, 1, 1), dequantisation), dequantisation)
        self.bijection = Chain(MultiScale([Chain()], [(1, 1, 1)]), Diagonal(1))


class Uniform(Tiny):
    """The uniform density on [0, 1] in each pixel."""

    def log_density(self, x):
        return x.new_zeros(len(x))


@pytest.fixture
def tiny(perturbed):
    torch.manual_seed(0)
    return perturbed(Tiny(), 0.3)


@pytest.fixture
def pixel(perturbed):
    """Random networks in the dequantiser, and a density that is far from flat within a level."""
    torch.manual_seed(0)
    model = perturbed(Pixel(), 0.3).double()
    model.bijection.layers[1].log_scale.data.fill_(0.8)
    model.bijection.layers[1].shift.data.fill_(-1.0)
    return model


def levels_of(n, shape=(1, 2, 2), seed=1):
    return torch.randint(256, (n, *shape), generator=torch.Generator().manual_seed(seed)).float()


# Change of variables -------------------------------------------------------------------------------------------------


def test_density_is_the_prior_of_the_latents_times_the_jacobian(tiny, log_det_by_autograd):
    model = tiny.double()
    y = levels_of(3).double() / 255
    z, _ = model.flow(y)
    expected = (-z.square() / 2 - math.log(2 * math.pi) / 2).sum(1)
    expected = expected + log_det_by_autograd(lambda rows: model.flow(rows)[0], y)
    torch.testing.assert_close(model.log_density(y), expected, rtol=0, atol=1e-9)


def test_a_flow_of_vectors_has_neither_logit_nor_dequantiser(perturbed, log_det_by_autograd):
    model = perturbed(Tiny(Config((3,))), 0.3).double()
    assert model.pixels is None
    assert model.dequantiser is None
    assert model.support == (-math.inf, math.inf)
    x = 5 * torch.randn(4, 3, dtype=torch.float64)
    z, log_det = model.flow(x)
    torch.testing.assert_close(log_det, log_det_by_autograd(lambda rows: model.flow(rows)[0], x), rtol=0, atol=1e-9)
    torch.testing.assert_close(model._decode(z, None), x)  # not clamped
    torch.testing.assert_close(model.log_density(x), model.log_prior(z) + log_det)


def test_a_flow_s_own_prior_counts(tiny):
    tiny.log_prior = lambda z: z.abs().sum(1)
    y = levels_of(2) / 255
    with torch.no_grad():
        z, log_det = tiny.flow(y)
        torch.testing.assert_close(tiny.log_density(y), z.abs().sum(1) + log_det)
        z, log_det = tiny.flow((255 * y + 0.5) / 256)
        torch.testing.assert_close(tiny.log_prob(y), z.abs().sum(1) + log_det + 4 * math.log(255 / 256))


def test_decoded_pixels_are_clamped_and_latents_are_scaled_by_the_temperature(tiny):
    z = 0.5 * Noise(3, 0, 2).normal(4)
    torch.testing.assert_close(tiny.generate(2, seed=3, temperature=0.5), tiny.decode(z))
    far = 30 * torch.randn(50, 4)
    with torch.no_grad():
        raw = (256 * tiny.inverse(far) - 0.5) / 255
    assert raw.min() < 0
    assert raw.max() > 1
    assert raw.min() > tiny.support[0] - 1e-6
    torch.testing.assert_close(tiny.decode(far), raw.clamp(0, 1))


def test_the_flow_stays_in_float32_under_autocast_and_log_prob_is_exact_there(tiny):
    images = levels_of(4) / 255
    exact = tiny.log_prob(images)
    with torch.autocast("cpu", torch.bfloat16):
        z, log_det = tiny.flow(images)
        back = tiny.inverse(z)
        density = tiny.log_density(images)
        bits = tiny.bits_per_dim(images)
        again = tiny.log_prob(images)
    assert {t.dtype for t in (z, log_det, back, density, bits, again)} == {torch.float32}
    assert torch.equal(again, exact)
    assert torch.equal(bits, tiny.bits_per_dim(images))
    assert (back - images).abs().max() < 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_densities_in_half_precision_are_refused(tiny, dtype):
    for method in (tiny.to(dtype).log_prob, tiny.bits_per_dim):
        with pytest.raises(InvalidInput, match="off in the second decimal"):
            method(levels_of(1) / 255)
    assert tiny.generate(1, seed=0).dtype == dtype


# Images --------------------------------------------------------------------------------------------------------------


def test_an_image_is_encoded_as_the_middle_of_the_cells_of_its_levels(tiny):
    model = tiny.double()
    k = levels_of(6).double()
    k[0], k[1] = 0, 255  # black and white are half a level from the edge of the range
    with torch.no_grad():
        middle = model.flow((k + 0.5) / 256)[0]
        assert (model.flow(k / 256)[0] - middle).abs().max() > 1e-3
    torch.testing.assert_close(model.encode(k / 255), middle, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_decode_is_the_inverse_of_encode(tiny, dtype, tolerance):
    model = tiny.to(dtype)
    images = torch.cat([levels_of(50) / 255, torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)]).to(dtype)
    assert (model.decode(model.encode(images)) - images).abs().max() < tolerance
    assert (model.reconstruct(images) - images).abs().max() < tolerance


def test_decoded_images_rounded_to_8_bits_are_the_levels_in_whose_cells_the_flow_is(tiny):
    model = tiny.double()
    levels = levels_of(500).double()
    levels[0], levels[1] = 0, 255
    with torch.no_grad():
        y, _ = model._dequantise(levels, Noise(0, 0, 500, dtype=torch.float64))
        z, _ = model.flow(y)
    assert ((256 * y) % 1 - 0.5).abs().max() > 0.45  # from edge to edge
    assert torch.equal((255 * model.decode(z)).round(), (256 * y).floor())
    assert torch.equal((256 * y).floor(), levels)


@pytest.mark.parametrize("shape", [(1, 2, 2), (4,)])
def test_log_prob_is_the_density_of_images_by_autograd(shape, perturbed, log_det_by_autograd):
    torch.manual_seed(0)
    model = perturbed(Tiny(Config(shape)), 0.3).double()
    x = levels_of(3, shape).double() / 255
    z = model.encode(x)
    normal = (-z.square() / 2 - math.log(2 * math.pi) / 2).sum(1)
    slope = log_det_by_autograd(lambda rows: model._encode(rows, None, None), x)
    torch.testing.assert_close(model.log_prob(x), (normal + slope).detach(), rtol=0, atol=1e-9)


def test_log_prob_integrates_to_one_over_the_support(pixel):
    """Over the edges of it to 1e-6, which 256/255 is far from."""

    def density(x):
        with torch.no_grad():
            return pixel._log_prob(torch.full((1, 1, 1, 1), x, dtype=torch.float64), None, None).exp().item()

    low, high = pixel.support
    assert low == pytest.approx((256 * -0.05 / 0.9 - 0.5) / 255)
    assert low + high == pytest.approx(1)
    inside = quad(density, 0, 1)[0]
    assert 0.5 < inside < 0.999
    total = inside + quad(density, low, 0)[0] + quad(density, 1, high)[0]
    assert total == pytest.approx(1, abs=1e-6)
    x = torch.linspace(0, 1, 7, dtype=torch.float64)
    assert pixel.log_prob(x.view(-1, 1, 1, 1)).exp().tolist() == pytest.approx([density(v.item()) for v in x])


@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_bits_per_dim_are_those_of_dequantised_pixels_by_hand(dequantisation, perturbed):
    """What images are encoded as plays no part in it: the density is that of y, in cells of 1/256."""
    model = perturbed(Pixel(dequantisation), 0.3).double()
    scaling = model.bijection.layers[1]
    levels = torch.arange(256.0, dtype=torch.float64).view(-1, 1, 1, 1)
    noise = Noise(3, 0, 256, stream="dequantisation", dtype=torch.float64)
    with torch.no_grad():
        if dequantisation == "uniform":
            u, log_q = noise.uniform(1, 1, 1), 0
        else:
            u, log_q = model.dequantiser(levels, noise.normal(1, 1, 1))
        p = 0.05 + 0.9 * ((levels + u) / 256).flatten()
        z = (torch.log(p / (1 - p)) + math.log(19) + scaling.shift) * scaling.log_scale.exp()
        nats = -z.square() / 2 - math.log(2 * math.pi) / 2 + scaling.log_scale + torch.log(0.9 / (p * (1 - p)))
    expected = 8 + (log_q - nats) / math.log(2)
    torch.testing.assert_close(model.bits_per_dim(levels / 255, seed=3), expected, rtol=0, atol=1e-9)


# Dequantisation ------------------------------------------------------------------------------------------------------


def wild(dequantiser, size):
    """Networks that ask for much more than the bounds allow."""
    torch.manual_seed(0)
    nn.init.normal_(dequantiser.last.weight, std=size)
    nn.init.normal_(dequantiser.last.bias, std=size)
    return dequantiser


@pytest.mark.parametrize("size", [0.0, 0.3, 1e4])
def test_density_of_the_noise_is_that_of_the_jacobian(size, log_det_by_autograd):
    dequantiser = wild(Dequantiser(2, width=4), size).double()
    levels = levels_of(3, (2, 2, 3)).double()
    noise = torch.randn(3, 2, 2, 3, dtype=torch.float64)
    u, log_q = dequantiser(levels, noise)
    normal = (-noise.square() / 2 - math.log(2 * math.pi) / 2).flatten(1).sum(1)
    for i in range(3):  # the networks see the whole image, so each has a noise map of its own
        one = levels[i : i + 1]
        slope = log_det_by_autograd(lambda e, one=one: dequantiser(one, e)[0], noise[i : i + 1])
        assert log_q[i].item() == pytest.approx((normal[i] - slope).item(), abs=1e-8)
    assert u.shape == levels.shape


@pytest.mark.parametrize("level", [0.0, 7.0, 255.0])
@pytest.mark.parametrize("size", [0.0, 0.3, 1e4])
def test_density_of_the_noise_integrates_to_one(level, size):
    dequantiser = wild(Dequantiser(1, width=4), size).double()
    noise = torch.linspace(-12, 12, 4001, dtype=torch.float64).view(-1, 1, 1, 1)
    with torch.no_grad():
        u, log_q = dequantiser(torch.full_like(noise, level), noise)
    u = u.flatten()
    assert (u.diff() >= 0).all()
    assert torch.trapezoid(log_q.exp(), u).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [0.3, 1e6])
@torch.no_grad()
def test_noise_stays_in_the_cell_and_is_never_narrower_than_the_numbers_it_moves(size):
    dequantiser = wild(Dequantiser(1, width=4), size)
    level = torch.full((1, 1, 8, 8), 255.0)
    level[..., ::2] = torch.randint(256, (1, 1, 8, 4)).float()
    noise = torch.linspace(-1, 1, 9).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    u, log_q = dequantiser(level.expand(9, -1, -1, -1), noise)
    # A quarter of a standard deviation moves the dequantised pixel, as float32 holds it, by many of its spacings.
    assert ((level + u) / 256).diff(dim=0).min() > 20 * torch.finfo(torch.float32).eps
    assert log_q.isfinite().all()
    sigma = 4 * torch.logit(u.double()).diff(dim=0)
    assert math.exp(-2) - 1e-4 < sigma.min()
    assert sigma.max() < math.e + 1e-3
    extreme, _ = dequantiser(level.expand(9, -1, -1, -1), 1e4 * noise)
    assert extreme.min() == 0
    assert extreme.max() == 1


def test_new_noise_is_logistic_normal_and_the_same_for_all_images():
    dequantiser = Dequantiser(1)
    noise = torch.randn(2, 1, 3, 3)
    u, _ = dequantiser(levels_of(2, (1, 3, 3)), noise)
    torch.testing.assert_close(u, torch.sigmoid(math.exp(-0.5) * noise))


def test_each_image_has_noise_of_its_own_whatever_else_is_in_the_batch(tiny):
    images = levels_of(70) / 255
    whole = tiny.bits_per_dim(images, seed=2)
    torch.testing.assert_close(tiny.bits_per_dim(images[:3], seed=2), whole[:3])
    assert not torch.equal(tiny.bits_per_dim(images[:3], seed=3), whole[:3])


@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_dequantised_images_lie_in_their_cells(dequantisation, perturbed):
    model = perturbed(Tiny(Config(dequantisation=dequantisation)), 0.3).double()
    assert (model.dequantiser is None) == (dequantisation == "uniform")
    levels = levels_of(5).double()
    y, log_q = model._dequantise(levels, Noise(0, 0, 5, dtype=torch.float64))
    assert ((256 * y).floor() == levels).all()
    if dequantisation == "uniform":
        assert log_q.tolist() == pytest.approx([4 * math.log(256)] * 5)
    else:
        u, log_u = model.dequantiser(levels, Noise(0, 0, 5, dtype=torch.float64).normal(1, 2, 2))
        torch.testing.assert_close(256 * y - levels, u)
        torch.testing.assert_close(log_q, log_u + 4 * math.log(256))


def test_bits_per_dim_of_a_uniform_density_are_8():
    images = levels_of(5) / 255
    assert Uniform(Config(dequantisation="uniform")).bits_per_dim(images).tolist() == [8.0] * 5


def test_learned_noise_cannot_beat_uniform_noise_where_that_is_right(perturbed):
    """8 bits and KL(q ‖ uniform) more, on the average."""
    bits = perturbed(Uniform(), 0.3).bits_per_dim(levels_of(2000) / 255)
    error = bits.std() / math.sqrt(2000)
    assert bits.mean() - 5 * error > 8


def probability(model, level):
    """The true P(k): the integral of the density over the cell of the level."""

    def density(y):
        return model.log_density(torch.full((1, 1, 1, 1), y, dtype=torch.float64)).exp().item()

    return quad(density, level / 256, (level + 1) / 256, epsabs=0)[0]


def expectation(model, level):
    """Nodes y of a Gauss-Hermite quadrature of E_q, their weights, and ln p(y) − ln q(y | k) there."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    noise = torch.from_numpy(nodes).view(-1, 1, 1, 1)

    class Nodes:
        def normal(self, *shape):
            return noise

    with torch.no_grad():
        y, log_q = model._dequantise(torch.full_like(noise, level), Nodes())
        gain = model.log_density(y) - log_q
    return torch.from_numpy(weights) / math.sqrt(2 * math.pi), gain


@pytest.mark.parametrize("level", [0.0, 30.0, 45.0, 200.0, 255.0])
@torch.no_grad()
def test_importance_weights_average_to_the_probability_and_their_logarithms_to_a_lower_bound(pixel, level):
    truth = probability(pixel, level)
    weights, gain = expectation(pixel, level)
    assert (weights * gain.exp()).sum().item() == pytest.approx(truth, rel=1e-4)
    bound = (weights * gain).sum().item()
    assert bound < math.log(truth) - 1e-4
    assert bound > math.log(truth) - 5


def test_probabilities_of_all_levels_and_what_lies_outside_add_up_to_one(pixel):
    with torch.no_grad():
        inside = sum(weights @ gain.exp() for weights, gain in (expectation(pixel, float(k)) for k in range(256)))
        low, high = pixel.pixels.support
        inner = torch.linspace(1e-9, 1, 2001, dtype=torch.float64)
        outside = 0.0
        for edge, far in ((0, low), (1, high)):
            y = far + (edge - far) * inner
            outside += torch.trapezoid(pixel.log_density(y.view(-1, 1, 1, 1)).exp(), y).abs()
    assert outside > 0.001
    assert (inside + outside).item() == pytest.approx(1, abs=1e-4)


class Known(Pixel):
    """Every level has a known probability, and the density within its cell is the very one the noise is drawn from."""

    def table(self):
        return torch.softmax(torch.sin(torch.arange(256.0)).double() * 2, 0)

    def log_density(self, y):
        k = (256 * y).floor()
        logits = torch.logit(256 * y - k)
        zero = self.dequantiser(k, torch.zeros_like(y))[0]
        one = self.dequantiser(k, torch.ones_like(y))[0]
        mean, sigma = torch.logit(zero), torch.logit(one) - torch.logit(zero)
        _, log_q = self.dequantiser(k, (logits - mean) / sigma)
        return log_q + math.log(256) + self.table()[k.flatten().long()].log()


def test_the_bound_is_tight_for_the_right_noise(perturbed):
    model = perturbed(Known(), 0.3).double()
    levels = torch.arange(256.0).view(-1, 1, 1, 1)
    for seed in (0, 1):
        bits = model.bits_per_dim(levels / 255, seed=seed)
        torch.testing.assert_close(bits, -model.table().log2(), rtol=0, atol=1e-9)
    wrong = Known().double()
    wrong.load_state_dict(model.state_dict())
    wrong.log_density = model.log_density  # the density stays, the noise changes
    wrong.dequantiser.last.bias.data += 0.5
    gap = wrong.bits_per_dim(levels / 255) + model.table().log2()
    assert gap.mean() > 0.05


# Maximum likelihood --------------------------------------------------------------------------------------------------


def test_training_and_evaluation_use_the_very_same_dequantisation(tiny, monkeypatch):
    calls = []

    def spy(levels, noise):
        result = Flow._dequantise(tiny, levels, noise)
        calls.append((levels, *result))
        return result

    tiny._dequantise = spy
    made = []

    def same_noise(seed, **options):
        made.append(seed)
        return Noise(5, 0, 6, stream="dequantisation")

    monkeypatch.setattr(flows, "Noise", same_noise)
    levels = levels_of(6)
    ((name, loss),) = tiny.objective_class.create(tiny).updates(Batch(levels / 255))
    bits = tiny.bits_per_dim(levels / 255, seed=5)
    assert name == "flow"
    assert loss.item() == pytest.approx(bits.mean().item(), abs=1e-5)
    (trained, *training), (evaluated, *evaluation) = calls
    assert torch.equal(trained, levels)
    assert torch.equal(evaluated, levels)
    torch.testing.assert_close(training, evaluation)
    assert training[0].requires_grad  # the noise is learned with the flow


def test_training_draws_fresh_noise_that_torch_s_seed_decides(tiny):
    batch = Batch(levels_of(4) / 255)

    def loss(seed):
        torch.manual_seed(seed)
        return next(tiny.objective_class.create(tiny).updates(batch))[1].item()

    assert loss(1) == loss(1) != loss(2)


def test_loss_of_vectors_is_their_mean_negative_log_likelihood_in_nats(perturbed):
    model = perturbed(Tiny(Config((3,))))
    x = torch.randn(5, 3)
    ((_, loss),) = model.objective_class.create(model).updates(Batch(x))
    assert loss.item() == pytest.approx(-model.log_density(x).mean().item())


@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_every_parameter_gets_a_gradient(dequantisation, perturbed):
    model = perturbed(Tiny(Config(dequantisation=dequantisation)), 0.3)
    ((_, loss),) = model.objective_class.create(model).updates(Batch(levels_of(8) / 255))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 2, 2), (4,)])
def test_training_recovers_a_density(shape, perturbed):
    """Correlated Gaussian data, of which the best likelihood is known for vectors; images must at least get nearer."""
    torch.manual_seed(0)
    mix = torch.tensor([[1.0, 0, 0, 0], [0.9, 0.3, 0, 0], [0, 0.5, 1, 0], [0.2, 0, 0, 2]])
    x = torch.randn(256, 4) @ mix.T + 1
    images = torch.sigmoid(x).view(-1, 1, 2, 2) if len(shape) == 3 else x
    model = Tiny(Config(shape)).train()
    objective = model.objective_class.create(model, learning_rate=0.02)
    optimizer = objective.optimizers()["flow"]
    losses = []
    for _ in range(50):
        ((_, loss),) = objective.updates(Batch(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3
    if len(shape) == 1:
        best = 2 * (1 + math.log(2 * math.pi)) + torch.linalg.slogdet(mix).logabsdet
        assert losses[-1] == pytest.approx(best.item(), abs=0.2)


# Configs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1, 2)}, r"image_shape=\(1, 2\); expected \(channels, height, width\)"),
        ({"image_shape": (1, 0, 2)}, "image_shape"),
        ({"bound": 0}, "bound=0; expected a finite number above 0"),
        ({"bound": math.inf}, "bound=inf"),
        ({"bound": math.nan}, "bound=nan"),
        ({"dequantisation": "none"}, "dequantisation='none'; expected one of uniform, variational"),
    ],
)
def test_configs_that_no_flow_can_have(fields, message):
    with pytest.raises(ConfigError, match=f"mine: {message}"):
        check_flow_config("mine", Config(**fields))
    check_flow_config("mine", Config())


def test_a_field_below_its_lowest_value_is_named():
    @dataclass(frozen=True)
    class Deep(Config):
        steps: int = setting(1, at_least=1)

    check_flow_config("mine", Deep())
    with pytest.raises(ConfigError, match="mine: steps=0; expected a whole number of at least 1"):
        check_flow_config("mine", Deep(steps=0))


def test_a_flow_itself_refuses_an_unknown_dequantisation():
    with pytest.raises(ConfigError, match="'variatonal'; expected one of uniform, variational"):
        Tiny(Config(dequantisation="variatonal"))

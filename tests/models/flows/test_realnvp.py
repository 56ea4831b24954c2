"""RealNVP, proven by mathematics: inverses, Jacobians against autograd, a density that integrates to one."""

import math

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.latent import Noise
from zoo.models.flows.realnvp import ALPHA, Config, RealNVP, logit
from zoo.training.objective import Batch

SHAPES = [(1, 8, 8), (3, 8, 4), (2, 6, 6), (1, 1, 2)]  # (2, 6, 6) ends in 3 × 3, which halves by channels
DTYPES = [(torch.float32, 1e-4), (torch.float64, 1e-9)]


def build(shape=(1, 8, 8), *, dtype=torch.float64, size=0.1, **config):
    """A small flow with random weights everywhere, also in the last layers that start at zero."""
    torch.manual_seed(0)
    widths = (8,) if shape == (1, 1, 2) else (8, 8)
    model = RealNVP(Config(shape, **{"widths": widths, "checkerboard": 2, "channelwise": 2, "blocks": 1, **config}))
    for parameter in model.parameters():
        parameter.data.add_(size * torch.randn_like(parameter))
    return model.to(dtype)


def random_images(model, n=4):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, *model.image_shape, dtype=torch.float64, generator=generator).to(model.dtype)


def log_det_of_jacobian(function, x):
    """log |det| of the full Jacobian of `function` at one `x`, by autograd."""
    matrix = torch.autograd.functional.jacobian(lambda flat: function(flat.view_as(x)).flatten(), x.flatten())
    return torch.linalg.slogdet(matrix)[1]


@pytest.fixture(scope="module")
def two_pixels():
    """A flow on images of two pixels, its density at the midpoints of a grid over the support, and a cell's area."""
    model = build((1, 1, 2), size=0.3)
    for coupling in model.scales[0].couplings:
        coupling.network.last.bias.data[1:] -= 1.5  # from around black to around grey, where a coarse grid is enough
    low, high = model.support
    count = 240
    axis = low + (torch.arange(count, dtype=torch.float64) + 0.5) * (high - low) / count
    grid = torch.cartesian_prod(axis, axis).view(-1, 1, 1, 2)
    with torch.no_grad():
        density = torch.cat([model.log_density(part) for part in grid.split(20_000)]).exp()
    return model, density.view(count, count), ((high - low) / count) ** 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_flow_and_inverse_undo_each_other(shape, dtype, tolerance):
    model = build(shape, dtype=dtype, size=0.05)
    images = random_images(model)
    with torch.no_grad():
        z = model.flow(images)[0]
        assert z.shape == (4, model.dimensions)
        assert (z - logit(images)[0].flatten(1)).abs().max() > 0.1  # far from the identity
        assert (model.inverse(z) - images).abs().max() < tolerance
        other = z + 0.1 * torch.randn_like(z)
        assert (model.flow(model.inverse(other))[0] - other).abs().max() < tolerance


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_every_layer_and_its_inverse_undo_each_other(shape, dtype, tolerance):
    model = build(shape, dtype=dtype)
    x = torch.randn(4, *shape, dtype=dtype)
    with torch.no_grad():
        for scale in model.scales:
            latents, log_det, rest = scale(x)
            assert log_det.shape == (4,)
            assert (scale.inverse(latents, rest) - x).abs().max() < tolerance
            for coupling in scale.couplings:
                groups = torch.randn(4, scale.groups, scale.channels, *scale.size, dtype=dtype)
                z, _ = coupling(groups)
                assert (z - groups)[:, coupling.given].abs().max() == 0
                assert (z - groups)[:, coupling.changed].abs().min() > 0
                assert (coupling.inverse(z) - groups).abs().max() < tolerance
                assert (coupling(coupling.inverse(groups))[0] - groups).abs().max() < tolerance
            x = rest


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4, 2), (2, 6, 6), (1, 1, 2), (1, 2, 3)])
def test_log_determinant_is_that_of_autograd_s_full_jacobian(shape):
    model = build(shape, widths=(8,) if min(shape[1:]) < 4 else (8, 8))
    images = random_images(model, 2)
    log_det = model.flow(images)[1]
    assert log_det.shape == (2,)
    for image, value in zip(images, log_det, strict=True):
        by_autograd = log_det_of_jacobian(lambda y: model.flow(y[None])[0], image)
        assert value.item() == pytest.approx(by_autograd.item(), abs=1e-9)


def test_log_determinant_of_one_coupling_and_of_the_logit_is_that_of_the_full_jacobian():
    model = build((1, 4, 4))
    groups = torch.randn(4, 1, 2, 2, dtype=torch.float64)
    for coupling in model.scales[0].couplings:
        value = coupling(groups[None])[1].item()
        assert abs(value) > 0.01
        by_autograd = log_det_of_jacobian(lambda x, f=coupling: f(x[None])[0], groups)
        assert value == pytest.approx(by_autograd.item(), abs=1e-9)
    image = random_images(model, 1)
    by_autograd = log_det_of_jacobian(lambda y: logit(y)[0], image)
    assert logit(image)[1].item() == pytest.approx(by_autograd.item(), abs=1e-9)


def test_density_integrates_to_one_over_the_support(two_pixels):
    _, density, cell = two_pixels
    assert density.sum() * cell == pytest.approx(1, abs=1e-3)
    assert density.max() > 2  # not the uniform density, of which the same would be true


def test_samples_follow_the_density(two_pixels):
    model, density, cell = two_pixels
    bins, n = 24, 20_000
    z = Noise(0, 0, n, dtype=torch.float64).normal(2)
    with torch.no_grad():
        samples = model.inverse(z).flatten(1)
    low, high = model.support
    where = ((samples - low) / (high - low) * bins).long()
    seen = torch.bincount(where[:, 0] * bins + where[:, 1], minlength=bins * bins).double()
    side = len(density) // bins
    expected = n * cell * density.view(bins, side, bins, side).sum((1, 3)).flatten()
    enough = expected > 5
    chi_square = ((seen - expected).square() / expected)[enough].sum()
    freedom = enough.sum()
    assert freedom > 300
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)


def test_generate_decodes_prior_latents_at_a_temperature():
    model = build(dtype=torch.float32)
    z = 0.5 * Noise(3, 0, 2).normal(model.dimensions)
    torch.testing.assert_close(model.generate(2, seed=3, temperature=0.5), model.decode(z))


def test_a_new_flow_is_the_identity_after_the_logit_and_its_density_is_known_by_hand():
    torch.manual_seed(0)
    model = RealNVP(Config((1, 4, 4), (8, 8), checkerboard=2, channelwise=2)).double()
    y = random_images(model)
    p = 0.05 + 0.9 * y
    x = torch.log(p / (1 - p)) + math.log(19)  # black, p = 0.05, is at 0
    assert model.encode(y).sort(1).values.numpy() == pytest.approx(x.flatten(1).sort(1).values.numpy(), abs=1e-12)
    normal = -x.square() / 2 - math.log(2 * math.pi) / 2
    by_hand = (normal + torch.log(0.9 / (p * (1 - p)))).flatten(1).sum(1)
    assert model.log_prob(y).tolist() == pytest.approx(by_hand.tolist(), abs=1e-9)


def test_support_is_what_the_logit_maps_to_the_real_line():
    low, high = RealNVP.support
    assert low < 0 < 1 < high
    assert ALPHA + (1 - 2 * ALPHA) * low == pytest.approx(0, abs=1e-15)
    assert ALPHA + (1 - 2 * ALPHA) * high == pytest.approx(1, abs=1e-15)
    model = build((1, 1, 2))
    inside = torch.tensor([low + 1e-9, high - 1e-9], dtype=torch.float64).view(1, 1, 1, 2)
    assert model.flow(inside)[0].isfinite().all()


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_images_at_the_ends_of_the_range_stay_finite(level):
    model = build((1, 8, 8), dtype=torch.float32)
    images = torch.full((2, 1, 8, 8), level)
    assert model.log_prob(images).isfinite().all()
    assert (model.reconstruct(images) - images).abs().max() < 1e-4


def test_decoded_pixels_stay_in_range_for_latents_far_out():
    model = build(dtype=torch.float32)
    images = model.decode(30 * torch.randn(4, model.dimensions))
    assert images.isfinite().all()
    assert images.min() == 0
    assert images.max() == 1


def test_bits_per_dim_of_a_uniform_density_is_8():
    class Uniform(RealNVP):
        def _log_prob(self, images, condition, noise):
            return images.new_zeros(len(images))

    model = Uniform(Config((1, 4, 4), (8,)))
    images = torch.randint(256, (3, 1, 4, 4)) / 255
    assert model.bits_per_dim(images).tolist() == [8.0, 8.0, 8.0]


def test_loss_is_the_mean_bits_per_dimension_of_the_dequantised_batch():
    model = build(dtype=torch.float32)
    levels = torch.randint(256, (4, 1, 8, 8))
    torch.manual_seed(5)
    y = (levels + torch.rand(4, 1, 8, 8)) / 256
    expected = (8 - model.log_prob(y) / (64 * math.log(2))).mean()
    torch.manual_seed(5)
    ((name, loss),) = model.objective_class(model).steps(Batch(levels / 255))
    assert name == "flow"
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    # Another draw of the noise, as bits_per_dim makes it, gives nearly the same.
    assert loss.item() == pytest.approx(model.bits_per_dim(levels / 255).mean().item(), rel=0.02)


def test_every_parameter_gets_a_gradient():
    model = build(dtype=torch.float32)
    ((_, loss),) = model.objective_class(model).steps(Batch(torch.randint(256, (4, 1, 8, 8)) / 255))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_adam_lowers_the_loss_under_autocast():
    torch.manual_seed(0)
    objective = RealNVP.objective_class(RealNVP(Config((1, 8, 8), (8, 8), blocks=1)), learning_rate=0.003)
    optimizer = objective.optimizers()["flow"]
    batch = Batch(torch.randint(2, (8, 1, 8, 8)).float())
    losses = []
    for _ in range(15):
        with torch.autocast("cpu", torch.bfloat16):
            ((_, loss),) = objective.steps(batch)
        assert loss.dtype == torch.float32
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5


def test_scales_of_a_coupling_are_bounded():
    model = build(size=5.0, bound=1.5)
    with torch.no_grad():
        scale, _ = model.scales[0].couplings[0].network(100 * torch.randn(2, 2, 4, 4, dtype=torch.float64))
    assert 1.4 < scale.abs().max() <= 1.5


def test_all_state_is_in_the_state_dict():
    model = build(dtype=torch.float32)
    with torch.device("meta"):
        empty = RealNVP(model.config)
    empty.load_state_dict(model.state_dict(), assign=True)
    images = random_images(model)
    assert torch.equal(empty.log_prob(images), model.log_prob(images))


def test_default_weights_fit_the_budget_in_half_precision():
    with torch.device("meta"):
        model = zoo.create("realnvp")
    assert 2 * sum(p.numel() for p in model.parameters()) < 5 * 2**20
    assert model.image_shape == (1, 28, 28)
    assert model.capabilities() == {"generate", "encode", "decode", "log_prob"}
    assert model.log_prob_kind == "exact"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1, 7, 7)}, "cannot be halved"),
        ({"image_shape": (1, 4, 4), "widths": (4, 4, 4, 4, 4, 4)}, "cannot be halved"),
        ({"widths": ()}, "one width for each scale"),
        ({"blocks": -1}, "at least 0"),
        ({"bound": 0}, "above 0"),
    ],
)
def test_impossible_sizes_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("realnvp", **fields)

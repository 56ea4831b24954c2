"""What is true of every normalizing flow, untrained or released: exact inverses, Jacobians against autograd, a density
that integrates to one and that its samples follow, gradients everywhere, and nothing that is not finite."""

import copy
import math

import pytest
import torch

import zoo
from zoo.errors import ZooError
from zoo.nn.bijections import Chain
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.registry import list_entries
from zoo.releases.cards import WEIGHTS

# For each architecture: an instance in two dimensions, and small ones with every kind of layer that it has.
PLANE = {
    "flow-2d": {"image_shape": (2,), "steps": 3, "width": 8},
    "glow": {"image_shape": (1, 1, 2), "levels": 1, "steps": 2, "width": 8},
    "iaf": {"image_shape": (2,), "layers": 3, "hidden": (8, 8)},
    "maf": {"image_shape": (2,), "layers": 3, "hidden": (8, 8)},
    "nice": {"image_shape": (2,), "couplings": 4, "layers": 2, "width": 8},
    "planar": {"image_shape": (2,), "layers": 8},
    "realnvp": {"image_shape": (1, 1, 2), "widths": (8,), "checkerboard": 2, "channelwise": 2, "blocks": 1},
}
SMALL = [
    ("flow-2d", {"image_shape": (5,), "steps": 3, "width": 8}),
    ("glow", {"image_shape": (2, 1, 1), "levels": 1, "steps": 3, "width": 8}),
    ("glow", {"image_shape": (1, 4, 4), "levels": 2, "steps": 2, "width": 8}),
    ("glow", {"image_shape": (3, 4, 6), "levels": 2, "steps": 2, "width": 8}),
    ("glow", {"image_shape": (1, 4, 4), "levels": 2, "steps": 1, "width": 8, "dequantisation": "uniform"}),
    ("iaf", {"image_shape": (4,), "layers": 3, "hidden": (9, 8)}),
    ("iaf", {"image_shape": (1, 2, 3), "layers": 2, "hidden": (4,), "dequantisation": "uniform"}),
    ("maf", {"image_shape": (5,), "layers": 3, "hidden": (9, 8)}),
    ("maf", {"image_shape": (1, 3, 4), "layers": 3, "hidden": (7,)}),
    ("maf", {"image_shape": (2, 3, 2), "layers": 2, "hidden": (20, 6, 20), "dequantisation": "uniform"}),
    ("nice", {"image_shape": (5,), "couplings": 4, "layers": 1, "width": 8}),
    ("nice", {"image_shape": (1, 4, 4), "couplings": 4, "layers": 2, "width": 8}),
    ("nice", {"image_shape": (3, 3, 1), "couplings": 3, "layers": 2, "width": 8, "logit": True}),
    ("nice", {"image_shape": (1, 3, 4), "couplings": 4, "layers": 2, "width": 8, "dequantisation": "variational"}),
    ("planar", {"image_shape": (4,), "layers": 6}),
    ("realnvp", {"image_shape": (1, 4, 4), "widths": (8, 8), "checkerboard": 2, "channelwise": 2, "blocks": 1}),
    ("realnvp", {"image_shape": (3, 4, 2), "widths": (8, 8), "checkerboard": 1, "channelwise": 1, "blocks": 1}),
    ("realnvp", {"image_shape": (2, 6, 6), "widths": (8, 8), "checkerboard": 2, "channelwise": 1, "blocks": 0}),
    ("realnvp", {"image_shape": (1, 2, 3), "widths": (8,), "dequantisation": "uniform"}),
]
CELLS, BINS = 144, 18  # of the grid that a density in the plane is integrated on, and of the histogram
RELEASED = [name for name in zoo.list_models(family="flows") if (zoo.info(name).folder / WEIGHTS).is_file()]
PRECISIONS = [(torch.float32, 1e-4), (torch.float64, 1e-9)]


def named(case):
    name, config = case
    return "-".join([name, "x".join(map(str, config["image_shape"])), *config.get("dequantisation", "").split()])


IMAGES = [case for case in SMALL if len(case[1]["image_shape"]) == 3]
OF_IMAGES = pytest.mark.parametrize("small", IMAGES, ids=named, indirect=True)


@pytest.fixture(params=SMALL, ids=named)
def small(request, perturbed):
    """A small flow with random numbers in all its parameters, in float32."""
    name, config = request.param
    torch.manual_seed(0)
    return perturbed(zoo.create(name, **config), 0.05)


def pictures(model, n=4, seed=1):
    """Random 8-bit images, or vectors."""
    noise = Noise(seed, 0, n, dtype=model.dtype)
    if model.space.name == "vectors":
        return 2 * noise.normal(*model.space.shape)
    return (255 * noise.uniform(*model.space.shape)).round() / 255


def digits(model, n=3):
    """Slanted strokes, white on black with soft edges, as 8-bit images; or vectors."""
    if model.space.name == "vectors":
        return pictures(model, n)
    _, height, width = model.space.shape
    y = torch.linspace(-1, 1, height, dtype=model.dtype).view(1, -1, 1)
    x = torch.linspace(-1, 1, width, dtype=model.dtype).view(1, 1, -1)
    slant = torch.linspace(-0.4, 0.4, n, dtype=model.dtype).view(-1, 1, 1)
    strokes = torch.sigmoid(12 * (0.2 - (x - slant * y).abs())) * (y.abs() < 0.8)
    return (255 * strokes).round().unsqueeze(1).expand(n, *model.space.shape) / 255


def extremes(model):
    """All black, all white and all grey; or vectors far out."""
    if model.space.name == "vectors":
        return torch.tensor([-1e3, 0.0, 1e3], dtype=model.dtype).view(-1, 1).expand(3, *model.space.shape)
    return torch.tensor([0.0, 0.5, 1.0], dtype=model.dtype).view(-1, 1, 1, 1).expand(3, *model.space.shape)


def centred(model, x):
    """Images as the flow sees them, in the middle of the cells of their levels; vectors as they are."""
    return x if model.space.name == "vectors" else (255 * x + 0.5) / 256


def log_slope(model):
    """ln |det| of `centred`, which the density of images has and that of dequantised images has not."""
    return 0 if model.space.name == "vectors" else model.space.dimensions * math.log(255 / 256)


def check_inverses(model, x, tolerance, temperature=1.0):
    drawn = temperature * model._draw(Noise(7, 0, len(x), dtype=model.dtype))
    for mode in (torch.enable_grad, torch.inference_mode):  # a flow may take shortcuts in the latter
        with mode():
            z, log_det = model.flow(x)
            assert z.shape == (len(x), model.space.dimensions)
            assert log_det.shape == (len(x),)
            assert (model.inverse(z) - x).abs().max() < tolerance
            # From the logits: float32 pixels where the logit is steep cannot hold them to 1e-4.
            again = model.bijection(model.bijection.inverse(drawn))[0]
            # Forty-eight fused layers of a trained Glow round latents to 1.4e-4, others to 7e-5.
            assert (again - drawn).abs().max() < (2 * tolerance if mode is torch.inference_mode else tolerance)
            if model.dtype == torch.float64:
                assert (model.flow(model.inverse(drawn))[0] - drawn).abs().max() < tolerance


def check_extremes(model):
    """Every result at the edge of what may be asked is finite, or an error of ours."""
    x = extremes(model)
    calls = [lambda: model.encode(x), lambda: model.log_prob(x)]
    if model.space.name != "vectors":
        calls.append(lambda: model.bits_per_dim(x[[0, 2]]))
    for value in (0.0, 1e3, -1e3):
        calls.append(
            lambda value=value: model.decode(torch.full((2, model.space.dimensions), value, dtype=model.dtype))
        )
    for call in calls:
        try:
            result = call()
        except ZooError:
            continue
        assert result.isfinite().all()


def test_every_flow_is_proven_here():
    flows = {a.name for a in list_entries("architectures") if a.family == "flows" and a.plugin == "zoo"}
    assert set(PLANE) == flows
    assert {name for name, _ in SMALL} == flows


# Small flows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_flow_and_inverse_undo_each_other(small, dtype, tolerance):
    model = small.to(dtype)
    check_inverses(model, pictures(model), tolerance)


def test_log_determinant_is_that_of_autograd_s_full_jacobian(small, log_det_by_autograd):
    model = small.double().requires_grad_(False)
    x = pictures(model, 2)
    z, log_det = model.flow(x)
    expected = log_det_by_autograd(lambda rows: model.flow(rows)[0], x)
    torch.testing.assert_close(log_det, expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(model.log_density(x), model.log_prior(z) + expected, rtol=0, atol=1e-9)
    # The density of images is that of the latents they are encoded as.
    slope = log_det_by_autograd(lambda rows: model._encode(rows, None, None), x)
    expected = model.log_prior(model.encode(x)) + slope
    torch.testing.assert_close(model.log_prob(x), expected, rtol=0, atol=1e-9)


def test_inference_computes_what_training_does_whatever_was_done_to_the_parameters(small, perturbed):
    """A flow may keep products of its parameters for inference; they must never be those of former parameters."""
    model = small.double()
    x = pictures(model)
    z = 0.5 * model._draw(Noise(2, 0, 4, dtype=model.dtype))
    spare = copy.deepcopy(model.state_dict())

    def write_past_autograd():
        for parameter in model.parameters():
            parameter.data.mul_(1.1)

    changes = [
        lambda: None,
        lambda: perturbed(model, 0.05, seed=1),
        write_past_autograd,
        lambda: model.load_state_dict(spare),
        lambda: model.float().double(),
    ]
    for change in changes:
        change()
        fresh = type(model)(model.config).double().eval()
        fresh.load_state_dict(model.state_dict())
        with torch.no_grad():
            encoded, log_det = fresh.flow(centred(model, x))
            density = fresh.log_prior(encoded) + log_det + log_slope(model)
            decoded = fresh.inverse(z)
        torch.testing.assert_close(model.encode(x), encoded, rtol=0, atol=1e-9)
        torch.testing.assert_close(model.log_prob(x), density, rtol=0, atol=1e-9)
        expected = decoded if model.space.name == "vectors" else ((256 * decoded - 0.5) / 255).clamp(0, 1)
        torch.testing.assert_close(model.decode(z), expected, rtol=0, atol=1e-9)


def test_every_parameter_gets_a_gradient(small):
    ((_, loss),) = small.train().objective_class.create(small).updates(Batch(pictures(small, 16)))
    loss.backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_small_step_along_the_gradient_lowers_the_loss(small):
    objective = small.objective_class.create(small)
    batch = Batch(pictures(small, 16))

    def loss():
        torch.manual_seed(3)  # the same noise
        ((name, value),) = objective.updates(batch)
        assert name == "flow"
        return value

    before = loss()
    before.backward()
    length = sum(p.grad.square().sum() for p in small.parameters())
    with torch.no_grad():
        for parameter in small.parameters():
            parameter -= 1e-3 * parameter.grad / length.sqrt()
    assert loss().item() < before.item() - 0.5e-3 * length.sqrt().item()


def test_training_under_autocast_keeps_the_flow_in_float32_and_lowers_the_loss(small):
    objective = small.train().objective_class.create(small, learning_rate=0.003)
    optimizer = objective.optimizers()["flow"]
    batch = Batch(pictures(small, 8))
    losses = []
    for _ in range(8):
        with torch.autocast("cpu", torch.bfloat16):
            z, log_det = small.flow(batch.images)
            torch.manual_seed(0)  # the noise of each step
            ((_, loss),) = objective.updates(batch)
        assert z.dtype == log_det.dtype == loss.dtype == torch.float32
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_log_prob_is_the_same_inside_of_autocast_and_refused_in_half_precision(small):
    x = pictures(small)
    exact = small.log_prob(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(small.log_prob(x), exact)
    with pytest.raises(zoo.errors.InvalidInput, match=r"torch\.bfloat16 is off"):
        small.bfloat16().log_prob(x)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_extreme_inputs_stay_finite_or_are_refused(small, perturbed, size):
    check_extremes(perturbed(small, size, seed=1))


@OF_IMAGES
def test_images_are_encoded_and_decoded_as_the_middle_of_their_cells(small):
    model = small.double()
    levels = (255 * pictures(model)).round()
    with torch.no_grad():
        middle = model.flow((levels + 0.5) / 256)[0]
        y, _ = model._dequantise(levels, Noise(2, 0, len(levels), dtype=model.dtype))
        anywhere = model.flow(y)[0]
    torch.testing.assert_close(model.encode(levels / 255), middle, rtol=0, atol=1e-9)
    assert (model.decode(middle) - levels / 255).abs().max() < 1e-9
    assert torch.equal((255 * model.decode(anywhere)).round(), levels)


@OF_IMAGES
def test_bits_per_dim_are_those_of_the_density_of_dequantised_images(small):
    model = small.double()
    images = pictures(model)
    noise = Noise(0, 0, len(images), stream="dequantisation", dtype=model.dtype)
    with torch.no_grad():
        y, log_q = model._dequantise((255 * images).round(), noise)
        z, log_det = model.flow(y)
        nats = log_q - model.log_prior(z) - log_det
    expected = nats / (model.space.dimensions * math.log(2))
    torch.testing.assert_close(model.bits_per_dim(images), expected, rtol=0, atol=1e-9)


def test_constant_images_are_encoded_and_come_back(small):
    x = extremes(small)
    assert small.log_prob(x).isfinite().all()
    assert (small.reconstruct(x) - x).abs().max() < 1e-3 * x.abs().max()


def test_temperature_0_gives_one_image_for_every_seed(small):
    mode = small.generate(3, seed=0, temperature=0)
    torch.testing.assert_close(mode[1:], mode[:1].expand_as(mode[1:]))
    torch.testing.assert_close(small.generate(1, seed=5, temperature=0), mode[:1])
    torch.testing.assert_close(mode[:1], small.decode(torch.zeros(1, small.space.dimensions)))
    assert not torch.allclose(small.generate(1, seed=0), small.generate(1, seed=5))


def test_all_state_is_in_the_weights(small, tmp_path):
    small.save(tmp_path / "small.safetensors")
    torch.manual_seed(99)
    again = type(small)(small.config).eval()
    again.load_state_dict(small.state_dict())
    x = pictures(small)
    assert torch.equal(again.log_prob(x), small.log_prob(x))


# In the plane --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=PLANE)
@torch.no_grad()
def plane(request, perturbed):
    """Of a flow in two dimensions, in float64: 10,000 samples, a grid of the space with steps that are even after the
    logit, and the probability of each of its cells."""
    torch.manual_seed(0)
    model = perturbed(zoo.create(request.param, **PLANE[request.param]), 0.15).double()
    straight = model.pixels or Chain()  # from pixels to where samples spread evenly
    samples = straight(model.inverse(model._draw(Noise(0, 0, 10_000, dtype=model.dtype))))[0].flatten(1)
    axes, areas = [], []
    for values in samples.T:
        low, high = values.min() - values.std() / 2, values.max() + values.std() / 2
        edges = low + (high - low) * torch.arange(2 * CELLS + 1, dtype=torch.float64) / (2 * CELLS)
        axes.append(edges)
    points = torch.cartesian_prod(axes[0][1::2], axes[1][1::2]).view(-1, *model.space.shape)
    density = model.log_density(straight.inverse(points)).exp()
    for edges in axes:
        shaped = edges[::2].view(-1, *[1] * (len(model.space.shape)))
        areas.append(straight.inverse(shaped).flatten().diff())
    return samples, [edges[::2] for edges in axes], density.view(CELLS, CELLS), torch.outer(*areas)


def test_density_integrates_to_one_over_the_plane(plane):
    _, _, density, area = plane
    assert (density * area).sum().item() == pytest.approx(1, abs=1e-3)
    spread = density.flatten() @ area.flatten() / (density.flatten().square() @ area.flatten())
    assert spread < area.sum() / 2  # it is not the uniform density, of which the same would be true


def test_samples_follow_the_density(plane):
    """Pearson's chi-square test over the cells of a coarser grid."""
    samples, axes, density, area = plane
    side = CELLS // BINS
    rows, columns = (
        torch.bucketize(values.contiguous(), edges[::side].contiguous()) - 1
        for values, edges in zip(samples.T, axes, strict=True)
    )
    seen = torch.bincount(rows * BINS + columns, minlength=BINS**2).double()
    expected = len(samples) * (density * area).view(BINS, side, BINS, side).sum((1, 3)).flatten()
    enough = expected > 5
    freedom = enough.sum().item()
    assert freedom > 60
    chi_square = ((seen - expected).square() / expected)[enough].sum().item()
    assert abs(chi_square - freedom) < 4 * math.sqrt(2 * freedom)
    assert abs((seen - expected)[~enough].sum()) < 5 * math.sqrt(expected[~enough].sum() + 1)


# Released ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=RELEASED)
def released(request):
    """A release in float32 and its twin in float64. Weights of the autoregressive ones ask for no gradients: of 784
    steps of an inverse they would fill the memory."""
    flows = zoo.load(request.param), zoo.load(request.param).double()
    for flow in flows:
        flow.requires_grad_(not request.param.startswith(("maf", "iaf")))
    return flows


def test_released_flow_and_its_inverse_undo_each_other(released):
    """On what is typical of the data. Far from it the inverse of a trained flow may magnify rounding without end
    (Behrmann et al. 2021, arXiv:2006.09347), and some cards say how often it does."""
    for model, (_, tolerance) in zip(released, PRECISIONS, strict=True):
        n = 6 if model.space.name == "vectors" else 3  # each is inverted in both precisions and modes, which takes time
        x = model.generate(n, seed=1, temperature=0.7)
        typical = x if model.space.name == "vectors" else (255 * x).round() / 255
        check_inverses(model, centred(model, typical), tolerance, temperature=0.7)
        assert (model.reconstruct(typical) - typical).abs().max() < tolerance


def test_released_flow_stays_finite_at_the_extremes(released):
    check_extremes(released[0])
    x = extremes(released[0])
    assert released[0].log_prob(x).isfinite().all()
    assert released[0].reconstruct(x).isfinite().all()


def test_released_flow_has_the_same_density_in_both_precisions(released):
    single, double = released
    x = digits(single)  # made once: rounding to levels could differ between the precisions
    torch.testing.assert_close(single.log_prob(x).double(), double.log_prob(x.double()), rtol=1e-5, atol=1e-2)


def test_released_flow_codes_what_it_draws_and_what_looks_like_a_digit(released):
    model, _ = released
    drawn = model.generate(2, seed=0)
    assert model.log_prob(drawn).isfinite().all()
    if model.space.name != "vectors":
        bits = model.bits_per_dim(torch.cat([digits(model), (255 * drawn).round() / 255]))
        assert bits.isfinite().all()
        assert (bits[-2:] < 8).all()  # a code for what it draws itself is shorter than none

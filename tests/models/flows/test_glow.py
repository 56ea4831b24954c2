"""Glow: its layers in the paper's order, priors that are conditional, temperature at every level, training's start.

What holds for every flow is proven in test_every_flow.py."""

import math

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError
from zoo.models.flows.glow import Config, Glow
from zoo.nn.bijections import Coupling, Squeeze
from zoo.nn.linear import LU, ActNorm
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.training.loop import fit


def build(shape=(1, 4, 4), **config):
    torch.manual_seed(0)
    return Glow(Config(shape, **{"levels": 2, "steps": 1, "width": 8, **config}))


@pytest.fixture
def glow(perturbed):
    return perturbed(build(), 0.2).double()


def levels_of(n, shape=(1, 4, 4)):
    return torch.randint(256, (n, *shape), generator=torch.Generator().manual_seed(1)).float()


# The paper's structure -----------------------------------------------------------------------------------------------


def test_a_scale_is_a_squeeze_and_steps_of_actnorm_linear_and_coupling():
    model = build((3, 8, 8), levels=2, steps=3)
    multi_scale, _ = model.bijection.layers
    for scale, shape in zip(multi_scale.scales, [(12, 4, 4), (24, 2, 2)], strict=True):
        squeeze, *layers = scale.layers
        assert squeeze.shape == shape
        assert [type(layer) for layer in (squeeze, *layers)] == [Squeeze, *[ActNorm, LU, Coupling] * 3]
        assert {len(layer.log_scale) for layer in layers[::3]} == {shape[0]}
        assert {len(layer.log_diagonal) for layer in layers[1::3]} == {shape[0]}
    assert len(multi_scale.priors) == 1
    assert multi_scale.shapes == [(12, 4, 4), (24, 2, 2)]


def test_odd_sizes_are_squeezed_as_far_as_they_go():
    model = build((1, 28, 28), levels=3)
    assert model.bijection.layers[0].shapes == [(4, 14, 14), (8, 7, 7), (4, 7, 7)]


def test_a_new_glow_is_a_chain_of_rotations_of_the_logits():
    """Actnorms, couplings, priors and the last scale start as the identity, so only the 1 × 1 convolutions turn."""
    model = build((2, 4, 4), levels=3, steps=2).eval().double()
    images = levels_of(3, (2, 4, 4)).double() / 255
    p = 0.05 + 0.9 * (255 * images + 0.5) / 256
    logits = (torch.log(p / (1 - p)) + math.log(19)).flatten(1)
    assert model.encode(images).norm(dim=1).tolist() == pytest.approx(logits.norm(dim=1).tolist(), rel=1e-5)
    normal = (-logits.square() / 2 - math.log(2 * math.pi) / 2).sum(1)
    by_hand = normal + torch.log(255 / 256 * 0.9 / (p * (1 - p))).flatten(1).sum(1)
    assert model.log_prob(images).tolist() == pytest.approx(by_hand.tolist(), abs=1e-3)


# Conditional priors --------------------------------------------------------------------------------------------------


def by_hand(model, z):
    """Latents through two levels, each line a formula of the paper: mean and deviation of what left first, and the
    dequantised images."""
    multi_scale, last = model.bijection.layers
    first, second = multi_scale.scales
    (c1, h1, w1), (c2, h2, w2) = multi_scale.shapes
    z = z * torch.exp(-last.log_scale) - last.shift
    left = z[:, : c1 // 2 * h1 * w1].view(-1, c1 // 2, h1, w1)
    rest = second.inverse(z[:, c1 // 2 * h1 * w1 :].view(-1, c2, h2, w2))
    raw, shift = multi_scale.priors[0].network.last(rest).chunk(2, 1)
    sigma = torch.exp(-2 * torch.tanh(raw / 2))
    x = first.inverse(torch.cat([rest, (left - shift) * sigma], 1))
    offset = last.shift[: c1 // 2 * h1 * w1].view(1, c1 // 2, h1, w1)
    mean = (-offset - shift) * sigma
    return mean, (left + offset) * sigma, model.pixels.inverse(x)


@torch.no_grad()
def test_decoding_is_the_two_level_computation_by_hand(glow):
    z = torch.randn(3, 16, dtype=torch.float64)
    y = by_hand(glow, z)[2]
    torch.testing.assert_close(glow.inverse(z), y, rtol=0, atol=1e-10)
    torch.testing.assert_close(glow.decode(z), ((256 * y - 0.5) / 255).clamp(0, 1), rtol=0, atol=1e-10)


@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
@torch.no_grad()
def test_temperature_scales_the_deviation_from_the_conditional_mean_at_every_level(glow, temperature):
    """The last level's deviation from its learned mean is scaled, and the first level's from the mean that the network
    reads off what was decoded before it."""
    multi_scale, last = glow.bijection.layers
    standard = Noise(4, 0, 3, dtype=torch.float64).normal(16)
    images = glow.generate(3, seed=4, temperature=temperature)
    # Back from the images to what stands at each level before any prior.
    logits, _ = glow.pixels(glow.inverse(temperature * standard))
    torch.testing.assert_close(((256 * glow.pixels.inverse(logits) - 0.5) / 255).clamp(0, 1), images)
    leaves = multi_scale.scales[0](logits)[0][:, 2:]
    rest = multi_scale.scales[0](logits)[0][:, :2]
    top = multi_scale.scales[1](rest)[0].flatten(1)
    raw, shift = multi_scale.priors[0].network.last(rest).chunk(2, 1)
    sigma = torch.exp(-2 * torch.tanh(raw / 2)) * torch.exp(-last.log_scale[:8]).view(1, 2, 2, 2)
    mean = -(last.shift[:8].view(1, 2, 2, 2) + shift) * torch.exp(-2 * torch.tanh(raw / 2))
    torch.testing.assert_close(leaves - mean, temperature * sigma * standard[:, :8].view(3, 2, 2, 2))
    torch.testing.assert_close(top + last.shift[8:], temperature * torch.exp(-last.log_scale[8:]) * standard[:, 8:])
    if temperature:
        assert (mean[1:] - mean[:1]).abs().max() > 0.01  # the means are those of each image


@torch.no_grad()
def test_what_leaves_has_a_gaussian_prior_given_what_stays(glow):
    """ln p(leaves | stays) in the density is that of the mean and scale read off what stays."""
    multi_scale, last = glow.bijection.layers
    y = levels_of(3).double() / 255
    logits, squashed = glow.pixels(y)
    out, first = multi_scale.scales[0](logits)
    rest, leaves = out.chunk(2, 1)
    top, second = multi_scale.scales[1](rest)
    raw, shift = multi_scale.priors[0].network.last(rest).chunk(2, 1)
    s = 2 * torch.tanh(raw / 2)
    scales, shifts = (values.split(8) for values in (last.log_scale, last.shift))
    conditional = torch.distributions.Normal(
        -(shift + shifts[0].view(1, 2, 2, 2)) * torch.exp(-s), torch.exp(-s - scales[0].view(1, 2, 2, 2))
    )
    unconditional = torch.distributions.Normal(-shifts[1], torch.exp(-scales[1]))
    expected = conditional.log_prob(leaves).flatten(1).sum(1) + unconditional.log_prob(top.flatten(1)).sum(1)
    torch.testing.assert_close(glow.log_density(y), expected + squashed + first + second, rtol=0, atol=1e-9)


def test_latents_that_leave_first_depend_on_what_stays(glow):
    multi_scale, _ = glow.bijection.layers
    multi_scale.scales[0] = Squeeze((1, 4, 4))  # no mixing but that of the prior

    def left(logits):
        return glow.bijection(logits.view(1, 1, 4, 4))[0][0, :8]

    jacobian = torch.autograd.functional.jacobian(left, torch.randn(16, dtype=torch.float64)).view(8, 4, 4)
    stays = jacobian[:, ::2]  # the even rows of pixels are the first two groups, and stay
    assert stays.any(dim=0).all()
    with torch.no_grad():
        multi_scale.priors[0].network.last.weight.zero_()
    jacobian = torch.autograd.functional.jacobian(left, torch.randn(16, dtype=torch.float64)).view(8, 4, 4)
    assert not jacobian[:, ::2].any()
    assert jacobian[:, 1::2].any()


# Training ------------------------------------------------------------------------------------------------------------


def actnorms(model):
    return [module for module in model.modules() if isinstance(module, ActNorm)]


def test_the_first_training_batch_and_no_other_use_initialises_every_actnorm(tmp_path):
    model = build(steps=2)
    images = levels_of(16) / 255
    model.eval()
    for use in (lambda: model.encode(images), lambda: model.log_prob(images), lambda: model.generate(4, seed=0)):
        use()
    model.bits_per_dim(images)
    model.flow(images)
    assert not any(layer.initialised for layer in actnorms(model))
    outputs = []
    for layer in actnorms(model):
        layer.register_forward_hook(lambda module, inputs, output: outputs.append(output[0].detach()))
    model.train()
    list(model.objective_class.create(model).updates(Batch(images)))
    assert all(layer.initialised for layer in actnorms(model))
    assert len(outputs) == 4
    for output in outputs:
        values = output.transpose(0, 1).flatten(1)
        assert values.mean(1).abs().max() < 1e-3
        assert (values.var(1, correction=0) - 1).abs().max() < 1e-3
    started = [layer.shift.clone() for layer in actnorms(model)]
    list(model.objective_class.create(model).updates(Batch(images / 2)))
    model.save(tmp_path / "glow.safetensors")
    again = zoo.building.read(tmp_path / "glow.safetensors")
    for layer, shift in zip(actnorms(again), started, strict=True):
        assert layer.initialised
        assert torch.equal(layer.shift, shift)


def test_the_average_that_is_released_is_initialised_and_a_resumed_run_is_not_initialised_again(tmp_path):
    data = TensorDataset("noise", "train", levels_of(12).to(torch.uint8))
    recipe = Recipe(dataset="image-folder", steps=4, batch_size=4, ema=0.9, objective={"learning_rate": 0.01})
    whole = fit(build, data, recipe, tmp_path / "whole", accelerator="cpu", sample_every=99)
    fit(build, data, recipe, tmp_path / "parts", accelerator="cpu", until=2, sample_every=99)
    parts = fit(build, data, recipe, tmp_path / "parts", accelerator="cpu", resume=True, sample_every=99)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, parts.state_dict()[name]), name
    assert all(layer.initialised for layer in actnorms(whole))
    # An average that began before the first batch would still be near the identity.
    assert actnorms(whole)[0].log_scale.abs().max() > 0.1


# Sizes ---------------------------------------------------------------------------------------------------------------


def test_default_weights_fit_the_budget_in_half_precision():
    torch.manual_seed(0)
    model = zoo.create("glow")
    assert model.space.shape == (3, 32, 32)
    assert 2 * sum(p.numel() for p in model.parameters()) < 5 * 2**20
    assert model.capabilities() == {"generate", "encode", "decode", "log_prob"}
    assert model.log_prob_kind == "exact"
    assert model.dequantisation == "variational"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1, 7, 7)}, "cannot be halved"),
        ({"image_shape": (1, 4, 4), "levels": 5}, "cannot be halved"),
        ({"image_shape": (4,)}, r"expected \(channels, height, width\)"),
        ({"levels": 0}, "levels=0; expected a whole number of at least 1"),
        ({"steps": 0}, "steps=0; expected a whole number of at least 1"),
        ({"width": 0}, "width=0; expected a whole number of at least 1"),
        ({"bound": -1.0}, "bound=-1.0"),
        ({"dequantisation": "gaussian"}, "one of uniform, variational"),
    ],
)
def test_impossible_sizes_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("glow", **fields)


def test_sigmoid_scales_are_inverted_and_count_every_change(perturbed, log_det_by_autograd):
    """The authors' couplings and priors, with weights far from where they start: z and back, and ln |det| of the whole
    Jacobian."""
    torch.manual_seed(0)
    config = {"image_shape": (2, 4, 4), "levels": 2, "steps": 2, "width": 4, "dequantisation": "uniform"}
    model = zoo.create("glow", **config, scales="sigmoid").double()
    perturbed(model, 0.1)
    y = torch.rand(2, 2, 4, 4, dtype=torch.float64)
    z, log_det = model.flow(y)
    torch.testing.assert_close(model.inverse(z), y)
    torch.testing.assert_close(log_det_by_autograd(lambda x: model.flow(x)[0], y), log_det)


def test_sigmoid_scales_need_sizes_that_can_be_halved():
    with pytest.raises(ConfigError, match=r"multiples of 4, which 2 levels halve"):
        zoo.create("glow", image_shape=(1, 6, 8), levels=2, scales="sigmoid")

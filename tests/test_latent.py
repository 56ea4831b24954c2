"""Latent space: truncation, paths and arithmetic against hand numbers, inversion of a known generator."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

import zoo
from zoo import latent
from zoo.errors import CapabilityError, InvalidInput
from zoo.latent import Noise, arithmetic, invert, lerp, path, slerp, truncate
from zoo.model import Model
from zoo.spaces import Images

NUMBERS = st.floats(-100, 100, width=32)


# Mixing and components ------------------------------------------------------------------------------------------------


def test_mixing_takes_the_first_layers_of_one_and_the_others_of_the_other():
    coarse, fine = torch.zeros(2, 4, 3), torch.ones(2, 4, 3)
    mixed = latent.mix(coarse, fine, 1)
    assert mixed[:, :, 0].tolist() == [[0, 1, 1, 1]] * 2
    assert torch.equal(latent.mix(coarse, fine, 0), fine)
    assert torch.equal(latent.mix(coarse, fine, 4), coarse)


@pytest.mark.parametrize(
    ("coarse", "fine", "layer", "message"),
    [
        (torch.zeros(2, 4, 3), torch.zeros(1, 4, 3), 1, "Pass two of one shape"),
        (torch.zeros(2, 4), torch.zeros(2, 4), 1, r"expected \(n, layers, dim\)"),
        (torch.zeros(2, 4, 3), torch.zeros(2, 4, 3), 5, "at most the number of layers, 4"),
        (torch.zeros(2, 4, 3), torch.zeros(2, 4, 3), -1, "layer=-1"),
        (torch.zeros(2, 4, 3), torch.zeros(2, 4, 3), True, "layer=True"),
    ],
)
def test_what_cannot_be_mixed(coarse, fine, layer, message):
    with pytest.raises(InvalidInput, match=message):
        latent.mix(coarse, fine, layer)


def test_components_of_a_known_covariance():
    """Of x = 3·a·(1, 1, 0)/√2 + b·(0, 0, −1) with uncorrelated a and b of variance 1: those two, a deviation long."""
    noise = Noise(0, 0, 4000).normal(2).double()
    a, b = (noise - noise.mean(0)).unbind(1)
    b = b - a * (a @ b) / (a @ a)
    a, b = a / a.std(), b / b.std()
    first, second = torch.tensor([3.0, 3, 0]).double() / 2**0.5, torch.tensor([0.0, 0, -1]).double()
    x = (7 + a[:, None] * first + b[:, None] * second).view(4000, 3, 1)
    found, shares = latent.components(x, 2)
    assert found.shape == (2, 3, 1)
    torch.testing.assert_close(found[:, :, 0].abs(), torch.stack([first, -second]))
    assert found[0].max() > 0  # the largest entry is positive, whichever way the data lie
    assert found[1].max() > 0
    assert shares.tolist() == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize(
    ("latents", "k", "message"),
    [
        (torch.randn(3, 5), 3, r"have 2 components\. Pass more"),
        (torch.randn(3, 5), 0, "k=0"),
        (torch.randn(3, 5), 1.5, "k=1.5"),
        (torch.randn(3), 1, r"came as \(3,\)"),
        (torch.full((3, 5), float("nan")), 1, "finite numbers"),
        (torch.ones(3, 5), 1, "all latents are alike"),
    ],
)
def test_latents_without_such_components(latents, k, message):
    with pytest.raises(InvalidInput, match=message):
        latent.components(latents, k)


# Truncation ----------------------------------------------------------------------------------------------------------


def test_truncation_by_hand():
    """Φ(−1) = 0.15866, so z = 1 at t = 1 goes to Φ⁻¹(0.15866 + 0.84134 · 0.68269) = Φ⁻¹(0.73303) = 0.62203."""
    z = torch.tensor([[-1.0, 0.0, 1.0, 40.0, -40.0]])
    assert truncate(z, 1.0)[0].tolist() == pytest.approx([-0.62203, 0, 0.62203, 1, -1], abs=2e-5)


@pytest.mark.parametrize("t", [0.1, 0.5, 1.0, 2.5])
def test_truncated_latents_have_the_distribution_of_scipy(t):
    z = truncate(Noise(0, 0, 2000).normal(2), t).flatten()
    assert z.abs().max() <= t
    assert stats.kstest(z.double().numpy(), stats.truncnorm(-t, t).cdf).pvalue > 0.01


def test_truncation_moves_each_latent_inwards_continuously_from_itself_to_zero():
    z = Noise(0, 0, 50).normal(3)
    thresholds = torch.linspace(0, 12, 600).tolist()
    moved = torch.stack([truncate(z, t) for t in thresholds])
    assert not moved[0].any()
    torch.testing.assert_close(moved[-1], z)
    steps = moved.abs().diff(dim=0)
    assert steps.min() >= -1e-6
    assert steps.max() < thresholds[1] + 1e-6  # never faster than the threshold
    assert torch.equal(truncate(z.flatten().sort().values, 0.5), truncate(z, 0.5).flatten().sort().values)


def test_a_tiny_threshold_leaves_the_uniform_distribution_between():
    """Φ⁻¹ is straight around ½: z goes to t · (2Φ(z) − 1)."""
    z = torch.tensor([-1.0, 0.0, 0.5, 2.0])
    expected = [1e-6 * math.erf(x / math.sqrt(2)) for x in z.tolist()]
    assert truncate(z, 1e-6).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_truncation_keeps_type_and_shape(dtype):
    z = Noise(0, 0, 2, dtype=dtype).normal(3, 1)
    assert (truncate(z, 1.5).dtype, truncate(z, 1.5).shape) == (dtype, z.shape)


@pytest.mark.parametrize("threshold", [-0.1, math.nan, math.inf, "1", None, True])
def test_wrong_thresholds(threshold):
    with pytest.raises(InvalidInput, match=r"truncation=.*at least 0, for example"):
        truncate(torch.zeros(1, 2), threshold)


# Paths ---------------------------------------------------------------------------------------------------------------


def test_lerp_by_hand():
    a, b = torch.tensor([[0.0, 2.0]]), torch.tensor([[4.0, -2.0]])
    assert lerp(a, b, 0.25).tolist() == [[1.0, 1.0]]
    assert lerp(a, b, torch.tensor([[0.0], [1.0]])).tolist() == [[0.0, 2.0], [4.0, -2.0]]


def test_slerp_by_hand():
    """Between (1, 0) and (0, 3): 30 degrees of the way is at length 1 + 2/3; half-way at 45 degrees and length 2."""
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    length, angle = 1 + 2 / 3, math.radians(30)
    third = slerp(a, b, 1 / 3)
    assert third[0].tolist() == pytest.approx([length * math.cos(angle), length * math.sin(angle)], abs=1e-6)
    assert slerp(a, b, 0.5)[0].tolist() == pytest.approx([math.sqrt(2), math.sqrt(2)], abs=1e-6)


def test_slerp_walks_each_row_by_its_own_t_and_keeps_the_shape():
    a, b = torch.randn(3, 2, 4, generator=torch.manual_seed(0)), torch.randn(3, 2, 4)
    t = torch.tensor([0.0, 0.5, 1.0])
    rows = slerp(a, b, t)
    assert rows.shape == (3, 2, 4)
    for i in range(3):
        torch.testing.assert_close(rows[i : i + 1], slerp(a[i : i + 1], b[i : i + 1], t[i].item()))
    torch.testing.assert_close(rows[0], a[0])
    torch.testing.assert_close(rows[2], b[2])


@pytest.mark.parametrize("factor", [1.0, 3.0, -2.0, 0.0])
def test_parallel_opposite_and_zero_vectors_stay_finite_and_reach_their_ends(factor):
    a = torch.tensor([[3.0, 4.0]])
    b = factor * a
    for t in (0.0, 0.3, 1.0):
        z = slerp(a, b, t)
        assert torch.isfinite(z).all()
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    if factor > 0:
        torch.testing.assert_close(slerp(a, b, 0.5), (a + b) / 2)


def _by_angles(a, b, t):
    """The same by Shoemake's formula, in float64, where nothing is lost but near 0 and π."""
    a, b = a.double(), b.double()
    angle = torch.acos((a / a.norm() * b / b.norm()).sum())
    arc = ((1 - t) * angle).sin() / angle.sin() * a / a.norm() + (t * angle).sin() / angle.sin() * b / b.norm()
    return arc * ((1 - t) * a.norm() + t * b.norm())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [1, 1e-4, 1e-6])
def test_slerp_of_small_vectors_in_few_bits_is_what_it_is_in_many(dtype, size):
    generator = torch.Generator().manual_seed(0)
    a, b = (size * torch.randn(1, 64, generator=generator) for _ in range(2))
    a, b = a.to(dtype), b.to(dtype)
    for t in (0.0, 0.3, 1.0):
        got, expected = slerp(a, b, t), _by_angles(a, b, t)
        assert got.dtype == dtype
        torch.testing.assert_close(got.double(), expected.to(dtype).double(), rtol=2e-2, atol=6e-8)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_slerp_of_vectors_whose_squares_are_no_numbers(size):
    a, b = torch.tensor([[size, 0.0]]), torch.tensor([[0.0, size]])
    assert (slerp(a, b, 0.5) / size)[0].tolist() == pytest.approx([math.sqrt(0.5)] * 2, rel=1e-6)


@pytest.mark.parametrize("off", [1e-6, 1e-4, 1e-3, 1e-2])
def test_slerp_near_antipodes_walks_the_arc_and_near_equals_the_line(off):
    a = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    ends = torch.tensor([[[sign * math.cos(off), math.sin(off)]] for sign in (-1, 1)], dtype=torch.float64)
    opposite, near = ends  # of float64, for the ends themselves are rounded
    for t in (0.25, 0.5, 0.75):
        angle = t * (math.pi - off)
        assert slerp(a, opposite, t)[0].tolist() == pytest.approx([math.cos(angle), math.sin(angle)], abs=1e-9)
        assert slerp(a, near, t)[0].tolist() == pytest.approx([math.cos(t * off), math.sin(t * off)], abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_slerp_are_numbers_where_there_is_no_arc(dtype):
    a = torch.tensor([[1.0, 2.0], [1.0, 0.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    b = torch.tensor([[1.0, 2.0], [-1.0, 0.0], [3.0, 4.0]], dtype=dtype, requires_grad=True)
    slerp(a, b, torch.tensor([0.25, 0.25, 0.25], dtype=dtype)).sum().backward()
    assert b.grad.tolist() == [[0.25, 0.25]] * 3  # those of a line
    assert a.grad.tolist() == [[0.75, 0.75]] * 3


@pytest.mark.parametrize("height", [2**-14, 2**-9, 2**-5])
def test_slerp_of_float16_near_antipodes(height):
    a, b = torch.tensor([[1, 0]], dtype=torch.float16), torch.tensor([[-1, height]], dtype=torch.float16)
    for t in (0.25, 0.5, 0.75):
        torch.testing.assert_close(slerp(a, b, t).double(), _by_angles(a, b, t), rtol=0, atol=2e-3)


def test_slerp_from_nothing_and_to_its_opposite_is_lerp():
    a, nothing = torch.tensor([[3.0, -4.0]]), torch.zeros(1, 2)
    assert torch.equal(slerp(nothing, a, 0.25), 0.25 * a)
    torch.testing.assert_close(slerp(a, -a, 0.25), a / 2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=6), st.floats(0, 1, width=32))
def test_properties_of_interpolation(pairs, t):
    a, b = (torch.tensor([column], dtype=torch.float64) for column in zip(*pairs, strict=True))
    straight, curved = lerp(a, b, t), slerp(a, b, t)
    torch.testing.assert_close(straight, lerp(b, a, 1 - t))
    torch.testing.assert_close(curved, slerp(b, a, 1 - t), rtol=1e-4, atol=1e-4)
    expected = (1 - t) * a.norm() + t * b.norm()
    assert curved.norm() <= expected + 1e-6
    cosine = torch.nn.functional.cosine_similarity(a, b).item()
    if a.norm() > 1e-3 and b.norm() > 1e-3 and abs(cosine) < 0.99:
        assert curved.norm().item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("spherical", [True, False])
def test_path_holds_both_ends_and_even_steps(spherical):
    a, b = torch.tensor([[2.0], [0.0]]), torch.tensor([[0.0], [2.0]])
    points = path(a, b, 5, spherical=spherical)
    assert points.shape == (5, 2, 1)
    torch.testing.assert_close(points[0], a)
    torch.testing.assert_close(points[-1], b)
    steps = (points[1:] - points[:-1]).flatten(1).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(4))
    middle = [math.sqrt(2)] * 2 if spherical else [1.0] * 2
    assert points[2].flatten().tolist() == pytest.approx(middle, abs=1e-6)


@pytest.mark.parametrize("steps", [1, 0, -1, 2.0, True, "5", None])
def test_path_needs_two_ends(steps):
    with pytest.raises(InvalidInput, match="steps="):
        path(torch.zeros(2), torch.ones(2), steps)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lerp(torch.zeros(1, 2), torch.zeros(1, 3), 0.5), r"\(1, 2\) and \(1, 3\)"),
        (lambda: slerp(torch.zeros(1, 2), torch.zeros(2, 2), 0.5), r"\(1, 2\) and \(2, 2\)"),
        (lambda: truncate(torch.zeros(2, dtype=torch.long), 1.0), "a latent came as torch.int64"),
        (lambda: path(torch.zeros(2), torch.zeros(3), 4), r"\(2,\) and \(3,\)"),
        (lambda: slerp(torch.zeros(2), torch.ones(2), 0.5), r"slerp\(\) got .*unsqueeze\(0\)"),
        (lambda: slerp(torch.zeros(2, 2), torch.ones(2, 2), torch.rand(3)), r"t of shape \(3,\)"),
        (lambda: lerp(torch.zeros(1, 2).long(), torch.ones(1, 2).long(), 0.5), "came as torch.int64"),
        (lambda: slerp([[0.0]], [[1.0]], 0.5), "came as list"),
        (lambda: arithmetic([]), "at least one"),
        (lambda: arithmetic(torch.zeros(2, 3)), "lists of latents"),
        (lambda: arithmetic([torch.zeros(2, 3)], torch.zeros(2, 3)), "lists of latents"),
        (lambda: arithmetic([torch.zeros(2, 3)], [torch.zeros(2, 4)]), r"\(1, 3\) and \(1, 4\)"),
    ],
)
def test_wrong_latents(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_arithmetic_by_hand():
    """Means (2, 3) + (10, 0) − (1, 1): man with glasses, and woman, less man."""
    glasses = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    woman, man = torch.tensor([[10.0, 0.0]]), torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    assert arithmetic([glasses, woman], [man]).tolist() == [[11.0, 2.0]]
    assert arithmetic([glasses]).tolist() == [[2.0, 3.0]]


# Inversion -----------------------------------------------------------------------------------------------------------


class Linear(Model):
    """Images are 1/2 + A z with orthogonal columns, so the best latent of an image is known."""

    def __init__(self):
        from zoo.models.gans.dcgan import Config as AnyConfig

        super().__init__(AnyConfig())
        self.space, self.latent_shape = Images((1, 2, 2)), (2,)
        self.matrix = nn.Parameter(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]) / 10)
        self.frozen = nn.Parameter(torch.ones(()), requires_grad=False)
        self.dropout = nn.Dropout(0.5)

    def _decode(self, z, condition):
        return (0.5 + self.dropout(z @ self.matrix.T) * self.frozen).view(-1, 1, 2, 2)

    def _encode(self, images, condition, noise, *, steps=200):
        return latent.descend(self, images, condition, noise, steps).latents


Z = torch.tensor([[1.0, -1.0], [0.5, 2.0], [0.0, 0.0]])


def test_invert_finds_the_latents_and_reports_the_error_that_is_left():
    model = Linear().eval()
    found = invert(model, model.decode(Z), prior_weight=0.0)
    torch.testing.assert_close(found.latents, Z, atol=1e-2, rtol=0)
    assert found.error.shape == (3,)
    assert found.error.max() < 1e-6


def test_the_error_is_the_plain_mean_square_over_pixels():
    """The image lies 0.1 off in one pixel of a pair, of which the model follows half: (0.05² + 0.05²) / 4 is left."""
    model = Linear().eval()
    image = model.decode(Z[:1])
    image[0, 0, 0, 0] += 0.1
    found = invert(model, image, prior_weight=0.0)
    assert found.error.item() == pytest.approx(2 * 0.05**2 / 4, rel=1e-3)
    torch.testing.assert_close(found.latents, Z[:1] + torch.tensor([[0.5, 0.0]]), atol=1e-2, rtol=0)


def test_the_prior_pulls_towards_the_origin():
    model = Linear().eval()
    image = model.decode(Z[:1])
    assert invert(model, image, prior_weight=0.1).latents.norm() < 0.5 * Z[0].norm()


def test_encode_of_a_model_without_encoder_is_inversion():
    model = Linear().eval()
    images = model.decode(Z)
    torch.testing.assert_close(model.encode(images, seed=3), invert(model, images, seed=3).latents)


def test_encode_of_a_gan_is_inversion():
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=3).eval()
    images = model.generate(3, seed=1)
    codes = model.encode(images, steps=15)
    found = invert(model, images, steps=15)
    torch.testing.assert_close(codes, found.latents, rtol=1e-3, atol=1e-3)
    error = (model.decode(codes) - images).square().flatten(1).mean(1)
    torch.testing.assert_close(error, found.error, rtol=1e-3, atol=1e-5)


def test_inversion_is_deterministic_and_each_image_is_on_its_own():
    model = Linear().eval()
    images = model.decode(Z)
    whole = invert(model, images, steps=20).latents
    assert torch.equal(invert(model, images, steps=20).latents, whole)
    torch.testing.assert_close(invert(model, images[:1], steps=20).latents, whole[:1])
    assert not torch.equal(invert(model, images, steps=20, seed=1).latents, whole)


def test_more_starts_are_never_worse():
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=3).eval()
    images = model.generate(2, seed=1)
    one, four = (invert(model, images, steps=10, starts=starts).error for starts in (1, 4))
    assert (four <= one + 1e-6).all()


def test_the_model_is_left_as_it_was():
    model = Linear().eval().train()
    before = torch.get_rng_state()
    invert(model, torch.full((1, 1, 2, 2), 0.5), steps=3)
    assert model.training
    assert model.dropout.training
    assert model.matrix.requires_grad
    assert not model.frozen.requires_grad
    assert model.matrix.grad is None
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad])
def test_works_inside_modes_without_gradients(context):
    model = Linear().eval()
    with context():
        found = invert(model, model.decode(Z), steps=5)
        assert model.encode(model.decode(Z), steps=5).shape == (3, 2)
    assert not found.latents.requires_grad
    torch.testing.assert_close(found.latents, invert(model, model.decode(Z), steps=5).latents)
    assert model.matrix.requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"steps": 2.5}, "steps=2.5"),
        ({"starts": 0}, "starts=0"),
        ({"learning_rate": -1}, "learning_rate=-1"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"prior_weight": "much"}, "prior_weight='much'"),
        ({"seed": -1}, "seed=-1"),
        ({"condition": 1}, "unconditional"),
    ],
)
def test_wrong_arguments_of_invert(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        invert(Linear().eval(), torch.full((1, 1, 2, 2), 0.5), **arguments)


def test_wrong_steps_of_encode():
    with pytest.raises(InvalidInput, match="steps=0"):
        Linear().encode(torch.full((1, 1, 2, 2), 0.5), steps=0)


def test_wrong_images_and_models_that_cannot_decode():
    with pytest.raises(InvalidInput, match="pixels range"):
        invert(Linear().eval(), torch.full((1, 1, 2, 2), 2.0))

    class Nothing(Linear):
        _decode = Model._decode

    with pytest.raises(CapabilityError, match="has no decode"):
        invert(Nothing(), torch.full((1, 1, 2, 2), 0.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_generators_are_inverted_without_nan(dtype):
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4).eval()
    images = model.generate(2, seed=0)
    found = invert(model.to(dtype), images, steps=5)
    assert found.latents.dtype is dtype
    assert found.latents.isfinite().all()
    assert found.error.max() < 1e-5


def test_a_large_batch_is_inverted_in_chunks_that_change_nothing(monkeypatch):
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4).eval()
    images = model.generate(5, seed=0)
    whole = invert(model, images, steps=3)
    monkeypatch.setattr(latent, "CHUNK", 2)
    torch.testing.assert_close(invert(model, images, steps=3).latents, whole.latents, atol=1e-4, rtol=0)


def test_a_model_created_in_inference_mode_can_be_inverted():
    with torch.inference_mode():
        model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4).eval()
    assert invert(model, model.generate(1, seed=0), steps=1).latents.shape == (1, 4)


# Directions ----------------------------------------------------------------------------------------------------------


class Affine(Linear):
    """z = 10·(upper left − 1/2, upper right − 1/2): the exact inverse, pixels of the lower half repeating the upper."""

    def _encode(self, images, condition, noise, *, factor=1.0):
        return factor * 10 * (images[:, 0, 0] - 0.5)


def test_direction_is_the_difference_of_mean_latents_by_hand():
    """With: latents (3, 0) and (5, 2), mean (4, 1); without: (1, 1), (1, −1) and (1, 3), mean (1, 1)."""
    model = Affine().eval()
    with_ = model.decode(torch.tensor([[3.0, 0.0], [5.0, 2.0]]))
    without = model.decode(torch.tensor([[1.0, 1.0], [1.0, -1.0], [1.0, 3.0]]))
    found = latent.direction(model, with_, without)
    assert found.shape == (2,)
    torch.testing.assert_close(found, torch.tensor([3.0, 0.0]))
    torch.testing.assert_close(latent.direction(model, without, with_), -found)
    torch.testing.assert_close(latent.direction(model, with_, without, batch_size=1, factor=2.0), 2 * found)


def test_moving_along_a_direction_adds_the_attribute_and_nothing_else():
    """Of images that differ in nothing but a brighter left half, the direction brightens the left half of others."""
    model = Affine().eval()
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    lit = latent.direction(model, model.decode(z + torch.tensor([1.0, 0.0])), model.decode(z))
    dark = model.decode(torch.tensor([[-2.0, 1.0]]))
    moved = model.decode(model.encode(dark) + 2 * lit)
    torch.testing.assert_close(moved - dark, torch.tensor([[[[0.2, 0.0], [0.2, 0.0]]]]))


def test_direction_wants_what_encode_wants():
    model, image = Affine().eval(), torch.full((1, 1, 2, 2), 0.5)
    with pytest.raises(InvalidInput, match="pixels range"):
        latent.direction(model, image, 3 * image)
    with pytest.raises(InvalidInput, match="empty batch"):
        latent.direction(model, image[:0], image)
    with pytest.raises(InvalidInput, match="unknown option 'steps'"):
        latent.direction(model, image, image, steps=3)

    class Blind(Affine):
        _encode = Model._encode

    with pytest.raises(CapabilityError, match="has no encode"):
        latent.direction(Blind(), image, image)


def test_directions_of_one_attribute_are_the_difference_of_the_means():
    z, has = Noise(0, 0, 30).normal(2, 3), torch.arange(30) % 3 == 0
    found = latent.directions(z, has[:, None])
    assert found.shape == (1, 2, 3)
    torch.testing.assert_close(found[0], z[has].mean(0) - z[~has].mean(0))


def test_directions_keep_attributes_apart_that_go_together():
    """Nine of ten with glasses have a beard, and hardly anybody else; still, neither direction holds the other."""
    count = {(1, 1): 9, (1, 0): 1, (0, 1): 2, (0, 0): 8}
    has = torch.tensor([pair for pair, n in count.items() for _ in range(n)], dtype=torch.bool)
    glasses, beard = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([0.0, -3.0, 1.0])
    z = 5 + has[:, :1] * glasses + has[:, 1:] * beard
    torch.testing.assert_close(latent.directions(z, has), torch.stack([glasses, beard]))
    assert (z[has[:, 0]].mean(0) - z[~has[:, 0]].mean(0))[1] < -2, "the plain difference brings the beard along"


def test_attributes_that_always_go_together_share_what_they_add():
    has = torch.tensor([[True, True], [False, False]]).repeat(2, 1)
    z = has[:, :1] * torch.tensor([[4.0, 2.0]])
    torch.testing.assert_close(latent.directions(z, has), torch.tensor([[2.0, 1.0], [2.0, 1.0]]))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (torch.tensor([[1], [0]]), r"torch\.int64 \(2, 1\) for 2 latents; expected torch\.bool \(2, attributes\)"),
        (torch.tensor([True, False]), r"torch\.bool \(2,\)"),
        (torch.tensor([[True], [False], [True]]), r"\(3, 1\) for 2 latents"),
        (torch.tensor([[True, True], [False, True]]), "by all of the latents or by none"),
        (torch.tensor([[False], [False]]), "by all of the latents or by none"),
    ],
)
def test_wrong_attributes(attributes, message):
    with pytest.raises(InvalidInput, match=message):
        latent.directions(torch.zeros(2, 3), attributes)


# The map of two latents -----------------------------------------------------------------------------------------------


def test_a_map_shows_each_part_of_the_normal_once():
    z = latent.plane(4)
    quantiles = stats.norm.ppf([0.125, 0.375, 0.625, 0.875])
    assert z.shape == (16, 2)
    assert z[:4, 0].tolist() == pytest.approx(quantiles)
    assert z[::4, 1].tolist() == pytest.approx(quantiles[::-1])  # the top row is the highest
    assert len(z[:4, 1].unique()) == 1


def test_a_map_of_codes_spans_them():
    codes = torch.stack([torch.linspace(-1, 3, 101), torch.linspace(10, 20, 101)], 1)
    z = latent.plane(3, codes)
    assert z[:3, 0].tolist() == pytest.approx([-0.96, 1.0, 2.96])
    assert z[::3, 1].tolist() == pytest.approx([19.9, 15.0, 10.1])


@pytest.mark.parametrize(
    ("arguments", "message"), [((1,), "side=1"), ((3, torch.zeros(4, 3)), r"shape \(4, 3\); expected \(n, 2\)")]
)
def test_what_makes_no_map(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        latent.plane(*arguments)

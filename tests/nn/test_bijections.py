"""Invertible layers, proven by mathematics: inverses, Jacobians against autograd, and each layer's formula by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from zoo.errors import ConfigError
from zoo.nn.bijections import Chain, Coupling, Logit, MultiScale, Squeeze
from zoo.nn.linear import LU, ActNorm, Diagonal


class Network(nn.Module):
    """One linear layer over dimension 1 of vectors or images, starting at zero, and a bend."""

    def __init__(self, given, out, images):
        super().__init__()
        self.last = nn.Conv2d(given, out, 3, padding=1) if images else nn.Linear(given, out)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        return self.last(torch.sin(2 * x))


def coupling(features, given=(0,), groups=2, *, images=False, additive=False, **options):
    sizes = [len(part) for part in torch.arange(features).tensor_split(groups)]
    inputs = sum(sizes[i] for i in given)
    outputs = (features - inputs) * (1 if additive else 2)
    return Coupling(Network(inputs, outputs, images), given, groups, additive=additive, **options)


def step(channels, images):
    return Chain(ActNorm(channels), LU(channels), coupling(channels, images=images))


def scales(shape, number, conditional):
    """Scales of a squeeze and a step each, as Glow stacks them."""
    made, shapes, priors = [], [], []
    for _ in range(number):
        squeeze = Squeeze(shape)
        channels = squeeze.shape[0]
        made.append(Chain(squeeze, step(channels, True)))
        shapes.append(squeeze.shape)
        priors.append(coupling(channels, images=True))
        shape = (channels // 2, *squeeze.shape[1:])
    return MultiScale(made, shapes, priors[:-1] if conditional else ())


LAYERS = {
    "chain of vectors": (lambda: Chain(Diagonal(5), LU(5), coupling(5), ActNorm(5)), (5,)),
    "chain of images": (lambda: Chain(Squeeze((1, 4, 4)), ActNorm(4), LU(4), coupling(4, images=True)), (1, 4, 4)),
    "empty chain": (Chain, (3,)),
    "logit of vectors": (Logit, (6,)),
    "logit of images": (lambda: Logit(0.01), (2, 3, 2)),
    "squeeze": (lambda: Squeeze((2, 4, 2)), (2, 4, 2)),
    "squeeze of odd rows": (lambda: Squeeze((2, 3, 4)), (2, 3, 4)),
    "squeeze of odd columns": (lambda: Squeeze((1, 2, 5)), (1, 2, 5)),
    "squeeze of odd rows and columns": (lambda: Squeeze((2, 3, 3)), (2, 3, 3)),
    "diagonal": (lambda: Diagonal(7), (7,)),
    "actnorm of vectors": (lambda: ActNorm(5), (5,)),
    "actnorm of images": (lambda: ActNorm(3), (3, 2, 4)),
    "LU of vectors": (lambda: LU(6), (6,)),
    "LU of images": (lambda: LU(3), (3, 2, 3)),
    "LU without permutation": (lambda: LU(5, permute=False), (5,)),
    "LU of one feature": (lambda: LU(1), (1, 2, 2)),
    "affine": (lambda: coupling(6), (6,)),
    "affine of odd vectors": (lambda: coupling(5), (5,)),
    "affine of odd vectors, second half given": (lambda: coupling(5, (1,)), (5,)),
    "affine of images": (lambda: coupling(3, images=True), (3, 2, 3)),
    "affine of four groups": (lambda: coupling(8, (0, 3), 4, images=True), (8, 2, 2)),
    "affine of four groups, three given": (lambda: coupling(6, (0, 1, 3), 4), (6,)),
    "additive": (lambda: coupling(5, additive=True), (5,)),
    "additive of images": (lambda: coupling(8, (1, 2), 4, images=True, additive=True), (8, 2, 2)),
    "one scale": (lambda: scales((1, 4, 2), 1, False), (1, 4, 2)),
    "two scales": (lambda: scales((1, 4, 4), 2, False), (1, 4, 4)),
    "two scales, conditional prior": (lambda: scales((1, 4, 4), 2, True), (1, 4, 4)),
    "three odd scales, conditional priors": (lambda: scales((4, 6, 5), 3, True), (4, 6, 5)),
}
VOLUME_PRESERVING = {name for name in LAYERS if name.startswith(("squeeze", "additive", "empty"))}


@pytest.fixture(params=LAYERS)
def case(request, perturbed):
    """A layer with random parameters everywhere, data (n, …) and latents for it, in float64."""
    make, shape = LAYERS[request.param]
    torch.manual_seed(0)
    layer = perturbed(make()).double()
    x = torch.randn(3, *shape, dtype=torch.float64)
    if isinstance(layer, Logit):
        x = torch.rand_like(x)
    with torch.no_grad():
        z = torch.randn_like(layer(x)[0])
    return request.param, layer, x, z


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@torch.no_grad()
def test_forward_and_inverse_undo_each_other(case, dtype, tolerance):
    name, layer, x, z = case
    layer, x, z = layer.to(dtype), x.to(dtype), z.to(dtype)
    forth, log_det = layer(x)
    back = layer.inverse(z)
    assert (forth.dtype, log_det.dtype, back.dtype) == (dtype, dtype, dtype)
    assert (log_det.shape, back.shape) == ((3,), x.shape)
    assert (layer.inverse(forth) - x).abs().max() < tolerance
    assert (layer(back)[0] - z).abs().max() < tolerance
    if name not in ("empty chain", "squeeze of odd rows and columns"):
        assert forth.shape != x.shape or (forth - x).abs().max() > 0.01  # something was done


def test_log_determinant_is_that_of_autograd_s_full_jacobian(case, log_det_by_autograd):
    name, layer, x, _ = case
    log_det = layer(x)[1].detach()
    torch.testing.assert_close(log_det, log_det_by_autograd(lambda rows: layer(rows)[0], x), rtol=0, atol=1e-10)
    assert (log_det.abs().max() < 1e-12) == (name in VOLUME_PRESERVING)


def test_each_sample_is_carried_on_its_own(case):
    _, layer, x, _ = case
    with torch.no_grad():
        whole, alone = layer(x), layer(x[1:2])
    torch.testing.assert_close(whole[0][1:2], alone[0])
    torch.testing.assert_close(whole[1][1:2], alone[1])


# Logit ---------------------------------------------------------------------------------------------------------------


def test_logit_is_the_formula_with_black_at_zero():
    y = torch.tensor([[0.0, 0.25, 1.0]], dtype=torch.float64)
    p = 0.05 + 0.9 * y
    z, log_det = Logit()(y)
    torch.testing.assert_close(z, torch.log(p / (1 - p)) + math.log(19))
    assert z[0, 0] == 0
    assert log_det.item() == pytest.approx((0.9 / (p * (1 - p))).log().sum().item())


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_support_is_what_the_logit_maps_to_the_real_line(alpha):
    layer = Logit(alpha)
    low, high = layer.support
    assert low < 0 < 1 < high
    assert alpha + (1 - 2 * alpha) * low == pytest.approx(0, abs=1e-15)
    assert alpha + (1 - 2 * alpha) * high == pytest.approx(1, abs=1e-15)
    inside = torch.tensor([[low + 1e-9, high - 1e-9]], dtype=torch.float64)
    assert layer(inside)[0].isfinite().all()
    assert layer(inside)[0].abs().min() > 10
    far = layer.inverse(torch.tensor([[-1e3, 1e3]], dtype=torch.float64))
    assert far.flatten().tolist() == pytest.approx([low, high], abs=1e-12)


# Squeeze -------------------------------------------------------------------------------------------------------------

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7))


@given(shape=SIZES, n=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_squeeze_gathers_each_pixel_of_a_block_in_a_group_of_channels(shape, n):
    channels, height, width = shape
    if channels % 2 and height % 2 and width % 2:
        with pytest.raises(ConfigError, match="cannot be halved"):
            Squeeze(shape)
        return
    layer = Squeeze(shape)
    x = torch.randn(n, *shape)
    z, log_det = layer(x)
    rows, columns = 2 - height % 2, 2 - width % 2
    by_hand = [x[:, :, i::rows, j::columns] for i in range(rows) for j in range(columns)]
    assert torch.equal(z, torch.cat(by_hand, 1))
    assert z.shape == (n, *layer.shape)
    assert layer.groups == max(rows * columns, 2)
    assert layer.shape[0] % layer.groups == 0
    assert torch.equal(log_det, torch.zeros(n))
    assert torch.equal(layer.inverse(z), x)


# Coupling ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("images", [False, True])
def test_a_new_coupling_is_the_identity(images, additive):
    layer = coupling(5, images=images, additive=additive)
    x = torch.randn(3, 5, *(2, 2) if images else ())
    z, log_det = layer(x)
    assert torch.equal(z, x)
    assert not log_det.any()
    assert torch.equal(layer.inverse(x), x)


def test_the_other_layers_with_a_neutral_element_start_there():
    x = torch.randn(3, 5)
    for layer in (Diagonal(5), ActNorm(5).eval(), LU(5, permute=False), Chain()):
        z, log_det = layer(x)
        assert torch.equal(z, x)
        assert not log_det.any()


class Recorded(nn.Module):
    """Returns what it was made with, and keeps what it was given."""

    def __init__(self, out):
        super().__init__()
        self.out = out

    def forward(self, x):
        self.given = x
        return self.out.expand(len(x), -1)


def test_affine_coupling_is_the_formula():
    raw, shift = torch.tensor([0.4, -3.0, 1e6]), torch.tensor([1.0, 2.0, 3.0])
    network = Recorded(torch.cat([raw, shift]))
    x = torch.arange(1.0, 8).expand(2, 7)  # groups of 2, 2, 2 and 1
    z, log_det = Coupling(network, (2, 0), 4, bound=1.5)(x)
    assert network.given.tolist() == [[5, 6, 1, 2]] * 2  # the given groups, in the order they are named
    scale = 1.5 * torch.tanh(raw / 1.5)
    expected = [1, 2, *(torch.tensor([3.0, 4]) * scale[:2].exp() + shift[:2]).tolist(), 5, 6]
    assert z[0].tolist() == pytest.approx([*expected, (7 * scale[2].exp() + 3).item()])
    assert scale.abs().max() == 1.5
    torch.testing.assert_close(log_det, scale.sum().expand(2))


def test_additive_coupling_adds():
    shift = torch.tensor([1.0, -2.0])
    z, log_det = Coupling(Recorded(shift), (0,), 2, additive=True)(torch.zeros(2, 5))
    assert z.tolist() == [[0, 0, 0, 1, -2]] * 2
    assert log_det.tolist() == [0, 0]


@given(data=st.data(), features=st.integers(4, 9), groups=st.sampled_from([2, 4]), images=st.booleans())
@settings(max_examples=40, deadline=None)
def test_couplings_of_any_halves(data, features, groups, images, perturbed):
    chosen = data.draw(st.sets(st.integers(0, groups - 1), min_size=1, max_size=groups - 1))
    additive = data.draw(st.booleans())
    layer = perturbed(coupling(features, tuple(sorted(chosen)), groups, images=images, additive=additive), 0.5).double()
    x = torch.randn(2, features, *(2, 1) if images else (), dtype=torch.float64)
    with torch.no_grad():
        z, _ = layer(x)
        assert (layer.inverse(z) - x).abs().max() < 1e-9
    pairs = zip(x.tensor_split(groups, 1), z.tensor_split(groups, 1), strict=True)
    for i, (before, after) in enumerate(pairs):
        assert torch.equal(before, after) == (i in chosen)


def test_couplings_compute_in_the_precision_of_the_data_under_autocast(perturbed):
    layer = perturbed(coupling(6))
    x = torch.randn(4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        z, log_det = layer(x)
        back = layer.inverse(z)
    assert z.dtype == log_det.dtype == back.dtype == torch.float32
    assert torch.equal(z[:, :3], x[:, :3])  # not rounded to bfloat16 and back
    assert (back - x).abs().max() < 1e-5


# MultiScale ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conditional", [False, True])
def test_multi_scale_is_its_scales_by_hand(conditional, perturbed):
    torch.manual_seed(0)
    layer = perturbed(scales((1, 8, 4), 3, conditional)).double()
    x = torch.randn(2, 1, 8, 4, dtype=torch.float64)
    z, log_det = layer(x)
    rest, expected, latents = x, 0, []
    for i in range(2):
        rest, change = layer.scales[i](rest)
        expected = expected + change
        stays, leaves = rest[:, : rest.shape[1] // 2], rest[:, rest.shape[1] // 2 :]
        if conditional:
            raw, shift = layer.priors[i].network(stays).chunk(2, 1)
            s = 2 * torch.tanh(raw / 2)
            leaves = leaves * s.exp() + shift
            expected = expected + s.flatten(1).sum(1)
        latents.append(leaves.flatten(1))
        rest = stays
    rest, change = layer.scales[2](rest)
    torch.testing.assert_close(z, torch.cat([*latents, rest.flatten(1)], 1))
    torch.testing.assert_close(log_det, expected + change)


@pytest.mark.parametrize("conditional", [False, True])
def test_what_leaves_depends_on_what_stays_only_with_a_conditional_prior(conditional, perturbed):
    squeezes = [Squeeze((1, 2, 2)), Squeeze((2, 1, 1))]
    shapes = [squeeze.shape for squeeze in squeezes]
    priors = [perturbed(coupling(4, images=True))] if conditional else []
    layer = MultiScale(squeezes, shapes, priors)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x.view(1, 1, 2, 2))[0][0], torch.randn(4))
    # The lower two pixels leave first; the upper two stay.
    assert bool(jacobian[:2, :2].any()) == conditional
    assert jacobian[:2, 2:].diagonal().all()
    assert torch.equal(jacobian[2:], torch.eye(4)[:2])


def test_squeeze_by_channel_keeps_the_pixels_of_a_channel_together():
    images = torch.arange(2 * 3 * 4 * 6.0).view(2, 3, 4, 6)
    squeeze = Squeeze((3, 4, 6), by_channel=True)
    z, _ = squeeze(images)
    assert torch.equal(z, torch.nn.functional.pixel_unshuffle(images, 2))
    assert torch.equal(squeeze.inverse(z), images)

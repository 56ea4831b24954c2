"""RealNVP: the masks of the paper, who changes when, and where a new flow starts.

What holds for every flow is proven in test_every_flow.py."""

import math
from itertools import pairwise

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models.flows.realnvp import Config, RealNVP
from zoo.nn.bijections import Coupling, Squeeze
from zoo.objective import Batch

SMALL = {"widths": (8, 8), "checkerboard": 2, "channelwise": 2, "blocks": 1}


def build(shape=(1, 4, 4), **config):
    torch.manual_seed(0)
    return RealNVP(Config(shape, **{**SMALL, **config}))


def couplings(model, scale=0):
    return [layer for layer in model.bijection.layers[0].scales[scale].layers if isinstance(layer, Coupling)]


def changed_pixels(model, i):
    """Which pixels (4, 4) of an image the i-th coupling of the first scale changes."""
    squeeze = model.bijection.layers[0].scales[0].layers[0]
    image = torch.randn(1, 1, 4, 4)
    with torch.no_grad():
        return (squeeze.inverse(couplings(model)[i](squeeze(image)[0])[0]) != image)[0, 0]


def test_halves_of_a_checkerboard_take_turns(perturbed):
    model = perturbed(build(checkerboard=4))
    board = torch.ones(4, 4).cumsum(0).cumsum(1).bool() & (torch.arange(4)[:, None] + torch.arange(4)) % 2 == 1
    masks = [changed_pixels(model, i) for i in range(4)]
    assert torch.equal(masks[3], board)
    for earlier, later in pairwise(masks):
        assert torch.equal(earlier, ~later)


@pytest.mark.parametrize("channelwise", [1, 2, 3])
def test_halves_of_the_channels_take_turns_and_what_leaves_changes_last(channelwise, perturbed):
    model = perturbed(build(channelwise=channelwise))
    masks = [changed_pixels(model, i) for i in range(2, 2 + channelwise)]
    lower = torch.tensor([False, True, False, True])[:, None].expand(4, 4)  # the second half of a block's pixels
    assert torch.equal(masks[-1], lower)
    for earlier, later in pairwise(masks):
        assert torch.equal(earlier, ~later)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4, 6), (2, 6, 6), (1, 2, 5)])
@pytest.mark.parametrize("turns", [(4, 2), (3, 1), (2, 2)])
def test_every_value_changes_in_every_scale(shape, turns, perturbed):
    model = perturbed(
        build(shape, widths=(4,) if shape == (1, 2, 5) else (4, 4), checkerboard=turns[0], channelwise=turns[1])
    )
    for i, (scale, width) in enumerate(zip(model.bijection.layers[0].scales, model.config.widths, strict=True)):
        squeeze = scale.layers[0]
        assert isinstance(squeeze, Squeeze)
        assert len(couplings(model, i)) == sum(turns)
        assert all(coupling.network.first.out_channels == width for coupling in couplings(model, i))
        x = torch.randn(2, *squeeze.shape)
        with torch.no_grad():
            z = x
            for coupling in couplings(model, i):
                z = coupling(z)[0]
        assert (z != x).all()


def test_a_new_flow_is_the_logit_and_its_density_is_known_by_hand():
    model = build(checkerboard=2, channelwise=2).double().eval()
    images = torch.rand(4, 1, 4, 4, dtype=torch.float64)
    p = 0.05 + 0.9 * (255 * images + 0.5) / 256
    x = torch.log(p / (1 - p)) + math.log(19)  # the lower edge of black's cell, p = 0.05, is at 0
    assert model.encode(images).sort(1).values.numpy() == pytest.approx(x.flatten(1).sort(1).values.numpy(), abs=1e-12)
    normal = -x.square() / 2 - math.log(2 * math.pi) / 2
    by_hand = (normal + torch.log(255 / 256 * 0.9 / (p * (1 - p)))).flatten(1).sum(1)
    assert model.log_prob(images).tolist() == pytest.approx(by_hand.tolist(), abs=1e-9)


def test_half_of_the_values_leave_after_each_scale():
    model = build((1, 8, 8), widths=(4, 4, 4))
    assert model.bijection.layers[0].shapes == [(4, 4, 4), (8, 2, 2), (16, 1, 1)]
    y = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        z = model.flow(y)[0][0]
    logits = model.pixels(y)[0][0, 0]
    # A new flow moves values and changes none: the lower row of each block of four pixels leaves first.
    expected = torch.stack([logits[1::2, ::2], logits[1::2, 1::2]]).flatten()
    torch.testing.assert_close(z[:32], expected)


def test_networks_know_where_in_the_image_they_are():
    network = couplings(build())[0].network
    with torch.no_grad():
        network.position[:, 0, 0] = 3.0
        network.last.weight.normal_()
    out = network(torch.zeros(1, 2, 2, 2))
    assert not torch.allclose(out[..., 0, 0], out[..., 1, 1])


def test_scales_of_a_coupling_are_bounded(perturbed):
    model = perturbed(build(bound=1.5), 5.0)
    x = 100 * torch.randn(8, 4, 2, 2)
    scale, _ = couplings(model)[0]._affine(x.tensor_split(4, dim=1), x.dtype)
    assert 1.4 < scale.abs().max() <= 1.5


def test_default_weights_fit_the_budget_in_half_precision():
    with torch.device("meta"):
        model = zoo.create("realnvp")
    assert 2 * sum(p.numel() for p in model.parameters()) < 5 * 2**20
    assert model.space.shape == (1, 28, 28)
    assert model.capabilities() == {"generate", "encode", "decode", "log_prob"}
    assert model.log_prob_kind == "exact"
    assert model.dequantisation == "variational"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1, 7, 7)}, "cannot be halved"),
        ({"image_shape": (1, 4, 4), "widths": (4, 4, 4, 4, 4, 4)}, "cannot be halved"),
        ({"image_shape": (4,)}, r"expected \(channels, height, width\)"),
        ({"widths": ()}, r"widths=\(\); expected a list of at least 1, .*for example \(64, 96\)"),
        (
            {"widths": (4, 0)},
            r"widths=\(4, 0\); expected a list of at least 1, each of it a whole number of at least 1",
        ),
        ({"blocks": -1}, "blocks=-1; expected a whole number of at least 0"),
        ({"checkerboard": -1}, "checkerboard=-1; expected a whole number of at least 0"),
        ({"bound": 0}, "above 0"),
        ({"dequantisation": "none"}, "one of uniform, variational"),
    ],
)
def test_impossible_sizes_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("realnvp", **fields)


def test_the_authors_networks_are_inverted_and_count_every_change(perturbed, log_det_by_autograd):
    """Of weights far from where they start: z and back, and ln |det| of the whole Jacobian."""
    torch.manual_seed(0)
    config = {"image_shape": (2, 4, 4), "widths": (3, 4), "checkerboard": 3, "channelwise": 3, "blocks": 1}
    model = zoo.create("realnvp", **config, network="batch-norm", dequantisation="uniform").double()
    perturbed(model, 0.2)
    y = torch.rand(2, 2, 4, 4, dtype=torch.float64)
    z, log_det = model.flow(y)
    torch.testing.assert_close(model.inverse(z), y)
    torch.testing.assert_close(log_det_by_autograd(lambda x: model.flow(x)[0], y), log_det)


def test_a_few_steps_train_the_authors_networks():
    torch.manual_seed(0)
    config = {"image_shape": (1, 4, 4), "widths": (4, 4), "blocks": 1, "dequantisation": "uniform"}
    model = zoo.create("realnvp", **config, checkerboard=3, channelwise=3, network="batch-norm").train()
    images = (torch.rand(32, 1, 1, 1) + 0.1 * torch.rand(32, 1, 4, 4)) / 1.1
    objective = model.objective_class.create(model, learning_rate=0.03)
    optimizer = objective.optimizers()["flow"]
    losses = []
    for _ in range(15):
        ((_, loss),) = objective.updates(Batch(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.2
    assert model.eval().log_prob(images).isfinite().all()


def test_the_authors_networks_need_sizes_that_can_be_halved():
    with pytest.raises(ConfigError, match=r"multiples of 2, which 2 scales halve"):
        zoo.create("realnvp", image_shape=(1, 5, 4), widths=(4, 4), network="batch-norm")

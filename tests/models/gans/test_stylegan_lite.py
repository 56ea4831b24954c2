"""StyleGAN-lite: its enlarging convolution, its losses, and what it cannot be."""

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.errors import ConfigError, InvalidInput
from zoo.models.gans.stylegan_lite import enlarging_conv

SMALL = {"widths": (6, 4, 3), "latent_dim": 5, "mapping_layers": 2}


@pytest.fixture
def model():
    return zoo.create("stylegan-lite", **SMALL).eval()


def test_enlarging_and_convolving_at_once():
    x, weight = torch.randn(2, 3, 6, 5, dtype=torch.float64), torch.randn(4, 3, 3, 3, dtype=torch.float64)
    wide = F.interpolate(F.pad(x, [4] * 4), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(enlarging_conv(x, weight), F.conv2d(wide, weight, padding=1)[..., 8:-8, 8:-8])


def test_adam_is_slowed_down_for_lazy_penalties(model):
    optimizers = model.objective_class.create(model).optimizers()
    (group,) = optimizers["discriminator"].param_groups
    assert group["lr"] == pytest.approx(0.005 * 16 / 17)
    assert group["betas"] == pytest.approx((0, 0.99 ** (16 / 17)))
    for busy in ({"r1": 0.0}, {"r1_every": 1}):
        plain = model.objective_class.create(model, **busy).optimizers()["discriminator"].param_groups[0]
        assert (plain["lr"], plain["betas"]) == (0.005, (0.0, 0.99))
    assert optimizers["generator"].param_groups[0]["lr"] == 0.005


def test_the_losses_by_hand(model, batch_for):
    objective = model.objective_class.create(model, r1=0.0)
    batch = batch_for(model, 4)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    critic = objective.discriminator
    on_real, on_fake = critic(2 * batch.images - 1), critic(objective.fake(batch))
    expected = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    torch.testing.assert_close(updates["discriminator"], expected)
    torch.testing.assert_close(updates["generator"], F.softplus(-critic(objective.fake(batch))).mean())


@pytest.mark.parametrize(
    "config", [{"widths": (4,)}, {"widths": (4, 0)}, {"latent_dim": 0}, {"channels": 0}, {"mapping_layers": 0}]
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="stylegan-lite"):
        zoo.create("stylegan-lite", **config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": 1.5}, "mixing=1.5"),
        ({"r1_every": 0}, "r1_every=0"),
        ({"width": 0}, "width=0"),
        ({"mixed": True}, "no place for mixed"),
    ],
)
def test_impossible_options(model, options, message):
    with pytest.raises((ConfigError, InvalidInput), match=message):
        model.objective_class.create(model, **options)

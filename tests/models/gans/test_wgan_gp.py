"""WGAN-GP on images and on vectors: equation 3, and the residual blocks."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from zoo.errors import ConfigError
from zoo.models.gans.wgan_gp import Config, Down, Up, critic, generator

CONFIGS = pytest.mark.parametrize(
    "config",
    [{"image_shape": (3, 8, 8), "width": 2, "latent_dim": 4}, {"image_shape": (2,), "width": 8, "latent_dim": 4}],
)


@CONFIGS
def test_equation_three_by_hand(config, batch_for):
    model = zoo.create("wgan-gp", **config)
    objective = model.objective_class.create(model, discriminator_steps=1).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    real = batch.images if model.space.name == "vectors" else 2 * batch.images - 1
    fake = model.generator(torch.randn(6, 4)).detach()
    mix = torch.rand(6).view(-1, *[1] * (real.ndim - 1))
    points = (mix * real + (1 - mix) * fake).requires_grad_(True)
    norms = []
    for i in range(6):  # each image's gradient by itself
        (gradient,) = torch.autograd.grad(objective.discriminator(points[i : i + 1]).sum(), points)
        norms.append(gradient[i].norm())
    expected = objective.discriminator(fake).mean() - objective.discriminator(real).mean()
    expected = expected + 10 * (torch.stack(norms) - 1).square().mean()
    torch.testing.assert_close(updates["discriminator"], expected, rtol=1e-4, atol=1e-5)
    second = model.generator(torch.randn(6, 4))
    torch.testing.assert_close(updates["generator"], -objective.discriminator(second).mean())


def test_settings_of_algorithm_one():
    model = zoo.create("wgan-gp", image_shape=(1, 8, 8), width=2)
    objective = model.objective_class.create(model)
    for optimizer in objective.optimizers().values():
        assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (0.0001, (0.0, 0.9))
    options = objective.adversarial
    assert (options.gradient_penalty, options.discriminator_steps, objective.outputs) == (10, 2, "score")


def test_batch_norm_is_the_generator_s_alone():
    config = Config(image_shape=(1, 16, 16), width=2)
    assert any(isinstance(m, nn.BatchNorm2d) for m in generator(config).modules())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in critic(config, 2).modules())


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (1, 10, 10)])
def test_sizes(shape):
    config = Config(image_shape=shape, width=2, latent_dim=3)
    images = generator(config)(torch.randn(2, 3))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    assert critic(config, 2)(images).shape == (2, 1)


def test_widths_are_those_of_the_comments():
    with torch.device("meta"):
        config = Config(image_shape=(3, 64, 64), width=8)
        ups = [m.shortcut for m in generator(config) if isinstance(m, Up)]
        downs = [m.shortcut[1] for m in critic(config, 8) if isinstance(m, Down)]
    assert [(m.in_channels, m.out_channels) for m in ups] == [(32, 32), (32, 16), (16, 16), (16, 8)]
    assert [(m.in_channels, m.out_channels) for m in downs] == [(8, 16), (16, 32), (32, 32)]


def test_blocks_by_hand():
    x = torch.randn(2, 3, 4, 4)
    up = Up(3, 5).eval()
    hidden = F.interpolate(F.relu(up.first[0](x)), scale_factor=2)
    hidden = up.second[2](F.relu(up.second[0](up.conv1(hidden))))
    # The shortcut is enlarged first in the paper; the order makes no difference.
    torch.testing.assert_close(up(x), hidden + up.shortcut(F.interpolate(x, scale_factor=2)))
    down = Down(3, 5)
    one, two = (down.residual[i] for i in (1, 3))
    hidden = two(F.leaky_relu(one(F.leaky_relu(x, 0.2)), 0.2))
    torch.testing.assert_close(down(x), hidden + down.shortcut[1](F.avg_pool2d(x, 2)))


def test_the_critic_of_images_starts_with_he_s_weights():
    network = critic(Config(image_shape=(3, 32, 32)), 32)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 5000:
            fan = math.prod(module.weight.shape[1:])
            assert module.weight.std().item() == pytest.approx((2 / 1.04 / fan) ** 0.5, rel=0.05)
            assert not module.bias.any()


@pytest.mark.parametrize(
    "config",
    [
        {"image_shape": (1, 28, 32)},
        {"image_shape": (1, 30, 30)},
        {"image_shape": (28, 28)},
        {"image_shape": (0,)},
        {"width": 0},
        {"latent_dim": 0},
    ],
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="wgan-gp: "):
        zoo.create("wgan-gp", **config)


def test_the_plain_generator_is_that_of_the_authors_mnist_code_and_has_two_sizes():
    network = generator(Config(network="plain", width=2, latent_dim=3))
    sizes, x = [], torch.rand(2, 3)
    for layer in network:
        x = layer(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes[2::3] == [(8, 4, 4), (4, 7, 7), (1, 28, 28)]
    assert (x.abs() <= 1).all()
    with pytest.raises(ConfigError, match=r"image_shape=\(1, 64, 64\); the plain network"):
        Config(network="plain", image_shape=(1, 64, 64))
    network = generator(Config(network="plain", image_shape=(3, 32, 32), width=2, latent_dim=3))
    assert network(torch.rand(2, 3)).shape == (2, 3, 32, 32)
    assert [type(layer) for layer in network[1::4]] == [nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU]

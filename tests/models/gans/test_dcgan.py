"""DCGAN: the shapes and rules of the paper, and the losses' flow."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError
from zoo.losses import discriminator_loss, generator_loss
from zoo.models.gans.dcgan import DCGAN, Config, Discriminator, Generator
from zoo.training.objective import Batch


def test_the_paper_s_network():
    """Figure 1: 100 → 4·4·1024 → 8·8·512 → 16·16·256 → 32·32·128 → 64·64·3."""
    with torch.device("meta"):
        generator = Generator(Config(width=128)).eval()
    z = torch.empty(1, 100, 1, 1, device="meta")
    shapes = []
    for layer in generator:
        z = layer(z)
        if isinstance(layer, nn.ConvTranspose2d):
            shapes.append(tuple(z.shape[1:]))
    assert shapes == [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]


def test_rules_of_section_three():
    generator, discriminator = Generator(Config()), Discriminator(Config(), 16)
    assert not any(isinstance(m, (nn.Linear, nn.MaxPool2d, nn.AvgPool2d)) for m in [*generator, *discriminator])
    assert isinstance(generator[-1], nn.Tanh)
    assert not isinstance(generator[-2], nn.BatchNorm2d)
    assert not isinstance(discriminator[1], nn.BatchNorm2d)
    assert {m.negative_slope for m in discriminator if isinstance(m, nn.LeakyReLU)} == {0.2}
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in network) for network in (generator, discriminator)]
    assert norms == [4, 3]


def test_weights_start_from_a_narrow_normal():
    torch.manual_seed(0)
    model = DCGAN(Config(width=32))
    weights = model.generator[3].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert model.generator[1].weight.mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (16, 3), (32, 1)])
def test_sizes(size, channels):
    model = zoo.create("dcgan", image_size=size, channels=channels, width=2, latent_dim=5)
    assert model.generate(2, seed=0).shape == (2, channels, size, size)
    assert Discriminator(model.config, 2)(torch.zeros(2, channels, size, size)).shape == (2, 1, 1, 1)


@pytest.mark.parametrize("config", [{"image_size": 60}, {"image_size": 4}, {"image_size": 64.0}, {"width": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="dcgan"):
        zoo.create("dcgan", **config)


def test_objective_yields_the_game_s_two_losses_in_order():
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    objective = model.objective_class(model, discriminator_width=2).eval()
    images = torch.rand(4, 3, 8, 8)
    torch.manual_seed(1)
    updates = list(objective.steps(Batch(images)))
    assert [name for name, _ in updates] == ["discriminator", "generator"]
    torch.manual_seed(1)
    fake = model.generator(torch.randn(4, 4)[:, :, None, None])
    real_logits, fake_logits = objective.discriminator(2 * images - 1), objective.discriminator(fake)
    assert updates[0][1].item() == pytest.approx(discriminator_loss(real_logits, fake_logits).item(), rel=1e-5)
    assert updates[1][1].item() == pytest.approx(generator_loss(fake_logits).item(), rel=1e-5)


def test_learning_rate_and_momentum_are_the_paper_s():
    model = zoo.create("dcgan", image_size=8, width=2)
    for optimizer in model.objective_class(model).optimizers().values():
        assert optimizer.defaults["lr"] == 0.0002
        assert optimizer.defaults["betas"] == (0.5, 0.999)

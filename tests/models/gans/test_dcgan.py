"""DCGAN: the shapes and rules of the paper, and the losses' flow."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError
from zoo.models.gans.dcgan import DCGAN, Config, Discriminator, Generator, doublings
from zoo.nn import losses


def test_the_paper_s_network():
    """Figure 1: 100 → 4·4·1024 → 8·8·512 → 16·16·256 → 32·32·128 → 64·64·3."""
    with torch.device("meta"):
        generator = Generator(100, 64, 3, 128).eval()
    z = torch.empty(1, 100, 1, 1, device="meta")
    shapes = []
    for layer in generator:
        z = layer(z)
        if isinstance(layer, nn.ConvTranspose2d):
            shapes.append(tuple(z.shape[1:]))
    assert shapes == [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]


def test_rules_of_section_three():
    generator, discriminator = Generator(100, 64, 3, 32), Discriminator(64, 3, 16)
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


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (10, 1), (12, 2), (28, 1), (32, 3)])
def test_sizes(size, channels):
    model = zoo.create("dcgan", image_size=size, channels=channels, width=2, latent_dim=5)
    assert model.generate(2, seed=0).shape == (2, channels, size, size)
    assert Discriminator(size, channels, 2, outputs=5)(torch.zeros(2, channels, size, size)).shape == (2, 5)


@pytest.mark.parametrize("config", [{"image_size": 60}, {"image_size": 4}, {"image_size": 64.0}, {"width": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="dcgan"):
        zoo.create("dcgan", **config)


def test_sides_are_halved_down_to_four_to_seven_pixels():
    assert {size: doublings(size, "dcgan") for size in (8, 10, 12, 14, 28, 40, 64, 224)} == {
        8: 1, 10: 1, 12: 1, 14: 1, 28: 2, 40: 3, 64: 4, 224: 5,
    }  # fmt: skip


def test_options_of_the_discriminator():
    plain = Discriminator(32, 3, 2, batch_norm=False, dropout=0.3)
    kinds = [type(layer) for layer in plain]
    assert nn.BatchNorm2d not in kinds
    assert [layer.p for layer in plain if isinstance(layer, nn.Dropout2d)] == [0.3] * 3
    assert all(layer.bias is not None for layer in plain if isinstance(layer, nn.Conv2d))


def test_objective_yields_the_game_s_two_losses_in_order(batch_for):
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    objective = model.objective_class(model, width=2).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = list(objective.updates(batch))
    assert [name for name, _ in updates] == ["discriminator", "generator"]
    torch.manual_seed(1)
    first, second = (objective.discriminator(model.generator(torch.randn(6, 4))) for _ in range(2))
    real = objective.discriminator(2 * batch.images - 1)
    torch.testing.assert_close(updates[0][1], losses.discriminator_loss(real, first))
    torch.testing.assert_close(updates[1][1], losses.generator_loss(second))


VARIANTS = {
    "LSGAN": ({"loss": "least-squares"}, losses.least_squares_discriminator_loss, losses.least_squares_generator_loss),
    "SNGAN": (
        {"loss": "hinge", "spectral_norm": True, "batch_norm": False},
        losses.hinge_discriminator_loss,
        losses.score_generator_loss,
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_the_same_networks_by_another_loss(name, batch_for, unreached):
    options, of_discriminator, of_generator = VARIANTS[name]
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    objective = model.objective_class(model, width=2, **options)
    batch = batch_for(model)
    # The last bias drops out of the hinge where all outputs are within ± 1.
    assert unreached(objective, batch).keys() <= ({"discriminator.2.bias"} if name == "SNGAN" else set())
    objective.eval()
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (objective.discriminator(model.generator(torch.randn(6, 4))) for _ in range(2))
    real = objective.discriminator(2 * batch.images - 1)
    torch.testing.assert_close(updates["discriminator"], of_discriminator(real, first))
    torch.testing.assert_close(updates["generator"], of_generator(second))


def test_gradients_reach_every_parameter(batch_for, unreached):
    model = zoo.create("dcgan", image_size=16, width=2)
    assert unreached(model.objective_class(model, width=2), batch_for(model)) == {}


def test_learning_rate_and_momentum_are_the_paper_s():
    model = zoo.create("dcgan", image_size=8, width=2)
    for optimizer in model.objective_class(model).optimizers().values():
        assert optimizer.defaults["lr"] == 0.0002
        assert optimizer.defaults["betas"] == (0.5, 0.999)

"""DCGAN: the shapes and rules of the paper, and the losses' flow."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models.gans.dcgan import DCGAN, Config
from zoo.nn import losses
from zoo.nn.dcgan import Discriminator


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


def test_objective_yields_two_losses_in_order(batch_for):
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    objective = model.objective_class.create(model, width=2).eval()
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
    objective = model.objective_class.create(model, width=2, **options)
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


def test_learning_rate_and_momentum_are_the_paper_s():
    model = zoo.create("dcgan", image_size=8, width=2)
    for optimizer in model.objective_class.create(model).optimizers().values():
        assert optimizer.defaults["lr"] == 0.0002
        assert optimizer.defaults["betas"] == (0.5, 0.999)

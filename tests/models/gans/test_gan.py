"""The dense GAN: its layers, and its two losses."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError
from zoo.nn import losses

SMALL = {"image_shape": (1, 8, 8), "latent_dim": 5, "hidden": (6, 7)}


def test_layers_of_both_networks():
    model = zoo.create("gan", **SMALL)
    sizes = [(m.in_features, m.out_features) for m in model.generator.modules() if isinstance(m, nn.Linear)]
    assert sizes == [(5, 6), (6, 7), (7, 64)]
    discriminator = model.objective_class.create(model, hidden=(9, 4), dropout=0.3).discriminator
    sizes = [(m.in_features, m.out_features) for m in discriminator.modules() if isinstance(m, nn.Linear)]
    assert sizes == [(64, 9), (9, 4), (4, 1)]
    assert [m.p for m in discriminator.modules() if isinstance(m, nn.Dropout)] == [0.3, 0.3]
    assert {m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert not any(isinstance(m, nn.Dropout) for m in model.generator.modules())


def test_images_end_in_tanh_and_vectors_do_not():
    images, vectors = zoo.create("gan", **SMALL), zoo.create("gan", image_shape=(2,), latent_dim=5, hidden=(6,))
    for model in (images, vectors):
        nn.init.constant_(next(m for m in reversed(list(model.generator.modules())) if hasattr(m, "bias")).bias, 3.0)
    assert images.generate(3, seed=0).shape == (3, 1, 8, 8)
    assert images.generate(3, seed=0).min() > 0.9
    assert vectors.generate(3, seed=0).shape == (3, 2)
    assert vectors.generate(3, seed=0).min() > 1


@pytest.mark.parametrize("loss", [None, "minimax"])
def test_the_generator_follows_equation_one_only_when_told_to(loss, batch_for):
    model = zoo.create("gan", **SMALL)
    objective = model.objective_class.create(model, **({"loss": loss} if loss else {})).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (objective.discriminator(model.generator(torch.randn(6, 5))) for _ in range(2))
    probability = torch.sigmoid(second)
    expected = (1 - probability).log().mean() if loss else -probability.log().mean()
    torch.testing.assert_close(updates["generator"], expected)
    real = objective.discriminator(2 * batch.images - 1)
    torch.testing.assert_close(updates["discriminator"], losses.discriminator_loss(real, first))


@pytest.mark.parametrize(
    "config", [{"image_shape": (28, 28)}, {"image_shape": ()}, {"hidden": ()}, {"latent_dim": 0}, {"hidden": (8, 0)}]
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="gan: "):
        zoo.create("gan", **config)

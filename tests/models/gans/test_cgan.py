"""Conditional GAN: the class reaches both networks."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.training.objective import Batch


@pytest.fixture
def model():
    torch.manual_seed(0)
    return zoo.create("cgan", image_size=8, width=4, latent_dim=6, classes=("a", "b", "c"))


def test_same_latent_under_two_classes_gives_two_images(model):
    z = torch.randn(1, 6).expand(2, 6)
    one, other = model.decode(z, condition=["a", "b"])
    assert (one - other).abs().max() > 1e-4


def test_the_discriminator_judges_image_and_class_together(model):
    objective = model.objective_class(model, discriminator_width=4).eval()
    images = torch.rand(1, 1, 8, 8).expand(3, 1, 8, 8)
    logits = objective.discriminator(images, torch.tensor([0, 1, 2])).flatten()
    assert len(set(logits.tolist())) == 3


def test_every_class_s_weights_get_a_gradient_in_both_networks(model):
    objective = model.objective_class(model, discriminator_width=4, dropout=0.0)
    batch = Batch(torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2]))
    for name, loss in objective.steps(batch):
        network = objective.discriminator if name == "discriminator" else model.generator
        for parameter, gradient in zip(
            network.parameters(), torch.autograd.grad(loss, list(network.parameters()), retain_graph=True), strict=True
        ):
            assert gradient.abs().sum() > 0, tuple(parameter.shape)
    planes = objective.discriminator.score[0].weight.shape[1]
    assert planes == 1 + 3


def test_labels_drawn_without_a_condition_are_all_classes_and_belong_to_the_seed(model):
    images = model.generate(32, seed=5)
    assert torch.equal(images, model.generate(32, seed=5))
    singles = [model.generate(32, seed=5, condition=c) for c in range(3)]
    chosen = [[torch.allclose(images[i], s[i], atol=1e-6) for s in singles].index(True) for i in range(32)]
    assert set(chosen) == {0, 1, 2}


@pytest.mark.parametrize("config", [{"image_size": 30}, {"classes": ("a",)}, {"classes": ("a", "a")}, {"width": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="cgan"):
        zoo.create("cgan", **config)

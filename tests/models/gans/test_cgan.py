"""Conditional GAN: the class reaches both networks."""

import pytest
import torch

import zoo
from zoo.conditions import combinations
from zoo.errors import ConfigError


@pytest.fixture
def model():
    torch.manual_seed(0)
    return zoo.create("cgan", image_size=8, width=4, latent_dim=6, classes=("a", "b", "c"))


def test_same_latent_under_two_classes_gives_two_images(model):
    z = torch.randn(1, 6).expand(2, 6)
    one, other = model.decode(z, condition=["a", "b"])
    assert (one - other).abs().max() > 1e-4


def test_the_discriminator_judges_image_and_class_together(model):
    objective = model.objective_class.create(model, width=4).eval()
    images = torch.rand(1, 1, 8, 8).expand(3, 1, 8, 8)
    logits = objective.discriminator(images, torch.tensor([0, 1, 2])).flatten()
    assert len(set(logits.tolist())) == 3


def test_every_class_s_weights_get_a_gradient_in_both_networks(model, batch_for, unreached):
    objective = model.objective_class.create(model, width=4, dropout=0.0)
    batch = batch_for(model)
    assert unreached(objective, batch) == {}
    for name, loss in objective.updates(batch):
        first = objective.discriminator.score[0] if name == "discriminator" else model.generator.network[0]
        (gradient,) = torch.autograd.grad(loss, [first.weight])
        # The classes' channels come last among the inputs: weights are (out, in, …), or (in, out, …) of the generator.
        own = gradient.transpose(0, 1)[-3:] if name == "discriminator" else gradient[-3:]
        assert (own.abs().flatten(1).sum(1) > 0).all()
    assert objective.discriminator.score[0].weight.shape[1] == 1 + 3


def test_the_class_is_a_one_hot_vector_beside_the_latent_and_constant_planes_beside_the_image(model):
    z, labels = torch.randn(3, 6), torch.tensor([2, 0, 1])
    model.eval()
    torch.testing.assert_close(
        model.generator(z, labels), model.generator.network(torch.cat([z, torch.eye(3)[labels]], 1))
    )
    discriminator = model.objective_class.create(model, width=4).discriminator.eval()
    images = torch.rand(3, 1, 8, 8)
    planes = torch.eye(3)[labels][:, :, None, None] * torch.ones(8, 8)
    torch.testing.assert_close(discriminator(images, labels), discriminator.score(torch.cat([images, planes], 1)))


def test_attributes_go_in_one_by_one():
    classes = combinations(("bangs", "smiling"))
    model = zoo.create("cgan", image_size=8, width=2, classes=classes, attributes=("bangs", "smiling"))
    assert classes == ("plain", "bangs", "smiling", "bangs + smiling")
    assert model.generator.condition(torch.arange(4)).tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert model.generator.network[0].weight.shape[0] == model.config.latent_dim + 2
    assert torch.equal(
        model.generate(2, seed=0, condition="smiling + bangs"), model.generate(2, seed=0, condition=[3, 3])
    )


def test_labels_drawn_without_a_condition_are_all_classes_and_belong_to_the_seed(model):
    images = model.generate(32, seed=5)
    assert torch.equal(images, model.generate(32, seed=5))
    singles = [model.generate(32, seed=5, condition=c) for c in range(3)]
    chosen = [[torch.allclose(images[i], s[i], atol=1e-6) for s in singles].index(True) for i in range(32)]
    assert set(chosen) == {0, 1, 2}


@pytest.mark.parametrize(
    "config", [{"image_size": 30}, {"classes": ("a",)}, {"classes": ("a", "a")}, {"width": 0}, {"attributes": ("a",)}]
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="cgan"):
        zoo.create("cgan", **config)

"""BigGAN-lite: conditional batch norm, projection, orthogonal regularisation."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from zoo.errors import ConfigError
from zoo.models.gans.biggan_lite import ConditionalBatchNorm, Config, Discriminator, Down, Generator, Up


@pytest.fixture
def model():
    return zoo.create("biggan-lite", image_size=8, width=2, latent_dim=4, embedding_dim=3, classes=("a", "b", "c"))


def test_conditional_batch_norm_by_hand():
    layer = ConditionalBatchNorm(4, 3)
    x, embedding = 5 * torch.randn(6, 4, 2, 2) + 3, torch.randn(6, 3)
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    gain, bias = embedding @ layer.gain.weight.T, embedding @ layer.bias.weight.T
    expected = (x - mean) / (variance + 1e-5).sqrt() * (1 + gain[:, :, None, None]) + bias[:, :, None, None]
    torch.testing.assert_close(layer(x, embedding), expected, rtol=1e-4, atol=1e-4)
    assert [name for name, _ in layer.named_parameters()] == ["gain.weight", "bias.weight"]


def test_projection_by_hand(model):
    """ψ(h) + ⟨v(y), h⟩ of the sum h of features over all places (Miyato & Koyama 2018)."""
    discriminator = Discriminator(model.config, 2)
    images, labels = torch.randn(3, 3, 8, 8), torch.tensor([2, 0, 1])
    scores = discriminator(images, labels)
    assert scores.shape == (3,)
    for image, label, score in zip(images, labels, scores, strict=True):
        features = discriminator.blocks(image[None])[0].sum((1, 2))
        linear = discriminator.score.weight[0] @ features + discriminator.score.bias[0]
        torch.testing.assert_close(score, linear + discriminator.projection.weight[label] @ features)


def test_blocks_by_hand():
    x, embedding = torch.randn(2, 3, 4, 4), torch.randn(2, 3)
    up = Up(3, 5, 3).eval()
    hidden = up.conv1(F.interpolate(F.relu(up.norm1(x, embedding)), scale_factor=2))
    hidden = up.conv2(F.relu(up.norm2(hidden, embedding)))
    torch.testing.assert_close(up(x, embedding), hidden + up.shortcut(F.interpolate(x, scale_factor=2)))
    for first in (False, True):
        down = Down(3, 5, first=first)
        hidden = down.residual[3](F.relu(down.residual[1](x if first else F.relu(x))))
        torch.testing.assert_close(down(x), F.avg_pool2d(hidden, 2) + down.shortcut[1](F.avg_pool2d(x, 2)))


def test_widths_are_those_of_the_comments():
    config = Config(width=2)
    assert config.widths(8) == [32, 32, 16, 8]
    ups, downs = Generator(config).blocks, [m for m in Discriminator(config, 2).blocks if isinstance(m, Down)]
    assert [(m.shortcut.in_channels, m.shortcut.out_channels) for m in ups] == [(8, 8), (8, 4), (4, 2)]
    assert [m.shortcut[1].out_channels for m in downs] == [2, 4, 8]


def test_weights_start_orthogonal(model):
    for weight in (model.generator.blocks[0].conv2.weight, Discriminator(model.config, 2).blocks[0].residual[3].weight):
        rows = weight.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)


def test_class_and_latent_matter(model, perturbed):
    perturbed(model, 0.1)
    z = torch.randn(1, 4).expand(3, 4)
    a, b, c = model.decode(z, condition=["a", "b", "c"])
    assert min((a - b).abs().max(), (b - c).abs().max(), (a - c).abs().max()) > 1e-3
    one, other = model.decode(torch.randn(2, 4), condition="a")
    assert (one - other).abs().max() > 1e-3


def test_losses_by_hand_with_orthogonal_regularisation_for_the_generator_alone(model, batch_for):
    objective = model.objective_class.create(model, width=2, orthogonal=0.3).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (
        objective.discriminator(model.generator(torch.randn(6, 4), batch.labels), batch.labels) for _ in range(2)
    )
    real = objective.discriminator(2 * batch.images - 1, batch.labels)
    torch.testing.assert_close(updates["discriminator"], F.relu(1 - real).mean() + F.relu(1 + first).mean())
    expected = torch.zeros(())
    for name, parameter in model.generator.named_parameters():
        if parameter.ndim >= 2 and name != "embedding.weight":  # of every matrix and filter, but not of the classes
            rows = parameter.flatten(1)
            products = [rows[i] @ rows[j] for i in range(len(rows)) for j in range(len(rows)) if i != j]
            expected = expected + sum(product**2 for product in products)
    assert expected > 0
    torch.testing.assert_close(updates["generator"], -second.mean() + 0.3 * expected)


def test_settings(model):
    objective = model.objective_class.create(model, width=2)
    rates = {name: (o.defaults["lr"], o.defaults["betas"]) for name, o in objective.optimizers().items()}
    assert rates == {"discriminator": (0.0004, (0.0, 0.999)), "generator": (0.0001, (0.0, 0.999))}
    normed = [m for m in objective.discriminator.modules() if hasattr(m, "parametrizations")]
    weighty = (nn.Conv2d, nn.Linear, nn.Embedding)
    assert len(normed) == sum(isinstance(m, weighty) for m in objective.discriminator.modules())
    assert not any(hasattr(m, "parametrizations") for m in model.modules())
    assert objective.outputs == "score"


def test_truncation_in_chunks_and_under_a_class(model, perturbed):
    perturbed(model, 0.1)
    whole = model.generate(5, seed=2, condition="b", truncation=0.5)
    torch.testing.assert_close(model.generate(5, seed=2, condition="b", truncation=0.5, batch_size=2), whole)
    assert (whole - model.generate(5, seed=2, condition="b")).abs().max() > 1e-3


@pytest.mark.parametrize(
    "config", [{"image_size": 30}, {"classes": ("a",)}, {"classes": ("a", "a")}, {"embedding_dim": 0}]
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="biggan-lite: "):
        zoo.create("biggan-lite", **config)


def test_slices_of_the_latent_reach_one_block_each_and_the_class_all_of_them():
    config = Config(image_size=16, width=8, latent_dim=6, embedding_dim=3, hierarchical=True, attention=8)
    generator, seen = Generator(config).eval(), []
    for block in generator.blocks:
        block.register_forward_hook(lambda module, given, made: seen.append(given[1]))
    z, labels = torch.randn(2, 6), torch.tensor([0, 3])
    generator(z, labels)
    for i, condition in enumerate(seen, 1):
        assert torch.equal(condition, torch.cat([generator.embedding(labels), z[:, 2 * i : 2 * i + 2]], 1))
    assert generator.project[0].in_features == 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"multipliers": (4, 2)}, r"multipliers=\(4, 2\); expected 4 numbers"),
        ({"hierarchical": True, "latent_dim": 10}, "latent_dim=10; expected a multiple of 4"),
        ({"attention": 4}, r"attention=4; expected 0 or one of \[32, 16, 8\]"),
        ({"attention": 32, "width": 4}, "an eighth of the channels"),
    ],
)
def test_parts_that_do_not_fit_are_refused(fields, told):
    with pytest.raises(ConfigError, match=told):
        Config(**fields)

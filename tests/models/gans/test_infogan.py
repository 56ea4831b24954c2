"""InfoGAN: the code in the latent, its prior, its reader, and the bound in both losses."""

import math

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.cli import latents
from zoo.errors import ConfigError
from zoo.nn import losses
from zoo.noise import Noise

CODES, NUMBERS, NOISE = 3, 2, 4


@pytest.fixture
def model(perturbed):
    config = {"image_size": 8, "categories": CODES, "continuous": NUMBERS, "noise_dim": NOISE}
    return perturbed(zoo.create("infogan", **config, width=2, reader_width=2), 0.1)


def drawn(n):
    """Latents as the paper draws them, in the order in which the objective does."""
    category = F.one_hot(torch.randint(CODES, (n,)), CODES)
    return torch.cat([category, 2 * torch.rand(n, NUMBERS) - 1, torch.randn(n, NOISE)], 1)


def test_latents_are_a_category_numbers_and_noise(model):
    assert model.latent_shape == (CODES + NUMBERS + NOISE,)
    z = model._draw(Noise(0, 0, 600))
    category, numbers, noise = z.split([CODES, NUMBERS, NOISE], 1)
    assert set(category.unique().tolist()) == {0, 1}
    assert (category.sum(1) == 1).all()
    assert (category.mean(0) - 1 / CODES).abs().max() < 0.08
    assert numbers.abs().max() <= 1
    assert numbers.var(0).tolist() == pytest.approx([1 / 3] * NUMBERS, abs=0.05)  # uniform on [−1, 1]
    assert noise.std(0).tolist() == pytest.approx([1] * NOISE, abs=0.1)
    torch.testing.assert_close(model.generate(3, seed=0), model.decode(z[:3]))


def test_the_objective_draws_from_the_same_prior(model, batch_for):
    objective = model.objective_class.create(model)
    torch.manual_seed(1)
    z = objective.latents(batch_for(model, 4))
    torch.manual_seed(1)
    images = objective.fake(batch_for(model, 4))
    torch.manual_seed(1)
    torch.rand(4, 1, 8, 8)  # the batch
    torch.testing.assert_close(z, drawn(4))
    torch.testing.assert_close(images, model.generator(z))


def test_temperature_and_truncation_are_of_the_noise(model):
    z = model._draw(Noise(5, 0, 4))
    codes, noise = z[:, :-NOISE], z[:, -NOISE:]

    def with_noise(values):
        return model.decode(torch.cat([codes, values], 1))

    torch.testing.assert_close(model.generate(4, seed=5, temperature=0.5), with_noise(0.5 * noise))
    truncated = zoo.latent.truncate(noise, 0.3)
    torch.testing.assert_close(model.generate(4, seed=5, truncation=0.3, batch_size=3), with_noise(truncated))
    torch.testing.assert_close(model.generate(4, seed=5, temperature=0), with_noise(0 * noise))
    assert not torch.allclose(model.generate(4, seed=5), with_noise(0 * noise), atol=1e-3)
    # The commands that walk through latent space draw the same latents.
    found = latents.draw(model, 4, 5, 0, 0.5, 0.3)
    torch.testing.assert_close(found, torch.cat([codes, 0.5 * truncated], 1))


def test_each_part_of_the_code_changes_the_image(model):
    z = drawn(1).expand(4, -1).clone()
    z[:2, :CODES] = torch.eye(CODES)[:2]
    z[2, CODES] = -0.9
    z[3, CODES] = 0.9
    images = model.decode(z)
    assert (images[0] - images[1]).abs().max() > 1e-3
    assert (images[2] - images[3]).abs().max() > 1e-3


def test_encode_gives_the_posterior(model):
    images = torch.rand(3, 1, 8, 8)
    category, numbers, noise = model.encode(images).split([CODES, NUMBERS, NOISE], 1)
    _, logits, means = model.reader(2 * images - 1)
    torch.testing.assert_close(category, logits.softmax(1))
    torch.testing.assert_close(category.sum(1), torch.ones(3))
    torch.testing.assert_close(numbers, means)
    assert not noise.any()
    assert model.encodes_by == "network"
    assert model.reconstruct(images).shape == images.shape


def test_classify_is_the_posterior_of_the_category(model):
    images = torch.rand(3, 1, 8, 8)
    probabilities = model.eval().classify(images)
    assert probabilities.shape == (3, CODES)
    torch.testing.assert_close(probabilities, model.encode(images)[:, :CODES])
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))


@pytest.mark.parametrize("numbers", [1.0, 0.1])
def test_losses_by_hand(model, numbers, batch_for):
    objective = model.objective_class.create(model, information=0.7, numbers=numbers).eval()
    with torch.no_grad():
        model.reader.log_deviation.copy_(torch.tensor([0.3, -0.5]))
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)

    def told(z, images):
        """L_I: E log Q(c|x) + H(c), each code by itself."""
        _, logits, means = model.reader(images)
        category = -F.cross_entropy(logits, z[:, :CODES].argmax(1)) + math.log(CODES)
        normal = torch.distributions.Normal(means, model.reader.log_deviation.exp())
        return category + numbers * (normal.log_prob(z[:, CODES:-NOISE]).mean(0) + math.log(2)).sum()

    def judged(images):
        return objective.discriminator(model.reader(images)[0])

    first, second = drawn(6), drawn(6)
    made = [model.generator(z) for z in (first, second)]
    adversarial = losses.discriminator_loss(judged(2 * batch.images - 1), judged(made[0]))
    torch.testing.assert_close(updates["discriminator"], adversarial - 0.7 * told(first, made[0]))
    torch.testing.assert_close(
        updates["generator"], losses.generator_loss(judged(made[1])) - 0.7 * told(second, made[1])
    )


def test_q_and_discriminator_share_all_layers_but_the_last(model):
    objective = model.objective_class.create(model, discriminator_learning_rate=0.003)
    held = [p for group in objective.optimizers()["discriminator"].param_groups for p in group["params"]]
    expected = [*objective.discriminator.parameters(), *model.reader.parameters()]
    assert [id(p) for p in held] == [id(p) for p in expected]
    assert {group["lr"] for group in objective.optimizers()["discriminator"].param_groups} == {0.003}
    assert {name.split(".")[0] for name in model.state_dict()} == {"generator", "reader"}  # Q is released


def test_options_that_have_a_place_are_used(model, batch_for):
    """Of the steps it overrides, both show the reader what the options make of the images."""
    batch = batch_for(model, 8)
    plain, changed = {}, {}
    options = {"r1": 5.0, "smoothing": 0.3, "input_noise": 2.0, "augment": "cutout", "discriminator_steps": 2}
    for values, given in ((plain, {}), (changed, options)):
        torch.manual_seed(3)
        objective = model.objective_class.create(model, **given).eval()
        shown = []
        handle = model.reader.register_forward_pre_hook(lambda _, inputs, shown=shown: shown.append(inputs[0].detach()))
        names = [name for name, _ in objective.updates(batch)]
        handle.remove()
        values.update(names=names, largest=min(images.abs().max() for images in shown))
    assert plain["names"] == ["discriminator", "generator"]
    assert changed["names"] == ["discriminator", "discriminator", "generator"]
    assert plain["largest"] <= 1 < 2 < changed["largest"]


@pytest.mark.parametrize("option", ["weight_clip", "spectral_norm", "mixed"])
def test_options_without_a_place_are_refused(model, option):
    with pytest.raises(ConfigError, match=f"objective of InfoGAN has no place for {option}"):
        model.objective_class.create(model, **{option: True})


def test_a_code_without_numbers(batch_for):
    model = zoo.create("infogan", image_size=8, categories=4, continuous=0, noise_dim=2, width=2, reader_width=2)
    assert model.latent_shape == (6,)
    assert model.encode(torch.rand(2, 1, 8, 8)).shape == (2, 6)
    assert all(loss.isfinite() for _, loss in model.objective_class.create(model).updates(batch_for(model)))


@pytest.mark.parametrize(
    "config", [{"categories": 1}, {"continuous": -1}, {"noise_dim": 0}, {"image_size": 30}, {"reader_width": 0}]
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="infogan: "):
        zoo.create("infogan", **config)

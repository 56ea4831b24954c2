"""GAN-INT-CLS: what the generator is told of a text, the three pairs, and what lies between texts."""

import math

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, InvalidInput
from zoo.models import _text as text_to_image
from zoo.objective import Batch
from zoo.recipe import Recipe

SMALL = {
    "image_size": 8,
    "vocabulary": ("a", "blue", "circle", "red"),
    "words": 5,
    "text_dim": 6,
    "condition_dim": 3,
    "latent_dim": 4,
    "width": 4,
}
CAPTIONS = (("red",), ("blue",), ("a blue circle", "circle"))  # of three images


def make(**objective):
    model = zoo.create("gan-int-cls", **SMALL)
    return model, model.objective_class.create(model, **{"match": 2, "width": 2, "augment": "", **objective})


def batch_of(model):
    return Batch(torch.rand(len(CAPTIONS), *model.space.shape), captions=CAPTIONS)


def test_it_draws_from_noise_and_a_short_form_of_the_text():
    model, seen = make()[0].eval(), []
    model.generator.network.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    z, texts = torch.randn(2, 4), model.embed(["a red circle", "blue"])
    images = model.decode(z, condition=texts)
    with torch.no_grad():
        dense = model.generator.text_proj(6**0.5 * texts)  # as large as unit normal numbers
        expected = torch.cat([z, torch.where(dense > 0, dense, 0.2 * dense)], 1)
    torch.testing.assert_close(seen[0], expected)
    torch.testing.assert_close(images, (model.generator.network(expected) + 1) / 2)
    assert images.shape == (2, 3, 8, 8)


def test_texts_are_as_loud_as_noise_from_the_start():
    model = zoo.create("gan-int-cls", text_dim=256, condition_dim=2000)
    texts = F.normalize(torch.randn(50, 256), dim=1)
    assert model.generator.text_proj(16 * texts).std().item() == pytest.approx(1, rel=0.05)


def test_another_text_gives_another_image_of_the_same_noise(perturbed):
    model, z = perturbed(make()[0], 0.3), torch.randn(1, 4)
    assert (model.decode(z, condition="red") - model.decode(z, condition="blue")).abs().max() > 0.01


def softplus(*logits):
    return sum(math.log1p(math.exp(logit)) for logit in logits) / len(logits)


CODES = {"red": 1.0, "blue": -2.0, "a blue circle": 4.0}


def test_the_discriminators_loss_of_three_pairs_by_hand(coded, first_captions, monkeypatch):
    monkeypatch.setattr(text_to_image, "wrong_texts", lambda texts, matches: ["blue", "red", "red"])
    model, objective = make()
    coded(objective, CODES)
    objective.step = 2
    white = Batch(torch.ones(3, *model.space.shape), captions=CAPTIONS)
    name, loss = next(objective.updates(white))
    assert name == "discriminator"
    assert loss.item() == pytest.approx(softplus(-1, 2, -4) + softplus(-2, -5, 1, -2, 1, 1))


@pytest.mark.parametrize(
    ("between", "halfway"),
    # From each text to the one before it, the first one's being the last: 1 → 4, −2 → 1, 4 → −2; then 3 less.
    [(0.5, (-0.5, -3.5, -2.0)), (0.25, (-1.25, -4.25, -0.5)), (0.0, None)],
)
def test_the_generators_loss_on_texts_and_between_them_by_hand(coded, first_captions, between, halfway):
    model, objective = make(between=between)
    coded(objective, CODES)
    expected = softplus(2, 5, -1) + (softplus(*(-logit for logit in halfway)) if halfway else 0)
    assert objective.generator_step(batch_of(model)).item() == pytest.approx(expected)


def test_what_is_drawn_between_texts_is_judged_for_what_lies_between(first_captions):
    model, objective = make()
    drawn, judged = [], []
    model.generator.register_forward_hook(lambda module, given, images: drawn.append((*given, images)))
    objective.score = lambda *given: judged.append(given) or torch.zeros(len(given[1]), 1, requires_grad=True)
    objective.generator_step(batch_of(model))
    texts = objective.embedded(["red", "blue", "a blue circle"])
    (first, right, images), (second, between, others) = drawn
    torch.testing.assert_close(right, texts)
    torch.testing.assert_close(between, (texts + texts[[2, 0, 1]]) / 2)
    assert not torch.equal(first, second), "latents of its own"
    assert [image is seen and said is text for (seen, said), image, text in zip(
        judged, (images, others), (right, between), strict=True
    )] == [True, True]  # fmt: skip


def test_first_the_encoders_then_the_game(unreached):
    model, objective = make()
    assert objective.phases == (0, 2)
    updated = []
    for objective.step in range(4):
        updated.append([name for name, _ in objective.updates(batch_of(model))])
    assert updated == [["encoders"]] * 2 + [["discriminator", "generator"]] * 2
    everything = {name for name, _ in objective.named_parameters()}
    encoders = {name for name in everything if name.startswith(("model.text", "model.image", "sharpness"))}
    for objective.step, learning in ((0, encoders), (2, everything - encoders)):
        assert unreached(objective, batch_of(model)).keys() == everything - learning


@pytest.mark.parametrize("step", [0, 2])
def test_losses_under_autocast_are_wide_and_finite(wide_under_autocast, step):
    model, objective = make(augment="translation,cutout")
    objective.step = step
    wide_under_autocast(objective, batch_of(model))


def test_settings_of_the_optimizers():
    found = {name: (each.defaults["lr"], each.defaults["betas"]) for name, each in make()[1].optimizers().items()}
    game = (0.0002, (0.5, 0.999))
    assert found == {"encoders": (0.001, (0.9, 0.999)), "discriminator": game, "generator": game}


def test_a_resumed_run_goes_on_bit_for_bit(resumed):
    captions = (("a red circle", "red"), ("blue zebra",), ("a red red circle of blue and more",), ("red",)) * 2
    data = TensorDataset("things", "train", torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8), captions=captions)
    recipe = Recipe(steps=3, batch_size=4, ema=0.5, objective={"match": 1, "width": 2})
    resumed(lambda: zoo.create("gan-int-cls", **SMALL), data, recipe, 1, 2, sample_every=2)


@pytest.mark.parametrize(
    "config",
    [
        {"image_size": 4}, {"image_size": 28}, {"image_size": 64.0}, {"channels": 0}, {"words": 0}, {"text_dim": 0},
        {"condition_dim": 0}, {"latent_dim": 0}, {"width": 0},
    ],
)  # fmt: skip
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="gan-int-cls"):
        zoo.create("gan-int-cls", **config)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"width": 0}, "width=0"), ({"between": 1.0}, "between=1"), ({"between": -0.1}, "between=-0.1")],
)
def test_impossible_options(options, message):
    with pytest.raises((ConfigError, InvalidInput), match=message):
        make(**options)

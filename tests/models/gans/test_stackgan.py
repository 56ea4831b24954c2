"""StackGAN: what is drawn from a text, the three pairs of both discriminators, the phases and both stages."""

import math

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo import latent
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, InvalidInput
from zoo.models.gans.stackgan import Augmentation, Config
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.recipe import Recipe

SMALL = {
    "vocabulary": ("a", "blue", "circle", "red"),
    "words": 5,
    "text_dim": 6,
    "condition_dim": 3,
    "latent_dim": 4,
    "sketch": (6, 4),
    "refine": (4, 4, 3),
}
SHARED = (("red",), ("blue", "red"), ("blue",))  # captions of three images


def make(**objective):
    model = zoo.create("stackgan", **SMALL)
    return model, model.objective_class.create(
        model, **{"match": 2, "sketch": 2, "width": 2, "augment": "", **objective}
    )


def batch_of(model, captions=SHARED):
    return Batch(torch.rand(len(captions), *model.space.shape), captions=captions)


@pytest.fixture
def vivid(perturbed):
    """A model whose images differ, as those of one that is still untrained hardly do."""
    return perturbed(make()[0], 0.3)


def test_the_way_between_two_texts_ends_at_their_images(vivid):
    z = torch.randn(1, 10)
    first, last = vivid.embed(["a red circle", "blue"])
    way = vivid.decode(z.expand(5, -1), condition=latent.path(first, last, 5, spherical=False))
    for end, text in ((0, "a red circle"), (-1, "blue")):
        torch.testing.assert_close(way[end], vivid.decode(z, condition=text)[0])
    assert all((way[2] - way[end]).abs().max() > 0.01 for end in (0, -1))


# Conditioning augmentation -------------------------------------------------------------------------------------------


def stand_for(augmentation, mean, variance):
    """Every text stands for this Gaussian."""
    with torch.no_grad():
        augmentation.moments.weight.zero_()
        augmentation.moments.bias.copy_(torch.cat([torch.tensor(mean), torch.tensor(variance).log()]))


def test_what_is_drawn_is_the_mean_and_a_deviation_of_the_noise():
    augmentation, noise = Augmentation(Config(**SMALL)), torch.randn(2, 3)
    stand_for(augmentation, [2.0, 0.0, 1.0], [1.0, 9.0, 0.25])
    with torch.no_grad():
        augmentation.moments.weight[0, 4] = 1
    texts = F.normalize(torch.randn(2, 6), dim=1)
    expected = torch.stack([2 + 6**0.5 * texts[:, 4] + noise[:, 0], 3 * noise[:, 1], 1 + 0.5 * noise[:, 2]], 1)
    torch.testing.assert_close(augmentation(texts, noise), expected)


@pytest.mark.parametrize(
    ("step", "divergence"),
    # ½(μ² + σ² − 1 − ln σ²): 2, 4 − ln 3 and 0 on average, and 3 × ½ once there are two stages.
    [(2, (6 - math.log(3)) / 3), (4, (6 - math.log(3)) / 3 + 0.5)],
)
def test_the_divergence_by_hand(step, divergence):
    def loss(**options):
        torch.manual_seed(0)
        model, objective = make(**options)
        stand_for(model.generator.augment[0], [2.0, 0.0, 0.0], [1.0, 9.0, 1.0])
        stand_for(model.generator.augment[1], [1.0, -1.0, 1.0], [1.0, 1.0, 1.0])
        objective.step = step
        return dict(objective.updates(batch_of(model)))["generator"].item()

    without = loss(kl=0.0)
    assert loss() - without == pytest.approx(divergence, abs=1e-5)
    assert loss(kl=2.0) - without == pytest.approx(2 * divergence, abs=1e-5)


# The game ------------------------------------------------------------------------------------------------------------


CODES = {"red": 1.0, "blue": -2.0, "": 100.0}


def softplus(*logits):
    return [math.log1p(math.exp(logit)) for logit in logits]


@pytest.mark.parametrize(("step", "stages"), [(2, 1), (4, 2)])
@pytest.mark.parametrize(
    ("captions", "on_real", "on_drawn", "on_wrong"),
    [
        ((("red",), ("blue",)), (1, -2), (-2, -5), (-2, 1)),
        (SHARED, (1, -2, -2), (-2, -5, -5), (-2, 1)),  # the image that has both has no wrong text
        ((("red",), ("red",)), (1, 1), (-2, -2), ()),
    ],
)
def test_the_discriminators_loss_of_three_pairs_by_hand(
    coded, first_captions, step, stages, captions, on_real, on_drawn, on_wrong
):
    model, objective = make()
    coded(objective, CODES)
    objective.step = step
    white = Batch(torch.ones(len(captions), *model.space.shape), captions=captions)
    name, loss = next(objective.updates(white))
    real, unreal = softplus(*(-logit for logit in on_real)), softplus(*on_drawn, *on_wrong)
    assert name == "discriminator"
    assert loss.item() == pytest.approx(stages * (sum(real) / len(real) + sum(unreal) / len(unreal)))


def test_the_generators_loss_is_that_of_every_stage(coded, first_captions):
    model, objective = make(kl=0.0)
    coded(objective, CODES)
    for objective.step, stages in ((2, 1), (4, 2)):
        loss = dict(objective.updates(batch_of(model)))["generator"]
        assert loss.item() == pytest.approx(stages * sum(softplus(2, 5, 5)) / 3)


def test_each_image_is_shown_in_the_stages_size_with_its_own_text_and_the_real_one_with_a_wrong_one_too():
    model, objective = make()
    batch, shown, drawn = batch_of(model, (("red",), ("blue",))), [], []
    model.generator.register_forward_hook(lambda module, given, images: drawn.append((given[1], images)))
    objective.score = lambda *given: shown.append(given) or torch.zeros(len(given[1]), 1, requires_grad=True)
    objective.step = 4
    assert len(list(objective.updates(batch))) == 2
    right, wrong = objective.embedded(["red", "blue"]), objective.embedded(["blue", "red"])
    real = 2 * batch.images - 1
    (of_critic, fakes), (of_generator, made) = drawn
    assert torch.equal(of_critic, right)
    assert torch.equal(of_generator, right)
    three = torch.cat([right, wrong])
    expected = [(F.avg_pool2d(real, 2), three), (fakes[0], right), (real, three), (fakes[1], right)]
    expected += [(images, right) for images in made]
    for (images, texts), (wanted, said) in zip(shown, expected, strict=True):
        torch.testing.assert_close(images, wanted)
        assert torch.equal(texts, said)


def test_every_stage_has_a_discriminator_of_its_own():
    objective = make()[1]
    texts = F.normalize(torch.randn(3, 6), dim=1)
    for judge, size in zip(objective.discriminator.eval(), (8, 16), strict=True):
        images = torch.randn(3, 3, size, size)
        assert torch.equal(objective.score(images, texts), judge(images, texts))


def test_a_larger_gap_between_the_stages_than_two():
    model = zoo.create("stackgan", **{**SMALL, "refine": (4, 4, 3, 3)})
    assert model.generate(1, seed=0, condition="red").shape == (1, 3, 32, 32)
    assert model.config.sizes == (8, 32)


# Phases --------------------------------------------------------------------------------------------------------------


def test_first_the_encoders_then_the_sketch_then_both_stages():
    model, objective = make()
    updated = []
    assert objective.phases == (0, 2, 4)
    for objective.step in range(6):
        updated.append(([name for name, _ in objective.updates(batch_of(model))], int(model.stages)))
    game = ["discriminator", "generator"]
    assert updated == [(["encoders"], 1)] * 2 + [(game, 1)] * 2 + [(game, 2)] * 2


def test_each_phase_reaches_what_learns_in_it_and_nothing_else(unreached):
    model, objective = make()
    batch, everything = batch_of(model), {name for name, _ in objective.named_parameters()}
    encoders = {name for name in everything if name.startswith(("model.text", "model.image", "sharpness"))}
    first = {
        name
        for name in everything
        if name.startswith(("model.generator.sketch", "model.generator.augment.0", "discriminator.0"))
    }
    for objective.step, learning in ((0, encoders), (2, first), (4, everything - encoders)):
        assert unreached(objective, batch).keys() == everything - learning


@pytest.mark.parametrize("step", [0, 2, 4])
def test_losses_under_autocast_are_wide_and_finite(wide_under_autocast, step):
    model, objective = make(augment="translation,cutout")
    objective.step = step
    wide_under_autocast(objective, batch_of(model))


def test_settings_of_the_optimizers():
    optimizers = make()[1].optimizers()
    found = {name: (each.defaults["lr"], each.defaults["betas"]) for name, each in optimizers.items()}
    game = (0.0002, (0.5, 0.999))
    assert found == {"encoders": (0.001, (0.9, 0.999)), "discriminator": game, "generator": game}


def test_a_run_resumed_at_and_between_the_phases_goes_on_bit_for_bit(resumed):
    captions = (("a red circle", "red"), ("blue zebra",), ("a red red circle of blue and more",), ("red",)) * 2
    data = TensorDataset("things", "train", torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8), captions=captions)
    recipe = Recipe(steps=4, batch_size=4, ema=0.5, objective={"match": 1, "sketch": 1, "width": 2})

    assert resumed(lambda: zoo.create("stackgan", **SMALL), data, recipe, 1, 3, sample_every=2).stages == 2


# Stages --------------------------------------------------------------------------------------------------------------


def test_each_stage_is_drawn_in_its_own_size():
    model = zoo.create("stackgan").eval()
    both = {stage: model.generate(1, seed=3, condition="a red circle", stage=stage) for stage in (1, 2)}
    assert {stage: tuple(images.shape) for stage, images in both.items()} == {1: (1, 3, 32, 32), 2: (1, 3, 64, 64)}
    assert torch.equal(model.generate(1, seed=3, condition="a red circle"), both[2])
    z = Noise(3, 0, 1).normal(64 + 2 * 32)
    for stage, images in both.items():
        torch.testing.assert_close(model.decode(z, condition="a red circle", stage=stage), images)


def test_the_second_stage_sees_what_the_first_draws_of_the_same_latents(vivid):
    z, seen = torch.randn(2, 10), []
    vivid.generator.refine.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    vivid.decode(z, condition="blue")
    sketches = vivid.decode(z, condition="blue", stage=1)
    assert len(seen) == 1, "for the sketch alone it is not computed"
    torch.testing.assert_close((seen[0] + 1) / 2, sketches)
    assert (sketches[0] - sketches[1]).abs().max() > 0.01


def test_only_the_noise_of_the_second_stage_leaves_the_sketch_alone(vivid):
    z = torch.randn(1, 10)
    for section, kept in ((slice(0, 4), False), (slice(4, 7), False), (slice(7, 10), True)):
        other = z.clone()
        other[:, section] += 1
        sketches = [vivid.decode(each, condition="blue", stage=1) for each in (z, other)]
        assert torch.equal(*sketches) == kept
        assert not torch.allclose(*(vivid.decode(each, condition="blue") for each in (z, other)), atol=0.001)


def test_while_the_sketch_is_trained_alone_it_is_drawn_enlarged():
    model = make()[0].eval()
    model.stages.fill_(1)
    sketch = model.generate(2, seed=0, condition="red", stage=1)
    assert sketch.shape == (2, 3, 8, 8)
    enlarged = sketch.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(model.generate(2, seed=0, condition="red"), enlarged)
    torch.testing.assert_close(model.decode(Noise(0, 0, 2).normal(10), condition="red"), enlarged)
    with pytest.raises(InvalidInput, match="stage=2; expected at most 1"):
        model.generate(1, condition="red", stage=2)


@pytest.mark.parametrize("stage", [0, 3, -1, True, "1", 1.0])
def test_other_stages_are_refused(stage):
    with pytest.raises(InvalidInput, match="stage="):
        make()[0].generate(1, condition="red", stage=stage)


def test_nothing_of_the_second_stages_loss_reaches_the_first_in_training():
    model, objective = make(kl=0.0)
    generator = model.generator
    objective.score = lambda images, texts: images.flatten(1).sum(1, keepdim=True) * (images.shape[-1] == 16)
    loss = objective.generator_step(batch_of(model))
    first = [*generator.sketch.parameters(), *generator.augment[0].parameters()]
    second = [*generator.refine.parameters(), *generator.augment[1].parameters()]
    gradients = torch.autograd.grad(loss, first + second, materialize_grads=True)
    assert not any(gradient.any() for gradient in gradients[: len(first)])
    assert all(gradient.any() for gradient in gradients[len(first) :])


def test_the_search_for_latents_goes_through_both_stages(vivid):
    images = vivid.generate(2, seed=1, condition=["a red circle", "blue"])
    options = {"condition": ["a red circle", "blue"], "prior_weight": 0.0, "starts": 1}
    start = Noise(0, 0, 2).normal(1, 10)[:, 0]
    one, more = (latent.invert(vivid, images, steps=steps, **options) for steps in (1, 20))
    # Adam's first step is as long as its rate wherever there is any gradient.
    torch.testing.assert_close((one.latents - start).abs(), torch.full((2, 10), 0.1), rtol=0.01, atol=0)
    assert (more.error < one.error).all()
    assert vivid.encode(images, condition="blue", steps=1).shape == (2, 10)


# Sizes and options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "sizes"),
    [({}, (32, 64)), ({"refine": (64, 48, 32, 24)}, (32, 128)), (SMALL, (8, 16)), ({"sketch": (8, 4, 2)}, (16, 32))],
)
def test_sizes_follow_from_the_channels(config, sizes):
    assert Config(**config).sizes == sizes


@pytest.mark.parametrize(
    "config",
    [
        {"channels": 0}, {"words": 0}, {"text_dim": 0}, {"condition_dim": 0}, {"latent_dim": 0}, {"sketch": (8,)},
        {"sketch": (8, 0)}, {"sketch": ()}, {"refine": (4, 4)}, {"refine": (4, 4, 0)},
    ],
)  # fmt: skip
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="stackgan"):
        zoo.create("stackgan", **config)


@pytest.mark.parametrize(
    ("options", "message"), [({"sketch": 0}, "sketch=0"), ({"width": 0}, "width=0"), ({"kl": -1.0}, "kl=-1")]
)
def test_impossible_options(options, message):
    with pytest.raises((ConfigError, InvalidInput), match=message):
        make(**options)

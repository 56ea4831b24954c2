"""ProGAN: levels, the fade-in of both networks, the stage of each step, and drawing at every stage."""

import itertools

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, ContractError, InvalidInput
from zoo.models.gans.progan import Config, Discriminator, Objective, reduced
from zoo.recipe import Recipe
from zoo.testing.training import check_gradients

SMALL = {"widths": (6, 4, 3), "latent_dim": 5}


def make(**objective):
    model = zoo.create("progan", **SMALL)
    return model, model.objective_class.create(model, **{"stay": 2, "fade": 4, **objective})


@pytest.mark.parametrize("stage", [1, 2])
def test_the_generator_fades_from_the_lower_to_the_higher_stage(stage):
    generator, z = make()[0].generator, torch.randn(3, 5)
    lower, higher = generator(z, stage - 1), generator(z, stage)
    assert higher.shape == (3, 3, 4 << stage, 4 << stage)
    enlarged = F.interpolate(lower, scale_factor=2)
    torch.testing.assert_close(generator(z, stage - 1 + 1e-6), enlarged, atol=1e-4, rtol=1e-4)  # α = 0
    torch.testing.assert_close(generator(z, stage - 1e-6), higher, atol=1e-4, rtol=1e-4)  # α = 1
    torch.testing.assert_close(generator(z, stage - 0.75), 0.75 * enlarged + 0.25 * higher)
    assert not torch.allclose(enlarged, higher, atol=1e-2)


@pytest.mark.parametrize("stage", [1, 2])
def test_the_discriminator_fades_from_the_lower_to_the_higher_stage(stage):
    critic = Discriminator(Config(**SMALL), (6, 4, 3))
    images = torch.randn(4, 3, 4 << stage, 4 << stage)
    lower, higher = critic(F.avg_pool2d(images, 2), stage - 1), critic(images, stage)
    torch.testing.assert_close(critic(images, stage - 1 + 1e-6), lower, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(critic(images, stage - 1e-6), higher, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(lower, higher, atol=1e-3)


def test_levels_follow_the_steps():
    objective = make()[1]
    levels = []
    for objective.step in range(16):
        levels.append(objective.level)
    assert levels == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1.25, 1.5, 1.75, 2, 2, 2, 2, 2]
    assert objective.phases == (0, 2, 6, 8, 12)


def test_real_images_fade_like_generated_ones(batch_for):
    model, objective = make()
    batch = batch_for(model)
    objective.step = 3
    half = F.avg_pool2d(2 * batch.images - 1, 2)
    assert half.shape[-1] == 8
    expected = 0.5 * half + 0.5 * F.interpolate(F.avg_pool2d(half, 2), scale_factor=2)
    torch.testing.assert_close(objective.real(batch), expected)
    objective.step = 100
    torch.testing.assert_close(objective.real(batch), 2 * batch.images - 1)


def test_the_losses_by_hand(batch_for):
    model, objective = make(gradient_penalty=0.0)
    objective.step = 100
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    critic = objective.discriminator
    on_real, on_fake = critic(2 * batch.images - 1), critic(model.generator(torch.randn(6, 5)))
    expected = on_fake.mean() - on_real.mean() + 0.001 * on_real.square().mean()
    torch.testing.assert_close(updates["discriminator"], expected)
    z = torch.randn(6, 5)
    images = model.generator(z)
    apart = [(model.generator(z, k) - reduced(images, 4 << k)).square().mean() for k in (0, 1)]
    torch.testing.assert_close(updates["generator"], -critic(images).mean() + sum(apart))


def test_colours_of_former_stages_learn_without_moving_what_they_see(batch_for):
    model, objective = make()
    objective.step = 100
    loss = objective.generator_step(batch_for(model))
    generator = model.generator
    former = list(generator.to_rgb[:2].parameters())
    others = [*generator.blocks.parameters(), *generator.to_rgb[2].parameters()]
    assert all(gradient.any() for gradient in torch.autograd.grad(loss, former, retain_graph=True))
    torch.manual_seed(3)
    mine = torch.autograd.grad(objective.generator_step(batch_for(model)), others)
    torch.manual_seed(3)
    batch = batch_for(model)
    plain = torch.autograd.grad(-objective.discriminator(objective.fake(batch)).mean(), others)
    for a, b in zip(mine, plain, strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_reach_every_parameter_of_the_last_stage(batch_for, unreached):
    model, objective = make()
    objective.step = 100
    idle = {
        name
        for name, _ in objective.named_parameters()
        if name.startswith(("discriminator.from_rgb.0", "discriminator.from_rgb.1"))
    }
    # A critic's last bias is left to the drift term, which it has in the paper for that.
    assert unreached(objective, batch_for(model)).keys() == idle


def test_the_contract_suite_sees_later_stages_because_of_the_phases():
    class Short(Objective):
        def __init__(self, model, options):
            super().__init__(model, options)
            self.phases = (0,)

    model = make()[0]
    check_gradients(model)
    model.objective_class = Short
    with pytest.raises(ContractError, match=r"discriminator\.blocks\.1"):
        check_gradients(model)


def test_settings_of_the_appendix():
    model = zoo.create("progan", **SMALL)
    objective = model.objective_class.create(model)
    for optimizer in objective.optimizers().values():
        assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (0.001, (0.0, 0.99))
    assert (objective.adversarial.gradient_penalty, objective.options.drift) == (10, 0.001)
    assert objective.adversarial.discriminator_steps == 1


def test_every_resolution_is_drawn_from_the_same_latents():
    model = make()[0].eval()
    z = zoo.latent.Noise(3, 0, 2).normal(5)
    for stage, size in enumerate((4, 8, 16)):
        images = model.generate(2, seed=3, resolution=size)
        assert images.shape == (2, 3, size, size)
        torch.testing.assert_close(images, ((model.generator(z, stage) + 1) / 2).clamp(0, 1))
        torch.testing.assert_close(model.decode(z, resolution=size), images)
    torch.testing.assert_close(model.generate(2, seed=3), images)


@pytest.mark.parametrize("resolution", [5, 32, 0, True, "8", 8.0, torch.tensor([8, 8])])
def test_other_resolutions_are_refused(resolution):
    with pytest.raises(InvalidInput, match="resolution="):
        make()[0].generate(1, resolution=resolution)


def test_stages_that_have_not_grown_are_refused():
    model = make()[0]
    assert model.resolutions == (4, 8, 16)
    model.resolution.fill_(8)
    assert model.resolutions == (4, 8)
    with pytest.raises(InvalidInput, match=r"resolution=16; expected one of 4, 8\. It has not grown further than 8"):
        model.generate(1, resolution=16)


def test_the_length_of_a_latent_is_of_no_account():
    model = make()[0].eval()
    torch.testing.assert_close(model.generate(3, seed=0, temperature=0.5), model.generate(3, seed=0), atol=1e-4, rtol=0)
    unit = F.normalize(torch.randn(4, 5), dim=1) * 5**0.5
    assert model._improbability(unit).abs().max() < 1e-10
    assert model._improbability(2 * unit).tolist() == pytest.approx([9.0] * 4)


def test_half_precision_knows_no_zero_latent():
    assert make()[0].half().eval().generate(2, seed=0, temperature=0.0).isfinite().all()


def test_in_training_it_draws_with_the_stages_it_has(batch_for):
    model, objective = make()
    for step, size in ((0, 4), (2, 4), (4, 4), (5, 8), (10, 8), (11, 16), (50, 16)):
        objective.step = step
        list(itertools.islice(objective.updates(batch_for(model)), 1))
        assert model.resolution == size
        small = model.generate(2, seed=0, resolution=size)
        torch.testing.assert_close(model.generate(2, seed=0), F.interpolate(small, size=(16, 16), mode="nearest"))


@pytest.mark.filterwarnings("ignore::zoo.errors.ShortRun")
def test_a_resumed_run_goes_on_in_the_right_phase(resumed):
    """Interrupted while a stage fades in, and again at its end."""
    data = TensorDataset("faces", "train", torch.randint(0, 256, (12, 3, 16, 16), dtype=torch.uint8))
    recipe = Recipe(steps=9, batch_size=4, ema=0.5, objective={"stay": 2, "fade": 3})

    assert resumed(lambda: zoo.create("progan", **SMALL), data, recipe, 4, 7).resolution == 8


def test_reduced_averages():
    images = torch.randn(2, 3, 16, 16)
    assert reduced(images, 16) is images
    torch.testing.assert_close(reduced(images, 4), F.avg_pool2d(F.avg_pool2d(images, 2), 2))


@pytest.mark.parametrize("config", [{"widths": (4,)}, {"widths": (4, 0)}, {"latent_dim": 0}, {"channels": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="progan"):
        zoo.create("progan", **config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stay": 0}, "stay=0"),
        ({"fade": 0}, "fade=0"),
        ({"drift": -1}, "drift=-1"),
        ({"widths": (4, 4)}, "one for each stage"),
        ({"widths": (4, 4, 0)}, r"widths=\(4, 4, 0\)"),
        ({"spectral_norm": True}, "no place for spectral_norm"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises((ConfigError, InvalidInput), match=message):
        make(**options)

"""WGAN: algorithm 1."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError
from zoo.nn import dcgan

SMALL = {"image_size": 8, "width": 2, "latent_dim": 4}


@pytest.fixture
def model():
    return zoo.create("wgan", **SMALL)


def test_five_critic_steps_on_a_fifth_of_the_batch_each(model, batch_for):
    objective = model.objective_class.create(model, width=2)
    sizes = []
    objective.discriminator.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    names = [name for name, _ in objective.updates(batch_for(model, 10))]
    assert names == ["discriminator"] * 5 + ["generator"]
    assert sizes == [2] * 11


def test_the_losses_are_the_difference_of_means_and_its_generated_half(model, batch_for):
    objective = model.objective_class.create(model, width=2, discriminator_steps=1).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (objective.discriminator(model.generator(torch.randn(6, 4))).mean() for _ in range(2))
    real = objective.discriminator(2 * batch.images - 1).mean()
    torch.testing.assert_close(updates["discriminator"], first - real)
    torch.testing.assert_close(updates["generator"], -second)


def test_weights_stay_within_a_hundredth_through_a_whole_step(model, batch_for):
    objective = model.objective_class.create(model, width=2, learning_rate=0.1)
    optimizers = objective.optimizers()
    for name, loss in objective.updates(batch_for(model, 10)):
        assert max(p.abs().max() for p in objective.discriminator.parameters()) <= 0.01
        optimizers[name].zero_grad()
        loss.backward(inputs=[p for group in optimizers[name].param_groups for p in group["params"]])
        optimizers[name].step()
    assert max(p.abs().max() for p in objective.discriminator.parameters()) <= 0.01
    assert max(p.abs().max() for p in model.generator.parameters()) > 0.1


def test_rmsprop_without_momentum_and_two_learning_rates(model):
    optimizers = model.objective_class.create(
        model, learning_rate=0.001, discriminator_learning_rate=0.002
    ).optimizers()
    assert {type(optimizer) for optimizer in optimizers.values()} == {torch.optim.RMSprop}
    assert {name: o.defaults["lr"] for name, o in optimizers.items()} == {"discriminator": 0.002, "generator": 0.001}
    assert {o.defaults["momentum"] for o in optimizers.values()} == {0}


def test_the_networks_are_dcgan_s(model):
    assert isinstance(model.generator, dcgan.Generator)
    model = zoo.create("wgan", image_size=16, width=2)
    assert any(isinstance(m, nn.BatchNorm2d) for m in model.objective_class.create(model).discriminator)
    without = model.objective_class.create(model, batch_norm=False).discriminator
    assert not any(isinstance(m, nn.BatchNorm2d) for m in without)


@pytest.mark.parametrize("option", ["beta1", "beta2"])
def test_options_of_adam_are_refused(model, option):
    with pytest.raises(ConfigError, match=f"objective of WGAN has no place for {option}"):
        model.objective_class.create(model, **{option: 0.5})


def test_impossible_config():
    with pytest.raises(ConfigError, match="image_size=30"):
        zoo.create("wgan", image_size=30)

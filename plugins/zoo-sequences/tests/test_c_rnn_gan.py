import pytest
import torch
from torch import nn
from zoo_sequences.c_rnn_gan import Discriminator
from zoo_sequences.notes import events, played

from zoo.plugin import Batch, Noise

SMALL = {"length": 5, "latent_dim": 2, "hidden": 7, "centre": (60.0, 3.0, 80.0, 0.5), "spread": (4.0, 0.5, 2.0, 0.1)}


@pytest.fixture
def model(made):
    return made("c-rnn-gan", **SMALL)


@pytest.fixture
def batch(model):
    return Batch(model.space.example(6, Noise(0, 0, 6)))


def test_events_are_standardised_and_nothing_is_where_no_note_is(model, batch):
    found = model.standardised_events(batch.images)
    assert torch.allclose(
        found[0, 0], (events(batch.images[0, 0]) - torch.tensor(SMALL["centre"])) / torch.tensor(SMALL["spread"])
    )
    assert not found[~played(batch.images)].any()
    assert (~played(batch.images)).any()


def test_each_event_follows_from_noise_and_the_events_before(model):
    z = torch.randn(3, 5, 2)
    made = model.generator(z)
    again = model.generator(z, made)  # told what it made, it makes the same
    assert torch.allclose(again, made, atol=1e-6)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(model.generator(z)[:, 2].sum(), z)
    assert gradient[:, :3].all()
    assert not gradient[:, 3:].any()
    x = made.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.generator(z, x)[:, 2].sum(), x)
    assert gradient[:, 1].all()
    assert not gradient[:, 2:].any()


def test_padding_changes_no_feature():
    discriminator = Discriminator(4, 2)
    x, where = torch.randn(3, 6, 4), torch.arange(6) < torch.tensor([[2], [6], [4]])
    found = discriminator.features(x, where)
    assert torch.allclose(found[:1], discriminator.features(x[:1, :2], where[:1, :2]), atol=1e-6)
    assert torch.allclose(found, discriminator.features(torch.where(where[:, :, None], x, 9.0), where), atol=1e-6)
    read, _ = discriminator.recurrent(x[2:, :4])
    assert torch.allclose(discriminator(found)[2], discriminator.out(read)[0, :, 0].mean(), atol=1e-6)  # of all events
    assert torch.allclose(found[2], read[0].mean(0), atol=1e-6)


def test_the_discriminator_reads_both_ways():
    discriminator = Discriminator(4, 1)
    x = torch.randn(1, 3, 4, requires_grad=True)
    read, _ = discriminator.recurrent(x)
    (gradient,) = torch.autograd.grad(read[0, 1].sum(), x)
    assert gradient[0, 0].any()
    assert gradient[0, 2].any()


def test_losses_are_those_of_the_paper(model, batch):
    objective = model.objective_class.create(model, hidden=4)
    x, where = model.standardised_events(batch.images), played(batch.images)
    torch.manual_seed(0)
    loss = objective.generator_loss(x, where)
    torch.manual_seed(0)
    made = model.generator(objective.noise(x))
    gap = objective.discriminator.features(made, where).mean(0) - objective.discriminator.features(x, where).mean(0)
    assert torch.allclose(loss, gap.square().sum())
    torch.manual_seed(0)
    errors = (model.generator(objective.noise(x), x) - x)[where]
    torch.manual_seed(0)
    assert torch.allclose(objective.next_event_loss(x, where), errors.square().mean())
    torch.manual_seed(0)
    loss, _ = objective.discriminator_loss(x, where)
    on_real, on_made = (objective.discriminator(objective.discriminator.features(each, where)) for each in (x, made))
    expected = -on_real.sigmoid().log().mean() - (1 - on_made.sigmoid()).log().mean()
    assert torch.allclose(loss, expected, atol=1e-6)
    other = model.objective_class.create(model, hidden=4, feature_matching=False)
    other.discriminator = objective.discriminator
    torch.manual_seed(0)
    assert torch.allclose(other.generator_loss(x, where), -on_made.sigmoid().log().mean(), atol=1e-6)


@pytest.mark.parametrize("bias", [0.0, -3.0, 3.0])
def test_a_discriminator_that_cannot_tell_goes_on_learning(model, batch, bias):
    objective = model.objective_class.create(model, pretraining=1)
    nn.init.zeros_(objective.discriminator.out.weight)
    nn.init.constant_(objective.discriminator.out.bias, bias)
    objective.step = 1
    assert [name for name, _ in objective.updates(batch)] == ["discriminator", "generator"]
    objective.step = 0
    assert [name for name, _ in objective.updates(batch)] == ["generator"]


@pytest.mark.parametrize(("freezing", "rests"), [(0.7, True), (0.0, False)])
def test_a_discriminator_that_is_far_ahead_rests(model, batch, freezing, rests):
    objective = model.objective_class.create(model, pretraining=0, freezing=freezing)
    answers = iter([torch.full((6,), 4.0), torch.full((6,), -4.0)])  # real, generated
    objective.discriminator.forward = lambda features: next(answers)
    loss, ahead = objective.discriminator_loss(model.standardised_events(batch.images), played(batch.images))
    assert ahead == rests
    assert float(objective.observed["frozen"]) == rests
    assert loss < 0.1


def test_it_learns_to_make_the_notes_of_a_tune(made):
    model = made("c-rnn-gan", **SMALL | {"spread": (4.0, 0.5, 1.0, 0.1), "centre": (60.0, 3.5, 80.0, 0.0)})
    tune = torch.tensor([[(60, 12, 80, 0), (64, 12, 80, 0), (62, 12, 80, 0), (58, 12, 80, 0), (60, 12, 80, 0)]]).repeat(
        8, 1, 1
    )
    objective = model.objective_class.create(model, pretraining=400, learning_rate=0.02)
    optimizer = objective.optimizers()["generator"]
    torch.manual_seed(0)
    for _ in range(150):
        ((_, loss),) = objective.updates(Batch(tune))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    made = model.generate(4, seed=0)
    assert (made[:, :, 0] - tune[:4, :, 0]).abs().double().mean() < 1
    assert (made[:, :, 1] == 12).double().mean() > 0.5


def test_what_the_first_part_of_a_batch_finds_holds_for_the_others(model):
    objective = model.objective_class.create(model, pretraining=0, freezing=0.7)
    low, high = torch.tensor(0.1), torch.tensor(1.0)
    objective.step = 3
    assert objective.is_ahead(low, high)
    assert objective.is_ahead(high, low)  # another part of the same batch
    objective.step = 4
    assert not objective.is_ahead(high, low)
    assert not objective.is_ahead(low, high)

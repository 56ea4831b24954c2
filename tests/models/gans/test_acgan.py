"""AC-GAN: L_S + L_C and L_C − L_S."""

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.errors import ConfigError
from zoo.nn import losses


@pytest.fixture
def model():
    return zoo.create("acgan", image_size=8, width=2, latent_dim=4, classes=("a", "b", "c"))


def objective_for(model, **options):
    torch.manual_seed(7)
    return model.objective_class.create(model, width=2, dropout=0.0, **options).eval()


def losses_of(objective, batch):
    torch.manual_seed(1)
    return {name: loss.item() for name, loss in objective.updates(batch)}


@pytest.mark.parametrize("auxiliary", [1.0, 0.25])
def test_source_and_class_by_hand(model, auxiliary, batch_for):
    objective, batch = objective_for(model, auxiliary=auxiliary), batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (objective.discriminator(model.generator(torch.randn(6, 4), batch.labels)) for _ in range(2))
    real = objective.discriminator(2 * batch.images - 1)

    def named(outputs):
        """−log P(C = c | X), the mean over a batch."""
        probabilities = outputs[:, 1:].softmax(1)
        return -torch.stack([row[label].log() for row, label in zip(probabilities, batch.labels, strict=True)]).mean()

    source = -real[:, 0].sigmoid().log().mean() - (1 - first[:, 0].sigmoid()).log().mean()
    torch.testing.assert_close(updates["discriminator"], source + auxiliary * (named(real) + named(first)))
    fooled = -second[:, 0].sigmoid().log().mean()
    torch.testing.assert_close(updates["generator"], fooled + auxiliary * named(second))


def test_each_image_is_classified_once_whether_batches_are_mixed_or_apart(model, batch_for):
    batch = batch_for(model)
    apart, mixed = (losses_of(objective_for(model, mixed=mixed), batch) for mixed in (False, True))
    assert mixed == pytest.approx(apart)


def test_what_a_penalty_scores_is_not_classified(model, batch_for):
    batch = batch_for(model)
    plain, objective = losses_of(objective_for(model), batch), objective_for(model, r1=2.0)
    penalised = losses_of(objective, batch)
    penalty = 2 * losses.r1_penalty(lambda x: objective.discriminator(x)[:, 0], 2 * batch.images - 1).item()
    assert penalty > 0
    assert penalised["discriminator"] - plain["discriminator"] == pytest.approx(penalty, abs=1e-5)
    assert penalised["generator"] == pytest.approx(plain["generator"])
    assert objective.classified == []


def test_steps_that_share_the_batch_classify_their_own_part(model, batch_for):
    objective, batch = objective_for(model, discriminator_steps=2), batch_for(model)
    torch.manual_seed(1)
    first, second, _ = [loss for _, loss in objective.updates(batch)]
    torch.manual_seed(1)
    for loss, part in ((first, slice(0, 3)), (second, slice(3, 6))):
        labels = batch.labels[part]
        outputs = [
            objective.discriminator(x) for x in (2 * batch.images[part] - 1, model.generator(torch.randn(3, 4), labels))
        ]
        source = losses.discriminator_loss(outputs[0][:, 0], outputs[1][:, 0])
        torch.testing.assert_close(loss, source + sum(F.cross_entropy(x[:, 1:], labels) for x in outputs))


def test_condition_matters(model):
    z = torch.randn(1, 4).expand(3, 4)
    a, b, c = model.decode(z, condition=["a", "b", "c"])
    assert min((a - b).abs().max(), (b - c).abs().max()) > 1e-5


def test_impossible_config():
    with pytest.raises(ConfigError, match="classes"):
        zoo.create("acgan", classes=("a",))

"""WAE: the discrepancy against a hand case and in expectation, and the two penalties."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models.autoencoders.wae import SCALES, mmd
from zoo.nn.losses import discriminator_loss, generator_loss
from zoo.objective import Batch

SIZES = {"image_shape": (1, 8, 8), "width": 4, "latent_dim": 3}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return zoo.create("wae", **SIZES).double()


def kernel(squared, d):
    return sum(2 * d * s / (2 * d * s + squared) for s in SCALES)


def test_mmd_by_hand():
    """Codes 0 and 1, draws 2 and 4, of one number each."""
    codes, prior = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [4.0]])
    between = sum(kernel(squared, 1) for squared in (4, 16, 1, 9)) / 4
    expected = kernel(1, 1) + kernel(4, 1) - 2 * between
    assert mmd(codes.double(), prior.double()).item() == pytest.approx(expected)


def test_mmd_of_equal_samples():
    """The mean over pairs of different ones, less that over all: for equal samples minus the kernel's diagonal."""
    x = torch.randn(6, 2, dtype=torch.float64)
    squared = (x[:, None] - x).square().sum(2)
    all_pairs = kernel(squared, 2)
    off = (all_pairs.sum() - 6 * len(SCALES)) / 30
    assert mmd(x, x).item() == pytest.approx(2 * (off - all_pairs.mean()).item())


def test_mmd_is_0_on_average_for_one_distribution_and_positive_for_two():
    torch.manual_seed(0)
    same = torch.stack([mmd(torch.randn(32, 2), torch.randn(32, 2)) for _ in range(200)])
    other = torch.stack([mmd(torch.randn(32, 2) + 1, torch.randn(32, 2)) for _ in range(50)])
    assert abs(same.mean().item()) < 4 * same.std().item() / 200**0.5
    assert other.min() > 0


def test_a_batch_of_one_is_refused(model):
    with pytest.raises(ConfigError, match="batch_size=2 or more"):
        mmd(torch.randn(1, 3), torch.randn(1, 3))


def test_a_step_sees_each_batch_once(model):
    """Else BatchNorm would move twice."""
    objective = model.objective_class.create(model, penalty="gan").double()
    list(objective.updates(Batch(torch.rand(6, 1, 8, 8, dtype=torch.float64))))
    assert model.encoder[1].num_batches_tracked.item() == 1


def test_the_objective_adds_the_discrepancy(model):
    x = torch.rand(6, 1, 8, 8, dtype=torch.float64)
    torch.manual_seed(4)
    ((_, loss),) = model.objective_class.create(model, weight=5.0).updates(Batch(x))
    torch.manual_seed(4)
    code = model.encoder(x)
    error = (model.decoder(code) - x).square().mean()
    assert loss.item() == pytest.approx((error + 5 * mmd(code, torch.randn_like(code)) / 64).item())


def test_a_discriminator_of_codes_comes_first(model):
    objective = model.objective_class.create(model, penalty="gan", weight=5.0).double()
    x = torch.rand(6, 1, 8, 8, dtype=torch.float64)
    torch.manual_seed(4)
    (first, judged), (second, loss) = objective.updates(Batch(x))
    torch.manual_seed(4)
    code = model.encoder(x)
    drawn = torch.randn_like(code)
    assert (first, second) == ("discriminator", "autoencoder")
    expected = discriminator_loss(objective.discriminator(drawn), objective.discriminator(code))
    assert judged.item() == pytest.approx(expected.item())
    error = (model.decoder(code) - x).square().mean()
    assert loss.item() == pytest.approx((error + 5 * generator_loss(objective.discriminator(code)) / 64).item())
    assert set(objective.optimizers()) == {"discriminator", "autoencoder"}


@pytest.mark.parametrize(("side", "widths"), [(64, [32, 64, 128, 256]), (28, [32, 64]), (8, [32]), (32, [32, 64, 128])])
def test_sides_are_halved_to_4_or_an_odd_one(side, widths):
    config = zoo.create("wae", image_shape=(1, 8, 8)).config
    import dataclasses

    assert dataclasses.replace(config, image_shape=(3, side, side)).widths == widths


def test_codes_are_drawn_from_the_prior(model):
    assert torch.equal(model.eval().latents(2, seed=0), zoo.noise.Noise(0, 0, 2).normal(3).double())

"""StyleGAN2: path lengths, the discriminator's halving, and what it cannot be."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError, InvalidInput
from zoo.models.gans.stylegan2 import Activation, Halving

SMALL = {"widths": (6, 4, 3), "latent_dim": 5, "mapping_layers": 2}


@pytest.fixture
def model():
    return zoo.create("stylegan2", **SMALL).eval()


def test_the_preset_is_configuration_f_of_the_paper():
    with torch.device("meta"):
        model = zoo.create("stylegan2", preset="paper")
    assert model.space.shape == (3, 1024, 1024)
    assert model.latent_shape == (18, 512)
    # What the authors' code prints of its generator at 1024 × 1024.
    assert sum(parameter.numel() for parameter in model.generator.parameters()) == 30_370_060


def test_path_lengths_of_a_linear_generator(model):
    """Of images A·w, each style with its own A: the length is that of Aᵀy, by the root of its mean over layers."""
    objective = model.objective_class.create(model)
    torch.manual_seed(0)
    matrices = torch.randn(6, 3 * 16 * 16, 5)
    styles = torch.randn(4, 6, 5, requires_grad=True)
    images = torch.einsum("lpd,nld->np", matrices, styles).view(4, 3, 16, 16)
    torch.manual_seed(1)
    penalty = objective.path_penalty(images, styles)
    torch.manual_seed(1)
    y = torch.randn(4, 3, 16, 16).flatten(1) / 16
    lengths = torch.einsum("lpd,np->nld", matrices, y).square().sum(2).mean(1).sqrt()
    mean = 0.01 * lengths.mean()  # the mean of training, which began at 0
    torch.testing.assert_close(objective.mean_length, mean)
    torch.testing.assert_close(penalty, (lengths - mean).square().mean())


def test_paths_count_at_every_fourth_step(model, batch_for, monkeypatch):
    objective = model.objective_class.create(model, path=3.0)
    batch = batch_for(model, 2)
    monkeypatch.setattr(objective, "path_penalty", lambda images, styles: torch.tensor(10.0))
    for step, more in ((0, 120.0), (1, 0.0), (3, 0.0), (4, 120.0)):
        objective.step = step
        torch.manual_seed(0)
        with_path = objective.generator_step(batch)
        torch.manual_seed(0)
        without = objective.loss.generator(objective.score(objective.augmented(objective.fake(batch)), None))
        torch.testing.assert_close(with_path, without + more)


def test_the_penalty_reaches_mapping_and_synthesis(model, batch_for):
    objective = model.objective_class.create(model.train())
    styles = objective.styles(batch_for(model, 4))
    objective.path_penalty(model.generator(styles, objective.noise(styles)), styles).backward()
    for part in (model.generator.mapping, model.generator.enlarge, model.generator.to_rgb):
        assert all(bool(parameter.grad.any()) for parameter in part.parameters() if parameter.ndim > 1)


def test_adam_is_slowed_down_for_lazy_penalties(model):
    optimizers = model.objective_class.create(model).optimizers()
    for network, every in (("discriminator", 16), ("generator", 4)):
        (group,) = optimizers[network].param_groups
        assert group["lr"] == pytest.approx(0.002 * every / (every + 1))
        assert group["betas"] == pytest.approx((0, 0.99 ** (every / (every + 1))))
    plain = model.objective_class.create(model, path=0.0).optimizers()["generator"].param_groups[0]
    assert (plain["lr"], plain["betas"]) == (0.002, (0.0, 0.99))


def test_halving_is_of_the_filtered_image():
    for kernel in (1, 3):
        assert Halving(3, 7, kernel)(torch.randn(2, 3, 8, 8)).shape == (2, 7, 4, 4)
    halving = Halving(1, 1, 1, bias=False)
    with torch.no_grad():
        halving.conv.weight.fill_(1.0)
    x = torch.rand(1, 1, 8, 8)
    line = torch.tensor([1.0, 3, 3, 1]) / 8
    window = x[0, 0, 1:5, 1:5]  # around the second pixel of the second row of the halved image
    torch.testing.assert_close(halving(x)[0, 0, 1, 1], line @ window @ line)


def test_the_activation_keeps_variance():
    x = torch.randn(10**5)
    assert Activation()(x).square().mean().item() == pytest.approx(1.04, rel=0.02)  # 2 · (1 + 0.2²)/2


@pytest.mark.parametrize("config", [{"widths": (4,)}, {"latent_dim": 0}, {"channels": 0}, {"mapping_layers": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="stylegan2"):
        zoo.create("stylegan2", **config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": 1.5}, "mixing=1.5"),
        ({"r1_every": 0}, "r1_every=0"),
        ({"path": -1}, "path=-1"),
        ({"path_every": 0}, "path_every=0"),
    ],
)
def test_impossible_options(model, options, message):
    with pytest.raises((ConfigError, InvalidInput), match=message):
        model.objective_class.create(model, **options)

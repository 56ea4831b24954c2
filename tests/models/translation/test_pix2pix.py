"""pix2pix: the networks of the paper, its loss by hand, and dropout that follows from the seed."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError
from zoo.models.translation.pix2pix import Config, Pix2Pix, UNet
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.training import loop

TINY = {"image_shape": (1, 24, 24), "source_channels": 2, "width": 2, "depth": 3}


@pytest.fixture
def model():
    return zoo.create("pix2pix", **TINY).eval()


@pytest.fixture
def batch():
    return Batch(torch.rand(4, 1, 24, 24), None, torch.rand(4, 2, 24, 24))


def test_the_paper_s_network():
    """Appendix 6.1: C64-C128-C256-C512-C512-C512-C512-C512, and back, each layer beside its mirror image."""
    with torch.device("meta"):
        network = UNet(Config(image_shape=(3, 256, 256), width=64, depth=8))
        down = [layer[-1] if isinstance(layer[-1], nn.Conv2d) else layer[-2] for layer in network.down]
        x, sizes = torch.empty(1, 3, 256, 256), []
        for layer in network.down:
            x = layer(x)
            sizes.append(x.shape[2])
        assert network(torch.empty(1, 3, 256, 256)).shape == (1, 3, 256, 256)
    assert [layer.out_channels for layer in down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert sizes == [128, 64, 32, 16, 8, 4, 2, 1]
    assert [layer[1].in_channels for layer in network.up] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert [layer[1].out_channels for layer in network.up] == [512, 512, 512, 512, 256, 128, 64, 3]
    assert network.dropped == (512, 512, 512)
    assert {layer[0].negative_slope for layer in network.down[1:]} == {0.2}


def test_skips_carry_what_the_bottleneck_cannot():
    network = UNet(Config(image_shape=(1, 8, 8), source_channels=1, width=2, depth=3))
    with torch.no_grad():
        network.up[0][1].weight.zero_()  # nothing from below
    x = torch.rand(2, 1, 8, 8)
    assert not torch.equal(network(x)[0], network(x)[1])


class Brighter(nn.Module):
    """In place of the U-Net: a times the first channel."""

    dropped = ()

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, x, keep=None):
        return self.factor * x[:, :1]


class Difference(nn.Module):
    """In place of the discriminator: a score that compares the image, the last channel, with the source."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, pairs):
        return self.weight * (pairs[:, 2:] - pairs[:, :1])


def test_losses_are_equations_one_three_and_four(model, batch):
    objective = model.objective_class.create(model, l1=100.0)
    model.network, objective.discriminator = Brighter(), Difference()
    updates = objective.updates(batch)
    source, image = 2 * batch.sources[:, :1] - 1, 2 * batch.images - 1
    real, fake = 2 * (image - source), 2 * (0.5 * source - source)
    name, loss = next(updates)
    assert name == "discriminator"
    expected = -(real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()) / 2
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert model.network.factor.grad is None  # the discriminator's loss is none of the generator's
    with torch.no_grad():
        objective.discriminator.weight.fill_(3.0)  # the generator's loss is of the discriminator as updated
    name, loss = next(updates)
    assert name == "generator"
    fake = 3 * (0.5 * source - source)
    torch.testing.assert_close(loss, -fake.sigmoid().log().mean() + 100 * (0.5 * source - image).abs().mean())
    assert next(updates, None) is None
    assert objective.observed["real"] == pytest.approx(real.sigmoid().mean().item())


def test_dropout_is_on_in_training_in_three_layers_of_the_decoder(model, batch):
    seen = []
    forward = model.network.forward
    model.network.forward = lambda x, keep=None: seen.append(keep) or forward(x, keep)
    next(model.objective_class.create(model, width=2).updates(batch))
    assert [tuple(keep.shape) for keep in seen[0]] == [(4, 4, 1, 1), (4, 2, 1, 1)]
    assert set(torch.cat([keep.flatten() for keep in seen[0]]).tolist()) == {0.0, 2.0}
    assert zoo.create("pix2pix", width=2).network.dropped == (16, 16, 8)


def test_each_image_has_a_mask_of_its_own_from_the_seed(model):
    sources = torch.rand(1, 2, 16, 24).expand(6, -1, -1, -1)
    made = model.translate(sources, seed=0)
    assert len({image.sum().item() for image in made}) > 1
    state = torch.get_rng_state()
    assert torch.equal(model.translate(sources[:2], seed=0), made[:2])
    torch.testing.assert_close(model.translate(sources, seed=0, batch_size=1), made)
    assert not torch.equal(model.translate(sources, seed=1), made)
    assert torch.equal(torch.get_rng_state(), state)


def test_temperature_zero_leaves_dropout_out(model):
    source = torch.rand(3, 2, 16, 16)
    still = model.translate(source, seed=0, temperature=0)
    torch.testing.assert_close(still, (model.network(2 * source - 1) + 1) / 2)
    assert torch.equal(still, model.translate(source, seed=1, temperature=0))
    hand = [1 + 0.5 * (torch.tensor([0.0, 2.0]) - 1)]
    torch.testing.assert_close(model._kept(torch.tensor([0.2, 0.7]), 0.5), hand[0])


def test_tiles_of_an_image_share_its_mask(model):
    seen = []
    forward = model.network.forward
    model.network.forward = lambda x, keep=None: seen.append(keep) or forward(x, keep)
    sources = torch.rand(2, 2, 300, 220)
    made = model.translate(sources, seed=0, tile=200, batch_size=2)
    assert len(seen) > 2
    half = len(seen) // 2
    for tiles in (seen[:half], seen[half:]):
        assert all(torch.equal(a, b) for keep in tiles[1:] for a, b in zip(keep, tiles[0], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(seen[0], seen[-1], strict=True))
    torch.testing.assert_close(made[:1], model.translate(sources[:1], seed=0, tile=200))


def test_norms_see_each_image_alone(model):
    sources = torch.rand(3, 2, 16, 16)
    together = model.translate(sources, seed=0, temperature=0)
    alone = torch.cat([model.translate(source, seed=0, temperature=0) for source in sources])
    torch.testing.assert_close(together, alone)
    assert not any(True for _ in model.buffers())  # no running statistics


@pytest.mark.parametrize(
    "config",
    [
        {"image_shape": (3, 100, 128)},
        {"image_shape": (3, 128)},
        {"image_shape": (0, 128, 128)},
        {"width": 0},
        {"depth": 1},
        {"depth": -1},
        {"source_channels": 0},
    ],
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="pix2pix"):
        zoo.create("pix2pix", **config)


def test_images_too_small_for_a_patch_are_refused_before_training():
    model = zoo.create("pix2pix", image_shape=(1, 16, 16), depth=2, width=2)
    with pytest.raises(ConfigError, match=r"pix2pix: image_shape=\(1, 16, 16\).*24 pixels"):
        model.objective_class.create(model)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    images = torch.randint(0, 256, (6, 3, 24, 24), dtype=torch.uint8)
    data = TensorDataset("noise", "train", images[:, :1], sources=images[:, 1:])
    recipe = Recipe(dataset="side-by-side", steps=4, batch_size=2, ema=0.9, flip=True, objective={"width": 2})
    make = lambda: Pix2Pix(Config(**TINY))  # noqa: E731
    whole = loop.fit(make, data, recipe, tmp_path / "whole", accelerator="cpu")
    loop.fit(make, data, recipe, tmp_path / "halves", accelerator="cpu", until=2)
    halves = loop.fit(make, data, recipe, tmp_path / "halves", accelerator="cpu", resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), halves.parameters(), strict=True))
    checkpoints = [(tmp_path / run / "checkpoint.safetensors").read_bytes() for run in ("whole", "halves")]
    assert checkpoints[0] == checkpoints[1]
    assert (tmp_path / "whole/samples/000004.png").is_file()


def test_it_learns_a_simple_pair():
    """From a square's mask to the square in grey on black, in a few steps."""
    torch.manual_seed(1)
    model = zoo.create("pix2pix", image_shape=(1, 24, 24), source_channels=1, width=4, depth=3)
    objective = model.objective_class.create(model, width=2, learning_rate=0.01)
    optimizers = objective.optimizers()
    sources = torch.zeros(4, 1, 24, 24)
    for i in range(4):
        sources[i, :, 3 * i : 3 * i + 10, 4:16] = 1

    def error():
        return F.l1_loss(model.translate(sources, seed=0, temperature=0), 0.5 * sources).item()

    before = error()
    for _ in range(20):
        for name, loss in objective.updates(Batch(0.5 * sources, None, sources)):
            objective.zero_grad()
            loss.backward()
            optimizers[name].step()
    assert error() < before / 2


@pytest.mark.parametrize("dropped", [0, 1])
def test_without_dropout_an_image_has_one_translation(dropped):
    model = zoo.create("pix2pix", image_shape=(1, 8, 8), source_channels=1, width=2, depth=3, dropped=dropped).eval()
    made = model.translate(torch.rand(1, 1, 8, 8), 8, seed=0)
    assert model.deterministic == (dropped == 0) == torch.equal(made, made[:1].expand_as(made))


@pytest.mark.parametrize(("norm", "biases"), [("instance", 3), ("plain", 6), ("batch", 1)])
def test_biases_go_with_the_norm_as_in_the_authors_code(norm, biases):
    network = UNet(Config(image_shape=(1, 8, 8), source_channels=1, width=2, depth=3, norm=norm, dropped=1))
    convolutions = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    assert sum(layer.bias is not None for layer in convolutions) == biases
    assert network.dropped == (4,)
    made = network(torch.rand(2, 1, 8, 8))
    assert made.shape == (2, 1, 8, 8)

"""CycleGAN: the networks of the paper, its losses by hand, the history of generated images, and both ways."""

import pytest
import torch
from torch import nn
from torchvision.transforms.functional import pil_to_tensor

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, DataError, InvalidInput
from zoo.models.translation import cyclegan
from zoo.models.translation.cyclegan import HISTORY, Config, CycleGAN, History, generator
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.training import loop

TINY = {"image_shape": (1, 24, 24), "domains": ("horse", "zebra"), "width": 2, "blocks": 1}


@pytest.fixture
def model():
    return zoo.create("cyclegan", **TINY).eval()


@pytest.fixture
def batch():
    return Batch(torch.rand(2, 1, 24, 24), None, torch.rand(2, 1, 24, 24))


def test_the_paper_s_generator():
    """Appendix 7.2: c7s1-64, d128, d256, R256 × 6, u128, u64, c7s1-3."""
    with torch.device("meta"):
        network = generator(Config(width=64))
        x, shapes = torch.empty(1, 3, 128, 128), []
        for layer in network:
            x = layer(x)
            if not isinstance(layer, (nn.InstanceNorm2d, nn.ReLU, nn.Tanh)):
                shapes.append(tuple(x.shape[1:3]))
    assert shapes == [(64, 128), (128, 64), (256, 32), *[(256, 32)] * 6, (128, 64), (64, 128), (3, 128)]
    assert isinstance(network[-1], nn.Tanh)
    assert (network[0].kernel_size, network[-2].kernel_size) == ((7, 7), (7, 7))
    assert network[0].padding_mode == "reflect"


def test_weights_start_from_a_narrow_normal():
    network = generator(Config(width=16, blocks=1))
    for layer in (network[0], network[3]):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)


class Scaled(nn.Module):
    """In place of a generator: a times the image, plus b."""

    def __init__(self, factor, shift=0.0):
        super().__init__()
        self.factor, self.shift = nn.Parameter(torch.tensor(factor)), shift

    def forward(self, x):
        return self.factor * x + self.shift


def with_stubs(model, **arguments):
    """The objective with G(a) = 0.5 a, F(b) = 0.8 b + 0.1 and discriminators that double, of A, and triple, of B."""
    objective = model.objective_class.create(model, **arguments)
    model.generators = nn.ModuleList([Scaled(0.5), Scaled(0.8, 0.1)])
    objective.discriminators = nn.ModuleList([Scaled(2.0), Scaled(3.0)])
    return objective


def test_generators_loss_is_least_squares_plus_cycle_plus_identity(model, batch):
    a, b = 2 * batch.sources - 1, 2 * batch.images - 1
    fake_b, fake_a = 0.5 * a, 0.8 * b + 0.1
    adversarial = (2 * fake_a - 1).square().mean() + (3 * fake_b - 1).square().mean()
    cycle = (0.8 * fake_b + 0.1 - a).abs().mean() + (0.5 * fake_a - b).abs().mean()
    identity = (0.5 * b - b).abs().mean() + (0.8 * a + 0.1 - a).abs().mean()
    for arguments, expected in (
        ({}, adversarial + 10 * cycle + 5 * identity),
        ({"cycle": 2.0, "identity": 0.25}, adversarial + 2 * cycle + 0.5 * identity),
        ({"identity": 0.0}, adversarial + 10 * cycle),
        ({"cycle": 0.0}, adversarial),
    ):
        name, loss = next(with_stubs(model, **arguments).updates(batch))
        assert name == "generator"
        torch.testing.assert_close(loss, expected)


def test_discriminators_loss_is_half_of_least_squares_on_the_images_before_the_step(model, batch):
    objective = with_stubs(model)
    a, b = 2 * batch.sources - 1, 2 * batch.images - 1
    updates = objective.updates(batch)
    next(updates)
    with torch.no_grad():
        model.generators[0].factor.fill_(7.0)  # what the generators make now comes in the next step
    name, loss = next(updates)
    assert name == "discriminator"
    of_a = (2 * a - 1).square().mean() + (2 * (0.8 * b + 0.1)).square().mean()
    of_b = (3 * b - 1).square().mean() + (3 * 0.5 * a).square().mean()
    torch.testing.assert_close(loss, (of_a + of_b) / 2)
    loss.backward()
    assert [network.factor.grad for network in model.generators] == [None, None]
    assert next(updates, None) is None
    torch.testing.assert_close(objective.observed["real"].item(), ((2 * a).mean() + (3 * b).mean()).item() / 2)


def numbered(first, n):
    return torch.arange(float(first), first + n).view(n, 1, 1, 1)


def test_the_history_keeps_and_returns_all_until_it_is_full():
    history = History((1, 1, 1))
    for first in range(0, HISTORY, 10):
        latest = numbered(first, 10)
        assert torch.equal(history(latest), latest)
    assert history.count == HISTORY == 50
    assert torch.equal(history.images, numbered(0, HISTORY))


def test_a_full_history_swaps_every_other_image():
    history = History((1, 1, 1))
    history(numbered(0, HISTORY))
    latest = numbered(100, 1000)
    shown = history(latest.requires_grad_())
    assert not shown.requires_grad
    swapped = shown.flatten() != latest.flatten()
    assert 430 < swapped.sum() < 570  # four standard deviations and more
    kept = set(history.images.flatten().tolist())
    seen = shown.flatten().tolist()
    # Nothing is lost and nothing twice: what went in is either shown or kept.
    assert sorted([*kept, *seen]) == [*range(HISTORY), *range(100, 1100)]
    # Returned is what was there before, in a place that the latest took over.
    assert all(old < new for old, new in zip(shown[swapped].flatten(), latest[swapped].flatten(), strict=True))
    assert len(set(seen) & set(range(HISTORY))) > 40


def test_the_history_is_no_part_of_what_is_changed_outside():
    history, latest = History((1, 1, 1)), numbered(0, 2)
    shown = history(latest)
    latest.zero_()
    shown.zero_()
    assert history.images[:2].flatten().tolist() == [0, 1]


def test_a_resumed_run_is_the_uninterrupted_one_with_a_full_history(tmp_path, monkeypatch):
    monkeypatch.setattr(cyclegan, "HISTORY", 3)
    a, b = torch.randint(0, 256, (2, 7, 1, 24, 24), dtype=torch.uint8)
    data = TensorDataset("noise", "train", b, sources=a[:5], paired=False)
    recipe = Recipe(dataset="unpaired-folders", steps=6, batch_size=2, flip=True, objective={"width": 2})
    make = lambda: CycleGAN(Config(**TINY))  # noqa: E731
    whole = loop.fit(make, data, recipe, tmp_path / "whole", accelerator="cpu")
    loop.fit(make, data, recipe, tmp_path / "halves", accelerator="cpu", until=4)
    halves = loop.fit(make, data, recipe, tmp_path / "halves", accelerator="cpu", resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), halves.parameters(), strict=True))
    checkpoints = [(tmp_path / run / "checkpoint.safetensors").read_bytes() for run in ("whole", "halves")]
    assert checkpoints[0] == checkpoints[1]
    assert (tmp_path / "whole/samples/000006.png").is_file()


def test_data_without_sources_are_refused_before_the_first_step(tmp_path):
    images = torch.zeros(4, 1, 24, 24, dtype=torch.uint8)
    recipe = Recipe(dataset="image-folder", steps=1, batch_size=2)
    for data, message in (
        (TensorDataset("faces", "train", images), "faces has images alone; CycleGAN learns to make them from others"),
        (
            TensorDataset("faces", "train", images, sources=images.expand(4, 3, 24, 24)),
            "sources in faces have 3 channels",
        ),
    ):
        with pytest.raises(DataError, match=message):
            loop.fit(lambda: CycleGAN(Config(**TINY)), data, recipe, tmp_path, accelerator="cpu")
    unpaired = TensorDataset("faces", "train", images, sources=images, paired=False)
    pix2pix = zoo.create("pix2pix", image_shape=(1, 24, 24), source_channels=1, width=2, depth=2)
    with pytest.raises(DataError, match="not in pairs, which pix2pix learns from"):
        loop.fit(lambda: pix2pix, unpaired, recipe, tmp_path, accelerator="cpu")


def test_either_domain_by_its_name(model):
    source = torch.rand(2, 1, 16, 20)
    to_zebra, to_horse = ((network(2 * source - 1) + 1) / 2 for network in model.generators)
    for to, expected in ((None, to_zebra), ("zebra", to_zebra), ("Zebra", to_zebra), ("horse", to_horse)):
        torch.testing.assert_close(model.translate(source, to=to), expected)
    assert not torch.allclose(to_zebra, to_horse)


@pytest.mark.parametrize("to", ["zebr", "", 1, True])
def test_unknown_domain_names_the_nearest(model, to):
    with pytest.raises(InvalidInput, match=r"to=.*zebra"):
        model.translate(torch.rand(1, 1, 16, 16), to=to)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 50), (7, 9)])
def test_images_too_small_to_reflect_are_padded(model, size):
    made = model.translate(torch.rand(2, 1, *size))
    assert made.shape == (2, 1, *size)


@pytest.mark.parametrize(
    "config",
    [
        {"image_shape": (3, 126, 128)},
        {"image_shape": (3, 128)},
        {"image_shape": (0, 128, 128)},
        {"domains": ("horse", "Horse")},
        {"domains": ("horse", "zebra", "Zebra")},
        {"domains": ("horse", 1)},
        {"width": 0},
        {"blocks": 0},
    ],
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="cyclegan"):
        zoo.create("cyclegan", **config)


def test_images_too_small_for_a_patch_and_wrong_factors_are_refused_before_training(model):
    small = zoo.create("cyclegan", **{**TINY, "image_shape": (1, 20, 24)})
    with pytest.raises(ConfigError, match=r"cyclegan: image_shape=\(1, 20, 24\)"):
        small.objective_class.create(small)
    for wrong in ({"cycle": -1.0}, {"identity": -0.5}):
        with pytest.raises(ConfigError, match=r"cycle|identity"):
            model.objective_class.create(model, **wrong)


def test_tiles_are_normed_by_the_whole_image(monkeypatch):
    """A dark half beside a bright one: by its own statistics each tile would be as bright as the other."""
    torch.manual_seed(0)
    model = zoo.create("cyclegan", image_shape=[3, 24, 24], width=4, blocks=1).eval()
    images = torch.rand(2, 3, 96, 200) * 0.2
    images[:, :, :, 100:] += 0.7
    whole, tiles = model.translate(images, tile=0), model.translate(images, tile=96)
    monkeypatch.setattr(model, "normed", False)
    alone = model.translate(images, tile=96)
    assert (tiles - whole).abs().mean() < 0.2 * (alone - whole).abs().mean()
    monkeypatch.undo()
    torch.testing.assert_close(model.translate(images[1:], tile=96), tiles[1:])
    drawn = pil_to_tensor(model.picture(images[:1], tile=96)).float() / 255
    torch.testing.assert_close(drawn, tiles[0], atol=0.51 / 255, rtol=0)
    torch.testing.assert_close(model.translate(images, tile=0), whole, atol=0, rtol=0)


def test_one_way_translates_to_the_second_domain_and_is_not_trained():
    model = CycleGAN(Config(image_shape=(1, 24, 24), width=2, blocks=1, domains=("horse", "zebra"), both_ways=False))
    images = torch.rand(1, 1, 24, 24)
    assert model.domains == ()
    assert not model.trainable
    assert torch.equal(model.eval().translate(images, to="zebra"), model.translate(images))
    with pytest.raises(InvalidInput, match="one way only, to 'zebra'"):
        model.translate(images, to="horse")
    with pytest.raises(ConfigError, match="both_ways"):
        model.objective_class.create(model)


def test_batch_norm_sees_images_to_translate_and_images_to_keep_apart():
    model = CycleGAN(Config(image_shape=(1, 24, 24), width=2, blocks=1, norm="batch"))
    objective = model.objective_class.create(model)
    images, kept = torch.rand(2, 2, 1, 24, 24).unbind()
    made, same = objective._translated(model.generators[0], images, kept)
    assert torch.equal(made, model.generators[0](images))
    assert torch.equal(same, model.generators[0](kept))

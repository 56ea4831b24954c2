"""Directions of attributes: by an encoder, and by a judge of samples where there is none."""

import pytest
import torch
from torch import nn

import zoo
from zoo import latent
from zoo.data import attributes
from zoo.data.attributes import directions, directions_of
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, CardError, DataError, InvalidInput, UnknownName
from zoo.nn import features
from zoo.releases.cards import Card


def halves(has, size=4, channels=1):
    """Random pixels, the upper half of which is brighter with the first attribute, the lower half with the second."""
    has = torch.tensor(has, dtype=torch.bool)
    shape = (len(has), channels, size, size)
    pixels = torch.randint(0, 100, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[:, :, : size // 2] += 100 * has[:, :1, None, None]
    pixels[:, :, size // 2 :] += 100 * has[:, 1:2, None, None]
    return TensorDataset("halves", "train", pixels, attributes=has, attribute_names=("upper", "Lower"))


@pytest.fixture(scope="module")
def mixed():
    return halves([(i % 2, i % 3 == 0 or i % 4 == 1) for i in range(60)])


@pytest.fixture
def flow():
    torch.manual_seed(0)
    config = {"image_shape": (1, 4, 4), "widths": (4,), "checkerboard": 2, "channelwise": 0, "blocks": 1}
    return zoo.create("realnvp", **config)


def test_with_an_encoder_they_are_those_of_the_codes_of_the_images(flow, mixed):
    found = directions(flow, mixed)
    assert list(found) == ["upper", "Lower"]
    expected = latent.directions(flow.encode(mixed.floats(slice(None))), mixed.attributes)
    torch.testing.assert_close(torch.stack(list(found.values())), expected)
    one = flow.encode(mixed.floats(slice(1)))
    brighter = (flow.decode(one + found["Lower"]) - flow.decode(one)).mean((0, 1, 3))
    assert brighter[2:].min() > 0.2
    assert brighter[:2].abs().max() < 0.15


def test_a_few_examples_of_each_kind_are_enough_and_names_choose(flow, mixed):
    found = directions(flow, mixed, ["lower"], examples=5)
    rows = [torch.nonzero(kind)[:5, 0] for kind in (mixed.attributes[:, 1], ~mixed.attributes[:, 1])]
    rows = torch.cat(rows).sort().values
    expected = latent.directions(flow.encode(mixed.floats(rows)), mixed.attributes[rows])
    assert list(found) == ["Lower"]
    torch.testing.assert_close(found["Lower"], expected[1])


class Halves(nn.Module):
    """A generator whose first latent is the brightness of the upper half and whose second that of the lower."""

    def forward(self, z):
        upper, lower = (z[:, k].sigmoid().view(-1, 1, 1, 1).expand(-1, 1, 4, 8) for k in range(2))
        return torch.cat([upper, lower], 2) * 2 - 1


@pytest.fixture
def gan(monkeypatch):
    """A GAN without an encoder; what judges its samples sees the mean of each half, and they are few."""
    monkeypatch.setattr(attributes, "SAMPLES", 600)
    monkeypatch.setattr(attributes, "CHUNK", 250)

    def shipped(name):
        assert name == "grey28"
        network = nn.Sequential(nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(2, 2))
        nn.init.eye_(network[-1].weight)
        return features.FeatureNetwork(name, "0" * 64, network, dimensions=2, channels=1, sizes=(8, 8))

    torch.manual_seed(0)
    monkeypatch.setattr(features, "load", shipped)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=3, channels=1)
    model.generator = Halves()
    return model


def test_without_an_encoder_samples_are_judged(gan):
    looked_at = []
    gan._encode = lambda images, condition, noise: looked_at.append(len(images))
    found = directions(gan, halves([(i % 2, i % 5 == 0) for i in range(80)], size=8))
    assert not looked_at
    for k, direction in enumerate(found.values()):
        assert direction.shape == (3,)
        others = torch.cat([direction[:k], direction[k + 1 :]])
        # Half of the samples have a latent above 0, on average √(2/π) above; the fifth that is judged to have the
        # second attribute lies on average 1.40 above 0 and the rest 0.35 below.
        assert direction[k].item() == pytest.approx((1.6, 1.75)[k], abs=0.25)
        assert others.abs().max() < 0.25


def test_samples_are_those_of_the_seed(gan):
    data = halves([(i % 2, i % 5 == 0) for i in range(40)], size=8)
    first, again, other = (directions(gan, data, ["upper"], seed=seed)["upper"] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_attribute_that_everybody_has_takes_no_part(flow, mixed):
    has = torch.cat([mixed.attributes, torch.ones(60, 1, dtype=torch.bool)], 1)
    data = TensorDataset("x", "train", mixed.images, attributes=has, attribute_names=("upper", "lower", "nose"))
    torch.testing.assert_close(directions(flow, data, ["upper"])["upper"], directions(flow, mixed)["upper"])
    with pytest.raises(DataError, match="all of 60 examples have 'nose'"):
        directions(flow, data)


def test_mistakes(flow, mixed):
    with pytest.raises(UnknownName, match=r"halves has no attribute 'upperr'\. Did you mean 'upper'"):
        directions(flow, mixed, ["upper", "upperr"])
    with pytest.raises(DataError, match=r"says nothing about attributes.*celeba-attributes"):
        directions(flow, TensorDataset("x", "train", mixed.images))
    with pytest.raises(DataError, match="none of 4 examples have 'upper'"):
        directions(flow, halves([(0, 1), (0, 0)] * 2), ["upper"])
    for name, config, what in (("cgan", {"image_size": 8}, "conditioned on 10 labels"), ("flow-2d", {}, "of vectors")):
        with pytest.raises(InvalidInput, match=f"this one is .*{what}"):
            directions(zoo.create(name, **config), mixed)
    flow.capabilities = lambda: frozenset({"generate"})
    with pytest.raises(CapabilityError, match="has no decode"):
        directions(flow, mixed)


def test_those_of_a_card(release):
    model = zoo.load(release)
    card = Card.read(release).with_directions({"smiling": range(4)})
    assert torch.equal(directions_of(card, model)["smiling"], torch.arange(4.0))
    with pytest.raises(CardError, match=r"README.md: the direction 'smiling' has 3 numbers; the latents of .* have 4"):
        directions_of(card.with_directions({"smiling": range(3)}), model)

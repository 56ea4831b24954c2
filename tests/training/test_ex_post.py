"""What densities of codes draw, on an autoencoder whose codes are far from N(0, I)."""

import math
from dataclasses import dataclass

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, DataError, InvalidInput, UnknownName
from zoo.model import Model
from zoo.nn import features
from zoo.spaces import Images
from zoo.training.ex_post import compare


@dataclass(frozen=True)
class Plain:
    """Nothing to choose."""


class Shades(Model):
    """Its code is the grey of an image's left half and of its right half, a hundred times."""

    def __init__(self):
        super().__init__(Plain())
        self.space, self.latent_shape = Images((1, 28, 28)), (2,)
        self.eval()

    def _encode(self, images, condition, noise):
        return 100 * torch.stack([half.flatten(1).mean(1) for half in images.split(14, 3)], 1)

    def _decode(self, z, condition):
        left, right = ((0.01 * z).clamp(0, 1)[:, side, None, None, None].expand(-1, 1, 28, 14) for side in (0, 1))
        return torch.cat([left, right], 3)


@pytest.fixture
def halves():
    """Images dark on one side and bright on the other, in two shades each."""
    shades = torch.tensor([[50, 200], [200, 50], [60, 210], [210, 60]], dtype=torch.uint8).repeat(60, 1)
    pixels = shades[:, None, None, :].repeat_interleave(14, 3).expand(-1, 1, 28, 28).contiguous()
    return TensorDataset("halves", "train", pixels), TensorDataset("halves", "test", pixels[:40])


def test_a_fitted_density_draws_what_noise_does_not(halves):
    told = []
    found = compare(Shades(), features.load("grey28"), *halves, ["normal", "gaussian", "gmm", "own"], tell=told.append)
    assert told == [each.title for each in found] == ["N(0, I)", "a Gaussian", "10 Gaussians", "its own"]
    normal, gaussian, gmm, own = found
    assert gmm.frechet < gaussian.frechet < normal.frechet
    assert gmm.nats < gaussian.nats < normal.nats
    assert torch.equal(normal.images, own.images)  # which decodes standard normal latents, having no other prior
    assert own.nats is None
    for each in found:  # images that are shown keep no others
        assert each.images.untyped_storage().nbytes() == each.images.numel() * each.images.element_size()
    codes = Shades().encode(halves[1].floats(torch.arange(40))).double()
    assert normal.nats == pytest.approx(float(0.5 * codes.square().sum(1).mean()) + math.log(2 * math.pi), rel=1e-5)
    left, right = (half.flatten(1).mean(1) for half in gmm.images.split(14, 3))
    assert ((left < 0.3) & (right > 0.7) | (left > 0.7) & (right < 0.3)).all()


def test_what_cannot_be_compared_is_refused(halves):
    network = features.load("grey28")
    with pytest.raises(UnknownName, match="no density is called 'gmn'"):
        compare(Shades(), network, *halves, ["gmn"])
    with pytest.raises(DataError, match="n=41; halves allows 2 to 40"):
        compare(Shades(), network, *halves, ["own"], n=41)
    one = TensorDataset("one", "test", torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    with pytest.raises(DataError, match="of one 1 is held out, and 2 or more are compared"):
        compare(Shades(), network, halves[0], one, ["own"])
    with pytest.raises(InvalidInput, match="components=0; expected a whole number of at least 1"):  # whatever the kinds
        compare(Shades(), network, *halves, ["own"], components=0)
    with pytest.raises(CapabilityError, match="no unconditional autoencoder of images"):
        compare(zoo.create("dcgan", image_size=16, width=2, latent_dim=2), network, *halves, ["own"])

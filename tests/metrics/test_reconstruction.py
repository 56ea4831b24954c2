"""Reconstruction on models that lose nothing, a known amount, or must be inverted."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.data.dataset import TensorDataset
from zoo.metrics import reconstruction
from zoo.metrics.evaluate import Subject
from zoo.metrics.reconstruction import psnr, reconstruct
from zoo.model import Model
from zoo.nn.features import FeatureNetwork
from zoo.noise import Noise
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Plain:
    loss: float = 0.0


class Identity(Model):
    """An autoencoder whose code is the image itself; decoding darkens every pixel by `loss`."""

    def __init__(self, loss: float = 0.0) -> None:
        super().__init__(Plain(loss))
        self.space, self.latent_shape = of_shape((1, 4, 4)), (1, 4, 4)
        self.loss = torch.nn.Parameter(torch.tensor(loss))
        self.eval()

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return (z - self.loss).clamp(0, 1)

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return images


@pytest.fixture
def data() -> TensorDataset:
    return TensorDataset("grey", "test", torch.full((6, 1, 4, 4), 204, dtype=torch.uint8))  # 0.8


def test_an_identity_loses_nothing(judge: FeatureNetwork, data: TensorDataset) -> None:
    mse, ratio = reconstruct(Subject(Identity(), judge, data, data, n=6))
    assert (mse.type, ratio.type) == ("mse", "psnr")
    assert (mse.value, ratio.value) == (0.0, 120.0)
    assert mse.args == ratio.args == {"split": "test", "n_real": 6, "encoder": "network", "seed": 0}


@pytest.mark.parametrize(("loss", "mse", "decibels"), [(0.1, 0.01, 20.0), (0.5, 0.25, 6.021)])
def test_a_known_loss(judge: FeatureNetwork, data: TensorDataset, loss: float, mse: float, decibels: float) -> None:
    records = reconstruct(Subject(Identity(loss), judge, data, data, n=6))
    assert [record.value for record in records] == pytest.approx([mse, decibels], rel=1e-3)


def test_psnr_is_averaged_over_images_and_not_of_the_average(judge: FeatureNetwork, data: TensorDataset) -> None:
    # Black images come back as they were, the others 0.1 darker.
    data.images[:3] = 0
    mse, ratio = reconstruct(Subject(Identity(0.1), judge, data, data, n=6))
    assert mse.value == pytest.approx(0.005, rel=1e-3)
    assert ratio.value == pytest.approx((120 + 20) / 2, rel=1e-3)


class Halving(Identity):
    """An autoencoder whose code is the mean of each half of a 4 × 4 image."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_shape = (2,)

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return images.view(-1, 2, 8).mean(2)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return z.repeat_interleave(8, 1).view(-1, 1, 4, 4)


def test_beside_it_stands_that_of_principal_components(judge: FeatureNetwork) -> None:
    """Two components of what varies in three directions, by 3, 2 and 1 levels in some pixels: the third is lost."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (400, 3), generator=generator) * 2 - 1
    images = torch.full((400, 16), 100)
    images[:, 0] += 30 * signs[:, 0]
    images[:, 5] += 20 * signs[:, 1]
    images[:, 9] += 10 * signs[:, 2]
    data = TensorDataset("grey", "train", images.view(-1, 1, 4, 4).byte())
    mse, _ = reconstruct(Subject(Halving(), judge, data, data, n=400))
    assert mse.args["code"] == 2
    assert mse.args["pca"] == pytest.approx((10 / 255) ** 2 / 16, rel=0.05)
    assert mse.args["n_real"] == 400


@pytest.mark.parametrize("wide", [1, 4096])
def test_the_error_of_components_is_that_of_the_singular_values_left_out(
    monkeypatch: pytest.MonkeyPatch, wide: int
) -> None:
    monkeypatch.setattr(reconstruction, "WIDE", wide)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 12, generator=generator) * torch.arange(12, 0, -1) + 3
    left_out = torch.linalg.svdvals(x - x.mean(0))[4:].square().sum().item() / x.numel()
    state = torch.get_rng_state()
    assert reconstruction.components_error(x, x, 4) == pytest.approx(left_out, rel=1e-4)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_bijection_is_not_measured(
    judge: FeatureNetwork, data: TensorDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Identity, "log_prob_kind", "exact")
    assert reconstruct(Subject(Identity(), judge, data, data, n=6)) == []


def test_a_registered_gan_is_inverted_on_a_few_images(
    judge: FeatureNetwork, data: TensorDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan: Any = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    monkeypatch.setattr(reconstruction, "INVERTED", 2)
    monkeypatch.setattr(gan, "reconstruct", lambda images, **_: images)
    colour = TensorDataset("colour", "test", torch.zeros(6, 3, 8, 8, dtype=torch.uint8))
    mse, _ = reconstruct(Subject(gan, judge, colour, colour, n=6))
    assert (mse.value, mse.args["n_real"], mse.args["encoder"]) == (0.0, 2, "optimisation")


def test_psnr_closed_form() -> None:
    assert psnr(torch.tensor([1.0, 0.01, 0.0])).tolist() == pytest.approx([0, 20, 120])


@pytest.mark.parametrize("encodes_by", ["optimisation", "inversion"])
def test_without_an_encoder_fewer_images_are_taken(
    judge: FeatureNetwork, data: TensorDataset, monkeypatch: pytest.MonkeyPatch, encodes_by: str
) -> None:
    monkeypatch.setattr(reconstruction, "INVERTED", 2)
    monkeypatch.setattr(Identity, "encodes_by", encodes_by)
    mse, _ = reconstruct(Subject(Identity(), judge, data, data, n=6))
    assert (mse.args["n_real"], mse.args["encoder"]) == (2, encodes_by)

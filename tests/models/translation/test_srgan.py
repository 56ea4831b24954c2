"""SRGAN: its discriminator and losses, and what it starts from; its network is tested in tests/nn/test_srresnet.py."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
from zoo import building
from zoo.errors import ConfigError
from zoo.models._super_resolution import Config
from zoo.models.translation.srgan import SRGAN, Discriminator, begin
from zoo.models.translation.srresnet import SRResNet
from zoo.objective import Batch


def test_the_discriminator_is_the_papers() -> None:
    network = Discriminator((3, 96, 96), 64, 1024)
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in convolutions] == [1, 2] * 4
    assert [type(layer).__name__ for layer in network].count("BatchNorm2d") == 7
    assert Discriminator((3, 20, 36), 2, 4)(torch.zeros(2, 3, 20, 36)).shape == (2, 1)


def test_the_adversarial_losses(patches: Batch, small: Config) -> None:
    """By hand, of what is known: features that are the pixels, a discriminator that weighs the mean of an image."""
    torch.manual_seed(0)
    model = SRGAN(small).eval()
    objective: Any = model.objective_class.create(model, features=2.0, pixel=3.0, adversarial=0.5, width=2, hidden=4)

    class Pixels(nn.Module):
        def maps(self, images: Tensor) -> dict[str, Tensor]:
            assert images.min() >= 0
            assert images.max() <= 1
            return {"pixels": images, "half": images / 2}

    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(2.0))

        def forward(self, images: Tensor) -> Tensor:
            return self.weight * images.mean((1, 2, 3))[:, None]

    objective.features, objective.discriminator = Pixels(), Bright()
    made = model.network(patches.sources)  # type: ignore[arg-type]
    real, fake = ((2 * images - 1).mean((1, 2, 3)) for images in (patches.images, made))
    updates = objective.updates(patches)
    name, loss = next(updates)
    assert name == "discriminator"
    expected = -(2 * real).sigmoid().log().mean() - (1 - (2 * fake).sigmoid()).log().mean()
    torch.testing.assert_close(loss, expected)
    with torch.no_grad():
        objective.discriminator.weight.fill_(5.0)  # the generator's loss is of the discriminator as updated
    name, loss = next(updates)
    assert name == "generator"
    inside = (made.clamp(0, 1) - patches.images).square().mean()
    pixel = (made - patches.images).square().mean()
    expected = 2 * 1.25 * inside + 3 * pixel - 0.5 * (5 * fake).sigmoid().log().mean()
    torch.testing.assert_close(loss, expected)
    assert next(updates, None) is None


def test_no_gradient_of_the_discriminators_loss_reaches_the_network(patches: Batch, small: Config) -> None:
    model = SRGAN(small)
    objective = model.objective_class.create(model, width=2, hidden=4)
    name, loss = next(objective.updates(patches))
    assert name == "discriminator"
    loss.backward()
    assert all(p.grad is None for p in model.parameters())


def test_srgan_starts_from_a_release(
    srresnet: SRResNet, monkeypatch: pytest.MonkeyPatch, photograph: Any, small: Config
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(building, "load", lambda release: asked.append(release.name) or srresnet)
    started = SRGAN(small)
    started.objective_class.create(started, start="srresnet-bsd200", width=2, hidden=4)
    assert asked == ["srresnet-bsd200"]
    source = photograph(6, 6)
    torch.testing.assert_close(started.eval().translate(source), srresnet.translate(source))


def test_a_start_of_another_config_is_refused(srresnet: SRResNet, monkeypatch: pytest.MonkeyPatch) -> None:
    wider = SRGAN(Config(image_shape=(3, 16, 16), width=5, blocks=1))
    before = wider.network.tail[-1].weight.clone()
    for release in (srresnet, zoo.create("gan", image_shape=(1, 4, 4), latent_dim=3, hidden=(8,))):
        monkeypatch.setattr(building, "load", lambda _, release=release: release)
        with pytest.raises(ConfigError, match="start='srresnet-bsd200' has"):
            begin(wider, "srresnet-bsd200")
    assert torch.equal(before, wider.network.tail[-1].weight)

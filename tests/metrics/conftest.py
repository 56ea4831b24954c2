"""A small labelled data set on disk, a card that names it, and two models small enough to be measured in a blink."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo import images
from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.metrics import fine_tuning, probe
from zoo.metrics.evaluate import Subject
from zoo.model import Model
from zoo.nn import features
from zoo.nn.features import FeatureNetwork
from zoo.noise import Noise
from zoo.releases.cards import Card
from zoo.spaces import of_shape

SHAPE = (1, 28, 28)
CLASSES = ("0", "1")


def picture(label: Tensor, noise: Tensor) -> Tensor:
    """Images (n, 1, 28, 28): the upper half bright for class 0, the lower for class 1, plus noise (n, 1, 28, 28)."""
    rows = torch.arange(28)[None, :] < 14
    bright = torch.where(label[:, None] == 0, rows, ~rows).float()
    return (0.2 + 0.6 * bright[:, None, :, None] + 0.1 * noise).clamp(0, 1)


@dataclass(frozen=True)
class Config:
    pass


class Painter(Model):
    """Label-conditional: draws the data set's own distribution; `wrong` swaps the classes."""

    wrong = False

    def __init__(self) -> None:
        super().__init__(Config())
        self.space, self.latent_shape = of_shape(SHAPE), (784,)
        self.condition = Labels(CLASSES)
        self.scale = torch.nn.Parameter(torch.ones(()))

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        assert condition is not None
        return picture(condition ^ int(self.wrong), self.scale * z.view(-1, *SHAPE))

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        assert condition is not None
        return ((images - picture(condition, torch.zeros(len(images), *SHAPE))) / 0.1).flatten(1)


class Uniform(Model):
    """The uniform density on [0, 1]^784: exactly 8 bits per dimension."""

    log_prob_kind = "exact"

    def __init__(self) -> None:
        super().__init__(Config())
        self.space, self.latent_shape = of_shape(SHAPE), SHAPE
        self.scale = torch.nn.Parameter(torch.ones(()))

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return 0 * images.flatten(1).sum(1)


class Judge(torch.nn.Module):
    """Features (n, 4): the means of the quarters. Class "0" if the upper half is brighter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * torch.nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> FeatureNetwork:
    """A feature network called "judge", found by `features.load` under any name."""
    head = torch.nn.Linear(4, 3, bias=False)
    # A class that the data set does not have wins unless it is left out.
    head.weight.data = torch.tensor([[9.0, 9, 9, 9], [0, 0, 1, 1], [1, 1, 0, 0]])
    network = FeatureNetwork(
        "judge", "f" * 64, Judge(), dimensions=4, channels=1, sizes=(28, 28), classes=("other", "1", "0"), head=head
    )
    monkeypatch.setattr(features, "load", lambda name: network)
    return network


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train: 30 images of each class; test: 12 of each."""
    folder = tmp_path_factory.mktemp("data")
    generator = torch.Generator().manual_seed(0)
    for split, n in (("train", 30), ("test", 12)):
        for label, name in enumerate(CLASSES):
            drawn = picture(torch.full((n,), label), torch.randn(n, *SHAPE, generator=generator))
            (folder / split / name).mkdir(parents=True)
            for index, image in enumerate(images.to_pil(drawn)):
                image.save(folder / split / name / f"{index:03d}.png")
    return folder


@pytest.fixture
def card(tmp_path: Path) -> Card:
    front = {
        "license": "apache-2.0",
        "library_name": "zoo",
        "pipeline_tag": "unconditional-image-generation",
        "tags": [],
        "datasets": ["mnist"],
        "zoo": {
            "architecture": "painter",
            "config": {},
            "data": {"name": "halves", "license": "mit", "shape": list(SHAPE)},
            "training": {"dataset": "image-folder"},
        },
    }
    return Card(tmp_path / "painter-halves", front, "<!-- zoo:measured -->\n<!-- /zoo:measured -->\n")


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def uniform() -> Uniform:
    return Uniform()


class Stripes:
    """Images of 8 × 8, noisy, with a bright stripe whose place is the class; every seventh has no label."""

    classes = ("left", "middle", "right")

    def data(self, split: str, n: int, seed: int) -> TensorDataset:
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(n) % 3
        made = torch.randint(0, 120, (n, 1, 8, 8), generator=generator)
        for place in range(3):
            made[labels == place, :, :, 3 * place : 3 * place + 2] += 100
        told = torch.where(torch.arange(n) % 7 == 6, -1, labels)
        return TensorDataset("stripes", split, made.byte(), told, self.classes)

    def subject(self, architecture: str = "autoencoder", train: TensorDataset | None = None, **config: Any) -> Subject:
        """180 training images with a label, and 60 held out."""
        config = config or {"image_shape": (1, 8, 8), "hidden": (16,), "latent_dim": 4}
        torch.manual_seed(0)
        model = zoo.create(architecture, **config).eval()
        return Subject(model, None, train or self.data("train", 210, 0), self.data("test", 70, 1), n=70)


@pytest.fixture
def stripes(monkeypatch: pytest.MonkeyPatch) -> Stripes:
    """Data on which probes take two runs, and networks two steps in each."""
    monkeypatch.setattr(probe, "RUNS", 2)
    monkeypatch.setattr(fine_tuning, "STEPS", 2)
    return Stripes()

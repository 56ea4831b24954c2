"""The two feature networks that come with the package: small residual classifiers, trained by `train_features`.

Both are one architecture, in the manner of He et al. 2016 (arXiv:1512.03385): a 3 × 3 stem, then for each further width
a convolution of stride 2 and a residual block, then the mean over all positions, which is the feature vector. Group
normalisation (Wu & He 2018, arXiv:1803.08494) keeps no running statistics, so one network can learn from images of two
sizes at once and a feature never depends on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.errors import WeightsNotFound
from zoo.nn.features import FeatureNetwork
from zoo.releases import networks
from zoo.releases.integrity import verify
from zoo.weights import read_tensors

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ATTRIBUTES = ("bangs", "eyeglasses", "facial_hair", "smiling")


@dataclass(frozen=True)
class Design:
    """A shipped network, whose weights file `networks/` has or knows where to get. widths: channels of the stem and of
    each halving; the last is the number of features. sizes: smallest and largest side of an image it takes as it is."""

    name: str
    channels: int
    sizes: tuple[int, int]
    widths: tuple[int, ...]
    classes: tuple[str, ...]


GREY28 = Design("grey28", 1, (28, 28), (32, 64, 128), DIGITS + CLOTHES)
# The last four logits are independent answers, yes above 0; the first ten exclude each other.
COLOUR64 = Design("colour64", 3, (32, 64), (32, 64, 112, 160), OBJECTS + ATTRIBUTES)


class Residual(nn.Module):
    """x + f(x) with f two 3 × 3 convolutions; shape kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_convolution(width, width), nn.ReLU(), _convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inner(x))


class Classifier(nn.Module):
    """Images (n, channels, h, w) in [0, 1] to features (n, widths[-1]); `head` turns features into logits. layers: the
    modules that give the maps of the stem (full size) and of each width (half the one before)."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        widths = design.widths
        layers: list[nn.Module] = [_convolution(design.channels, widths[0]), nn.ReLU()]
        for before, after in pairwise(widths):
            layers += [_convolution(before, after, stride=2), nn.ReLU(), Residual(after)]  # half the size
        self.body = nn.Sequential(*layers)
        self.layers = ("body.1", *(f"body.{i}" for i, layer in enumerate(layers) if isinstance(layer, Residual)))
        self.head = nn.Linear(widths[-1], len(design.classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.body((images - 0.5) / 0.25).mean((2, 3))  # type: ignore[no-any-return]


def grey28() -> FeatureNetwork:
    """28 × 28 grey, trained on the classes of MNIST and Fashion-MNIST. Raises WeightsError for a damaged file."""
    return load(GREY28)


def colour64() -> FeatureNetwork:
    """32 to 64 pixels colour, trained on the classes of CIFAR-10 and four attributes of CelebA. Raises WeightsError
    for a damaged file."""
    return load(COLOUR64)


def load(design: Design, path: Path | None = None) -> FeatureNetwork:
    """The network of `design` with its own weights, or those in `path`, whose hash is then not pinned."""
    if path is not None and not path.is_file():
        raise WeightsNotFound(f"{path} is not there. Name the file, or measure with another feature network.")
    file, sha256 = networks.find(design.name) if path is None else (path, verify(path, sha256=None))
    with torch.random.fork_rng(devices=[]):  # building draws initial weights
        network = Classifier(design)
    network.load_state_dict(
        {key: value.float() for key, value in read_tensors(file, sha256=sha256)[1].items()}, strict=True
    )
    return FeatureNetwork(
        design.name,
        sha256,
        network,
        dimensions=design.widths[-1],
        channels=design.channels,
        sizes=design.sizes,
        classes=design.classes,
        head=network.head,
        layers=network.layers,
    )


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    # 16 channels to a group, as in the paper's ablation.
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.GroupNorm(after // 16, after)
    )

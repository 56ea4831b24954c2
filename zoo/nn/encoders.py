"""Encoders and decoders of autoencoders: dense ones, whose weights may be tied, and convolutions with pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ConfigError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "selu": nn.SELU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "none": nn.Identity,
}
RANGES = {"relu": (0.0, math.inf), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}  # of what activations make, if limited


LayerT = TypeVar("LayerT", nn.Linear, nn.Conv2d)


def check_shape(name: str, shape: tuple[int, ...]) -> None:
    """Raise ConfigError unless `shape` is that of images or vectors."""
    if len(shape) not in (1, 3):
        raise ConfigError(f"{name}: image_shape={shape!r}; expected (channels, height, width) or (features,).")


def check_sides(name: str, shape: tuple[int, ...], widths: tuple[int, ...]) -> None:
    """Raise ConfigError for images that are too small to be halved once for each of `widths`."""
    if len(shape) != 3 or min(shape[1:]) < 2 ** len(widths):
        least = 2 ** len(widths)
        raise ConfigError(
            f"{name}: image_shape={shape!r}; expected (channels, height, width) with sides of at least {least}, which "
            f"{len(widths)} layers halve. Use fewer layers for smaller images."
        )


class Transposed(nn.Module):
    """A dense layer with the weights of `linear`, transposed, and biases of its own: tied weights (Vincent et al. 2010,
    section 2.2). They are stored once, as those of `linear`."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(linear.in_features))
        self._of = (linear,)  # in a tuple, which is not searched for parameters

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self._of[0].weight.t(), self.bias)


def dense_encoder(sizes: Sequence[int], activation: str, last: str) -> nn.Sequential:
    """Samples (n, …) of sizes[0] values to codes (n, sizes[-1]): dense layers, each with the activation, and `last`
    after the last."""
    layers: list[nn.Module] = [nn.Flatten()]
    names = [activation] * (len(sizes) - 2) + [last]
    for (before, after), name in zip(pairwise(sizes), names, strict=True):
        layers += [initialised(nn.Linear(before, after), name), ACTIVATIONS[name]()]
    return nn.Sequential(*layers)


def dense_decoder(
    sizes: Sequence[int], activation: str, last: str, shape: Sequence[int], tied: nn.Sequential | None = None
) -> nn.Sequential:
    """Codes (n, sizes[0]) to samples (n, *shape): layers as of `dense_encoder`; `tied`: to the weights of this one."""
    names = [activation] * (len(sizes) - 2) + [last]
    if tied is None:
        linear: list[nn.Module] = [
            initialised(nn.Linear(a, b), n) for (a, b), n in zip(pairwise(sizes), names, strict=True)
        ]
    else:
        linear = [Transposed(layer) for layer in reversed(tied) if isinstance(layer, nn.Linear)]
    layers = [module for layer, name in zip(linear, names, strict=True) for module in (layer, ACTIVATIONS[name]())]
    return nn.Sequential(*layers, nn.Unflatten(1, tuple(shape)))


def conv_encoder(shape: Sequence[int], widths: Sequence[int], latent_dim: int) -> nn.Sequential:
    """Images (n, *shape) to codes: 3 × 3 convolutions to each of `widths`, each with SELU and halved by pooling, and,
    unless latent_dim is 0, a dense layer to so many numbers."""
    layers: list[nn.Module] = []
    for before, after in pairwise([shape[0], *widths]):
        layers += [
            initialised(nn.Conv2d(before, after, 3, padding=1), "selu"),
            nn.SELU(),
            nn.MaxPool2d(2),
        ]  # (n, after, h/2, w/2)
    if latent_dim:
        layers += [nn.Flatten(), initialised(nn.Linear(math.prod(pooled_shape(shape, widths)), latent_dim), "none")]
    return nn.Sequential(*layers)


def conv_decoder(shape: Sequence[int], widths: Sequence[int], latent_dim: int) -> nn.Sequential:
    """Codes of `conv_encoder` to images (n, *shape) in [0, 1]: transposed 3 × 3 convolutions of stride 2 with SELU, the
    last with a sigmoid."""
    start = pooled_shape(shape, widths)
    layers: list[nn.Module] = []
    if latent_dim:
        layers += [initialised(nn.Linear(latent_dim, math.prod(start)), "selu"), nn.Unflatten(1, start), nn.SELU()]
    sides = [pooled_shape(shape, widths[:count])[1:] for count in range(len(widths) + 1)]
    for count in reversed(range(len(widths))):
        # A side of 2s + 1 is pooled to s: then nothing is padded.
        even = (1 - sides[count][0] % 2, 1 - sides[count][1] % 2)
        after = widths[count - 1] if count else shape[0]
        layers.append(nn.ConvTranspose2d(widths[count], after, 3, stride=2, padding=even, output_padding=even))
        layers.append(nn.SELU() if count else nn.Sigmoid())
    return nn.Sequential(*layers)


def pooled_shape(shape: Sequence[int], widths: Sequence[int]) -> tuple[int, int, int]:
    """Of what the convolutions of an encoder make of images of `shape`."""
    return (widths[-1] if widths else shape[0], *(side >> len(widths) for side in shape[1:]))  # type: ignore[return-value]


def first_layer(encoder: nn.Module) -> nn.Sequential:
    """The modules of an encoder that come before its second dense or convolutional layer, weights shared."""
    modules = list(encoder.children())
    layers = [place for place, module in enumerate(modules) if isinstance(module, nn.Linear | nn.Conv2d)]
    return nn.Sequential(*modules[: layers[1] if len(layers) > 1 else None])


def initialised(layer: LayerT, activation: str) -> LayerT:
    """The layer with weights for what comes after it: LeCun's for SELU (Klambauer et al. 2017, arXiv:1706.02515),
    Glorot's for others, He's for ReLU; biases 0."""
    if activation == "selu":
        nn.init.normal_(layer.weight, 0.0, 1 / math.sqrt(layer.weight[0].numel()))
    elif activation == "relu":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer

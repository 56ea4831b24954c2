"""What the autoencoders share: networks, what they are trained for, and a density of codes to draw from.

An autoencoder learns to give back what it is given by way of a code. It has no prior: what it decodes from noise is
nothing, since nothing told it where codes lie. So when training ends a mixture of Gaussians is fitted to the codes of
training samples, and `generate` decodes what is drawn from that (Ghosh et al. 2020, arXiv:1903.12436).

`Autoencoder` is the model, with `self.encoder` and `self.decoder`, `Reconstruction` the objective; a system adds what
makes its codes good for something: a bottleneck, noise, sparsity, a penalty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.errors import ConfigError
from zoo.hooks import ConfigT
from zoo.mixture import MOST, GaussianMixture, check_fitting
from zoo.model import Model
from zoo.nn.layers import bounded
from zoo.nn.losses import at_least_float32
from zoo.nn.standardising import Standardise
from zoo.noise import Noise
from zoo.objective import Batch, Objective
from zoo.spaces import of_shape

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "selu": nn.SELU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "none": nn.Identity,
}


def cross_entropy(made: Tensor, x: Tensor) -> Tensor:
    """−x ln y − (1 − x) ln(1 − y) for each value of x in [0, 1], nats: y as the probability of a pixel to be white."""
    y = made.clamp(1e-6, 1 - 1e-6)
    return -(x * y.log() + (1 - x) * torch.log1p(-y))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": lambda made, x: (made - x).square(),
    "cross-entropy": cross_entropy,
}


def check_shape(name: str, shape: tuple[int, ...]) -> None:
    """Raise ConfigError unless `shape` is that of images or vectors."""
    if len(shape) not in (1, 3):
        raise ConfigError(f"{name}: image_shape={shape!r}; expected (channels, height, width) or (features,).")


class Transposed(nn.Module):
    """A dense layer with the weights of `linear`, transposed, and biases of its own: tied weights (Vincent et al. 2010,
    section 2.2). They are stored once, as those of `linear`."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(linear.in_features))
        self._of = (linear,)  # in a tuple, which is not searched for parameters

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self._of[0].weight.t(), self.bias)


def encoder(sizes: Sequence[int], activation: str, last: str) -> nn.Sequential:
    """Samples (n, …) of sizes[0] values to codes (n, sizes[-1]): dense layers, each with the activation, and `last`
    after the last."""
    layers: list[nn.Module] = [nn.Flatten()]
    names = [activation] * (len(sizes) - 2) + [last]
    for (before, after), name in zip(pairwise(sizes), names, strict=True):
        layers += [initialised(nn.Linear(before, after), name), ACTIVATIONS[name]()]
    return nn.Sequential(*layers)


def decoder(
    sizes: Sequence[int], activation: str, last: str, shape: Sequence[int], tied: nn.Sequential | None = None
) -> nn.Sequential:
    """Codes (n, sizes[0]) to samples (n, *shape): dense layers as of `encoder`; `tied`: to the weights of this one."""
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
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.SELU(), nn.MaxPool2d(2)]  # (n, after, h/2, w/2)
    if latent_dim:
        layers += [nn.Flatten(), nn.Linear(math.prod(pooled_shape(shape, widths)), latent_dim)]
    return nn.Sequential(*layers)


def conv_decoder(shape: Sequence[int], widths: Sequence[int], latent_dim: int) -> nn.Sequential:
    """Codes of `conv_encoder` to images (n, *shape) in [0, 1]: transposed 3 × 3 convolutions of stride 2 with SELU, the
    last with a sigmoid."""
    start = pooled_shape(shape, widths)
    layers: list[nn.Module] = []
    if latent_dim:
        layers += [nn.Linear(latent_dim, math.prod(start)), nn.Unflatten(1, start), nn.SELU()]
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


def initialised(layer: nn.Linear, activation: str) -> nn.Linear:
    """The layer with weights for what comes after it: LeCun's for SELU (Klambauer et al. 2017, arXiv:1706.02515),
    Glorot's for others, He's for ReLU; biases 0."""
    if activation == "selu":
        nn.init.normal_(layer.weight, 0.0, 1 / math.sqrt(layer.in_features))
    elif activation == "relu":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Autoencoder(Model[ConfigT]):
    """Encode by `self.encoder`, decode by `self.decoder`; generate by decoding draws from `self.mixture`, or, without
    one (components=0), standard normal codes.

    The decoder's images are near [0, 1], and clamped to it; vectors are standardised for both networks.
    """

    spherical = False  # codes lie anywhere, not around 0

    encoder: nn.Module
    decoder: nn.Module
    standard: Standardise | None

    def __init__(self, config: Any, latent_shape: Sequence[int], components: int) -> None:
        super().__init__(config)
        self.space = of_shape(config.image_shape)
        self.standard = Standardise(self.space.dimensions) if len(self.space.shape) == 1 else None
        self.latent_shape = tuple(latent_shape)
        self.mixture = GaussianMixture(components, math.prod(self.latent_shape)) if components else None

    def seen(self, x: Tensor) -> Tensor:
        """Samples as the networks see them: vectors standardised, images as they are."""
        return x if self.standard is None else self.standard(x)[0].to(self.device, self.dtype)

    def dense_filters(self, count: int) -> Tensor | None:
        """The weights of the first `count` units of a dense first layer, as images in [0, 1] whose ½ is 0, each
        stretched to its own largest; None for another layer, for vectors, or for too few units."""
        layer = self.encoder[1] if isinstance(self.encoder, nn.Sequential) else None
        if not isinstance(layer, nn.Linear) or self.standard is not None or layer.out_features < count:
            return None
        weights = layer.weight[:count].detach()
        largest = weights.abs().amax(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
        return (0.5 + 0.5 * weights / largest).view(-1, *self.space.shape)

    def conclude(self, stored: Any) -> None:
        """Fit the mixture, if there is one, to the codes of up to `MOST` training samples."""
        if self.mixture is None:
            return
        generator = torch.Generator("cpu").manual_seed(0)
        rows = torch.randperm(len(stored), generator=generator, device="cpu")[:MOST]
        codes = self.encode(self.space.restore(stored[rows])).flatten(1)
        self.mixture.fit(codes)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        code: Tensor = self.encoder(self.seen(x))
        return code

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        made: Tensor = self.decoder(z)
        return bounded(made) if self.standard is None else self.standard.inverse(made)

    def _latents(self, noise: Noise, temperature: float) -> Tensor:
        if self.mixture is None:
            return super()._latents(noise, temperature)
        return self.mixture.draw(noise, temperature).view(-1, *self.latent_shape)


AutoencoderT = TypeVar("AutoencoderT", bound=Autoencoder[Any])


@dataclass(frozen=True)
class ReconstructionOptions:
    """How an autoencoder is trained."""

    loss: str = setting(
        "mse", "of a value: mse, the squared error, or cross-entropy, of pixels as probabilities", choices=LOSSES
    )
    learning_rate: float = setting(0.001, "Adam's", at_least=0)
    weight_decay: float = setting(0.0, "Adam's, decoupled (Loshchilov, Hutter 2019, arXiv:1711.05101)", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Reconstruction(Objective[AutoencoderT]):
    """The mean error of the values of a sample that went through the code, and what a subclass adds to it."""

    options_class: ClassVar[type] = ReconstructionOptions

    def __init__(self, model: AutoencoderT, options: Any = None) -> None:
        super().__init__(model, options)
        if model.mixture is not None:
            check_fitting()  # not after hours of training

    @property
    def reconstruction(self) -> ReconstructionOptions:
        """The options of every autoencoder, which are among the subclass's own or all there are."""
        options: ReconstructionOptions = getattr(self.options, "reconstruction", self.options)
        return options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        rate, decay = self.reconstruction.learning_rate, self.reconstruction.weight_decay
        return {"autoencoder": torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        x = self.model.seen(batch.images)
        code = self.model.encoder(self.corrupted(x))
        error = self.error(self.model.decoder(code), x)
        self.observe(reconstruction=error)
        yield "autoencoder", error + self.penalty(x, code)

    def error(self, made: Tensor, x: Tensor) -> Tensor:
        """The mean over all values, in at least float32."""
        return LOSSES[self.reconstruction.loss](at_least_float32(made), x).mean()

    def corrupted(self, x: Tensor) -> Tensor:
        """What the encoder is given of samples."""
        return x

    def penalty(self, x: Tensor, code: Tensor) -> Tensor | float:
        """What is added to the error, for the samples of a batch and their codes."""
        return 0.0

"""What the autoencoders share: what they are trained for, and a density of codes to draw from.

An autoencoder learns to give back what it is given by way of a code. It has no prior: what it decodes from noise is
nothing, since nothing told it where codes lie. So when training ends a mixture of Gaussians is fitted to the codes of
training samples, and `generate` decodes what is drawn from that (Ghosh et al. 2020, arXiv:1903.12436). The codes of a
VAE have a prior, but as a whole are not distributed as it says, so that it may have such a mixture as well.

`WithMixture` is a model of codes that has the mixture. `Autoencoder` is one with `self.encoder` and `self.decoder`, and
`Reconstruction` its objective; a system adds what makes its codes good for something: a bottleneck, noise, sparsity, a
penalty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from zoo._util.config import check, setting
from zoo.errors import ConfigError
from zoo.model import Model
from zoo.model.hooks import ConfigT
from zoo.nn.encoders import RANGES, Transposed, first_layer
from zoo.nn.layers import bounded
from zoo.nn.losses import at_least_float32
from zoo.nn.mixture import GaussianMixture, check_fitting, packed
from zoo.nn.standardising import Standardise
from zoo.noise import Noise
from zoo.objective import Batch, Objective
from zoo.spaces import of_shape

MOST = 20_000  # training samples to whose codes a mixture is fitted
AT_ONCE = 1000  # of them held as floats
DENSE = (nn.Linear, Transposed)
FACTORS = "mixture.factors"
LARGEST = 1024  # numbers in a code that a mixture is fitted to: its covariances hold the square of it


def cross_entropy(made: Tensor, x: Tensor) -> Tensor:
    """−x ln y − (1 − x) ln(1 − y) for each value of x in [0, 1], nats: y as the probability of a pixel to be white."""
    y = 1e-6 + (1 - 2e-6) * made  # a clamp would leave what is sure and wrong without a gradient
    return -(x * y.log() + (1 - x) * torch.log1p(-y))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": lambda made, x: (made - x).square(),
    "cross-entropy": cross_entropy,
}


class WithMixture(Model[ConfigT]):
    """Generate by decoding draws from `self.mixture`, fitted to codes of training samples, or, without one
    (components=0), standard normal codes."""

    latent_shape: tuple[int, ...]

    def make_mixture(self, components: int) -> None:
        """Call once in `__init__`, when `latent_shape` is known. components: Gaussians of the mixture."""
        size = math.prod(self.latent_shape)
        if components and size > LARGEST:
            raise ConfigError(
                f"a mixture of Gaussians of {size} numbers each would be larger than the network; the most are "
                f"{LARGEST}. Choose a smaller code, or components=0."
            )
        self.mixture = GaussianMixture(components, size) if components else None
        self.spherical = not components

    def codes(self, samples: Tensor, seed: int) -> Tensor:
        """What the mixture is fitted to, of samples of the space; by chance, where they are, from the seed."""
        return self.encode(samples)

    def conclude(self, data: Any) -> None:
        """Fit the mixture, if there is one, to the codes of up to `MOST` training samples."""
        if self.mixture is None:
            return
        if (stored := data.images) is None:
            parts = torch.split(data.first_batch(MOST), AT_ONCE)
            codes = [self.codes(part, seed) for seed, part in enumerate(parts)]
        else:
            generator = torch.Generator("cpu").manual_seed(0)
            rows = torch.randperm(len(stored), generator=generator, device="cpu")[:MOST]
            places = torch.split(rows, AT_ONCE)
            codes = [self.codes(self.space.restore(stored[part]), seed) for seed, part in enumerate(places)]
        self.mixture.fit(torch.cat(codes).flatten(1))

    def _latents(self, noise: Noise, temperature: float) -> Tensor:
        if self.mixture is None:
            return super()._latents(noise, temperature)
        return self.mixture.draw(noise, temperature).view(-1, *self.latent_shape)


class Autoencoder(WithMixture[ConfigT]):
    """Encode by `self.encoder`, decode by `self.decoder`.

    The decoder's images are near [0, 1], and clamped to it; vectors are standardised for both networks.
    """

    version = 1
    spherical = False  # codes lie anywhere, not around 0
    shows_filters: ClassVar[bool] = False  # whether those of a dense first layer are worth a look
    squashed: ClassVar[bool] = True  # whether the decoder of images ends in a sigmoid

    encoder: nn.Module
    decoder: nn.Module
    standard: Standardise | None

    def __init__(self, config: Any, latent_shape: Sequence[int], components: int, code: str = "none") -> None:
        """components: Gaussians of the mixture. code: the activation of the code, to whose range draws are clamped."""
        super().__init__(config)
        self.space = of_shape(config.image_shape)
        self.standard = Standardise(self.space.dimensions) if len(self.space.shape) == 1 else None
        self.latent_shape = tuple(latent_shape)
        self.make_mixture(components)
        self.draws_when_concluded = self.mixture is not None
        self.code_range = RANGES.get(code)

    @classmethod
    def migrate(
        cls, config: dict[str, Any], state: dict[str, Tensor], format: int, version: int
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        factors = state.get(FACTORS)
        if version < 1 and factors is not None and factors.ndim == 3:  # zeros above the diagonal were stored as well
            state = {**state, FACTORS: packed(factors)}
        return super().migrate(config, state, format, version)

    @property
    def pixels(self) -> str:
        """The activation of the decoder's output: a sigmoid of images, none of vectors."""
        return "sigmoid" if self.space.bounded else "none"

    def network_input(self, samples: Tensor) -> Tensor:
        """Samples as the networks see them: vectors standardised, images as they are."""
        return self.standardised(samples).to(self.device, self.dtype)

    def filters(self, count: int) -> Tensor | None:
        """The weights of the first `count` units of a dense first layer, as images in [0, 1] whose ½ is 0, each
        stretched to its own largest; None unless the class shows them, for another layer, vectors, or too few units."""
        if not self.shows_filters:
            return None
        layer = self.encoder[1] if isinstance(self.encoder, nn.Sequential) else None
        if not isinstance(layer, nn.Linear) or not self.space.bounded or layer.out_features < count:
            return None
        weights = layer.weight[:count].detach()
        largest = weights.abs().amax(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
        return (0.5 + 0.5 * weights / largest).view(-1, *self.space.shape)

    def first_layer(self) -> nn.Module:
        return first_layer(self.encoder)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        code: Tensor = self.encoder(self.network_input(x))
        return code

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        made: Tensor = self.decoder(z)
        return bounded(made) if self.standard is None else self.standard.inverse(made)

    def _latents(self, noise: Noise, temperature: float) -> Tensor:
        z = super()._latents(noise, temperature)
        return z if self.mixture is None or self.code_range is None else z.clamp(*self.code_range)


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
        if self.reconstruction.loss == "cross-entropy" and not (model.space.bounded and model.squashed):
            raise ConfigError(
                f"loss=cross-entropy takes values of [0, 1], and {model.name} gives any. Set objective.loss=mse."
            )

    @property
    def reconstruction(self) -> ReconstructionOptions:
        """The options of every autoencoder, which are among the subclass's own or all there are."""
        own: Any = self.options
        options: ReconstructionOptions = own if isinstance(own, ReconstructionOptions) else own.reconstruction
        return options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        rate, decay = self.reconstruction.learning_rate, self.reconstruction.weight_decay
        return {"autoencoder": torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        x = self.model.network_input(batch.images)
        code = self.model.encoder(self.corrupted(x))
        yield from self.updates_by(code)
        error = self.error(self.model.decoder(code), x)
        self.observe(reconstruction=error)
        yield "autoencoder", error + self.penalty(x, code)

    def updates_by(self, code: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Updates of other networks by the codes of a batch, which leave the autoencoder as it is."""
        yield from ()

    def error(self, made: Tensor, x: Tensor) -> Tensor:
        """The mean over all values, in at least float32."""
        return LOSSES[self.reconstruction.loss](at_least_float32(made), x).mean()

    def corrupted(self, x: Tensor, *, hidden: bool = False) -> Tensor:
        """What the encoder is given of samples; hidden: what a layer of it is given of what those before it gave."""
        return x

    def penalty(self, x: Tensor, code: Tensor) -> Tensor | float:
        """What is added to the error, for the samples of a batch and their codes."""
        return 0.0


class Layerwise(Reconstruction[AutoencoderT]):
    """Dense layers that are trained alone at first, one after another for `options.pretraining` steps each, and then
    all together: greedy layer-wise training (Bengio, Lamblin, Popovici, Larochelle 2006, "Greedy layer-wise training of
    deep networks", NeurIPS), with autoencoders where Hinton and Salakhutdinov 2006 have Boltzmann machines."""

    def __init__(self, model: AutoencoderT, options: Any = None) -> None:
        super().__init__(model, options)
        steps: int = self.options.pretraining
        self.phases = tuple(steps * layer for layer in range(len(_layers(model.encoder)) + 1)) if steps else (0,)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        if self.step >= self.phases[-1]:
            yield from super().updates(batch)
            return
        layer = sum(self.step >= start for start in self.phases) - 1
        loss = self.layer_error(self.model.network_input(batch.images), layer)
        self.observe(reconstruction=loss)
        yield "autoencoder", loss

    def layer_error(self, x: Tensor, layer: int) -> Tensor:
        """The error with which the layer and its counterpart give back their own input, corrupted on the way in: the
        samples `x` as the networks see them for layer 0, else what the layers before make of them."""
        encoders, decoders = _layers(self.model.encoder), _layers(self.model.decoder)
        h, hidden = x.flatten(1), layer > 0
        with torch.no_grad():
            for before in encoders[:layer]:
                h = before(h)
        made = decoders[-1 - layer](encoders[layer](self.corrupted(h, hidden=hidden)))
        return LOSSES["mse"](at_least_float32(made), h).mean() if hidden else self.error(made, h)


def _layers(network: nn.Module) -> list[nn.Sequential]:
    """The dense layers of a network, each with its activation."""
    modules = list(network.children())
    return [nn.Sequential(*modules[i : i + 2]) for i, module in enumerate(modules) if isinstance(module, DENSE)]

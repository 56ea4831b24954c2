"""What the GANs share: a generator that is inverted by optimisation, and the objective against a discriminator.

`GAN` is the model, `AdversarialObjective` the objective, with what the papers and textbooks teach as options. A
system's file says which networks there are, which loss and which options; where its training has more to it than one
discriminator and one generator step, it overrides `discriminator_step` or `generator_step`.
"""

# Long because each of some twenty options, of all papers on GANs, has its line of help and its bounds.

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo import latent
from zoo._util.config import check, setting
from zoo.conditions import Labels
from zoo.errors import ConfigError
from zoo.latent import Noise, descend
from zoo.model import Model
from zoo.model.hooks import ConfigT
from zoo.nn import augment, losses
from zoo.nn.standardising import Standardise, with_standard
from zoo.objective import Batch, Objective, adam, split_batch
from zoo.spaces import Images


class AdversarialModel(Model[ConfigT]):
    """Generate and decode by `self.generator`.

    The generator takes latents (n, latent_dim) and, if the model has classes, their indices (n,), and returns images
    (n, channels, height, width) in [−1, 1], or vectors (n, features) of any numbers.
    """

    generator: nn.Module
    standard: Standardise | None
    compiled = ("generator",)
    renamed: ClassVar[dict[str, str]] = {}  # parts of layers' names in files of format 0, and what they are now

    @classmethod
    def migrate(
        cls, config: dict[str, Any], state: dict[str, Tensor], format: int, version: int
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        if format == 0:
            for old, new in cls.renamed.items():
                state = {key.replace(old, new): tensor for key, tensor in state.items()}
        return super().migrate(config, with_standard(cls.version, config, state, version), format, version)

    @property
    def signed(self) -> bool:
        """Whether the networks see samples in [−1, 1]: images, and not vectors."""
        return isinstance(self.space, Images)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        made: Tensor = self.generator(z) if condition is None else self.generator(z, condition)
        if self.standard is not None:
            return self.standard.inverse(made)
        return (made + 1) / 2 if self.signed else made

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, truncation: float | None = None
    ) -> Tensor:
        """truncation: latents from a normal distribution cut off at ± this many standard deviations; the smaller, the
        more typical and the more alike (Brock et al. 2018, section 3.1)."""
        return self._decode(self._latents(noise, temperature, truncation=truncation), condition)

    def _latents(self, noise: Noise, temperature: float, *, truncation: float | None = None) -> Tensor:
        z = self._draw(noise)
        return temperature * (z if truncation is None else latent.truncate(z, truncation))


class GAN(AdversarialModel[ConfigT]):
    """An adversarial model without an encoder: encode by inverting the generator."""

    encodes_by = "optimisation"

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise, *, steps: int = 200) -> Tensor:
        return descend(self, images, condition, noise, steps).latents


class Loss(NamedTuple):
    """The losses of two networks, of the discriminator's outputs on real and generated images.

    outputs: what those are, once `shown`, as `Objective.outputs` says it. targets: whether there are labels, which can
    be smoothed and flipped.
    """

    discriminator: Callable[..., Tensor]
    generator: Callable[[Tensor], Tensor]
    outputs: str = "score"
    shown: Callable[[Tensor], Tensor] = torch.Tensor.float
    targets: bool = False


LOSSES = {
    "non-saturating": Loss(losses.discriminator_loss, losses.generator_loss, "probability", torch.sigmoid, True),
    "minimax": Loss(losses.discriminator_loss, losses.minimax_generator_loss, "probability", torch.sigmoid, True),
    "least-squares": Loss(
        losses.least_squares_discriminator_loss,
        losses.least_squares_generator_loss,
        "probability",
        torch.Tensor.float,
        True,
    ),
    "hinge": Loss(losses.hinge_discriminator_loss, losses.score_generator_loss),
    "wasserstein": Loss(losses.wasserstein_discriminator_loss, losses.score_generator_loss),
}


AdversarialT = TypeVar("AdversarialT", bound=AdversarialModel[Any])


@dataclass(frozen=True)
class AdversarialOptions:
    """What the papers and textbooks teach, each of it an option whose default leaves it out."""

    loss: str = setting(
        "non-saturating",
        "non-saturating or minimax (Goodfellow et al. 2014), least-squares (Mao et al. 2017), hinge (Miyato et al. "
        "2018) or wasserstein (Arjovsky et al. 2017; with a Lipschitz constraint)",
        choices=LOSSES,
    )
    learning_rate: float = setting(0.0002, "Adam's", at_least=0)
    discriminator_learning_rate: float | None = setting(
        None, "the generator's unless given (two time scales: Heusel et al. 2017, arXiv:1706.08500)", at_least=0
    )
    beta1: float = setting(0.5, "Adam's; 0.5 is Radford et al.'s (2015, section 4)", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)
    discriminator_steps: int = setting(
        1, "for each step of the generator; each has its own part of the batch, of two images at least", at_least=1
    )
    smoothing: float = setting(0.0, "real images have the target 1 − smoothing", at_least=0, below=0.5, example=0.1)
    fake_smoothing: float = setting(
        0.0, "generated images have this target instead of 0", at_least=0, below=0.5, example=0.1
    )
    label_noise: float = setting(
        0.0, "share of images whose labels are flipped for the discriminator", at_least=0, below=0.5, example=0.1
    )
    mixed: bool = setting(
        False, "real and generated images in one batch, so that the discriminator's batch norm sees both"
    )
    input_noise: float = setting(
        0.0,
        "standard deviation of Gaussian noise on all images that the discriminator sees, which has them overlap "
        "(Arjovsky & Bottou 2017, arXiv:1701.04862, section 3; Sønderby et al. 2016, arXiv:1610.04490)",
        at_least=0,
    )
    r1: float = setting(
        0.0,
        "factor γ of the penalty on the discriminator's gradient at real images (Mescheder et al. 2018); no batch norm",
        at_least=0,
    )
    gradient_penalty: float = setting(
        0.0,
        "factor λ of the penalty between real and generated images (Gulrajani et al. 2017); no batch norm",
        at_least=0,
    )
    weight_clip: float = setting(
        0.0, "the discriminator's parameters are kept in ± this (Arjovsky et al. 2017, algorithm 1)", at_least=0
    )
    spectral_norm: bool = setting(
        False, "divide the discriminator's weights by their largest singular value (Miyato et al. 2018)"
    )
    augment: str = setting(
        "",
        "augmentations of all images that the discriminator sees, joined by commas: colour, translation, cutout "
        "(Zhao et al. 2020, arXiv:2006.10738)",
        example="colour,cutout",
    )

    def __post_init__(self) -> None:
        check(self)
        augment.chosen(self.augment)
        for name in ("smoothing", "fake_smoothing", "label_noise"):
            if (value := getattr(self, name)) and not LOSSES[self.loss].targets:
                able = ", ".join(each for each, loss in LOSSES.items() if loss.targets)
                raise ConfigError(
                    f"{name}={value}, but the {self.loss} loss has no labels. Leave it out, or use {able}."
                )


class _Options(Protocol):
    @property
    def adversarial(self) -> AdversarialOptions: ...


class AdversarialObjective(Objective[AdversarialT]):
    """Some steps of the discriminator, then one of the generator, each with Adam.

    A subclass makes the discriminator; its options hold `AdversarialOptions` as `adversarial`.
    """

    adversarial: AdversarialOptions

    def __init__(self, model: AdversarialT, discriminator: nn.Module, options: _Options) -> None:
        super().__init__(model, options)
        self.adversarial = options.adversarial
        if any(not parameter.numel() for parameter in discriminator.parameters()):
            raise ConfigError("the discriminator has a layer without units. Make its width, or sizes, at least 1.")
        self.loss = LOSSES[self.adversarial.loss]
        self.outputs = self.loss.outputs
        self.discriminator = spectrally_normalised(discriminator) if self.adversarial.spectral_norm else discriminator
        self.augmentations = augment.chosen(self.adversarial.augment)
        if self.augmentations and not model.signed:
            raise ConfigError(
                f"augment={self.adversarial.augment!r}, but this is a model of vectors, not of images. Leave it out."
            )

    @property
    def learning_rates(self) -> dict[str, float]:
        """Of both networks."""
        rate, own = self.adversarial.learning_rate, self.adversarial.discriminator_learning_rate
        return {"discriminator": rate if own is None else own, "generator": rate}

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's; torch takes no whole ones."""
        return float(self.adversarial.beta1), float(self.adversarial.beta2)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"discriminator": self.discriminator, "generator": self.model.generator}
        return adam(networks, self.learning_rates, self.betas)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        for part in split_batch(batch, self.adversarial.discriminator_steps):
            self.clip_weights()
            yield "discriminator", self.discriminator_step(part)
        # The generator's step costs as much for each image as the discriminator's; it gets as many.
        self.clip_weights()
        yield "generator", self.generator_step(part)

    def discriminator_step(self, batch: Batch) -> Tensor:
        """The discriminator's loss on real images and as many generated ones."""
        real = self.real(batch)
        with torch.no_grad():
            fake = self.fake(batch)
        shown_real, shown_fake = self.augmented(real), self.augmented(fake)
        if self.adversarial.mixed:
            labels = None if batch.labels is None else batch.labels.repeat(2)
            both: Tensor = self.score(torch.cat([shown_real, shown_fake]), labels)
            on_real, on_fake = both.chunk(2)
        else:
            on_real, on_fake = self.score(shown_real, batch.labels), self.score(shown_fake, batch.labels)
        self.log_outputs(on_real, on_fake)
        return self.discriminator_loss(on_real, on_fake) + self.penalty(shown_real, shown_fake, batch.labels)

    def generator_step(self, batch: Batch) -> Tensor:
        """The generator's loss on images of its own, as many as the batch has and of the same classes."""
        return self.judged(self.fake(batch), batch)

    def judged(self, made: Tensor, batch: Batch) -> Tensor:
        """The generator's loss on images `made` for the batch, as the discriminator sees them."""
        return self.loss.generator(self.score(self.augmented(made), batch.labels))

    @property
    def labelled(self) -> bool:
        """Whether generator and discriminator are told classes."""
        return isinstance(self.model.condition, Labels)

    def real(self, batch: Batch) -> Tensor:
        """The batch as the discriminator sees it: images in [−1, 1], vectors standardised."""
        if self.model.signed:
            return 2 * batch.images - 1
        return self.model.standardised(batch.images).to(self.model.device, self.model.dtype)

    def fake(self, batch: Batch) -> Tensor:
        """As many generated images as the batch has, of its classes, in the range of `real`."""
        z = self.latents(batch)
        made: Tensor = self.model.generator(z, batch.labels) if self.labelled else self.model.generator(z)
        return made

    def latents(self, batch: Batch) -> Tensor:
        """As many latents as the batch has images, from the prior."""
        return torch.randn(len(batch.images), *self.model.latent_shape, device=batch.images.device)

    def augmented(self, images: Tensor) -> Tensor:
        """Images as they are shown to the discriminator: augmented, then with noise."""
        for change in self.augmentations:
            images = change(images)
        spread = self.adversarial.input_noise
        return images + spread * torch.randn_like(images) if spread else images

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's outputs on images of these classes, if the model has any."""
        outputs: Tensor = self.discriminator(images, labels) if self.labelled else self.discriminator(images)
        return outputs

    def log_outputs(self, on_real: Tensor, on_fake: Tensor) -> None:
        """Show the outputs in the log, logits as probabilities."""
        self.observe(real=self.loss.shown(on_real.detach()), fake=self.loss.shown(on_fake.detach()))

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """The loss of these outputs, with labels smoothed and flipped as the options say."""
        if not self.loss.targets:
            return self.loss.discriminator(on_real, on_fake)
        options = self.adversarial
        smoothing: Any = options.smoothing
        fake_smoothing: Any = options.fake_smoothing
        if options.label_noise:
            # A flipped real image has the target of a generated one, and the other way round.
            smoothing = torch.where(self._flipped(on_real), 1 - options.fake_smoothing, options.smoothing)
            fake_smoothing = torch.where(self._flipped(on_fake), 1 - options.smoothing, options.fake_smoothing)
        return self.loss.discriminator(on_real, on_fake, smoothing=smoothing, fake_smoothing=fake_smoothing)

    def _flipped(self, outputs: Tensor) -> Tensor:
        # In float32 whatever the outputs are: bfloat16 has but 256 numbers to compare a share with.
        return torch.rand(outputs.shape, device=outputs.device) < self.adversarial.label_noise

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor | float:
        """The penalties on the discriminator's gradient."""
        options = self.adversarial
        total: Tensor | float = 0.0
        if options.gradient_penalty:
            mix = torch.rand(len(real), device=real.device)
            total += options.gradient_penalty * losses.gradient_penalty(
                lambda x: self.score(x, labels), real, fake, mix
            )
        if options.r1:
            total += options.r1 * losses.r1_penalty(lambda x: self.score(x, labels), real)
        return total

    @torch.no_grad()
    def clip_weights(self) -> None:
        """Keep the discriminator's parameters within ± weight_clip."""
        if bound := self.adversarial.weight_clip:
            for parameter in self.discriminator.parameters():
                parameter.clamp_(-bound, bound)


def spectrally_normalised(network: nn.Module) -> nn.Module:
    """`network` with every weight of a convolution, dense layer or embedding divided by its largest singular value."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            spectral_norm(module)
    return network

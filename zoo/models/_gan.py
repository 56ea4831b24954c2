"""What the GANs share: a generator that is inverted by optimisation, and the game against a discriminator.

`GAN` is the model, `Game` the objective with the craft that the papers and textbooks teach, each piece an option whose
default leaves it out. A system's file says which networks play, by which loss and with which options; where its game
has more to it than one discriminator and one generator step, it overrides `discriminator_step` or `generator_step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as normalised

from zoo import latent
from zoo._util import inputs
from zoo.errors import ConfigError
from zoo.latent import Noise, descend
from zoo.model import Model
from zoo.nn import augment, losses
from zoo.objective import Batch, Objective, adam


class AdversarialModel(Model):
    """Generate and decode by `self.generator`.

    The generator takes latents (n, latent_dim) and, if the model has classes, their indices (n,), and returns images
    (n, channels, height, width) in [−1, 1], or vectors (n, features) of any numbers.
    """

    objective_class: ClassVar[type]
    generator: nn.Module

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        made: Tensor = self.generator(z) if condition is None else self.generator(z, condition)
        return made if self.vectors else (made + 1) / 2

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, truncation: float | None = None
    ) -> Tensor:
        """truncation: latents from a normal distribution cut off at ± this many standard deviations; the smaller, the
        more typical and the more alike (Brock et al. 2018, section 3.1)."""
        return self._decode(self._latents(noise, temperature, truncation=truncation), condition)

    def _latents(self, noise: Noise, temperature: float, *, truncation: float | None = None) -> Tensor:
        z = self._draw(noise)
        return temperature * (z if truncation is None else latent.truncate(z, truncation))


class GAN(AdversarialModel):
    """An adversarial model without an encoder: encode by inverting the generator."""

    encodes_by = "optimisation"

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise, *, steps: int = 200) -> Tensor:
        return descend(self, images, condition, noise, steps).latents


class Loss(NamedTuple):
    """A game's two losses, of the discriminator's outputs on real and generated images.

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


class Game(Objective):
    """Some steps of the discriminator, then one of the generator, each with Adam.

    loss: non-saturating or minimax (Goodfellow et al. 2014), least-squares (Mao et al. 2017), hinge (Miyato et al.
        2018) or wasserstein (Arjovsky et al. 2017, to be used with a Lipschitz constraint from below).
    learning_rate, discriminator_learning_rate: Adam's; the discriminator's is the generator's unless it is given (two
        time scales: Heusel et al. 2017, arXiv:1706.08500).
    beta1, beta2: Adam's; 0.5 for β₁ is Radford et al.'s (2015, section 4).
    discriminator_steps: for each step of the generator; they share the batch out among them, each with its own part. A
        batch with fewer than two images for each is seen whole by each.
    smoothing: real images have the target 1 − smoothing. fake_smoothing: generated ones have this target instead of 0.
        One-sided with the former alone, two-sided with both.
    label_noise: share of images, real and generated, whose labels are flipped for the discriminator.
    mixed: real and generated images go through the discriminator as one batch, so that its batch norm sees both;
        by default it sees each on its own.
    input_noise: standard deviation of Gaussian noise on all images that the discriminator sees, which has them overlap
        (Arjovsky & Bottou 2017, arXiv:1701.04862, section 3; Sønderby et al. 2016, arXiv:1610.04490).
    r1: the factor γ of the penalty on the discriminator's gradient at real images (Mescheder et al. 2018).
    gradient_penalty: the factor λ of WGAN-GP's penalty between real and generated images (Gulrajani et al. 2017). Both
        penalties are meant for discriminators without batch norm, which makes the outputs of an image depend on others.
    weight_clip: the discriminator's parameters are kept in ± this (Arjovsky et al. 2017, algorithm 1).
    spectral_norm: whether its weights are divided by their largest singular value (Miyato et al. 2018,
        arXiv:1802.05957).
    augment: differentiable augmentations, joined by commas, of all images that the discriminator sees, real and
        generated: colour, translation, cutout (Zhao et al. 2020, arXiv:2006.10738).
    """

    def __init__(
        self,
        model: Any,
        discriminator: nn.Module,
        *,
        loss: str = "non-saturating",
        learning_rate: float = 0.0002,
        discriminator_learning_rate: float | None = None,
        beta1: float = 0.5,
        beta2: float = 0.999,
        discriminator_steps: int = 1,
        smoothing: float = 0.0,
        fake_smoothing: float = 0.0,
        label_noise: float = 0.0,
        mixed: bool = False,
        input_noise: float = 0.0,
        r1: float = 0.0,
        gradient_penalty: float = 0.0,
        weight_clip: float = 0.0,
        spectral_norm: bool = False,
        augment: str = "",
    ) -> None:
        super().__init__(model)
        self.loss = _loss(loss, smoothing, fake_smoothing, label_noise)
        not_negative(input_noise=input_noise, r1=r1, gradient_penalty=gradient_penalty, weight_clip=weight_clip)
        if any(not parameter.numel() for parameter in discriminator.parameters()):
            raise ConfigError("the discriminator has a layer without units. Make its width, or sizes, at least 1.")
        self.outputs = self.loss.outputs
        self.discriminator = spectrally_normalised(discriminator) if spectral_norm else discriminator
        self.learning_rate, self.beta1, self.beta2 = learning_rate, float(beta1), float(beta2)  # torch takes no whole β
        self.discriminator_learning_rate = (
            learning_rate if discriminator_learning_rate is None else discriminator_learning_rate
        )
        self.discriminator_steps = inputs.whole("discriminator_steps", discriminator_steps, 1)
        self.smoothing, self.fake_smoothing, self.label_noise = smoothing, fake_smoothing, label_noise
        self.mixed, self.input_noise, self.weight_clip = mixed, input_noise, weight_clip
        self.r1, self.gradient_penalty = r1, gradient_penalty
        self.augment = _augmentations(augment)
        if augment and model.vectors:
            raise ConfigError(f"augment={augment!r}, but this is a model of vectors, not of images. Leave it out.")

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"discriminator": self.discriminator, "generator": self.model.generator}
        rates = {"discriminator": self.discriminator_learning_rate, "generator": self.learning_rate}
        return adam(networks, rates, (self.beta1, self.beta2))

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        for part in shares(batch, self.discriminator_steps):
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
        seen_real, seen_fake = self.seen(real), self.seen(fake)
        if self.mixed:
            labels = None if batch.labels is None else batch.labels.repeat(2)
            both: Tensor = self.score(torch.cat([seen_real, seen_fake]), labels)
            on_real, on_fake = both.chunk(2)
        else:
            on_real, on_fake = self.score(seen_real, batch.labels), self.score(seen_fake, batch.labels)
        self.note(on_real, on_fake)
        return self.discriminator_loss(on_real, on_fake) + self.penalty(seen_real, seen_fake, batch.labels)

    def generator_step(self, batch: Batch) -> Tensor:
        """The generator's loss on images of its own, as many as the batch has and of the same classes."""
        return self.loss.generator(self.score(self.seen(self.fake(batch)), batch.labels))

    def real(self, batch: Batch) -> Tensor:
        """The batch as the discriminator sees it: images in [−1, 1], vectors as they are."""
        return batch.images if self.model.vectors else 2 * batch.images - 1

    def fake(self, batch: Batch) -> Tensor:
        """As many generated images as the batch has, of its classes, in the range of `real`."""
        z = self.latents(batch)
        made: Tensor = self.model.generator(z, batch.labels) if self.model.classes else self.model.generator(z)
        return made

    def latents(self, batch: Batch) -> Tensor:
        """As many latents as the batch has images, from the prior."""
        return torch.randn(len(batch.images), *self.model.latent_shape, device=batch.images.device)

    def seen(self, images: Tensor) -> Tensor:
        """Images as they are shown to the discriminator: augmented, then with noise."""
        for change in self.augment:
            images = change(images)
        return images + self.input_noise * torch.randn_like(images) if self.input_noise else images

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's outputs on images of these classes, if the model has any."""
        outputs: Tensor = self.discriminator(images, labels) if self.model.classes else self.discriminator(images)
        return outputs

    def note(self, on_real: Tensor, on_fake: Tensor) -> None:
        """Show the outputs in the log, logits as probabilities."""
        self.observe(real=self.loss.shown(on_real.detach()), fake=self.loss.shown(on_fake.detach()))

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """The loss of these outputs, with labels smoothed and flipped as the options say."""
        if not self.loss.targets:
            return self.loss.discriminator(on_real, on_fake)
        smoothing: Any = self.smoothing
        fake_smoothing: Any = self.fake_smoothing
        if self.label_noise:
            # A flipped real image has the target of a generated one, and the other way round.
            smoothing = torch.where(self._flipped(on_real), 1 - self.fake_smoothing, self.smoothing)
            fake_smoothing = torch.where(self._flipped(on_fake), 1 - self.smoothing, self.fake_smoothing)
        return self.loss.discriminator(on_real, on_fake, smoothing=smoothing, fake_smoothing=fake_smoothing)

    def _flipped(self, outputs: Tensor) -> Tensor:
        # In float32 whatever the outputs are: bfloat16 has but 256 numbers to compare a share with.
        return torch.rand(outputs.shape, device=outputs.device) < self.label_noise

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor | float:
        """The penalties on the discriminator's gradient."""
        total: Tensor | float = 0.0
        if self.gradient_penalty:
            mix = torch.rand(len(real), device=real.device)
            total += self.gradient_penalty * losses.gradient_penalty(lambda x: self.score(x, labels), real, fake, mix)
        if self.r1:
            total += self.r1 * losses.r1_penalty(lambda x: self.score(x, labels), real)
        return total

    @torch.no_grad()
    def clip_weights(self) -> None:
        """Keep the discriminator's parameters within ± weight_clip."""
        if self.weight_clip:
            for parameter in self.discriminator.parameters():
                parameter.clamp_(-self.weight_clip, self.weight_clip)


def without(craft: dict[str, Any], names: Sequence[str], architecture: str) -> None:
    """ConfigError if `craft` has an option of `names`, for which this architecture's game has no place."""
    if foreign := sorted(craft.keys() & set(names)):
        raise ConfigError(f"{architecture}: its game has no place for {', '.join(foreign)}. Leave it out.")


def shares(batch: Batch, k: int) -> list[Batch]:
    """The batch shared out among `k` steps; the whole for each if it has fewer images than that."""
    if k == 1 or len(batch.images) < 2 * k:  # batch norm takes no batch of one
        return [batch] * k
    images = batch.images.tensor_split(k)
    labels = [None] * k if batch.labels is None else batch.labels.tensor_split(k)
    rest = iter(batch.captions)
    captions = [tuple(islice(rest, len(part))) for part in images]
    return [Batch(x, y, captions=told) for x, y, told in zip(images, labels, captions, strict=True)]


def spectrally_normalised(network: nn.Module) -> nn.Module:
    """`network` with every weight of a convolution, dense layer or embedding divided by its largest singular value."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            normalised(module)
    return network


def _loss(name: str, smoothing: float, fake_smoothing: float, label_noise: float) -> Loss:
    if name not in LOSSES:
        raise ConfigError(f"loss={name!r}; expected one of {', '.join(LOSSES)}.")
    options = {"smoothing": smoothing, "fake_smoothing": fake_smoothing, "label_noise": label_noise}
    for option, value in options.items():
        if not 0 <= value < 0.5:
            raise ConfigError(f"{option}={value}; expected a share in [0, 0.5), for example 0.1.")
        if value and not LOSSES[name].targets:
            able = ", ".join(each for each, loss in LOSSES.items() if loss.targets)
            raise ConfigError(f"{option}={value}, but the {name} loss has no labels. Leave it out, or use {able}.")
    return LOSSES[name]


def not_negative(**options: float) -> None:
    """ConfigError for an option that is negative or not finite: a loss would be maximised without a word."""
    for option, value in options.items():
        if not 0 <= value < math.inf:
            raise ConfigError(f"{option}={value}; expected a finite number of at least 0, where 0 leaves it out.")


def _augmentations(names: Any) -> list[Callable[[Tensor], Tensor]]:
    if not isinstance(names, str):
        raise ConfigError(f"augment={names!r}; expected names joined by commas, for example colour,cutout.")
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in augment.AUGMENTATIONS:
            raise ConfigError(f"augment: {name!r}; expected some of {', '.join(augment.AUGMENTATIONS)}.")
    return [augment.AUGMENTATIONS[name] for name in chosen]

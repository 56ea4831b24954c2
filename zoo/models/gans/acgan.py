"""AC-GAN: the discriminator tells generated from real and names the class besides.

Odena, Olah, Shlens 2017, "Conditional image synthesis with auxiliary classifier GANs", arXiv:1610.09585. With the
log-likelihoods of the right source L_S (equation 2) and of the right class L_C (equation 3), on real and generated
images alike, the discriminator maximises L_S + L_C and the generator L_C − L_S, its half in the non-saturating form.

Differs from the paper:
- both networks are DCGAN's (arXiv:1511.06434) with a second head, smaller than the paper's; batch norm in both, dropout
  in the discriminator as in the paper;
- the class goes in as a one-hot vector beside a standard normal latent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.conditions import Labels, check_combinations
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn.classifier import CLOTHES
from zoo.nn.dcgan import ConditionalGenerator, Discriminator, LabelCodes, doublings
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, and the classes."""

    image_size: int = setting(28, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(1, "of images", at_least=1)
    latent_dim: int = setting(64, "numbers in a latent", at_least=1)
    width: int = setting(48, "channels of the generator's narrowest hidden layer", at_least=1)
    classes: tuple[str, ...] = setting(CLOTHES, "names in order of index", entries=2, distinct=True)
    attributes: tuple[str, ...] = setting((), "if the classes are the combinations of some, their names")

    def __post_init__(self) -> None:
        check(self, "acgan")
        doublings(self.image_size, "acgan")
        check_combinations(self.classes, self.attributes, "acgan")


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(32, "channels of the discriminator's first layer", at_least=1)
    dropout: float = setting(0.3, "share of its channels that is dropped in training", at_least=0, below=1)
    auxiliary: float = setting(1.0, "factor of L_C", at_least=0)
    adversarial: AdversarialOptions = nested(AdversarialOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["ACGAN"]):
    """One discriminator step on real and generated images of the batch's classes, then one generator step."""

    options_class = Options
    options: Options

    def __init__(self, model: ACGAN, options: Options) -> None:
        config, heads = model.config, 1 + len(model.config.classes)
        network = Discriminator(
            config.image_size, config.channels, options.width, outputs=heads, dropout=options.dropout
        )
        super().__init__(model, network, options)
        self.classified: list[Tensor] = []  # of the images scored since the last step, their cross-entropies

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The logits of being real (n,); how well the classes are named is noted besides."""
        assert labels is not None  # the release maker refuses data without labels for a conditional model
        outputs = self.discriminator(images)
        self.classified.append(F.cross_entropy(outputs[:, 1:].float(), labels, reduction="none"))
        source: Tensor = outputs[:, 0]
        return source

    def discriminator_step(self, batch: Batch) -> Tensor:
        return self._with_classes(super().discriminator_step(batch), batch)

    def generator_step(self, batch: Batch) -> Tensor:
        return self._with_classes(super().generator_step(batch), batch)

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor | float:
        noted = len(self.classified)
        total = super().penalty(real, fake, labels)
        del self.classified[noted:]  # a penalty is of gradients; what it scores is not to be classified
        return total

    def _with_classes(self, source: Tensor, batch: Batch) -> Tensor:
        # The sum of the means over real and over generated images, whether they were scored apart or together.
        classes = torch.cat(self.classified).sum() / len(batch.images)
        self.classified.clear()
        return source + self.options.auxiliary * classes


class ACGAN(GAN[Config]):
    """Generate and decode by the generator under a class; encode by inverting it under that class."""

    config_class = Config
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".grow.": ".network."}
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.condition = Labels(config.classes)
        self.latent_shape = (config.latent_dim,)
        codes = LabelCodes(len(config.classes), len(config.attributes))
        self.generator = ConditionalGenerator(
            codes, config.latent_dim, config.image_size, config.channels, config.width
        )

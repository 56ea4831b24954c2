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

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.models._gan import AdversarialObjective, AdversarialOptions
from zoo.models.gans.cgan import CGAN
from zoo.nn.dcgan import Discriminator
from zoo.objective import Batch
from zoo.recipe import Recipe


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


class ACGAN(CGAN):
    """The generator of the conditional GAN, trained by another objective."""

    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

"""WGAN: the critic estimates the Wasserstein distance; its weights are clipped to keep it Lipschitz.

Arjovsky, Chintala, Bottou 2017, "Wasserstein GAN", arXiv:1701.07875. The critic maximises E f(x) − E f(G(z)) (equation
2) over functions whose weights lie in [−c, c], the generator minimises −E f(G(z)); algorithm 1: c = 0.01, five critic
steps for one of the generator, RMSProp, because momentum made training unstable. The networks are those of DCGAN, as in
section 4.1.

Differs from the paper:
- the learning rate is 0.0002 where algorithm 1 has 0.00005, so that far fewer steps suffice;
- latents are standard normal.
"""

from __future__ import annotations

from typing import Any

import torch

from zoo.models._gan import Game, without
from zoo.models.gans import dcgan
from zoo.recipe import Recipe


class Objective(Game):
    """Five critic steps, each followed by the clipping of its weights, then one generator step.

    width: channels of the critic's first layer. batch_norm: whether the critic has any: without it, clipped weights
    leave almost nothing of a signal after three layers, and the generator learns blots. craft: options of
    `zoo.models._gan.Game` but for Adam's, with the paper's values unless given.
    """

    def __init__(
        self,
        model: WGAN,
        *,
        width: int = 32,
        batch_norm: bool = True,
        loss: str = "wasserstein",
        weight_clip: float = 0.01,
        discriminator_steps: int = 5,
        **craft: Any,
    ) -> None:
        config = model.config
        critic = dcgan.Discriminator(config.image_size, config.channels, width, batch_norm=batch_norm)
        without(craft, ("beta1", "beta2"), "wgan")  # RMSProp has neither
        super().__init__(
            model, critic, loss=loss, weight_clip=weight_clip, discriminator_steps=discriminator_steps, **craft
        )

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "discriminator": torch.optim.RMSprop(self.discriminator.parameters(), lr=self.discriminator_learning_rate),
            "generator": torch.optim.RMSprop(self.model.generator.parameters(), lr=self.learning_rate),
        }


class WGAN(dcgan.DCGAN):
    """The generator of DCGAN, trained by another game."""

    objective_class = Objective
    recipe = Recipe(batch_size=320, steps=5_000, precision="bf16-mixed", channels_last=True, ema=0.999)

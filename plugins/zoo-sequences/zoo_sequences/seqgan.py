"""seqgan: a language model that plays against a judge of whole sentences, by the policy gradient.

Yu, Zhang, Wang and Yu 2017, "SeqGAN: sequence generative adversarial nets with policy gradient" (arXiv:1609.05473).
Words are drawn, and no gradient flows through a draw: so the discriminator D, a convolutional network that tells real
sentences from drawn ones, is a reward, r(y) = D(y), of a policy that writes word after word, and what each word is
worth is found by Monte Carlo roll-outs. Training by likelihood comes first.

`generate`, `encode` and the exact `log_prob` are those of rnn-lm, of which this is another training.

Differs from the paper: gated units instead of LSTMs, embeddings shared by input and output, fewer filters of smaller
widths and no penalty on them, a baseline (`objective.baseline`), roll-outs by the policy as it is, and sentences of any
length, whose end is a word like others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.plugin import Recipe, check, losses
from zoo_sequences._adversarial import SentenceFeatures, TextGANObjective, TextGANOptions
from zoo_sequences._recurrent import RecurrentConfig, RecurrentLM


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """The sentences, and sizes."""

    def __post_init__(self) -> None:
        check(self, "seqgan")


class Objective(TextGANObjective["SeqGAN"]):
    """The judge is a discriminator, and the reward the probability it gives a sentence of being real."""

    def __init__(self, model: SeqGAN, options: TextGANOptions) -> None:
        super().__init__(model, options)
        features = SentenceFeatures(model.space, options)
        self.judge = nn.Sequential(features, nn.Linear(features.size, 1))

    def reward(self, x: Tensor, real: Tensor) -> Tensor:
        found: Tensor = self.judge(x)[:, 0].sigmoid()
        return found

    def judge_loss(self, real: Tensor, made: Tensor) -> Tensor:
        on_real, on_made = self.judge(torch.cat([real, made])).chunk(2)
        self.observe(real=on_real.sigmoid(), fake=on_made.sigmoid())
        return losses.discriminator_loss(on_real, on_made)


class SeqGAN(RecurrentLM[Config]):
    """Generate, encode to the state after the last word, and give ln p(x), exactly."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="sentences", batch_size=64, steps=4000, clip=1.0, storage="int8")

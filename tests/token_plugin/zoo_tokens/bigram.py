"""A bigram model: each token is drawn by the one before it. Its capability is `surprise`, in bits a sequence."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from zoo.plugin import Model, Objective, Recipe, expect
from zoo_tokens.space import Tokens


@dataclass(frozen=True)
class Config:
    length: int = 6
    alphabet: str = "abc"


class Likelihood(Objective):
    def optimizers(self):
        return {"bigram": torch.optim.Adam(self.model.parameters(), lr=0.1)}

    def updates(self, batch):
        yield "bigram", self.model._surprise(batch.images, None, None).mean()


class Bigram(Model[Config]):
    config_class = Config
    objective_class = Likelihood
    recipe = Recipe(dataset="rhymes", steps=2, batch_size=8)
    hooks = {**Model.hooks, "surprise": "_surprise"}  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Tokens((config.length,), config.alphabet), (len(config.alphabet),)
        # Row 0 are the scores of the first token, row 1 + k those of what follows token k.
        self.scores = nn.Parameter(torch.randn(len(config.alphabet) + 1, len(config.alphabet)))

    def surprise(self, x, *, condition=None, batch_size=None):
        """Bits (n,) that the sequences `x` cost."""
        self.require("surprise")
        return self.per_sample("_surprise", self.check_samples(x), condition, 0, batch_size, {})

    def _surprise(self, x, condition, noise):
        before = F.pad(x + 1, (1, 0))[:, :-1]
        chances = self.scores.log_softmax(1)[before]
        return -chances.gather(2, x[:, :, None]).sum((1, 2)) / math.log(2)

    def _encode(self, x, condition, noise):
        return self.scores[x + 1].mean(1)

    def _generate(self, noise, condition, temperature):
        uniform = noise.uniform(*self.space.shape)
        rows, tokens = torch.zeros(len(noise), dtype=torch.int64, device=noise.device), []
        for i in range(self.space.shape[0]):
            chances = (self.scores[rows] / max(temperature, 1e-3)).softmax(1).cumsum(1)
            tokens.append((chances[:, :-1] < uniform[:, i : i + 1]).sum(1))
            rows = tokens[-1] + 1
        return torch.stack(tokens, 1)


def checks(model):
    yield check_surprise


def check_surprise(model):
    """The probabilities of all sequences, 2 to the power of minus their surprise, sum to 1."""
    sizes = [torch.arange(len(model.space.alphabet))] * model.space.shape[0]
    mass = (-model.surprise(torch.cartesian_prod(*sizes), condition=model.condition.usual(1))).exp2().sum().item()
    expect(
        abs(mass - 1) < 1e-3,
        "The surprise is that of probabilities, which sum to 1.",
        f"Those of all sequences sum to {mass:.4g}.",
        "Take the logarithm to the base 2 of the probability.",
    )

"""vae-text: a variational autoencoder of sentences.

Bowman et al. 2016, "Generating sentences from a continuous space" (arXiv:1511.06349): a recurrent encoder gives the
normal distribution q(z | x) of a sentence's code, and a language model that is told z at every word gives p(x | z).
What is maximised is E_q ln p(x | z) − β KL(q(z | x) ‖ p(z)). A decoder that strong would do without z: so β rises from
0 to 1 in the first steps (annealing), and of the words that the decoder reads some are hidden (word dropout).

`generate` draws z and then the words; `decode` takes the likeliest word at each place. `log_prob` bounds ln p(x) from
below, by importance weights of `samples` codes (Burda et al. 2016, arXiv:1509.00519).

Differs from the paper: gated units instead of LSTMs, β rises along a line, embeddings shared by encoder, decoder and
output.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.plugin import Batch, Model, Noise, Recipe, adam, check, inputs, setting
from zoo.plugin import Objective as BaseObjective
from zoo_sequences import _sequence as sequence
from zoo_sequences.tokens import END, UNKNOWN, Tokens


@dataclass(frozen=True)
class Config(sequence.SentenceConfig):
    """The sentences, and sizes."""

    embedding: int = setting(128, "numbers for a word", at_least=1)
    hidden: int = setting(256, "recurrent units of encoder and decoder", at_least=1)
    latent_dim: int = setting(32, "numbers of a code", at_least=1)

    def __post_init__(self) -> None:
        check(self, "vae-text")


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(1e-3, "of Adam", above=0)
    annealing: int = setting(2000, "steps in which the weight of the KL divergence rises from 0 to 1", at_least=0)
    word_dropout: float = setting(0.3, "share of the words that the decoder is not shown", at_least=0, at_most=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["VAEText"]):
    """The bound, with a weight on its KL divergence that rises, in nats a word."""

    options_class = Options
    options: Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return adam({"vae": self.model}, {"vae": self.options.learning_rate}, sequence.BETAS)

    @property
    def weight(self) -> float:
        """β at this step."""
        return min(1.0, self.step / self.options.annealing) if self.options.annealing else 1.0

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        x = batch.images
        mean, spread = self.model.posterior(x)
        z = mean + spread * torch.randn_like(mean)
        hidden = torch.rand_like(x, dtype=mean.dtype) < self.options.word_dropout
        where = sequence.steps(x)
        features = self.model.features(z, x.masked_fill(hidden & (x != END), UNKNOWN))[where]
        nats = sequence.words_loss(self.model.words.logits(features), x, where)
        divergence = kl(mean, spread).sum() / where.sum()
        self.observe(nats=nats, kl=kl(mean, spread))
        yield "vae", nats + self.weight * divergence


class VAEText(Model[Config]):
    """Generate, encode to the mean of q(z | x), decode, and bound ln p(x) from below."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="sentences", batch_size=64, steps=6000, schedule="linear", clip=1.0, storage="int8")
    log_prob_kind = "lower-bound"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space: Tokens = config.space
        self.latent_shape = (config.latent_dim,)
        self.words = sequence.Reading(self.space.size, config.embedding)
        self.reader = nn.GRU(config.embedding, config.hidden, batch_first=True)
        self.normal = nn.Linear(config.hidden, 2 * config.latent_dim)
        self.first = nn.Linear(config.latent_dim, config.hidden)
        self.cell = nn.GRUCell(config.embedding + config.latent_dim, config.hidden)
        self.out = nn.Linear(config.hidden, config.embedding)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (n, latent_dim) of q(z | x)."""
        last = (x != END).sum(1) - 1
        states = self.reader(self.words(x))[0][torch.arange(x.shape[0], device=x.device), last]
        mean, log_spread = self.normal(states).chunk(2, 1)
        return mean, log_spread.exp()

    def step(self, token: Tensor, state: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, embedding) of the word after `token` (n,), and the state."""
        state = self.cell(torch.cat([self.words(token), z], 1), state)
        return self.out(state), state

    def features(self, z: Tensor, x: Tensor) -> Tensor:
        """What logits are made of, (n, length, embedding), of codes and the tokens `x` before each place."""
        state, found = torch.tanh(self.first(z)), list[Tensor]()
        for token in sequence.shifted(x, self.words.begin).unbind(1):
            features, state = self.step(token, state, z)
            found.append(features)
        return torch.stack(found, 1)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.posterior(x)[0]

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return self._words(z, torch.zeros(z.shape[0], self.config.length, device=z.device), 0.0)

    def _generate(self, noise: Noise, condition: Tensor | None, temperature: float) -> Tensor:
        z = self._latents(noise, temperature)
        return self._words(z, noise.uniform(self.config.length), temperature)

    def _words(self, z: Tensor, uniform: Tensor, temperature: float) -> Tensor:
        """Sentences (n, length) of codes, without unknown words, drawn by `uniform` (n, length)."""

        def following(token: Tensor, before: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            state, z = before
            features, state = self.step(token, state, z)
            logits = self.words.logits(features)
            return sequence.without_unknown(logits) if self.space.vocabulary else logits, (state, z)

        return sequence.drawn(following, self.words.begin, (torch.tanh(self.first(z)), z), uniform, temperature)

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise, *, samples: int = 16) -> Tensor:
        mean, spread = self.posterior(x)
        weights = list[Tensor]()
        for _ in range(inputs.integer("samples", samples, 1)):
            eps = noise.normal(*self.latent_shape)
            z = mean + spread * eps
            # ln p(z) − ln q(z | x), whose constants cancel.
            prior = (spread.log() + (eps.square() - z.square()) / 2).sum(1)
            weights.append(sequence.nats(self.words.logits(self.features(z, x)), x) + prior)
        return torch.stack(weights).logsumexp(0) - math.log(samples)


def kl(mean: Tensor, spread: Tensor) -> Tensor:
    """KL(N(mean, spread²) ‖ N(0, 1)) in nats, (n,), of (n, latent_dim)."""
    return ((mean.square() + spread.square() - 1) / 2 - spread.log()).sum(1)

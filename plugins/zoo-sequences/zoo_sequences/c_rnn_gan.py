"""c-rnn-gan: recurrent networks that play against each other, over notes as numbers.

Mogren 2016, "C-RNN-GAN: continuous recurrent neural networks with adversarial training" (arXiv:1611.09904). A note is
an event of four numbers: how long it lasts, its pitch, its velocity, the time since the one before. The generator, an
LSTM, makes event after event of noise and of the event that it made before; the discriminator, a bidirectional LSTM,
gives each event a logit of its melody being real, of which the mean counts. The generator is first trained to predict
the next event, by squared errors, then to give melodies the mean features that real ones have in the discriminator,
feature matching (Salimans et al. 2016, arXiv:1606.03498); this one rests while it is too far ahead, freezing.

Differs from the paper: a note's time is told by the rest before it and its duration by its logarithm, events are
standardised, and rounded to notes when they are drawn; normal noise, one layer of units unless told otherwise, Adam,
and neither a curriculum of rising lengths nor features of the whole batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from zoo.plugin import Batch, Recipe, adam, check, losses, setting
from zoo.plugin import Objective as BaseObjective
from zoo_sequences._melodies import MelodyModel
from zoo_sequences.melody import Melody
from zoo_sequences.notes import events, played, rounded

NUMBERS = 4  # of an event
BETAS = (0.5, 0.999)  # of Adam


@dataclass(frozen=True)
class Config:
    """The melodies, of which training takes the scales from the data, and sizes."""

    length: int = setting(32, "notes of a melody", at_least=1)
    latent_dim: int = setting(8, "numbers of noise for a note", at_least=1)
    hidden: int = setting(128, "recurrent units of a layer", at_least=1)
    layers: int = setting(1, "of recurrent units", at_least=1)
    centre: tuple[float, ...] = setting((72.0, 3.9, 80.0, 0.0), "the means of an event's numbers", entries=NUMBERS)
    spread: tuple[float, ...] = setting((5.0, 0.6, 1.0, 0.1), "their deviations", above=0, entries=NUMBERS)

    def __post_init__(self) -> None:
        check(self, "c-rnn-gan")


class Generator(nn.Module):
    """Standardised events (n, length, 4) of noise (n, length, latent_dim), one after the other; or, of events `x`
    (n, length, 4) too, what would come after each beginning of these."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        sizes = [config.latent_dim + NUMBERS, *[config.hidden] * config.layers]
        self.cells = nn.ModuleList(nn.LSTMCell(*pair) for pair in itertools.pairwise(sizes))
        self.out = nn.Linear(config.hidden, NUMBERS)

    def forward(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        event = torch.zeros_like(z[:, 0, :1]).expand(-1, NUMBERS)
        states: list[tuple[Tensor, Tensor] | None] = [None] * len(self.cells)
        made: list[Tensor] = []  # list[Tensor]() is what torch.compile cannot trace
        for place in range(z.shape[1]):
            read = torch.cat([z[:, place], event], 1)
            for layer, cell in enumerate(self.cells):
                states[layer] = state = cell(read, states[layer])
                read = state[0]
            made.append(self.out(read))
            event = made[-1] if x is None else x[:, place]
        return torch.stack(made, 1)


class Discriminator(nn.Module):
    """Reads standardised events forwards and backwards; of melodies of fewer than `length` notes these alone."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(NUMBERS, hidden, layers, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, 1)

    def features(self, x: Tensor, where: Tensor) -> Tensor:
        """The mean features (n, 2 hidden) of the events of `x` (n, length, 4) that are `where` (n, length)."""
        counts = where.sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(x, counts.cpu(), batch_first=True, enforce_sorted=False)
        read, _ = nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], True, total_length=x.shape[1])
        return read.sum(1) / counts[:, None]

    def forward(self, features: Tensor) -> Tensor:
        """Logits (n,), the mean of those of all events, which is that of their mean features."""
        logits: Tensor = self.out(features)[:, 0]
        return logits


@dataclass(frozen=True)
class Options:
    """How the generator is trained before the game, how the game is played, and how large the discriminator is."""

    learning_rate: float = setting(5e-4, "of Adam, of the generator", above=0)
    discriminator_learning_rate: float = setting(5e-4, "of Adam, of the discriminator", above=0)
    pretraining: int = setting(1000, "steps of the generator by squared errors, before the game", at_least=0)
    feature_matching: bool = setting(True, "whether the generator matches features, or else is to deceive")
    freezing: float = setting(
        0.7, "the discriminator rests while its loss is below this share of the generator's; 0 never", at_least=0
    )
    hidden: int = setting(128, "the discriminator's recurrent units, each way", at_least=1)
    layers: int = setting(1, "of these", at_least=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["CRNNGAN"]):
    """Squared errors first; then a step of the discriminator, unless it rests, and one of the generator."""

    options_class = Options
    options: Options

    def __init__(self, model: CRNNGAN, options: Options) -> None:
        super().__init__(model, options)
        self.phases = (0, options.pretraining)
        self.discriminator = Discriminator(options.hidden, options.layers)
        self.found = (-1, False)  # a step, and whether the discriminator rests in it

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"generator": self.model.generator, "discriminator": self.discriminator}
        rates = (self.options.learning_rate, self.options.discriminator_learning_rate)
        return adam(networks, dict(zip(networks, rates, strict=True)), BETAS)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        x, where = self.model.standardised_events(batch.images), played(batch.images)
        if self.step < self.options.pretraining:
            yield "generator", self.next_event_loss(x, where)
            return
        loss, ahead = self.discriminator_loss(x, where)
        if not ahead:
            yield "discriminator", loss
        yield "generator", self.generator_loss(x, where)

    def next_event_loss(self, x: Tensor, where: Tensor) -> Tensor:
        """The mean squared error of each next event, of those that are `where`."""
        return F.mse_loss(self.model.generator(self.noise(x), x)[where], x[where])

    def discriminator_loss(self, x: Tensor, where: Tensor) -> tuple[Tensor, bool]:
        """The discriminator's loss, and whether it is so far ahead that it is to rest."""
        with torch.no_grad():
            made = self.model.generator(self.noise(x))
        on_real, on_made = (self.discriminator(self.discriminator.features(each, where)) for each in (x, made))
        self.observe(real=on_real.sigmoid(), fake=on_made.sigmoid())
        loss = losses.discriminator_loss(on_real, on_made)
        ahead = self.is_ahead(loss, losses.generator_loss(on_made))
        self.observe(frozen=torch.tensor(float(ahead), device=x.device))
        return loss, ahead

    def is_ahead(self, loss: Tensor, of_generator: Tensor) -> bool:
        """Whether the discriminator is to rest in this step. What the first part of a batch finds, over all processes,
        holds for its other parts: all are to take the same steps."""
        if self.found[0] != self.step:
            both = torch.stack([loss.detach(), of_generator.detach()])
            if dist.is_initialized():
                dist.all_reduce(both)
            self.found = self.step, bool(both[0] < self.options.freezing * both[1])
        return self.found[1]

    def generator_loss(self, x: Tensor, where: Tensor) -> Tensor:
        """The squared distance of mean features, or the loss of not being taken for real."""
        found = self.discriminator.features(self.model.generator(self.noise(x)), where)
        if not self.options.feature_matching:
            return losses.generator_loss(self.discriminator(found))
        with torch.no_grad():
            wanted = self.discriminator.features(x, where).mean(0)
        return (found.mean(0) - wanted).square().sum()

    def noise(self, x: Tensor) -> Tensor:
        """Latents of as many melodies as `x` has."""
        return torch.randn(len(x), *self.model.latent_shape, device=x.device, dtype=x.dtype)


class CRNNGAN(MelodyModel[Config]):
    """Generate and decode by the generator, a note for each part of the noise."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="melodies", batch_size=64, steps=6000, clip=5.0)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Melody((config.length, NUMBERS))
        self.latent_shape = (config.length, config.latent_dim)
        self.generator = Generator(config)

    def standardised_events(self, melodies: Tensor) -> Tensor:
        """Melodies (n, length, 4) as the networks see them, 0 where there is no note."""
        found = events(melodies).to(self.dtype)
        centre, spread = (found.new_tensor(numbers) for numbers in (self.config.centre, self.config.spread))
        return (found - centre) / spread * played(melodies)[:, :, None]

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        made = self.generator(z).float()
        centre, spread = (made.new_tensor(numbers) for numbers in (self.config.centre, self.config.spread))
        return rounded(made * spread + centre)

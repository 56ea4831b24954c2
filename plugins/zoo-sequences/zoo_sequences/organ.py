"""organ: a language model of melodies that plays against a judge of whole ones, and for an aim that is known.

Guimaraes, Sanchez-Lengeling, Outeiral, Farias and Aspuru-Guzik 2017, "Objective-reinforced generative adversarial
networks (ORGAN) for sequence generation models" (arXiv:1705.10843): seqgan, whose reward is mixed,

    r(y) = λ D(y) + (1 − λ) O(y),

of what the discriminator D takes for real and of what an objective O gives a sequence. Of melodies that is tonality,
the share of perfect fifths among the intervals, or the share of steps. λ = 1 is seqgan; at λ = 0 nothing real counts.

A token is a note, its pitch, duration and the rest before it; which notes there are is taken from the data, velocities
are not. `log_prob` is the exact mass of a melody among those of 1 to `length` such notes.

Differs from the paper: as seqgan; tokens are notes and no sixteenths; fifths count downwards as well; copies in a batch
are not rewarded less; no Wasserstein distance.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.plugin import Batch, Noise, Recipe, check, setting
from zoo_sequences._adversarial import DiscriminatorObjective, TextGANOptions
from zoo_sequences._melodies import MelodyModel
from zoo_sequences._recurrent import RecurrentLM, RecurrentSizes
from zoo_sequences.melody import Melody, check_vocabulary, rows
from zoo_sequences.notes import PITCH
from zoo_sequences.tonal import FIFTH, STEPS, shares

AIMS = {"tonality": (FIFTH,), "steps": STEPS}  # the intervals that are rewarded


@dataclass(frozen=True)
class Config(RecurrentSizes):
    """The melodies, of which training takes the vocabulary from the data, and sizes."""

    length: int = setting(32, "notes of a melody at most", at_least=1)
    vocabulary: str = setting("", "PITCH/DURATION/REST of each known note, with spaces between")
    notes: int = setting(300, "how many notes a vocabulary that is taken from the data has at most", at_least=1)

    def __post_init__(self) -> None:
        check(self, "organ")
        check_vocabulary(self.vocabulary, "organ")

    @property
    def space(self) -> Melody:
        """That of the melodies."""
        return Melody((self.length, 4), self.vocabulary)


@dataclass(frozen=True)
class Options(TextGANOptions):
    """As of every GAN of sequences, and what is aimed at."""

    weight: float = setting(0.5, "λ, the share of the judge in the reward, and not of the aim", at_least=0, at_most=1)
    aim: str = setting("tonality", "what is rewarded: tonality, perfect fifths, or steps", choices=AIMS)


class Objective(DiscriminatorObjective["ORGAN"]):
    """The reward of seqgan, mixed with the share of the intervals that are aimed at."""

    options_class = Options
    options: Options

    def tokens(self, batch: Batch) -> Tensor:
        found: Tensor = self.model.space.tokens(batch.images)
        return found

    def reward(self, x: Tensor, real: Tensor) -> Tensor:
        weight = self.options.weight
        return weight * super().reward(x, real) + (1 - weight) * self.aimed(x)

    def aimed(self, x: Tensor) -> Tensor:
        """O (m,) of tokens (m, length)."""
        pitches = rows(self.model.space.vocabulary).to(x.device)[x, PITCH]
        return shares(pitches, x > 0, AIMS[self.options.aim])


class ORGAN(RecurrentLM[Config], MelodyModel[Config]):
    """Generate, encode to the state after the last note, and give ln p(x), exactly."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="melodies", batch_size=64, steps=4000, clip=1.0, storage="int8")

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return super()._log_prob(self.space.tokens(x), condition, noise)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return super()._encode(self.space.tokens(x), condition, noise)

    def _generate(self, noise: Noise, condition: Tensor | None, temperature: float, *, top_k: int = 0) -> Tensor:
        made: Tensor = self.space.melodies(self.chosen(noise, temperature, top_k))
        return made

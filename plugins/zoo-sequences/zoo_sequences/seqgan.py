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

from zoo.plugin import Recipe, check
from zoo_sequences._adversarial import DiscriminatorObjective
from zoo_sequences._recurrent import RecurrentConfig, SentenceLM


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """The sentences, and sizes."""

    def __post_init__(self) -> None:
        check(self, "seqgan")


class SeqGAN(SentenceLM[Config]):
    """Generate, encode to the state after the last word, and give ln p(x), exactly."""

    config_class = Config
    objective_class = DiscriminatorObjective
    recipe = Recipe(dataset="sentences", batch_size=64, steps=4000, clip=1.0, storage="int8")

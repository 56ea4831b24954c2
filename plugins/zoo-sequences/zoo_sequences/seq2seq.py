"""seq2seq: one sentence from another, by a recurrent encoder and a recurrent decoder, with attention or without.

Sutskever, Vinyals and Le 2014, "Sequence to sequence learning with neural networks" (arXiv:1409.3215), and Cho et al.
2014 (arXiv:1406.1078): an encoder reads the source into a vector c, and a decoder is a language model of the target
that is told c at every word. With attention (Bahdanau, Cho and Bengio 2015, arXiv:1409.0473), the encoder reads in
both directions, and for each word the decoder looks at the states h_j of all source words: c_i = Σ_j α_ij h_j, with
weights α_ij = softmax_j v · tanh(W s_{i−1} + U h_j).

`translate` searches for the likeliest target: greedily, or with a beam. `log_prob` of targets is exact, given their
sources.

Differs from the papers: a layer of gated units in each direction, also without attention, where c is the last state of
both; no maxout; embeddings shared by the decoder's input and output; dropout; Adam; a vocabulary of a few thousand
words, of which an unknown one is never written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from zoo.plugin import Batch, Dataset, Model, Noise, Recipe, adam, check, errors, inputs, setting
from zoo.plugin import Objective as BaseObjective
from zoo_sequences import _sequence as sequence
from zoo_sequences import pictures
from zoo_sequences.sentence import Sentence
from zoo_sequences.tokens import END, UNKNOWN, Tokens

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Config(sequence.SentenceConfig):
    """The sentences of targets and sources, and sizes."""

    length: int = setting(10, "words of a target at most", at_least=1)
    vocabulary: str = setting("", "the words of targets, with spaces between")
    words: int = setting(4500, "how many words of targets are taken from the data at most", at_least=1)
    source_length: int = setting(8, "words of a source at most", at_least=1)
    source_vocabulary: str = setting("", "the words of sources, with spaces between")
    source_words: int = setting(3500, "how many words of sources are taken from the data at most", at_least=1)
    embedding: int = setting(128, "numbers for a word", at_least=1)
    encoder: int = setting(128, "recurrent units of the encoder, in each direction", at_least=1)
    hidden: int = setting(256, "recurrent units of the decoder", at_least=1)
    attention: bool = setting(True, "whether the decoder looks at all source words, and not at one vector alone")
    dropout: float = setting(0.2, "share of the features of words and states left out in training", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self, "seq2seq")


class Objective(BaseObjective["Seq2Seq"]):
    """Cross-entropy of each next word, given the source and the words before, in nats a word."""

    options_class = sequence.AdamOptions
    pairs = True

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return adam({"seq2seq": self.model}, {"seq2seq": self.options.learning_rate}, sequence.BETAS)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        where = sequence.steps(batch.images)
        features = self.model.features(batch.images, batch.sources)[where]
        yield "seq2seq", sequence.words_loss(self.model.words.logits(features), batch.images, where)


class Memory(NamedTuple):
    """What the decoder knows of sources."""

    states: Tensor  # (n, source_length, 2 · encoder)
    keys: Tensor  # (n, source_length, hidden), U h of these; without attention themselves
    words: Tensor  # (n, source_length), whether there is a word
    whole: Tensor  # (n, 2 · encoder), the last states of both directions


class Encoder(nn.Module):
    """Gated units that read sources in both directions, each of its own length."""

    def __init__(self, config: Config, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, config.embedding)
        self.forwards = nn.GRU(config.embedding, config.encoder, batch_first=True)
        self.backwards = nn.GRU(config.embedding, config.encoder, batch_first=True)
        self.key = nn.Linear(2 * config.encoder, config.hidden, bias=False) if config.attention else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Memory:
        words = x != END
        lengths, places = words.sum(1, keepdim=True), torch.arange(x.shape[1], device=x.device)
        # The words of each row from the last to the first, and then its padding, which nothing before it can see.
        back = torch.where(words, lengths - 1 - places, places)
        read = self.dropout(self.embedding(x))
        there = self.forwards(read)[0]
        again = self.backwards(read.gather(1, back[:, :, None].expand_as(read)))[0]
        again = again.gather(1, back[:, :, None].expand_as(again))
        last = there.gather(1, (lengths - 1)[:, :, None].expand(-1, 1, there.shape[2]))[:, 0]
        states = torch.cat([there, again], 2)
        return Memory(states, self.key(states), words, torch.cat([last, again[:, 0]], 1))


class Seq2Seq(Model[Config]):
    """Translate, and give ln p(target | source), exactly."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="sentence-pairs", batch_size=64, steps=12_000, schedule="linear", clip=1.0, storage="int8")
    log_prob_kind = "exact"
    deterministic = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space: Tokens = config.space
        source = Tokens((config.source_length,), config.source_vocabulary, config.unit)
        self.condition: Sentence = Sentence(source)
        width, both = config.embedding, 2 * config.encoder
        self.encoder = Encoder(config, source.size)
        self.words = sequence.Reading(self.space.size, width)
        self.first = nn.Linear(both, config.hidden)
        self.cell = nn.GRUCell(width + both, config.hidden)
        if config.attention:
            self.query = nn.Linear(config.hidden, config.hidden)
            self.weight = nn.Linear(config.hidden, 1, bias=False)
        self.out = nn.Linear(config.hidden + both + width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The greedy translations of tokens (n, source_length)."""
        return self._search(x, 1)

    def step(self, token: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Features (n, embedding) of the word after `token` (n,), the state, and the weights (n, source_length) of the
        source words, all alike without attention."""
        if self.config.attention:
            scores = self.weight(torch.tanh(self.query(state)[:, None] + memory.keys))[:, :, 0]
            weights = scores.masked_fill(~memory.words, -torch.inf).softmax(1)
            context = (weights[:, None] @ memory.states)[:, 0]
        else:
            weights = memory.words / memory.words.sum(1, keepdim=True)
            context = memory.whole
        read = self.dropout(self.words(token))
        state = self.cell(torch.cat([read, context], 1), state)
        return self.dropout(self.out(torch.cat([state, context, read], 1))), state, weights

    def features(self, x: Tensor, sources: Tensor) -> Tensor:
        """What logits are made of, (n, length, embedding), of targets `x` of sources, each word known to the next."""
        memory = self.encoder(sources)
        state, found = self.begun(memory), list[Tensor]()
        for token in sequence.shifted(x, self.words.begin).unbind(1):
            features, state, _ = self.step(token, state, memory)
            found.append(features)
        return torch.stack(found, 1)

    def begun(self, memory: Memory) -> Tensor:
        """The decoder's state before the first word, (n, hidden)."""
        return torch.tanh(self.first(memory.whole))

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        assert condition is not None
        return sequence.nats(self.words.logits(self.features(x, condition)), x)

    def _translate(self, sources: Tensor, noise: Noise, temperature: float, *, beam: int = 1) -> Tensor:
        return self._search(sources, inputs.integer("beam", beam, 1))

    def _search(self, sources: Tensor, width: int) -> Tensor:
        """The likeliest targets (n, length) that a beam of `width` finds, greedily for 1, without unknown words."""
        n, size = sources.shape[0], self.space.size
        memory = self.encoder(sources)
        state, memory = (
            self.begun(memory).repeat_interleave(width, 0),
            Memory(*(part.repeat_interleave(width, 0) for part in memory)),
        )
        scores = state.new_full((n, width), -torch.inf, dtype=torch.float64)
        scores[:, 0] = 0  # all begin alike, so that one must do for the first word
        token = torch.full((n * width,), self.words.begin, device=sources.device)
        made = torch.full((n * width, self.config.length), END, device=sources.device)
        barred = torch.zeros(size, dtype=torch.float64, device=sources.device)
        barred[UNKNOWN] = -torch.inf if self.space.vocabulary else 0
        over = torch.full_like(barred, -torch.inf).index_fill(0, token.new_tensor([END]), 0)  # nothing follows an end
        for place in range(self.config.length):
            features, state, _ = self.step(token, state, memory)
            logits = self.words.logits(features).double()
            if not place:
                logits[:, END] = -torch.inf
            chances = torch.where((token == END)[:, None], over, logits.log_softmax(1) + barred)
            best = (scores[:, :, None] + chances.view(n, width, size)).flatten(1).topk(width, 1)
            rows = (best.indices // size + width * torch.arange(n, device=sources.device)[:, None]).flatten()
            scores, token = best.values, (best.indices % size).flatten()
            made, state = made[rows], state[rows]
            made[:, place] = token
        return made.view(n, width, -1)[:, 0]

    def attention(self, sources: Any) -> tuple[Tensor, Tensor]:
        """Greedy translations (n, length) of texts, and the weights (n, length, source_length) by which each word
        looked at those of its source. Raises CapabilityError for a model without attention."""
        if not self.config.attention:
            raise errors.CapabilityError(f"{self.name} has no attention. Train one with config.attention=true.")
        made = self.translate(sources)
        given = self.condition.parse(sources, len(made)).to(self.device)
        with torch.no_grad(), self.evaluating() as model:
            memory = model.encoder(given)
            state, found = model.begun(memory), list[Tensor]()
            for token in sequence.shifted(made, self.words.begin).unbind(1):
                _, state, weights = model.step(token, state, memory)
                found.append(weights)
        return made, torch.stack(found, 1)

    def attention_picture(self, source: str) -> Image.Image:
        """The weights of a text's translation: a row for each of its words, a column for each of the source's, dark
        where the one looked at the other. Raises as `attention`."""
        (made,), (weights,) = self.attention([source])
        columns, rows = self.condition.space.parts(self.condition.parse(source, 1)[0]), self.space.parts(made)
        return pictures.weights(rows, columns, weights[: len(rows), : len(columns)])

    def portrait(self, data: Dataset) -> Image.Image | None:
        """Some sources with what is made of them and what they should have become, and the attention of the first."""
        if data.sources is None:
            return None
        pick = torch.linspace(0, len(data) - 1, min(12, len(data)), dtype=torch.float32, device="cpu").long()
        sources = data.sources[pick]
        texts = self.condition.space.lines(sources)
        made, meant = self.space.lines(self.translate(sources)), self.space.lines(data.stored[pick])
        told = [
            line for row in zip(texts, made, meant, strict=True) for line in (row[0], f"→ {row[1]}", f"({row[2]})", "")
        ]
        shown = [self.attention_picture(text) for text in texts[:3]] if self.config.attention else []
        return pictures.below(pictures.lines(told), *shown)

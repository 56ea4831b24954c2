"""Numbers of models of sentences: perplexity, and BLEU of translations."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from zoo.plugin import Record, Subject, errors
from zoo_sequences._sequence import steps
from zoo_sequences.tokens import END, UNKNOWN
from zoo_sequences.words import normalised

MOST = 1000  # sentences, where each takes many passes
BEAM = 5


def perplexity(subject: Subject) -> list[Record]:
    """Nats a word of held-out sentences, the end of each counted as one, and e to that power. Words that are not in the
    vocabulary count as the one unknown word, which flatters a small one: the args give their share. Of a model whose
    log_prob is not exact the first 1,000 sentences; of one that has but an estimate there is `pseudo_perplexity`."""
    return [] if subject.model.log_prob_kind == "estimate" else _of_words(subject, steps, "")


def pseudo_perplexity(subject: Subject) -> list[Record]:
    """The same of pseudo-log-likelihoods (Salazar et al. 2020), which are models' estimates: of words by all others,
    without ends, so that it compares with itself alone. Of the first 1,000 held-out sentences."""
    return _of_words(subject, _words, "pseudo-") if subject.model.log_prob_kind == "estimate" else []


def _words(x: Tensor) -> Tensor:
    return x != END


def _of_words(subject: Subject, counted: Callable[[Tensor], Tensor], prefix: str) -> list[Record]:
    """Nats a word and perplexity, of the places (n, length) of tokens that are `counted`."""
    model, condition = subject.model, subject.condition
    x = subject.held_out if model.log_prob_kind == "exact" else subject.held_out[:MOST]
    condition = None if condition is None else condition[: len(x)]
    nats = -model.log_prob(x, condition=condition, seed=subject.seed).cpu().double()
    words = counted(x).sum(1)
    mean = float(nats.sum() / words.sum())
    error = float((nats - mean * words).std()) * math.sqrt(len(x)) / float(words.sum())
    args: dict[str, Any] = {"split": "test", "n_real": len(x), "kind": model.log_prob_kind}
    args["unknown"] = float((x == UNKNOWN).sum() / words.sum())
    return [
        subject.record(f"{prefix}nats-per-word", f"{prefix}nats per word", mean, standard_error=error, **args),
        subject.record(f"{prefix}perplexity", f"{prefix}perplexity", math.exp(mean), **args),
    ]


def bleu(subject: Subject) -> list[Record]:
    """BLEU (Papineni et al. 2002, by sacrebleu, 0 … 100) of the translations of at most 1,000 held-out sources, greedy
    and by a beam of 5, in lower case, against all their targets. `floor` is what copying gives: the target of the
    training source that shares the most words."""
    model, test = subject.model, subject.test
    if test.sources is None:
        return []
    rows = subject.held_out_rows[:MOST]
    sources, references = test.sources[rows], [test.captions[row] for row in rows.tolist()]
    copied = score(_copies(subject, sources), references)
    args: dict[str, Any] = {"split": "test", "n_real": len(rows), "tokenizer": "13a", "floor": copied}
    found = []
    for name, beam in (("bleu", 1), ("bleu-beam", BEAM)):
        made = model.space.lines(model.translate(sources, seed=subject.seed, beam=beam))
        found.append(
            subject.record(name, f"BLEU, {'greedy' if beam == 1 else f'beam {beam}'}", score(made, references), **args)
        )
    return found


def score(made: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU of texts, each against some references, in lower case. Raises MissingExtra without sacrebleu."""
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise errors.MissingExtra("BLEU needs sacrebleu. Install it with: pip install 'zoo-sequences[bleu]'") from error
    most = max(map(len, references))
    # A stream of references for each place; those that have fewer leave it empty.
    plain = [[normalised(text) for text in texts] for texts in references]
    streams: Any = [[texts[place] if place < len(texts) else None for texts in plain] for place in range(most)]
    return float(BLEU(lowercase=True).corpus_score(list(made), streams).score)


def _copies(subject: Subject, sources: Tensor) -> list[str]:
    """For each source the target of the training source that shares the most words with it, of equals the shortest, and
    then the first."""
    known = subject.train.sources
    assert known is not None
    whole = known[:]
    places, lengths = defaultdict[int, list[int]](list), (whole != 0).sum(1).tolist()
    for place, row in enumerate(whole.tolist()):
        for word in set(row) - {0}:
            places[word].append(place)
    best = []
    for row in sources.tolist():
        shared = Counter(place for word in set(row) - {0} for place in places[word])
        best.append(min(shared, key=lambda place: (-shared[place], lengths[place], place), default=0))
    return [subject.train.captions[place][0] for place in best]

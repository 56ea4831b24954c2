import dataclasses
import math

import pytest
import torch
from zoo_sequences import metrics
from zoo_sequences.tokens import Tokens

from zoo.plugin import Record, Subject, TensorDataset, errors

SMALL = {"length": 3, "vocabulary": "x y", "embedding": 5, "hidden": 6}
SPACE, SOURCES = Tokens((3,), "x y"), Tokens((3,), "a b c")


def data(split, rows):
    pairs = [row.split(" → ") for row in rows]
    targets, sources = SPACE.coerce([row[1] for row in pairs]), SOURCES.coerce([row[0] for row in pairs])
    return TensorDataset("toy", split, targets, sources=sources, captions=tuple((row[1],) for row in pairs))


@pytest.fixture
def subject(made):
    def measured(name, **more):
        train = data("train", ["a b → x y", "b c → y x", "c → y y y"])
        test = data("test", ["a b → x y", "c c → y", "c b → y y x"])
        return Subject(made(name, **SMALL, **more), None, train, test, 3)

    return measured


def test_perplexity_is_of_words_with_their_ends(subject):
    measured = subject("rnn-lm")
    nats, power = metrics.perplexity(measured)
    # x y and its end, y and its end, y y x without
    mean = -measured.model.log_prob(["x y", "y", "y y x"]).sum().item() / 8
    assert nats.value == pytest.approx(mean, rel=1e-3)
    assert power.value == pytest.approx(math.exp(mean), rel=1e-3)
    assert isinstance(nats, Record)


def test_perplexity_of_words_by_all_others_is_one_of_its_own(made):
    model = made("denoising-lm", length=3, vocabulary="x y", embedding=4, heads=2)
    model.words.table.data.zero_(), model.words.bias.data.zero_()  # the unknown word, x and y are equally likely
    held = data("test", ["a → x y", "b → y"])
    subject = Subject(model, None, data("train", ["a → x"]), held, 2)
    assert metrics.perplexity(subject) == []
    nats, power = metrics.pseudo_perplexity(subject)
    assert (nats.type, power.type) == ("pseudo-nats-per-word", "pseudo-perplexity")
    assert power.value == pytest.approx(3, rel=1e-3)
    assert metrics.pseudo_perplexity(Subject(made("rnn-lm", **SMALL), None, held, held, 2)) == []


def test_perplexity_of_translations_is_given_their_sources(subject):
    measured = subject("seq2seq", source_vocabulary="a b c", source_length=3, encoder=4)
    total = measured.model.log_prob(measured.test.images, condition=["a b", "c c", "c b"]).sum().item()
    assert metrics.perplexity(measured)[0].value == pytest.approx(-total / 8, rel=1e-3)


def test_bleu_is_that_of_sacrebleu():
    pytest.importorskip("sacrebleu")
    assert metrics.score(["Le chat est là ."], [["Un chat !", "le chat est là ."]]) == pytest.approx(100)
    # Precisions 5/6, 3/5, 2/4 and 1/3 of the first text of Papineni et al.'s measure, by hand.
    found = metrics.score(["the cat sat on the mat"], [["the cat lay on the mat"]])
    assert found == pytest.approx(100 * (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25, abs=0.1)


def test_translations_stand_beside_copies(subject):
    pytest.importorskip("sacrebleu")
    measured = subject("seq2seq", source_vocabulary="a b c", source_length=3, encoder=4)
    greedy, beam = metrics.bleu(measured)
    assert (greedy.type, beam.type) == ("bleu", "bleu-beam")
    assert metrics._copies(measured, measured.test.sources) == ["x y", "y y y", "y x"]
    assert greedy.args["floor"] == pytest.approx(
        metrics.score(["x y", "y y y", "y x"], measured.test.captions), rel=1e-3
    )
    assert torch.equal(measured.condition, measured.test.sources)


def test_copies_have_the_words_that_the_model_does_not_know(subject):
    measured = subject("seq2seq", source_vocabulary="a b c", source_length=3, encoder=4)
    with pytest.warns(errors.UnknownWord):
        known = data("train", ["a b → x stop"])
    measured = dataclasses.replace(measured, train=known)
    assert metrics._copies(measured, measured.test.sources) == ["x stop"] * 3

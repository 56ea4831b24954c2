import pytest
import torch
from zoo_sequences import _sequence as sequence
from zoo_sequences import oracle
from zoo_sequences.oracle import Oracle
from zoo_sequences.tokens import FIRST

import zoo
from zoo.plugin import data, errors


@pytest.fixture
def few(monkeypatch):
    """Splits of 400 and 300 sentences."""
    monkeypatch.setattr(oracle, "SIZES", {"train": 400, "test": 300})
    oracle._sentences.cache_clear()
    yield
    oracle._sentences.cache_clear()


def test_probabilities_of_all_sentences_sum_to_1_and_are_those_of_what_is_drawn():
    judge = Oracle(3)
    every = torch.cartesian_prod(*[torch.arange(3)] * 3)
    chances = judge.nats(every).sum(1).neg().exp()
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    drawn = judge.draw(3000, 3, 0)
    counts = (drawn[:, None] == every).all(2).sum(0)
    common = 3000 * chances > 5
    found, expected = counts[common], 3000 * chances[common]
    assert (((found - expected) ** 2 / expected).sum() / common.sum()).item() < 2  # χ², of mean 1
    assert torch.equal(drawn, Oracle(3).draw(3000, 3, 0))
    assert not torch.equal(drawn, Oracle(3, seed=1).draw(3000, 3, 0))


def test_gates_have_one_bias_and_no_other_draw_is_taken():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    judge = Oracle(3)
    assert torch.equal(torch.rand(3), expected)
    assert not judge.recurrent.bias_hh_l0.any()
    assert all(parameter.std() > 0.5 for name, parameter in judge.named_parameters() if name != "recurrent.bias_hh_l0")


def test_what_is_held_at_once_depends_on_length_and_words(monkeypatch):
    judge, rows = Oracle(4), []
    whole = judge.draw(9, 5, 0)
    nats = judge.nats(whole)
    monkeypatch.setattr(sequence, "NUMBERS", 50)  # of 5 places and 4 words: two sentences
    judge.recurrent.register_forward_hook(lambda module, given, made: rows.append(len(given[0])))
    assert torch.equal(judge.draw(9, 5, 0), whole)
    assert torch.allclose(judge.nats(whole), nats, atol=1e-5)
    assert max(rows) == 2


def test_its_words_are_no_characters(few):
    with pytest.raises(errors.DataError, match=r"numbers, and no characters. Set config.unit=word"):
        data.load("oracle", None, "train", shape=(5,), model=zoo.create("rnn-lm", length=5, words=30, unit="character"))


def test_its_sentences_are_as_long_as_those_of_the_model(few):
    model = zoo.create("seqgan", length=5, words=30)
    train, test = (data.load("oracle", None, split, shape=(5,), model=model) for split in ("train", "test"))
    assert (train.images.shape, test.images.shape) == ((400, 5), (300, 5))
    assert not torch.equal(train.images[:300], test.images)
    assert train.config["vocabulary"].split() == [str(word) for word in range(30)]
    assert bool((train.images >= FIRST).all())
    assert train.images.max() < FIRST + 30
    with pytest.raises(errors.DataError, match="the oracle's words are numbers"):
        data.load("oracle", None, "test", shape=(5,), model=zoo.create("rnn-lm", length=5, vocabulary="a b"))


def test_who_learns_from_it_draws_what_is_likelier_to_it(few, tmp_path):
    found = {}
    for steps in (1, 60):
        out = tmp_path / str(steps)
        small = {"config.length": 5, "config.words": 30, "config.hidden": 32, "config.dropout": 0.0, "batch_size": 64}
        options = {"steps": steps, "objective.learning_rate": 0.02, "dataset": "oracle"}
        zoo.train("rnn-lm", None, out=out, progress=False, **small, **options)
        (record,) = zoo.evaluate(str(out), None, metrics=["oracle-nats"])
        found[steps] = record
    assert found[60].value < found[1].value - 1
    assert found[60].args["floor"] < found[60].value + 3 * found[60].args["standard_error"]
    assert found[60].args["words"] == 30
    assert found[60].args["cooler"] < found[60].value  # nearer to the likeliest words
    assert found[60].args["ended"] < found[1].args["ended"]

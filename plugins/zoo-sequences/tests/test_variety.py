import math
from types import SimpleNamespace

import pytest
import torch
from zoo_sequences import variety
from zoo_sequences.tokens import UNKNOWN
from zoo_sequences.variety import mean_bleu, sample_bleu

TEXT, OTHER, THIRD = (1, 2, 3, 4, 5), (1, 2, 3, 4, 6, 7), (8, 8, 8, 9)


def test_bleu_counts_runs_of_words_in_any_of_the_references():
    # Of 5, 4, 3 and 2 runs 4, 3, 2 and 1 stand in the reference, which is longer by one.
    expected = math.exp(1 - 6 / 5) * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert mean_bleu([TEXT], [OTHER]) == pytest.approx(expected)
    assert mean_bleu([TEXT], [OTHER, TEXT]) == pytest.approx(1)
    # A word counts as often as the reference that has it most often has it; 0.1 stands for no run of a length.
    assert mean_bleu([(8, 8, 8, 8)], [THIRD, (8, 1, 1, 1)]) == pytest.approx((3 / 4 * 2 / 3 * 1 / 2 * 0.1) ** 0.25)


def test_a_text_is_no_reference_of_its_own():
    first = mean_bleu([TEXT], [OTHER, THIRD])
    second = mean_bleu([OTHER], [TEXT, THIRD])
    third = mean_bleu([THIRD], [TEXT, OTHER])
    assert mean_bleu([TEXT, OTHER, THIRD]) == pytest.approx((first + second + third) / 3)
    assert mean_bleu([TEXT, TEXT]) == pytest.approx(1)
    assert third < 0.05


@pytest.fixture
def subject():
    """Four generated sentences, two held-out ones and three of training; of these two have a word that is unknown."""
    return Subject(
        generated=torch.tensor([[2, 3, 4, 5], [2, 3, 4, 6], [7, 7, 7, 7], [8, 8, 8, 8]]),
        held_out=torch.tensor([[2, 3, 4, UNKNOWN], [9, 9, 9, 0]]),
        reference=torch.tensor([[2, 3, 4, UNKNOWN], [2, 3, 4, UNKNOWN], [2, 3, 5, 6]]),
    )


class Subject(SimpleNamespace):
    seed = 0
    test = SimpleNamespace(name="captions")

    def record(self, kind, name, value, **args):
        return kind, value, args


def test_unknown_words_match_none_and_all_are_measured_by_as_many_sentences(subject):
    (kind, value, args), (other_kind, alike, others) = sample_bleu(subject)
    assert (kind, other_kind) == ("sample-bleu", "self-bleu")
    assert (args["n_real"], args["n_generated"], others["n_generated"]) == (2, 3, 3)
    assert "n_real" not in others  # in which no real sentence takes part
    # Three words in a row of four stand in the held-out sentence, which has an unknown one for the last.
    three = (3 / 4 * 2 / 3 * 1 / 2 * 0.1) ** 0.25
    none = (0.1 / 4 * 0.1 / 3 * 0.1 / 2 * 0.1) ** 0.25
    pair = (2 / 4 * 1 / 3 * 0.1 / 2 * 0.1) ** 0.25
    assert value == pytest.approx(100 * (2 * three + none) / 3)
    assert alike == pytest.approx(100 * (2 * three + none) / 3)
    assert args["floor"] == pytest.approx(100 * (2 * three + pair) / 3)
    assert others["floor"] == pytest.approx(100 * (2 * three + pair) / 3)


def test_training_sentences_are_drawn_by_the_seed(subject, monkeypatch):
    monkeypatch.setattr(variety, "MOST", 2)
    subject.reference = torch.tensor([[2, 3, 4, 5], [2, 3, 4, 5], [6, 6, 6, 6], [7, 7, 7, 7]])
    found = set()
    for seed in range(12):
        subject.seed = seed
        found.add(round(sample_bleu(subject)[1][2]["floor"], 3))
    assert len(found) == 2  # the first two, which are the same, and others, which are not

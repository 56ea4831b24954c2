import math

import pytest
from zoo_sequences.variety import mean_bleu

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

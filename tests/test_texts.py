"""Texts in every form a user may write them: words, vocabularies, indices."""

import warnings

import numpy as np
import pytest
import torch

from zoo.errors import InvalidInput, UnknownWord
from zoo.texts import parse_texts, vocabulary, word_indices, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A red, RED square!", ["a", "red", "red", "square"]),
        ("2 half-moons\n(blue)", ["2", "half", "moons", "blue"]),
        ("Straße im ÉTÉ", ["strasse", "im", "été"]),
        (" … ", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_in_small_letters(text, expected):
    assert words(text) == expected


def test_the_vocabulary_is_each_word_once_in_alphabetical_order():
    texts = ["the red square", "A Square, a circle", "RED sky"]
    assert vocabulary(texts) == ("a", "circle", "red", "sky", "square", "the")
    assert vocabulary(iter(texts)) == vocabulary(texts)
    assert vocabulary([]) == ()


KNOWN = ("a", "red", "square")


def test_word_indices_count_from_two_with_one_for_strange_words_and_zero_after_the_last():
    indices = word_indices(["A red square", "red", "a blue a", ""], KNOWN, 4)
    assert indices.dtype is torch.int64
    assert indices.tolist() == [[2, 3, 4, 0], [3, 0, 0, 0], [2, 1, 2, 0], [0, 0, 0, 0]]


def test_word_indices_of_a_long_text_are_cut():
    assert word_indices(["a red a red square", "square"], KNOWN, 2).tolist() == [[2, 3], [4, 0]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a RED square", [[2, 3, 4]]),
        (["a red square"], [[2, 3, 4]]),
        (["red", "square, a"], [[3, 0, 0], [4, 2, 0]]),
        (("red", "square, a"), [[3, 0, 0], [4, 2, 0]]),
        (np.array(["red", "square, a"]), [[3, 0, 0], [4, 2, 0]]),
    ],
)
def test_texts_in_every_form(condition, expected):
    assert parse_texts(condition, 2, KNOWN, 3).tolist() == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (["red"] * 3, r"3 texts came for 2 samples\. Pass one text, or exactly 2 of them"),
        ([], "0 texts came for 2 samples"),
        (3, "the condition 3 is a int; expected a text, or one a sample"),
        (None, "the condition None is a NoneType"),
        (["red", 3], "the condition 3 is a int"),
        ([["red"], ["a"]], r"the condition \['red'\] is a list"),
        ({"red"}, "is a set"),
        (np.array([3, 4]), "the condition 3 is a int"),
        ([torch.zeros(3), torch.zeros(3)], r"Make one tensor of embeddings: torch\.stack"),
        (b"red", "is a int"),
        ("", "the text '' has 0 words; this model takes 1 to 3"),
        (["red", " … "], "the text ' … ' has 0 words"),
        ("a red a square", "the text 'a red a square' has 4 words; this model takes 1 to 3. Say it in as many"),
    ],
)
def test_wrong_texts(condition, message):
    with pytest.raises(InvalidInput, match=message):
        parse_texts(condition, 2, KNOWN, 3)


def test_strange_words_are_told_once_each_and_taken_for_unknown_ones():
    with pytest.warns(UnknownWord) as caught:
        indices = parse_texts(["a red", "Squere a squere"], 2, KNOWN, 3)
    assert indices.tolist() == [[2, 3, 0], [1, 2, 1]]
    (warning,) = caught
    said = "the model has not learned 'squere' and takes it for an unknown word. Did you mean 'square'?"
    assert str(warning.message) == said


def test_of_many_strange_words_some_are_told():
    with pytest.warns(UnknownWord, match=r"'b', 'c', 'd', 'e', 'f', 'g' … and takes them for unknown words"):
        parse_texts("h g f e d c b a", 1, KNOWN, 8)


def test_nothing_is_said_of_words_that_it_knows():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parse_texts(["A, red", "SQUARE"], 2, KNOWN, 3)
    assert caught == []

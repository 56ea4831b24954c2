from pathlib import Path

import pytest
import torch
from zoo_sequences.tokens import END, UNKNOWN, Tokens

from zoo.plugin import Noise, errors

SPACE = Tokens((4,), "a dog ￭.")


def test_texts_are_the_numbers_of_their_words():
    tokens = SPACE.coerce(["A dog.", "dog"])
    assert tokens.tolist() == [[2, 3, 4, END], [3, END, END, END]]
    assert SPACE.lines(tokens) == ["a dog.", "dog"]
    assert torch.equal(SPACE.check(SPACE.coerce("a dog.")), tokens[:1])


def test_words_that_are_not_known_are_told():
    with pytest.warns(errors.UnknownWord, match=r"'cat' \(first in 'a cat'\).*unknown word, '_'"):
        tokens = SPACE.coerce(["a", "a cat"])
    assert tokens[1].tolist() == [2, UNKNOWN, END, END]
    assert SPACE.lines(tokens) == ["a", "a _"]
    assert SPACE.coerce("a _").tolist() == [[2, UNKNOWN, END, END]]  # a gap, which is meant
    with pytest.raises(errors.InvalidInput, match="has not learned 'cat'"):
        SPACE.coerce("a cat", strict=True)


def test_a_space_more_or_less_makes_no_word_unknown():
    assert SPACE.coerce(["a dog .", "dog.a"]).tolist() == SPACE.coerce(["a dog.", "dog. a"]).tolist()
    both = Tokens((4,), "a . ￭.")
    assert both.coerce(["a .", "a."]).tolist() == [[2, 3, END, END], [2, 4, END, END]]  # where both are known


@pytest.mark.parametrize("text", ["", "a a a a a"])
def test_texts_of_no_words_or_too_many_are_refused(text):
    with pytest.raises(errors.InvalidInput, match=f"{text!r} has {len(text.split())} words. This model takes 1 to 4"):
        SPACE.coerce(["a", text])


@pytest.mark.parametrize(
    "wrong",
    [
        [[2, 3]],
        torch.zeros(1, 4),
        torch.zeros(1, 3, dtype=torch.int64),
        torch.zeros(0, 4, dtype=torch.int64),
        torch.tensor([[2, END, 2, END]]),
        torch.tensor([[END, END, END, END]]),
        torch.tensor([[2, 5, END, END]]),
        torch.tensor([[-1, 2, END, END]]),
    ],
)
def test_what_is_no_sentence_is_refused(wrong):
    with pytest.raises(errors.InvalidInput, match="Pass a list of texts"):
        SPACE.check(SPACE.coerce(wrong))


def test_the_vocabulary_is_that_of_the_data_unless_there_is_one():
    assert Tokens((4,)).fitted(["b a", "b _ c"], 2).vocabulary == "b a"
    assert SPACE.fitted(["b a"], 2) is SPACE


def test_files_hold_a_sentence_a_line(tmp_path):
    tokens = SPACE.coerce(["a dog.", "dog"])
    for name in ("a.txt", "a.jsonl"):
        assert SPACE.write(tokens, tmp_path / name) == f"{tmp_path / name} (2 sentences)"
        names, read = SPACE.read([tmp_path / name])
        assert torch.equal(read, tokens)
        assert names == [f"{tmp_path / name}:1", f"{tmp_path / name}:2"]
    assert torch.equal(SPACE.coerce(Path(tmp_path / "a.txt")), tokens)
    (tmp_path / "long.txt").write_text("dog\na a a a a\n")
    with pytest.raises(errors.DataError, match=r"long.txt:2 has 5 words. This model takes 1 to 4"):
        SPACE.read([tmp_path / "long.txt"])
    (tmp_path / "none.txt").write_text("")
    with pytest.raises(errors.DataError, match="no line in it"):
        SPACE.read([tmp_path / "none.txt"])


def test_examples_are_sentences_and_their_opposites_differ():
    drawn = SPACE.example(50, Noise(0, 0, 50))
    assert SPACE.contains(drawn)
    assert set((drawn != END).sum(1).tolist()) == {1, 2, 3, 4}
    other = SPACE.opposite(drawn)
    assert SPACE.contains(other)
    assert bool((other != drawn)[drawn != END].all())
    assert SPACE.preview(drawn).height > SPACE.preview(drawn[:2]).height

import pytest
from zoo_sequences.words import joined, normalised, pieces


@pytest.mark.parametrize(
    "text",
    ["a dog, on a mat.", "il n'est pas là !", "qu'est-ce que c'est ?", "(no) space", "don't", "3.5 %", ". a", "a _ b"],
)
def test_texts_are_cut_and_joined_without_loss(text):
    assert joined(pieces(text)) == text


def test_texts_are_made_plain():
    assert normalised("  L’été\u202f!\t") == "l'été !"
    assert normalised("e\u0301") == "é"


def test_scripts_without_spaces_are_cut_into_characters():
    assert pieces("秦川 雄帝", "character") == list("秦川雄帝")
    assert joined(list("秦川"), "character") == "秦川"

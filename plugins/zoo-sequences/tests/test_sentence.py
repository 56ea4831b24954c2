import pytest
from zoo_sequences.sentence import Sentence
from zoo_sequences.tokens import Tokens


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("vocabulary", "unit"), [("qu' \uffe6t a \uffe6. is \uffe6,", "word"), ("", "word"), ("a b", "character")]
)
def test_examples_read_as_they_are_written(vocabulary, unit):
    condition = Sentence(Tokens((6,), vocabulary.replace("\uffe6", "\uffed"), unit))
    texts = condition.example(40)
    assert condition.space.lines(condition.parse(texts, 40)) == texts
    assert len(set(texts)) > 5

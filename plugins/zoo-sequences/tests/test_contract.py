import zoo
from zoo.testing import parametrize_with_checks

SMALL = {"length": 4, "vocabulary": "a b c d", "embedding": 5, "hidden": 6}


@parametrize_with_checks([zoo.create("rnn-lm", **SMALL)])
def test_contract(model, check):
    check(model)

import math

import pytest
import torch
from zoo_sequences.rankgan import log_rank

from zoo.plugin import Batch, errors


def test_a_rank_is_the_share_of_likeness_beside_others():
    x, references = torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    others = torch.tensor([[0.0, 5.0], [1.0, 0.0], [-1.0, 0.0]])
    # cos with the first reference: 1 of x, and 0, 1, −1 of the others; with the second 0, and 1, 0, 0.
    first = math.exp(2) / (math.exp(2) + 1 + math.exp(2) + math.exp(-2))
    second = 1 / (1 + math.exp(2) + 1 + 1)
    assert log_rank(x, references, others, 2.0).item() == pytest.approx(math.log((first + second) / 2))


def test_a_sentence_like_all_others_has_an_equal_share():
    same = torch.ones(3, 4)
    assert log_rank(same[:1], same, same, 5.0).exp().item() == pytest.approx(1 / 4)


def test_a_single_sentence_is_refused_before_the_first_step(made):
    model = made("rankgan", length=3, vocabulary="a b", embedding=5, hidden=6)
    objective = model.objective_class.create(model)
    with pytest.raises(errors.ConfigError, match="batch_size"):
        next(objective.updates(Batch(model.space.coerce(["a"]))))

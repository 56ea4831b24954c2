"""The mixed reward of ORGAN, by hand, and the policy gradient of it against the enumeration of all melodies."""

import math

import pytest
import torch
from zoo_sequences import _adversarial as adversarial
from zoo_sequences import _sequence as sequence
from zoo_sequences.organ import AIMS

from zoo.plugin import Batch, errors

VOCABULARY = "60/24/0 67/24/0 62/12/6"
SMALL = {"length": 3, "vocabulary": VOCABULARY, "embedding": 5, "hidden": 6}
MELODIES = torch.tensor([[1, 2, 1], [1, 3, 1], [2, 0, 0], [3, 2, 0]])  # fifths: 2 of 2, 0 of 2, none, 0 of 1


@pytest.fixture
def model(made):
    return made("organ", **SMALL, seed=1)


def test_the_aim_is_a_share_of_intervals(model):
    for aim, expected in (("tonality", [1, 0, 0, 0]), ("steps", [0, 1, 0, 0])):
        objective = model.objective_class.create(model, aim=aim)
        assert objective.aimed(MELODIES).tolist() == expected
    with pytest.raises(errors.ConfigError, match="aim"):
        model.objective_class.create(model, aim="beauty")
    assert set(AIMS) == {"tonality", "steps"}


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_reward_is_mixed(model, weight):
    objective = model.objective_class.create(model, weight=weight, dropout=0.0)
    found = objective.reward(MELODIES, MELODIES)
    judged = objective.judge(MELODIES)[:, 0].sigmoid()
    assert torch.allclose(found, weight * judged + (1 - weight) * objective.aimed(MELODIES))
    if not weight:  # nothing real counts
        assert found.tolist() == [1, 0, 0, 0]


def test_all_of_the_judge_is_seqgan(model, made):
    text = made("seqgan", length=3, vocabulary="a b", embedding=5, hidden=6)  # of as many tokens
    objective, other = (each.objective_class.create(each, dropout=0.0) for each in (model, text))
    objective = model.objective_class.create(model, weight=1.0, dropout=0.0)
    other.judge.load_state_dict(objective.judge.state_dict())
    assert torch.equal(objective.reward(MELODIES, MELODIES), other.reward(MELODIES, MELODIES))
    assert torch.equal(objective.judge_loss(MELODIES, MELODIES.flip(0)), other.judge_loss(MELODIES, MELODIES.flip(0)))


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_policy_gradient_is_that_of_the_mixed_reward(model, every, weight):
    objective = model.objective_class.create(model, weight=weight, roll_outs=1)
    objective.judge.eval()
    tokens = every(model.space)
    with torch.no_grad():
        rewards = objective.reward(tokens, tokens)
    nats = sequence.nats(model.logits(tokens), tokens)
    expected = torch.autograd.grad(-(nats.exp() * rewards).sum(), model.parameters())
    torch.manual_seed(0)
    found = torch.autograd.grad(objective.policy_loss(tokens[:1].expand(20_000, -1)), model.parameters())
    found, expected = (torch.cat([part.flatten() for part in parts]) for parts in (found, expected))
    assert (found - expected).norm() < 0.1 * expected.norm()


def test_masses_of_all_melodies_sum_to_one_and_nothing_unknown_is_drawn(model, every):
    whole = model.space.melodies(every(model.space))
    assert float(model.log_prob(whole).double().exp().sum()) == pytest.approx(1, abs=1e-5)
    assert model.space.contains(model.generate(200, seed=0, temperature=3.0))
    louder = whole * torch.tensor([1, 1, 0, 1]) + (whole > 0) * torch.tensor([0, 0, 7, 0])
    assert torch.equal(model.log_prob(louder), model.log_prob(whole))  # velocities do not count
    with pytest.raises(errors.InvalidInput, match="notes of 3 known ones"):
        model.log_prob(whole + (whole > 0) * torch.tensor([0, 1, 0, 0]))


def test_a_melody_is_drawn_as_often_as_it_is_likely(model, every):
    whole = model.space.melodies(every(model.space))
    made = model.generate(20_000, seed=0)
    likely = int(model.log_prob(whole).argmax())
    share = (made == whole[likely]).flatten(1).all(1).double().mean().item()
    chance = model.log_prob(whole).double().exp()[likely].item()
    assert abs(share - chance) < 4 * math.sqrt(chance * (1 - chance) / 20_000)


def test_padding_changes_no_result(model, made):
    longer = made("organ", **SMALL | {"length": 6}, seed=1)
    short = model.space.melodies(MELODIES[2:])
    padded = torch.cat([short, torch.zeros(2, 3, 4, dtype=torch.int64)], 1)
    assert torch.allclose(model.log_prob(short), longer.log_prob(padded))
    assert torch.allclose(model.encode(short), longer.encode(padded))
    objective = longer.objective_class.create(longer)
    assert torch.equal(objective.aimed(torch.cat([MELODIES, 0 * MELODIES], 1)), objective.aimed(MELODIES))


def test_a_batch_is_tokens(model):
    objective = model.objective_class.create(model, pretraining=1, judging=1, roll_outs=1)
    batch, told = Batch(model.space.melodies(MELODIES)), []
    assert torch.equal(objective.tokens(batch), MELODIES)
    for step in range(3):
        objective.step = step
        told += [network for network, loss in objective.updates(batch) if loss.isfinite()]
    assert told == ["likelihood", *["judge"] * 3, "policy", *["judge"] * 3]
    assert adversarial.TextGANOptions.__name__ in {base.__name__ for base in type(objective.options).__mro__}


@pytest.mark.parametrize(
    ("vocabulary", "told"),
    [
        ("abc", "the vocabulary holds 'abc'; expected notes such as 60/24/0"),
        ("60/24", "the vocabulary holds '60/24'"),
        ("128/24/0", "the vocabulary holds '128/24/0'"),
        ("60/0/0", "the vocabulary holds '60/0/0'"),
        ("60/24/-5", "the vocabulary holds '60/24/-5'"),
        ("60/24/0 60/24/0", "a note stands twice in the vocabulary"),
    ],
)
def test_vocabularies_that_are_none_are_refused(made, vocabulary, told):
    with pytest.raises(errors.ConfigError, match=told):
        made("organ", vocabulary=vocabulary)

import pytest
import torch
from zoo_sequences.tokens import END, UNKNOWN

import zoo
from zoo.plugin import errors

SMALL = {"length": 4, "vocabulary": "a b c", "embedding": 6, "layers": 2, "heads": 2}


def test_a_word_is_told_by_all_others_and_by_no_padding(made, monkeypatch):
    model, inputs = made("denoising-lm", **SMALL), []
    usual = type(model.words).forward

    def watched(self, tokens):
        inputs.append(usual(self, tokens).detach().requires_grad_())
        return inputs[-1]

    monkeypatch.setattr(type(model.words), "forward", watched)
    logits = model.logits(torch.tensor([[2, UNKNOWN, 4, END]]))
    for place in range(3):
        (gradient,) = torch.autograd.grad(logits[0, place].square().sum(), inputs, retain_graph=True)
        assert gradient[0].abs().sum(1).bool().tolist() == [True, True, True, False]


def test_the_pseudo_log_likelihood_hides_one_word_at_a_time(made):
    model = made("denoising-lm", **SMALL)
    x, expected = model.space.coerce("a c b"), 0.0
    for place in range(3):
        hidden = x.clone()
        hidden[0, place] = UNKNOWN
        logits = model.logits(hidden)[0, place, 1:]
        expected += (logits[x[0, place] - 1] - logits.logsumexp(0)).item()
    assert model.log_prob(x).item() == pytest.approx(expected, abs=1e-5)


def test_probabilities_of_each_word_sum_to_1(made):
    model = made("denoising-lm", **{**SMALL, "length": 1})
    assert model.log_prob(torch.tensor([[1], [2], [3], [4]])).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_padding_changes_nothing(made):
    model, longer = made("denoising-lm", **SMALL), made("denoising-lm", **{**SMALL, "length": 7})
    state = model.state_dict()
    longer.load_state_dict({**state, "places": torch.cat([state["places"], torch.ones(3, 6)])})
    texts = ["a", "b _ c"]
    for what in ("encode", "log_prob"):
        assert torch.allclose(getattr(model, what)(texts), getattr(longer, what)(texts), atol=1e-5)
    assert torch.equal(model.translate(texts), longer.translate(texts)[:, :4])


def test_gaps_alone_are_filled(made):
    model = made("denoising-lm", **SMALL)
    given = model.space.coerce(["a _ b _", "_", "a b"])
    filled = model.translate(given)
    assert torch.equal(filled[given != UNKNOWN], given[given != UNKNOWN])
    assert bool((filled[given == UNKNOWN] > UNKNOWN).all())
    # The surer of two gaps first, by hand.
    logits = model.logits(given[:1])[0, [1, 3], 2:]
    logits = torch.cat([torch.full((2, 2), -torch.inf), logits], 1).log_softmax(1)
    place = (1, 3)[int(logits.max(1).values.argmax())]
    assert filled[0, place] == logits[(1, 3).index(place)].argmax()


def test_words_are_hidden_and_one_at_least(made):
    model = made("denoising-lm", **SMALL)
    x = model.space.coerce(["a b c a", "b", "c c"] * 400)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        noisy, chosen = model.objective_class.create(model, hidden=0.3).corrupted(x)
    assert bool(chosen.any(1).all())
    assert not (chosen & (x == END)).any()
    assert torch.equal(noisy[~chosen], x[~chosen])
    assert (noisy[chosen] == UNKNOWN).float().mean().item() == pytest.approx(0.8, abs=0.04)
    assert (noisy[chosen] == x[chosen]).float().mean().item() == pytest.approx(0.1 + 0.1 / 3, abs=0.03)


def test_heads_share_the_numbers():
    with pytest.raises(errors.ConfigError, match="heads=4 cannot share embedding=6"):
        zoo.create("denoising-lm", embedding=6, heads=4)


def test_training_learns_to_fill_gaps(tmp_path):
    (tmp_path / "lines.txt").write_text("the cat eats fish .\nthe dog eats meat .\nthe cow eats grass .\n" * 8)
    small = {"config.length": 6, "config.embedding": 16, "config.heads": 2, "config.layers": 1, "batch_size": 24}
    small |= {"objective.learning_rate": 0.02, "objective.hidden": 0.4, "steps": 120, "warmup": 10}
    model = zoo.train("denoising-lm", str(tmp_path / "lines.txt"), progress=False, **small)
    made = model.space.lines(model.translate(["the dog eats _ .", "_ cow eats grass ."]))
    assert made == ["the dog eats meat .", "the cow eats grass ."]
    assert model.log_prob("the cat eats fish .") > model.log_prob("the cat eats grass .")

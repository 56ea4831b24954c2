import pytest
import torch
from zoo_sequences.tokens import END

import zoo
from zoo.plugin import Batch, errors

SMALL = {"length": 3, "vocabulary": "a b", "embedding": 5, "hidden": 6}


def test_probabilities_of_all_sentences_sum_to_1(made, every):
    model = made("rnn-lm", **SMALL)
    sentences = every(model.space)
    assert len(sentences) == 3 + 9 + 27
    assert model.log_prob(sentences).double().exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_what_is_drawn_has_its_probability(made, every):
    model = made("rnn-lm", **SMALL)
    sentences, drawn = every(model.space), model.generate(4000, seed=0, unknown=True, batch_size=4000)
    counts = (drawn[:, None] == sentences).all(2).sum(0)
    assert counts.sum() == 4000
    expected = 4000 * model.log_prob(sentences).exp()
    assert (((counts - expected) ** 2 / expected).sum() / len(sentences)).item() < 1.6  # χ², of mean 1


def test_reading_a_whole_sentence_is_reading_word_by_word(made, every):
    model, state, found = made("rnn-lm", **SMALL), None, []
    sentences = every(model.space)
    with torch.no_grad():
        for place in range(3):
            before = sentences[:, place - 1] if place else torch.full_like(sentences[:, 0], model.words.begin)
            read, state = model.recurrent(model.words(before[:, None]), state)
            found.append(model.words.logits(model.out(read[:, 0])))
        assert torch.allclose(torch.stack(found, 1), model.logits(sentences), atol=1e-6)


def test_no_word_is_told_by_those_after_it(made, monkeypatch):
    model, inputs = made("rnn-lm", **SMALL), []
    usual = type(model.words).forward

    def watched(self, tokens):
        inputs.append(usual(self, tokens).detach().requires_grad_())
        return inputs[-1]

    monkeypatch.setattr(type(model.words), "forward", watched)
    logits = model.logits(torch.tensor([[2, 3, 2]]))
    for place in range(3):  # where the inputs are the beginning and the words before
        (gradient,) = torch.autograd.grad(logits[0, place].sum(), inputs, retain_graph=True)
        assert gradient[0].abs().sum(1).bool().tolist() == [at <= place for at in range(3)]


def test_padding_changes_nothing(made):
    model, longer = made("rnn-lm", **SMALL), made("rnn-lm", **{**SMALL, "length": 7})
    longer.load_state_dict(model.state_dict())
    for what in ("encode", "log_prob"):
        assert torch.allclose(getattr(model, what)(["a", "b a"]), getattr(longer, what)(["a", "b a"]), atol=1e-6)


def test_few_words_and_low_temperatures_leave_the_likeliest(made):
    model = made("rnn-lm", **SMALL)
    usual = model.generate(20, seed=0)
    assert torch.equal(model.generate(20, seed=0, top_k=1), model.generate(20, seed=1, temperature=0))
    assert not torch.equal(model.generate(20, seed=0, top_k=2), usual)
    assert torch.equal(model.generate(20, seed=0, top_k=4, unknown=True), model.generate(20, seed=0, unknown=True))
    assert not (usual == 1).any()  # no unknown word, unless told otherwise
    assert (model.generate(50, seed=0, unknown=True) == 1).any()
    with pytest.raises(errors.InvalidInput, match="top_k"):
        model.generate(1, top_k=-1)


def test_the_loss_is_that_of_log_prob(made):
    model = made("rnn-lm", **SMALL, dropout=0.0).train()
    x = model.space.coerce(["a", "b a", "a a b"])
    ((_, loss),) = model.objective_class.create(model).updates(Batch(x))
    # Without the end that cannot come first, which the loss does not know of.
    logits = model.logits(x).log_softmax(2).gather(2, x[:, :, None])[:, :, 0]
    where = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 1, 1]])
    assert loss.item() == pytest.approx(-((logits * where).sum() / where.sum()).item(), abs=1e-5)


def test_training_learns_a_language(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(f"the {a} sees the {b}." for a in ("cat", "dog") for b in ("cat", "dog", "man")) + "\n")
    small = {"config.length": 8, "config.embedding": 12, "config.hidden": 16, "config.dropout": 0.0, "batch_size": 6}
    options = {"objective.learning_rate": 0.02, "steps": 150}
    model = zoo.train("rnn-lm", str(lines), progress=False, **small, **options)
    known = lines.read_text().splitlines()
    assert set(model.space.lines(model.generate(20, seed=0))) == set(known)
    assert model.log_prob(known).mean().item() > -2.2  # ln 6 = 1.79
    assert (model.generate(3, seed=0) != END).sum(1).tolist() == [6, 6, 6]

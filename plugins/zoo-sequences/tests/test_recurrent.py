import pytest
import torch
from zoo_sequences import _sequence as sequence

SMALL = {"length": 3, "vocabulary": "a b", "embedding": 5, "hidden": 6}


@pytest.fixture
def model(made):
    return made("rnn-lm", **SMALL, seed=1)


def test_what_is_drawn_in_training_has_its_probability_unknown_words_included(model, every):
    sentences = every(model.space)
    torch.manual_seed(0)
    counts = (model.drawn(4000)[:, None] == sentences).all(2).sum(0)
    assert counts.sum() == 4000
    expected = 4000 * model.log_prob(sentences).exp()
    assert (((counts - expected) ** 2 / expected).sum() / len(sentences)).item() < 1.6  # χ², of mean 1


def test_roll_outs_keep_the_words_before_and_end_once(model, every):
    sentences = every(model.space)
    made = model.rolled_out(sentences, 5)
    assert made.shape == (5, len(sentences), 3, 3)
    for place in range(3):
        assert (made[:, :, place, : place + 1] == sentences[:, : place + 1]).all()
    assert model.space.contains(made.view(-1, 3))
    ended = sentences[:, 1] == 0
    assert (made[:, ended][:, :, 1:] == sentences[ended][:, None]).all()  # nothing comes after an end
    assert len(made[:, 0, 0].unique(dim=0)) > 1


@pytest.mark.parametrize(("cached", "rows"), [(14, 3), (2, 1)])
def test_roll_outs_are_drawn_in_parts(model, every, monkeypatch, cached, rows):
    sentences, sampled, held = every(model.space), sequence.sampled, []

    def watched(logits, uniform):
        held.append(len(logits))
        return sampled(logits, uniform)

    torch.manual_seed(0)
    whole = model.rolled_out(sentences, 5)
    monkeypatch.setattr(sequence, "sampled", watched)
    monkeypatch.setattr(sequence, "CACHED", cached)  # of 4 tokens
    torch.manual_seed(0)
    assert torch.equal(model.rolled_out(sentences, 5), whole)
    assert max(held) == rows


def test_what_roll_outs_hold_at_once_is_bounded(model, every, monkeypatch):
    sentences, seen = every(model.space), []
    monkeypatch.setattr(sequence, "NUMBERS", 40)  # of 3 places and 6 features: two sentences
    model.recurrent.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    assert model.rolled_out(sentences, 5).shape == (5, len(sentences), 3, 3)
    assert max(seen) <= 2 * 3


def test_where_every_sentence_ends_at_once_nothing_is_left_to_draw(model, every):
    with torch.no_grad():
        model.words.bias[0] = 1000  # of END
    sentences = every(model.space)
    made = model.rolled_out(sentences, 2)
    assert (made[:, :, 0, 1:] == 0).all()
    assert (model.drawn(3)[:, 1:] == 0).all()
    assert model.drawn(0).shape == (0, 3)


def test_what_follows_is_what_whole_sentences_say(model, every):
    sentences = every(model.space)
    token, state = torch.full_like(sentences[:, 0], model.words.begin), model.begun(len(sentences))
    with torch.no_grad():
        for place in range(3):
            logits, state = model.following(token, state)
            assert torch.allclose(logits, model.logits(sentences)[:, place], atol=1e-6)
            token = sentences[:, place]

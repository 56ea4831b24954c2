import dataclasses

import pytest
import torch
from zoo_sequences.seq2seq import Config
from zoo_sequences.tokens import END, UNKNOWN

import zoo
from zoo.plugin import Batch, errors

SMALL = {
    "source_length": 3, "length": 3, "source_vocabulary": "a b c", "vocabulary": "x y", "embedding": 5, "encoder": 4,
    "hidden": 6,
}  # fmt: skip


@pytest.fixture(params=[True, False], ids=["attention", "no attention"])
def model(request, made):
    return made("seq2seq", **SMALL, attention=request.param)


def known(sentences):
    return sentences[(sentences != UNKNOWN).all(1)]


def test_probabilities_of_all_targets_of_a_source_sum_to_1(model, every):
    sentences = every(model.space)
    assert model.log_prob(sentences, condition="a b").double().exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("attention", [True, False])
def test_a_full_beam_finds_the_best_of_all_targets(made, every, attention):
    for seed in range(8):
        model = made("seq2seq", **{**SMALL, "length": 4}, attention=attention, seed=seed)
        for parameter in model.parameters():  # so that the words before matter
            parameter.data *= 3
        sentences = known(every(model.space))
        for source in ("a", "c c a"):
            best = sentences[model.log_prob(sentences, condition=source).argmax()]
            assert torch.equal(model.translate(source, beam=16)[0], best)


def test_a_beam_of_one_is_greedy(model):
    sources = ["a", "b c", "c c a"]
    with torch.no_grad():
        memory = model.encoder(model.condition.parse(sources, 3))
        state, token = model.begun(memory), torch.full((3,), model.words.begin)
        ended, found = torch.zeros(3, dtype=torch.bool), []
        for place in range(3):
            features, state, _ = model.step(token, state, memory)
            logits = model.words.logits(features)
            logits[:, [UNKNOWN] + [END] * (not place)] = -torch.inf
            token = logits.argmax(1).masked_fill(ended, END)
            ended |= token == END
            found.append(token)
    assert torch.equal(model.translate(sources), torch.stack(found, 1))
    assert torch.equal(model(model.condition.parse(sources, 3)), torch.stack(found, 1))


def test_wider_beams_find_no_worse_targets(made):
    model = made("seq2seq", **{**SMALL, "length": 5}, seed=3)
    sources = model.condition.example(20)
    scores = [model.log_prob(model.translate(sources, beam=k), condition=sources) for k in (1, 300)]
    assert bool((scores[1] >= scores[0] - 1e-5).all())
    with pytest.raises(errors.InvalidInput, match="beam"):
        model.translate("a", beam=0)


def test_reading_a_whole_target_is_reading_word_by_word(model, every):
    sentences = every(model.space)
    condition = model.condition.parse("b c", 1).expand(len(sentences), -1)
    whole = model.words.logits(model.features(sentences, condition))
    for place in range(3):  # of words after a place none is known to it
        part = sentences.clone()
        part[:, place:] = UNKNOWN
        again = model.words.logits(model.features(part, condition))
        assert torch.allclose(again[:, : place + 1], whole[:, : place + 1], atol=1e-6)


def test_padding_changes_nothing(model, made):
    longer = made("seq2seq", **{**SMALL, "source_length": 6, "length": 7}, attention=model.config.attention)
    longer.load_state_dict(model.state_dict())
    targets, sources = ["x", "y x"], ["a b", "c"]
    two = [each.log_prob(targets, condition=sources) for each in (model, longer)]
    assert torch.allclose(*two, atol=1e-5)
    together, alone = model.translate(["a", "a b c"]), model.translate(["a"])
    assert torch.equal(together[:1], alone)


def test_attention_is_of_the_words_that_are_there(made):
    model = made("seq2seq", **SMALL)
    translations, weights = model.attention(["a", "a b c"])
    assert torch.equal(translations, model.translate(["a", "a b c"]))
    assert torch.allclose(weights.sum(2), torch.ones(2, 3))
    assert torch.equal(weights[0, :, 1:], torch.zeros(3, 2))
    picture = model.attention_picture("a b c")
    assert min(picture.size) > 3 * 28
    with pytest.raises(errors.CapabilityError, match="has no attention"):
        made("seq2seq", **SMALL, attention=False).attention("a")


def test_unknown_words_are_told_and_never_written(model):
    with pytest.warns(errors.UnknownWord, match="'house'"):
        made = model.translate("a house")
    assert not (made == UNKNOWN).any()


def test_the_loss_is_that_of_the_target_given_its_source(made):
    model = made("seq2seq", **SMALL, dropout=0.0).train()
    x, sources = model.space.coerce(["x", "y x"]), model.condition.parse(["a", "b"], 2)
    ((_, loss),) = model.objective_class.create(model).updates(Batch(x, sources=sources))
    found = model.words.logits(model.features(x, sources)).log_softmax(2).gather(2, x[:, :, None])[:, :, 0]
    assert loss.item() == pytest.approx(-((found[0, :2].sum() + found[1].sum()) / 5).item(), abs=1e-5)


def test_training_learns_to_translate(tmp_path):
    words = {"one": "un", "two": "deux", "three": "trois", "four": "quatre"}
    rows = [f"{a} {b}\t{words[b]} {words[a]}" for a in words for b in words]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n")
    small = {"config.source_length": 3, "config.length": 3, "config.embedding": 12, "config.encoder": 12}
    small |= {"config.hidden": 24, "config.dropout": 0.0, "batch_size": 16, "steps": 150, "holdout": 0}
    model = zoo.train(
        "seq2seq", str(tmp_path / "pairs.tsv"), progress=False, **small, **{"objective.learning_rate": 0.02}
    )
    assert model.space.lines(model.translate(["one two", "four three"])) == ["deux un", "trois quatre"]
    assert model.space.lines(model.translate(["two two"], beam=3)) == ["deux deux"]


def test_settings_say_whether_they_are_of_sources_or_of_targets():
    told = {field.name: field.metadata["setting"].help for field in dataclasses.fields(Config)}
    for name in ("length", "vocabulary", "words"):
        assert "target" in told[name]
        assert "source" in told[f"source_{name}"]

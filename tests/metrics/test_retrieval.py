"""Retrieval on ten numbered images, so that the nine other captions are all there are and shares can be counted."""

from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.data.dataset import TensorDataset
from zoo.errors import DataError
from zoo.metrics.evaluate import Subject, evaluate
from zoo.metrics.retrieval import candidates, retrieval
from zoo.nn.features import FeatureNetwork
from zoo.releases.cards import Card

NUMBERS = tuple(str(number) for number in range(40))


def levels(*values: int) -> torch.Tensor:
    """uint8 images (n, 1, 1, 1) of these levels: a speller's images of the numbers that are less by 2."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)


def numbered(*captions: Any) -> TensorDataset:
    """An image for each caption, or each tuple of captions, that looks as a speller would draw the first."""
    each = tuple(own if isinstance(own, tuple) else (own,) for own in captions)
    return TensorDataset("numbers", "test", levels(*(int(own[0].strip(".")) + 2 for own in each)), captions=each)


def subject_of(model: Any, data: TensorDataset, n: int | None = None, seed: int = 0) -> Subject:
    return Subject(model, None, data, data, n or len(data), seed)


@pytest.fixture
def model(speller: Any) -> Any:
    return speller(NUMBERS)


def shares(subject: Subject) -> tuple[float, float]:
    generated, held_out = retrieval(subject)
    return generated.value, held_out.value


def test_a_model_that_draws_what_is_said_and_sees_it(model: Any) -> None:
    generated, held_out = retrieval(subject_of(model, numbered(*NUMBERS[:12]), seed=3))
    assert (generated.type, generated.name) == ("retrieval-generated", "caption of a generated image found among 10")
    assert (held_out.type, held_out.name) == ("retrieval", "caption of a real image found among 10")
    args = {"split": "test", "among": 10, "chance": 0.1, "novel": 0.0, "seed": 3}
    assert (generated.value, generated.args) == (1.0, {**args, "n_generated": 12, "floor": 1.0})
    assert (held_out.value, held_out.args) == (1.0, {**args, "n_real": 12})


@pytest.mark.parametrize("wrong", [1, 4])
def test_held_out_images_that_look_like_another_caption_count(model: Any, wrong: int) -> None:
    data = numbered(*NUMBERS[:10])
    data.images[:wrong] = data.images[wrong]
    generated, held_out = retrieval(subject_of(model, data))
    assert (generated.value, held_out.value) == (1.0, pytest.approx((10 - wrong) / 10))
    assert generated.args["floor"] == held_out.value


def test_generated_images_are_judged_by_themselves(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are drawn as the next number. The last of ten has no next one among the captions, and is nearest to its own;
    the real images stay what they are."""
    draw = model._decode
    monkeypatch.setattr(model, "_decode", lambda z, condition: draw(z, condition + 1))
    assert shares(subject_of(model, numbered(*NUMBERS[:10]))) == (pytest.approx(0.1), 1.0)


def test_ties_do_not_count(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images halfway between their own even number and the next are like both; again the last one has no next."""
    draw = model._decode
    monkeypatch.setattr(model, "_decode", lambda z, condition: draw(z, condition + 1))
    assert shares(subject_of(model, numbered(*NUMBERS[:20:2]))) == (pytest.approx(0.1), 1.0)


def test_a_judge_that_sees_no_difference_finds_nothing(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "similarity", lambda images, texts: torch.zeros(len(images), len(texts)))
    assert shares(subject_of(model, numbered(*NUMBERS[:10]))) == (0.0, 0.0)


def test_some_of_the_images_and_many_of_them(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places count among the images that are used, not among all of the split, and whatever the model sees at once."""
    monkeypatch.setattr("zoo.metrics.retrieval.CHUNK", 5)
    assert shares(subject_of(model, numbered(*reversed(NUMBERS)), n=23)) == (1.0, 1.0)


# Candidates ----------------------------------------------------------------------------------------------------------


def test_candidates_are_the_own_caption_and_nine_others(model: Any) -> None:
    rows = candidates(subject_of(model, numbered(*NUMBERS)))
    assert (rows.shape, rows.dtype) == ((40, 10), torch.int64)
    assert rows[:, 0].tolist() == list(range(40))
    assert all(len(set(row)) == 10 for row in rows.tolist())
    assert set(rows[:, 1:].flatten().tolist()) == set(range(40)), "anyone's, not only the nearest ones'"


def test_candidates_follow_from_the_seed_alone(model: Any) -> None:
    data = numbered(*NUMBERS)
    first = candidates(subject_of(model, data))
    before = torch.get_rng_state()
    assert torch.equal(candidates(subject_of(model, data)), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(candidates(subject_of(model, data, seed=1)), first)


def test_what_others_say_and_is_also_said_of_the_image_is_no_candidate(model: Any) -> None:
    """Of the first image it is said that it is a 1 too, as of the second, but of the second not that it is a 0."""
    met = set()
    for seed in range(10):
        rows = candidates(subject_of(model, numbered(("0", "1"), *NUMBERS[1:11]), seed=seed))
        assert set(rows[0].tolist()) == {0, 2, 3, 4, 5, 6, 7, 8, 9, 10}
        met |= set(rows[1, 1:].tolist())
    assert met == {0, 2, 3, 4, 5, 6, 7, 8, 9, 10}


def test_too_few_captions_that_differ(model: Any) -> None:
    message = r"numbers: 8 held-out captions differ from those of an image; retrieval needs 9\. Hold out more"
    with pytest.raises(DataError, match=message):
        retrieval(subject_of(model, numbered("0", "0", *NUMBERS[1:9])))
    assert shares(subject_of(model, numbered("0", "0", *NUMBERS[1:10]))) == (1.0, 1.0)


def test_the_nine_others_differ_from_each_other(model: Any) -> None:
    data = numbered(*3 * NUMBERS[:12])
    for row in candidates(subject_of(model, data)).tolist():
        assert len({data.captions[place][0] for place in row}) == 10


def test_two_captions_are_too_few_of_whatever_many_images(model: Any) -> None:
    with pytest.raises(DataError, match="retrieval needs 9"):
        retrieval(subject_of(model, numbered(*10 * NUMBERS[:2])))


def test_captions_of_the_same_words_are_the_same(model: Any) -> None:
    assert shares(subject_of(model, numbered(*NUMBERS[:11], "10."))) == (1.0, 1.0)


# Which models, which data --------------------------------------------------------------------------------------------


def test_no_record_for_models_without_texts_or_without_a_judge(uniform: Any, speller: Any) -> None:
    class Mute(speller):  # type: ignore[misc]
        similarity = None

    data = numbered(*NUMBERS[:10])
    assert retrieval(subject_of(uniform, data)) == []
    assert retrieval(subject_of(Mute(NUMBERS), data)) == []


def test_evaluate_measures_it_on_the_held_out_pictures(
    speller: Any, captioned: Path, card: Card, judge: FeatureNetwork
) -> None:
    """Ten of 13 pictures are held out. The pictures are redder than any number says but for the first one, so that of
    these only the ends are found; what the model draws it finds."""
    training = {"dataset": "captioned-images", "holdout": 10}
    card = card.replace(training=training, data={**card.zoo["data"], "shape": [3, 8, 8]})
    records = evaluate(speller(NUMBERS, shape=(3, 8, 8)), card, captioned, metrics=["retrieval"])
    assert [(record.type, record.value) for record in records] == [("retrieval-generated", 1.0), ("retrieval", 0.2)]


def test_the_order_of_words_tells_captions_apart(speller: Any) -> None:
    """Among ten captions of the same two words, one of them turned round, nine others are found."""
    captions = tuple((text,) for text in (*NUMBERS[:8], "one two", "two one"))
    data = TensorDataset("said", "test", torch.zeros(10, 1, 1, 1, dtype=torch.uint8), captions=captions)
    rows = candidates(Subject(speller((*NUMBERS, "one", "two")), None, data, data, 10, 0))
    assert [sorted(row) for row in rows.tolist()] == [list(range(10))] * 10


def test_the_share_of_captions_that_training_did_not_have_is_told(model: Any) -> None:
    test, train = numbered(*NUMBERS[:12]), numbered(*NUMBERS[3:20])
    for record in retrieval(Subject(model, None, train, test, 12, 0)):
        assert record.args["novel"] == 0.25

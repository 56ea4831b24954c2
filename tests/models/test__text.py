"""What models that draw texts share: the encoders, what belongs together, and the discriminator."""

import math

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.errors import ConfigError, InvalidInput, UnknownWord
from zoo.models import _text as text_to_image
from zoo.models._text import Discriminator, TextEncoder, matching, matching_loss, wrong_texts
from zoo.objective import Batch
from zoo.texts import END, UNKNOWN

SMALL = {
    "image_size": 16,
    "vocabulary": ("a", "blue", "circle", "red"),
    "words": 5,
    "text_dim": 6,
    "condition_dim": 3,
    "latent_dim": 4,
    "width": 2,
}


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def make(**objective):
    model = zoo.create("gan-int-cls", **SMALL)
    return model, model.objective_class.create(model, **{"match": 2, "width": 2, "augment": "", **objective})


def batch_of(model, captions):
    return Batch(torch.rand(len(captions), *model.space.shape), captions=captions)


# Texts ---------------------------------------------------------------------------------------------------------------


def test_embeddings_have_length_1_and_follow_the_order_of_words():
    model = make()[0]
    embeddings = model.embed(["a red circle", "a circle red", "red", "a blue red circle a"])
    assert embeddings.shape == (4, 6)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))
    assert (embeddings[0] - embeddings[1]).abs().max() > 1e-2


def test_what_comes_after_a_text_does_not_matter_even_when_it_has_learned():
    model, objective = make()
    optimizer = objective.optimizers()["encoders"]
    for _ in range(3):
        optimizer.zero_grad()
        objective.encoders_step(batch_of(model, (("a red circle",), ("blue a",), ("red",)))).backward()
        optimizer.step()
    encoder = model.text_encoder
    indices = model.condition.indices(["a blue red circle a", "red circle"])
    assert indices[0].min() > END, "a text as long as they may be"
    torch.testing.assert_close(encoder(F.pad(indices, (0, 3), value=END)), encoder(indices))
    longer = TextEncoder(len(SMALL["vocabulary"]), SMALL["text_dim"])
    longer.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(longer(F.pad(indices, (0, 4))), encoder(indices))


def test_a_word_it_does_not_know_is_another_than_those_it_knows():
    model = make()[0]
    with pytest.warns(UnknownWord, match="'zebra'"):
        strange = model.embed(["zebra", "red"])
    assert (strange[0] - strange[1]).abs().max() > 1e-2


def test_similarities_are_cosines_of_images_and_texts():
    model = make()[0]
    images, texts = torch.rand(3, 3, 16, 16), ["a red circle", "blue"]
    similarities = model.similarity(images, texts)
    assert not model.similarity(images, texts).is_inference()
    enlarged = F.interpolate(2 * images - 1, size=(64, 64))
    expected = F.cosine_similarity(model.eval().image_encoder(enlarged)[:, None], model.embed(texts)[None], dim=2)
    torch.testing.assert_close(similarities, expected)
    torch.testing.assert_close(model.similarity(images, model.embed(texts)), similarities)
    torch.testing.assert_close(model.similarity(images, "blue"), similarities[:, 1:])
    assert similarities.abs().max() <= 1


def test_similarities_do_not_depend_on_the_batch_and_leave_the_mode_alone():
    model = make()[0].train()
    images = torch.rand(70, 3, 16, 16)
    torch.testing.assert_close(model.similarity(images, "red")[65:], model.similarity(images[65:], "red"))
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("images", "texts"),
    [(torch.rand(2, 3, 8, 8), "red"), (2 * torch.ones(2, 3, 16, 16), "red"), (torch.rand(2, 3, 16, 16), " ")],
)
def test_similarities_of_wrong_images_and_texts_are_refused(images, texts):
    with pytest.raises(InvalidInput):
        make()[0].similarity(images, texts)


# The encoders' loss --------------------------------------------------------------------------------------------------

SIMILARITIES = torch.tensor([[2.0, 1.0], [3.0, 5.0]]).log()  # softmax over rows 2/3, 1/3; 3/8, 5/8


def test_the_matching_loss_by_hand():
    by_image, by_text = (2 / 3, 5 / 8), (2 / 5, 5 / 6)
    expected = -sum(map(math.log, by_image + by_text)) / 4
    assert matching_loss(SIMILARITIES, torch.eye(2).bool()).item() == pytest.approx(expected)


def test_texts_that_fit_several_images_match_them_alike():
    matches = torch.tensor([[True, True], [False, True]])
    by_image = math.log(2 / 3) / 2 + math.log(1 / 3) / 2 + math.log(5 / 8)
    by_text = math.log(2 / 5) + math.log(1 / 6) / 2 + math.log(5 / 6) / 2
    assert matching_loss(SIMILARITIES, matches).item() == pytest.approx(-(by_image + by_text) / 4)


def test_captions_match_every_image_that_has_them(monkeypatch, first_captions):
    model, objective = make()
    batch, seen = batch_of(model, (("red", "blue"), ("red",), ("blue",))), []
    monkeypatch.setattr(text_to_image, "FORGOTTEN", 0.0)
    monkeypatch.setattr(text_to_image, "matching_loss", lambda *given: seen.append(given) or given[0].sum())
    objective.encoders_step(batch)
    ((similarities, matches),) = seen
    assert matches.tolist() == [[True, True, True], [True, True, False], [False, False, True]]
    of_images, indices = model.embed_images(2 * batch.images - 1), model.condition.indices(["red", "red", "blue"])
    cosines = of_images @ model.text_encoder(indices).T
    torch.testing.assert_close(similarities, 10 * cosines)


def test_words_are_forgotten_for_the_unknown_one_and_what_comes_after_them_is_not(monkeypatch):
    model, objective = make()
    seen = []
    model.text_encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0].tolist()))
    for share in (1.0, 0.0):
        monkeypatch.setattr(text_to_image, "FORGOTTEN", share)
        objective.encoders_step(batch_of(model, (("a red circle",), ("zebra blue",))))
    assert seen[0] == [[UNKNOWN] * 3 + [END] * 2, [UNKNOWN] * 2 + [END] * 3]
    assert seen[1] == [[2, 5, 4, END, END], [UNKNOWN, 3, END, END, END]]


# The game -------------------------------------------------------------------------------------------------------------


def test_wrong_texts_are_any_of_the_batch_but_no_caption_of_the_image():
    model = zoo.create("gan-int-cls", vocabulary=("a", "b", "c", "d", "e"))
    captions, texts = [("a", "b"), ("b",), ("c", "d"), ("a", "d", "e")], ["a", "b", "d", "e"]
    drawn = [wrong_texts(texts, matching(model, captions, texts)) for _ in range(200)]
    assert [set(texts) for texts in zip(*drawn, strict=True)] == [{"d", "e"}, {"a", "d", "e"}, {"a", "b", "e"}, {"b"}]


def test_there_is_no_wrong_text_where_all_are_captions_of_the_image():
    assert wrong_texts(["b", "a"], [[True, True], [False, True]]) == [None, "b"]
    assert wrong_texts(["a", "a"], [[True, True]] * 2) == [None, None]


def test_texts_that_the_model_reads_alike_match():
    model = zoo.create("gan-int-cls", vocabulary=("red", "round"))
    captions, texts = [("Red shark.", "round"), ("round shark",)], ["red lime", "ROUND", "round, red"]
    assert matching(model, captions, texts) == [[True, True, False], [False, False, False]]


def test_several_texts_of_an_image_are_judged_as_if_each_came_alone():
    judge = Discriminator(3, 16, 6, 2).eval()
    images, texts = torch.randn(3, 3, 16, 16), F.normalize(torch.randn(6, 6), dim=1)
    apart = torch.cat([judge(images, texts[:3]), judge(images, texts[3:])])
    torch.testing.assert_close(judge(images, texts), apart)
    assert len(set(apart.flatten().tolist())) == 6


@pytest.mark.parametrize("vocabulary", [(), ("red", "red"), ("Red",), ("red circle",), ("",)])
@pytest.mark.parametrize("name", ["gan-int-cls", "stackgan"])
def test_impossible_vocabularies(name, vocabulary):
    with pytest.raises(ConfigError, match=f"{name}: .*vocabulary"):
        zoo.create(name, vocabulary=vocabulary)


@pytest.mark.parametrize("name", ["gan-int-cls", "stackgan"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match": 0}, "match=0"),
        ({"matching_rate": -1.0}, "matching_rate=-1"),
        ({"mixed": True}, "no place for mixed"),
        ({"discriminator_steps": 2}, "no place for discriminator_steps"),
        ({"r1": 1.0}, "no place for r1"),
        ({"gradient_penalty": 1.0}, "no place for gradient_penalty"),
    ],
)
def test_impossible_options(name, options, message):
    model = zoo.create(name)
    with pytest.raises((ConfigError, InvalidInput), match=message):
        model.objective_class.create(model, **options)

"""What keeps a card from being a model card of the Hub; and that the cards of all releases are."""

import copy
import re

import pytest
from huggingface_hub import ModelCard

import zoo
from zoo import registry
from zoo.releases import hub_card
from zoo.releases.cards import Card
from zoo.training import planning

METRIC = {"type": "mse", "name": "MSE", "value": 0.25, "args": {"seed": 0}}
RESULT = {
    "task": {"type": "unconditional-image-generation"},
    "dataset": {"name": "made up", "type": "made-up"},
    "metrics": [METRIC],
}
BODY = "# Tiny\n\n![samples](samples.png) [paper](https://arxiv.org/abs/1) [up](#tiny)\n"
MEASURED = "<!-- zoo:measured -->\n<!-- /zoo:measured -->\n"


@pytest.fixture
def problems(tmp_path, front):
    """The problems of a correct card with keys replaced: `problems(license="mit", **{"zoo.data.name": "x"})`."""
    front["zoo"]["data"]["license"] = "public domain"
    front["model-index"] = [{"name": "tiny", "results": [RESULT]}]

    def find(body=None, **changes):
        changed = copy.deepcopy(front)
        for path, value in changes.items():
            *blocks, key = path.split(".")
            place = changed
            for block in blocks:
                place = place[block]
            place[key] = value
        Card(tmp_path, changed, BODY + MEASURED).write()
        card = Card.read(tmp_path)
        return hub_card.problems(card if body is None else Card(tmp_path, card.front, body))

    return find


def test_a_correct_card_has_no_problems(problems):
    assert problems() == []


@pytest.mark.parametrize("name", zoo.list_models())
def test_cards_of_all_releases_are_model_cards_of_the_hub(name):
    card = zoo.info(name).card
    assert hub_card.problems(card) == []
    parsed = ModelCard.load(card.folder / "README.md").data
    for key in ("license", "license_name", "license_link", "library_name", "pipeline_tag", "tags", "datasets"):
        assert parsed.get(key) == card.front.get(key)
    results = parsed.get("eval_results", [])
    assert [(r.metric_type, r.metric_name, r.metric_value, r.metric_args) for r in results] == [
        (metric["type"], metric["name"], metric["value"], metric["args"]) for metric in card.metrics
    ]
    assert {(r.task_type, r.dataset_name) for r in results} <= {(card.front["pipeline_tag"], card.dataset)}
    assert not results or parsed.model_name == name


def test_an_architecture_that_nobody_registered(problems):
    (problem,) = problems(**{"zoo.architecture": "dcgun"})
    assert problem.startswith("zoo.architecture: no architecture is called 'dcgun'. Did you mean 'dcgan'")


@pytest.mark.parametrize("space", ["image", "zoo:images"])
def test_a_space_that_nobody_registered(problems, space):
    (problem, *_) = problems(**{"zoo.data.space": space})
    assert problem.startswith(f"zoo.data.space is {space!r}, which nobody registered. Did you mean 'images'")


@pytest.mark.parametrize("word", ["unknown", "Unknown", "", "none", "TODO"])
def test_a_licence_that_says_nothing(problems, word):
    (problem,) = problems(license=word)
    assert "there is no default" in problem


@pytest.mark.parametrize("key", ["license", "name"])
@pytest.mark.parametrize("word", ["unknown", " ", "None", "?"])
def test_data_of_unknown_origin(problems, key, word):
    (problem,) = problems(**{f"zoo.data.{key}": word})
    assert problem.startswith(f"zoo.data.{key} is ")


def test_a_licence_that_the_hub_does_not_know(problems):
    (problem,) = problems(license="Apache 2.0")
    assert "'other' with a license_name" in problem


@pytest.mark.parametrize("link", ["https://example.org/terms", "LICENSE"])
def test_another_licence_needs_a_name_and_a_link(problems, link):
    assert problems(license="other", license_name="my-terms-1.0", license_link=link) == []


def test_every_part_that_another_licence_lacks_is_told(problems):
    without_name, without_link = problems(license="other")
    assert "license_name None" in without_name
    assert "license_link None" in without_link
    (problem,) = problems(license="other", license_name="My Terms", license_link="LICENSE")
    assert "'My Terms'; expected a name of lower-case letters" in problem
    (problem,) = problems(license="other", license_name="my-terms", license_link="terms.txt")
    assert "'terms.txt'" in problem


def test_a_known_licence_has_no_name_of_its_own(problems):
    (problem,) = problems(license="mit", license_name="my-terms")
    assert "Remove them" in problem


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("library_name", "diffusers", "expected 'generative-zoo'"),
        ("pipeline_tag", "image-generation", "unconditional-image-generation or"),
        ("tags", ["gans"], "lack 'zoo'"),
        ("tags", ["zoo", 2014], "Quote what YAML"),
        ("tags", ["zoo", "gans", "gans"], "gans twice"),
        ("datasets", ["Fashion MNIST"], "'Fashion MNIST' is no data set's identifier"),
        ("datasets", [None], "None is no data set's identifier"),
        ("datasets", ["a/b/c"], "'a/b/c' is no data set's identifier"),
        ("model-index", [{"results": [RESULT]}], "cannot parse the card: .*name"),
        ("model-index", [{"name": "tiny", "results": [{"metrics": [METRIC]}]}], "cannot parse the card: .*task"),
        ("model-index", [{"name": "tiny", "results": [{**RESULT, "dataset": {"type": "x"}}]}], "cannot parse the card"),
        ("model-index", [{"name": "a", "results": [RESULT]}, {"name": "b", "results": []}], "has 2 entries"),
        (
            "model-index",
            [{"name": "tiny", "results": [{**RESULT, "task": {"type": "gan"}}]}],
            "task in model-index is 'gan'",
        ),
        (
            "model-index",
            [{"name": "tiny", "results": [{**RESULT, "metrics": [{**METRIC, "value": float("inf")}]}]}],
            "metric 'MSE' is inf; expected a finite number",
        ),
    ],
)
def test_what_the_hub_would_refuse_or_not_find(problems, key, value, problem):
    (found,) = problems(**{key: value})
    assert re.search(problem, found)


def test_models_of_vectors_have_no_task_on_the_hub(problems):
    vectors = {
        "zoo.data.shape": [2],
        "model-index": [{"name": "tiny", "results": [{**RESULT, "task": {"type": "other"}}]}],
    }
    assert problems(pipeline_tag="other", **vectors) == []
    (problem,) = problems(**vectors)
    assert "expected other" in problem
    (problem,) = problems(pipeline_tag="other", **{"model-index": []})
    assert "expected unconditional-image-generation or" in problem


def test_a_release_without_numbers_is_correct(problems):
    assert problems(**{"model-index": []}) == []


def test_the_table_of_numbers_is_that_of_the_front_matter(problems):
    (problem,) = problems(body=BODY + "<!-- zoo:measured -->\nMSE 0.01\n<!-- /zoo:measured -->\n")
    assert "not that of the front matter" in problem
    (problem,) = problems(body=BODY)
    assert "no <!-- zoo:measured -->" in problem


def test_links_to_files_that_are_not_published(problems, tmp_path):
    assert problems() == []
    text = Card.read(tmp_path).body
    first, second = problems(body=text + "![](golden.safetensors) ![](faces.png) [](run/log.txt#end) ![](faces.png)\n")
    assert "links to faces.png" in first
    assert "links to run/log.txt#end" in second


def test_all_problems_are_told_at_once(problems):
    found = problems(license="unknown", tags=[], pipeline_tag="gan", **{"zoo.data.license": "unknown"})
    assert len(found) == 4


def test_a_card_as_training_leaves_it_is_not_yet_one(tmp_path):
    card = planning.fresh_card(registry.find_architecture("dcgan"), tmp_path).replace(
        data={"name": "faces", "license": "unknown", "shape": [3, 64, 64]}
    )
    card.write()
    licence, data, text = hub_card.problems(Card.read(tmp_path))
    assert "license is 'unknown'" in licence
    assert "zoo.data.license is 'unknown'" in data
    assert "still the one to be replaced" in text

"""Releases side by side: what may stand in one table, in which order, and what is left out of it."""

import copy
import dataclasses
from types import SimpleNamespace

import pytest

from zoo import registry
from zoo.errors import UnknownName
from zoo.releases.cards import Card
from zoo.reports import comparison
from zoo.reports.comparison import compare

FRECHET = {"features": "tiny", "sha256": "a" * 64, "n_real": 10, "n_generated": 10, "seed": 0, "floor": 0.5}


def metric(type, value, **args):
    return {"type": type, "name": f"the {type}", "value": value, "args": args}


def frechet(value, **changes):
    return metric("frechet-distance", value, **{**FRECHET, **changes})


@pytest.fixture
def make(front, tmp_path):
    """A card of a release with the given records."""

    def card(name, *metrics, shape=(3, 8, 8), parameters=None):
        own = copy.deepcopy(front)
        own["model-index"] = [{"name": name, "results": [{"metrics": list(metrics)}]}]
        own["zoo"]["data"]["shape"] = list(shape)
        own["zoo"]["weights"] = {"sha256": "0" * 64, "bytes": 5} | ({"parameters": parameters} if parameters else {})
        made = Card(tmp_path / name, own, "")
        made.validate()
        return made

    return card


@pytest.fixture
def compared(make):
    """Compare releases called a, b, c … with these records each."""

    def call(*records, **arguments):
        cards = {
            name: make(name, *(r if isinstance(r, list) else [r]), **arguments)
            for name, r in zip("abcdef", records, strict=False)
        }
        return compare(cards)

    return call


def test_best_first_with_equal_ranks_for_equal_numbers(compared):
    (table,), apart = compared(frechet(3.0), frechet(1.0), frechet(2.0), frechet(1.0))
    assert [(row.name, row.rank) for row in table.rows] == [("b", 1), ("d", 1), ("c", 3), ("a", 4)]
    assert apart == []


def test_columns_are_those_with_numbers_and_low_or_high_is_best(compared):
    (table,), _ = compared(
        [frechet(3.0), metric("coverage", 0.9), metric("images-per-second", 100.0), metric("mse", 1.0)],
        [frechet(1.0), metric("coverage", 0.8)],
    )
    assert [column.type for column in table.columns] == ["frechet-distance", "coverage", "images-per-second"]
    assert [table.best(column) for column in table.columns] == [1.0, 0.9, 100.0]
    assert [row.values for row in table.rows] == [
        {"frechet-distance": 1.0, "coverage": 0.8},
        {"frechet-distance": 3.0, "coverage": 0.9, "images-per-second": 100.0},
    ]


def test_vectors_are_ranked_by_their_energy_distance(compared):
    (table,), _ = compared(
        [metric("energy-distance", 0.2, floor=0.1), metric("negative-log-likelihood", 2.0, floor=1.5)],
        [metric("energy-distance", 0.1, floor=0.1), metric("negative-log-likelihood", 3.0, floor=1.5)],
        shape=(2,),
    )
    assert [row.name for row in table.rows] == ["b", "a"]
    assert [table.best(column) for column in table.columns] == [0.1, 2.0]
    assert table.real == {"real data, held out": {"energy-distance": 0.1, "negative-log-likelihood": 1.5}}


def test_real_data_are_the_floors(compared):
    (table,), _ = compared(
        [
            frechet(3.0, floor=0.5, floor_train=0.25),
            metric("coverage", 0.5, floor=0.96),
            metric("images-per-second", 9.0),
        ],
        [frechet(1.0, floor=0.501, floor_train=0.25)],  # another machine rounds otherwise
    )
    assert table.real == {
        "real data, held out": {"frechet-distance": 0.5, "coverage": 0.96},
        "real data, other training": {"frechet-distance": 0.25},
    }


def test_what_a_metric_says_of_its_floor_is_said_of_no_other(compared, monkeypatch):
    energy = next(each for each in registry.list_entries("metrics") if each.name == "energy")
    copies = dataclasses.replace(energy, references={"floor": "copies"})
    monkeypatch.setattr(comparison, "_metrics", lambda: [copies])
    (table,), _ = compared([frechet(3.0, floor=0.5), metric(energy.columns[0].type, 20.0, floor=5.0)])
    assert table.real["real data, held out"] == {"frechet-distance": 0.5}
    assert comparison._reference("floor", energy.columns[0].type) == "copies"


def test_parameters_and_spread_come_from_the_card(make):
    spread = frechet(1.0, seeds={0: 1.0, 1: 3.0})
    (table,), _ = compare({"a": make("a", spread, parameters=1234), "b": make("b", frechet(2.0))})
    assert [(row.parameters, row.spread) for row in table.rows] == [(1234, "2 ± 1.4 (2 seeds)"), (None, "")]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sha256": "b" * 64}, "sha256 bbbbbbbbbbbb… instead of sha256 aaaaaaaaaaaa…"),
        ({"features": "other"}, "features other instead of features tiny"),
        ({"n_generated": 9}, "n_generated 9 instead of n_generated 10"),
        ({"n_real": None}, "n_real unknown instead of n_real 10"),
        ({"seed": 1, "n_real": 9}, "n_real 9, seed 1 instead of n_real 10, seed 0"),
        ({"floor": 0.6}, "other real data, which have 0.6 instead of 0.5"),
        ({"floor": None}, "what real data have is not told"),
    ],
)
def test_what_was_measured_otherwise_stands_apart_and_why(compared, change, why):
    other = frechet(0.1, **change)
    other["args"] = {key: value for key, value in other["args"].items() if value is not None}
    # The larger table comes first wherever its releases stand in the alphabet.
    (table,), (line,) = compared(other, frechet(3.0), frechet(1.0))
    assert [row.name for row in table.rows] == ["c", "b"]
    assert line.startswith("a: the frechet-distance 0.1")
    assert line.endswith(f"not compared: {why}.")


def test_what_does_not_matter_to_a_number_is_no_difference(compared):
    (table,), apart = compared(frechet(1.0, route="cholesky", floor_train=0.1), frechet(2.0, route="eigh"))
    assert (len(table.rows), apart) == (2, [])


def test_another_size_is_a_table_of_its_own_if_there_are_several(make):
    small = {name: make(name, frechet(1.0), shape=(3, 4, 4)) for name in "ab"}
    large = {name: make(name, frechet(1.0)) for name in "cde"}
    tables, apart = compare(small | large)
    assert [[row.name for row in table.rows] for table in tables] == [["c", "d", "e"], ["a", "b"]]
    assert apart == []
    del small["b"]
    _, (line,) = compare(small | large)
    assert line == "a: the frechet-distance 1 (real data 0.5), not compared: 4×4 instead of 8×8."


def test_a_number_measured_otherwise_is_left_out_of_its_column_alone(compared):
    def timed(value, threads):
        return metric("images-per-second", value, device="cpu", threads=threads, seed=0)

    (table,), apart = compared(
        [frechet(1.0), timed(900.0, 8)], [frechet(2.0), timed(100.0, 1)], [frechet(3.0), timed(200.0, 1)]
    )
    speed = table.columns[-1]
    assert table.best(speed) == 200.0
    assert table.protocols[speed.type] == {"device": "cpu", "threads": 1, "seed": 0}
    assert "images-per-second" not in table.rows[0].values
    assert table.notes == ["a: images/s 900, not compared: threads 8 instead of threads 1."]
    assert apart == []


def test_releases_without_a_finite_number_are_named(compared):
    (table,), apart = compared([], frechet(2.0), frechet(float("nan")), metric("mse", 1.0))
    assert [row.name for row in table.rows] == ["b"]
    assert apart == [f"{name} has no Fréchet distance on its card yet." for name in "acd"]


def test_nothing_measured_yet(compared):
    assert compared([]) == ([], ["a has no Fréchet distance on its card yet."])


@pytest.fixture
def translating(make):
    """Cards of models that make images from images."""

    def card(name, *metrics):
        made = make(name, *metrics)
        made.front["pipeline_tag"] = "image-to-image"
        return made

    return card


def test_enlarging_is_ranked_by_the_highest_psnr_beside_bicubic(translating):
    def psnr(value, scale=4, bicubic=28.4):
        return metric("psnr-y-set5", value, split="test", n_real=5, scale=scale, bicubic=bicubic)

    (table,), apart = compare({name: translating(name, psnr(value)) for name, value in (("a", 29.0), ("b", 31.0))})
    assert [(row.name, row.rank) for row in table.rows] == [("b", 1), ("a", 2)]
    assert [column.header for column in table.columns] == ["PSNR Set5"]
    assert table.best(table.columns[0]) == 31.0
    assert table.real == {"bicubic interpolation": {"psnr-y-set5": 28.4}}
    assert apart == []
    for other, why in ((psnr(36.0, scale=2), "scale 2 instead of scale 4"), (psnr(36.0, bicubic=33.7), "33.7 instead")):
        (table,), apart = compare({"a": translating("a", psnr(29.0)), "b": translating("b", other)})
        assert [row.name for row in table.rows] == ["a"]
        assert why in apart[0]
    assert compare({"c": translating("c")})[1] == ["c has no number to compare it by on its card yet."]


def test_images_made_from_others_are_not_compared_with_drawn_ones(make, translating):
    cards = {"drawn": make("drawn", frechet(2.0)), "filled": translating("filled", frechet(1.0, unchanged=3.0))}
    (table,), apart = compare(cards)
    assert [row.name for row in table.rows] == ["drawn"]
    assert apart == [
        "filled: the frechet-distance 1 (real data 0.5), not compared: images made from others instead of images drawn."
    ]


def test_translators_of_other_tasks_are_not_compared(translating):
    psnr = metric("psnr-y-set5", 30.0, n_real=5)
    (table,), apart = compare({"a": translating("a", frechet(1.0)), "b": translating("b", psnr)})
    assert [row.name for row in table.rows] == ["a"]
    assert apart[0].endswith("not compared: another task.")


def mse(value, encoder="network", **args):
    return metric("mse", value, split="test", n_real=10, encoder=encoder, seed=0, **args)


def test_by_another_number_those_that_have_it_are_ranked(make):
    cards = {
        "a": make("a", frechet(1.0), mse(0.2, code=2, pca=0.3)),
        "b": make("b", frechet(2.0), mse(0.1, code=8, pca=0.05)),
        "c": make("c", frechet(0.5)),
    }
    (table,), apart = compare(cards, "mse")
    assert [(row.name, row.rank) for row in table.rows] == [("b", 1), ("a", 2)]
    headers = ["MSE", "MSE of PCA", "numbers in a code", "Fréchet distance"]
    assert [column.header for column in table.columns] == headers
    assert table.rows[0].values == {"mse": 0.1, "mse pca": 0.05, "mse code": 8, "frechet-distance": 2.0}
    assert table.real == {"real data, held out": {"frechet-distance": 0.5}}
    assert apart == []
    assert [each["type"] for each in table.to_dict()["columns"]] == ["mse", "mse pca", "mse code", "frechet-distance"]
    (usual,), _ = compare(cards)
    assert [column.header for column in usual.columns] == ["Fréchet distance"], "they are shown nowhere else"


def test_what_was_told_few_labels_stands_beside_pixels(make):
    def accuracy(value):
        args = {"split": "test", "n_real": 10, "runs": 5, "pixels": 0.7, "pca": 0.6, "seed": 0}
        return metric("accuracy-codes-100-labels", value, **args)

    cards = {name: make(name, mse(0.1), accuracy(value)) for name, value in (("a", 0.65), ("b", 0.75))}
    (table,), _ = compare(cards, "mse")
    assert [row.values["accuracy-codes-100-labels"] for row in table.rows] == [0.65, 0.75]
    assert table.real == {"pixels, without a model": {"accuracy-codes-100-labels": 0.7}}


def test_an_arg_that_is_no_number_stands_nowhere(make):
    args = {"split": "test", "n_real": 10, "runs": 5, "seed": 0}
    numbers = [metric("accuracy-codes-100-labels", 0.6, **args, pixels=each, pca=each) for each in ("high", {"a": 1})]
    cards = {name: make(name, mse(0.1), number) for name, number in zip("ab", numbers, strict=True)}
    (table,), _ = compare(cards, "mse")
    assert table.real == {}


def test_what_was_encoded_otherwise_stands_apart_or_is_left_out(make):
    cards = {"a": make("a", mse(0.2)), "b": make("b", mse(0.3)), "c": make("c", mse(0.1, "optimisation"))}
    (table,), (line,) = compare(cards, "mse")
    assert [row.name for row in table.rows] == ["a", "b"]
    assert line == "c: the mse 0.1, not compared: encoder optimisation instead of encoder network."
    (table,), apart = compare(cards, "mse", {"encoder": "optimisation", "n_real": 10})
    assert ([row.name for row in table.rows], apart) == (["c"], [])
    assert compare(cards, "mse", {"encoder": "inversion"}) == ([], [])


def test_only_numbers_that_are_shown_rank(make):
    for by in ("msq", "psnr-unknown", "mse pca"):
        with pytest.raises(UnknownName, match=f"cannot be ranked by '{by}'"):
            compare({"a": make("a", mse(0.2))}, by)


@pytest.mark.parametrize(
    ("kind", "space", "types", "known_by"),
    [
        ("exact", "images", ["psnr", "frechet-distance", "bits-per-dimension"], "bits-per-dimension"),
        ("lower-bound", "images", ["psnr", "frechet-distance", "bits-per-dimension"], "frechet-distance"),
        ("exact", "vectors", ["energy-distance", "negative-log-likelihood"], "negative-log-likelihood"),
        ("exact", "vectors", ["psnr", "energy-distance"], "energy-distance"),
        (None, "images", ["sharpness", "psnr"], "sharpness"),
        (None, "images", [], None),
    ],
)
def test_the_number_that_a_release_is_known_by(kind, space, types, known_by):
    architecture = SimpleNamespace(log_prob=kind, capabilities=("generate", "log_prob", "encode", "decode"))
    metrics = [(each, f"the {each}", 1.5) for each in types]
    release = SimpleNamespace(architecture=architecture, outline=SimpleNamespace(space=space, metrics=metrics))
    found = comparison.headline(release)
    assert (found and found.type) == known_by

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results

from zoo import building, registry
from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, DataError, InvalidInput, PluginError, UnknownName
from zoo.metrics import WIDELY_KNOWN
from zoo.metrics.evaluate import Subject, _choose, evaluate, to_card
from zoo.nn.features import FeatureNetwork
from zoo.registry.entries import Metric
from zoo.registry.names import pick
from zoo.releases.cards import Card
from zoo.releases.record import Record
from zoo.reports.comparison import columns


def by_type(records: list[Record]) -> dict[str, Record]:
    return {record.type: record for record in records}


@pytest.fixture
def measured(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> dict[str, Record]:
    return by_type(evaluate(painter, card, root))


def test_runs_what_the_model_is_capable_of(measured: dict[str, Record]) -> None:
    assert list(measured) == [
        "frechet-distance",
        "class-agreement",
        "nearest-neighbour-ratio-pixels",
        "nearest-neighbour-ratio-features",
        "mse",
        "psnr",
        "latents-used",
        "jacobian-norm",
        "precision",
        "recall",
        "density",
        "coverage",
    ]


def test_what_releases_are_compared_by_is_measured(measured: dict[str, Record]) -> None:
    shown = columns("images", ["generate"])
    others = {"images-per-second", WIDELY_KNOWN.type}  # of a machine, and of a network that is not this one
    assert {column.type for column in shown if column.header} - others <= set(measured)


def test_frechet_record_says_what_the_number_depends_on(measured: dict[str, Record]) -> None:
    record = measured["frechet-distance"]
    assert record.name == "Fréchet distance (judge)"
    floor, route = record.args.pop("floor"), record.args.pop("route")
    assert record.args == {
        "features": "judge",
        "sha256": "f" * 64,
        "resize": "none",
        "split": "train",
        "n_real": 60,
        "n_generated": 24,
        "seed": 0,
    }
    assert route == "cholesky"
    # The model draws from the very distribution of the data: its score is about that of real images.
    assert 0 < floor < 0.05
    assert 0 < record.value < 0.05


def test_a_card_holds_the_numbers_of_two_feature_networks(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork
) -> None:
    card = to_card(card, evaluate(painter, card, root, metrics=["frechet", "reconstruction"]))
    own = {metric["type"]: metric for metric in card.metrics}
    judge.name = "timm:another.net"
    records = evaluate(painter, card, root, features="timm:another.net", metrics=["frechet", "reconstruction"])
    assert [record.type for record in records] == ["frechet-distance-another.net", "mse", "psnr"]
    both = {metric["type"]: metric for metric in to_card(card, records).metrics}
    assert {type: both.pop(type) for type in own} == own
    ((type, other),) = both.items()
    assert type == "frechet-distance-another.net"
    assert other["name"] == "Fréchet distance (timm:another.net)"
    assert (other["value"], other["args"]["floor"]) == (
        own["frechet-distance"]["value"],
        own["frechet-distance"]["args"]["floor"],
    )


def test_frechet_distance_grows_when_the_model_is_wrong(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork
) -> None:
    with torch.no_grad():
        painter.scale.fill_(5.0)
    record = evaluate(painter, card, root, metrics=["frechet"])[0]
    assert record.value > 2 * record.args["floor"]


def test_unlike_splits_show(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from zoo.metrics import evaluate as protocol

    monkeypatch.setattr(protocol, "MOST", 30)  # leaves 30 training images outside of the reference
    # Training images of both classes, but held-out images of one only.
    (tmp_path / "train").symlink_to(root / "train")
    (tmp_path / "test" / "1").mkdir(parents=True)
    for file in (root / "test" / "1").iterdir():
        (tmp_path / "test" / "1" / file.name).symlink_to(file)
    (tmp_path / "test" / "0").mkdir()
    (tmp_path / "test" / "0" / "a.png").symlink_to(root / "test" / "0" / "000.png")
    alike = evaluate(painter, card, root, metrics=["frechet"])[0].args
    unlike = evaluate(painter, card, tmp_path, metrics=["frechet"])[0].args
    assert alike["floor_train"] < 0.1
    assert alike["floor"] < 0.1
    assert unlike["floor_train"] < 0.1
    assert unlike["floor"] > 0.2


def test_reference_and_other_training_images_are_apart(
    painter: Any, root: Path, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.data.dataset import TensorDataset
    from zoo.metrics import evaluate as protocol

    monkeypatch.setattr(protocol, "MOST", 6)
    numbered = TensorDataset("numbered", "train", torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1))
    subject = protocol.Subject(painter, judge, numbered, numbered, n=4)
    assert subject.others is not None
    assert sorted(subject.reference.flatten().tolist() + subject.others.flatten().tolist()) == list(range(10))
    assert protocol.Subject(painter, judge, numbered, numbered, n=5).others is None


def test_no_distance_is_called_fid(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    judge.name = "timm:inception_v3.tf_in1k"
    record = evaluate(painter, card, root, metrics=["frechet"])[0]
    assert (record.type, record.name) == ("frechet-distance", "Fréchet distance (timm:inception_v3.tf_in1k)")


def test_agreement_counts_requested_classes(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    right = evaluate(painter, card, root, metrics=["agreement"])[0]
    painter.wrong = True
    wrong = evaluate(painter, card, root, metrics=["agreement"])[0]
    assert (right.value, wrong.value) == (1.0, 0.0)
    assert right.args["floor"] == wrong.args["floor"] == 1.0


def test_copies_of_training_images_stand_out(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = by_type(evaluate(painter, card, root, metrics=["neighbours"]))["nearest-neighbour-ratio-pixels"]
    assert honest.value == pytest.approx(1.0, abs=0.1)
    assert honest.args["n_real"] == 60

    from zoo.data import loading as data

    train = data.load("image-folder", root, "train", shape=(1, 28, 28))
    monkeypatch.setattr(painter, "generate", lambda n, **_: train.floats(slice(n)))
    copied = by_type(evaluate(painter, card, root, metrics=["neighbours"]))
    assert copied["nearest-neighbour-ratio-pixels"].value < 0.01
    assert copied["nearest-neighbour-ratio-features"].value < 0.01


def test_reconstruction_is_exact_for_a_bijection_and_capped(measured: dict[str, Record]) -> None:
    # The painter's encoder and decoder are inverses up to rounding.
    assert measured["mse"].value < 1e-9
    assert 90 < measured["psnr"].value <= 120
    assert measured["psnr"].args["encoder"] == "network"


def test_same_call_same_numbers_and_global_generator_untouched(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork
) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = evaluate(painter, card, root, n=10)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert evaluate(painter, card, root, n=10) == first
    assert evaluate(painter, card, root, n=10, seed=1) != first


def test_values_have_four_significant_digits(measured: dict[str, Record]) -> None:
    numbers = [record.value for record in measured.values()]
    numbers += [x for record in measured.values() for x in record.args.values() if isinstance(x, float)]
    assert all(x == float(f"{x:.4g}") for x in numbers)


def test_labels_are_matched_by_name_not_by_order(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    painter.condition, painter.wrong = (
        Labels(("1", "0")),
        True,
    )  # the same model with its classes listed the other way round
    assert evaluate(painter, card, root, metrics=["agreement"])[0].value == 1.0


def test_conditional_model_on_unlabelled_data(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    painter.condition = Labels(("cat", "dog"))
    with pytest.raises(DataError, match=r"conditioned on cat, dog, but data\d+ has 0, 1"):
        evaluate(painter, card, root)


def test_texts_are_the_first_captions_of_the_held_out_images(speller: Any) -> None:
    """Strange words and too many are no reason to warn, which would fail here."""
    numbers = [str(number) for number in range(30)]
    pixels = torch.zeros(30, 1, 1, 1, dtype=torch.uint8)
    said = TensorDataset("said", "test", pixels, captions=tuple((f"{number} zebra", "0") for number in numbers))
    subject = Subject(speller(numbers), None, said, said, n=7)
    assert subject.condition is not None
    assert subject.condition[:, 0].tolist() == [row + 2 for row in subject.held_out_rows.tolist()]
    assert subject.generated.flatten().tolist() == [row + 2 for row in subject.held_out_rows.tolist()]


def test_a_model_conditioned_on_texts_is_measured(
    speller: Any, captioned: Path, card: Card, judge: FeatureNetwork
) -> None:
    """Three images are left to train on, too few to be covered."""
    training = {"dataset": "captioned-images", "holdout": 10}
    card = card.replace(training=training, data={**card.zoo["data"], "shape": [3, 8, 8]})
    numbers = [str(number) for number in range(13)]
    assert list(by_type(evaluate(speller(numbers, shape=(3, 8, 8)), card, captioned))) == [
        "frechet-distance",
        "retrieval-generated",
        "retrieval",
        "nearest-neighbour-ratio-pixels",
        "nearest-neighbour-ratio-features",
    ]


def test_a_model_conditioned_on_texts_needs_captions(speller: Any) -> None:
    bare = TensorDataset("bare", "test", torch.zeros(8, 1, 1, 1, dtype=torch.uint8))
    with pytest.raises(DataError, match="conditioned on texts, but bare has no captions"):
        _ = Subject(speller(("red",)), None, bare, bare, n=4).condition


def test_no_held_out_images(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    # A plain folder without holdout has a training split only.
    with pytest.raises(DataError, match="no test samples"):
        evaluate(painter, card, root / "train")
    training = {"dataset": "image-folder", "holdout": 1}
    for n in (None, 5):
        with pytest.raises(DataError, match="at least 2"):
            evaluate(painter, card.replace(training=training), root / "train" / "0", n=n)


def test_a_card_that_does_not_say_what_it_was_trained_on(painter: Any, card: Card, root: Path) -> None:
    with pytest.raises(DataError, match=r"does not say what it was trained on.*training: \{dataset: image-folder"):
        evaluate(painter, card.replace(training={}), root)


def test_missing_data(painter: Any, card: Card, tmp_path: Path, judge: FeatureNetwork) -> None:
    with pytest.raises(DataError, match="not a folder"):
        evaluate(painter, card, tmp_path / "nowhere")


@pytest.mark.parametrize("n", [0, 1, 25])
def test_n_out_of_range(painter: Any, card: Card, root: Path, judge: FeatureNetwork, n: int) -> None:
    with pytest.raises(InvalidInput, match="2 to 24"):
        evaluate(painter, card, root, n=n)


def test_unknown_metric_and_one_the_model_cannot_be_measured_by(painter: Any, card: Card, root: Path) -> None:
    with pytest.raises(UnknownName, match="frechet"):
        evaluate(painter, card, root, metrics=["frechett"])
    with pytest.raises(CapabilityError, match="needs log_prob"):
        evaluate(painter, card, root, metrics=["likelihood"])


def test_hub_reads_the_card(card: Card, measured: dict[str, Record]) -> None:
    card.folder.mkdir()
    to_card(card, list(measured.values())).write()
    written = Card.read(card.folder)
    assert [Record(**metric) for metric in written.metrics] == list(measured.values())
    name, results = model_index_to_eval_results(written.front["model-index"])
    assert name == "painter-halves"
    assert [r.metric_value for r in results] == [record.value for record in measured.values()]
    assert {(r.task_type, r.dataset_name, r.dataset_type) for r in results} == {
        ("unconditional-image-generation", "halves", "mnist")
    }
    assert results[0].metric_args["floor"] == measured["frechet-distance"].args["floor"]
    # The Hub's own form is JSON.
    assert json.loads(json.dumps(written.front["model-index"])) == yaml.safe_load(
        yaml.safe_dump(written.front["model-index"])
    )


def test_measuring_again_replaces_the_old_numbers(card: Card) -> None:
    once = to_card(card, [Record("mse", "MSE", 1.0)])
    assert [metric["value"] for metric in to_card(once, [Record("mse", "MSE", 2.0)]).metrics] == [2.0]
    assert card.metrics == []


def test_numbers_of_other_types_stay_where_they_are_and_new_ones_follow(card: Card) -> None:
    once = to_card(card, [Record("frechet-distance", "F", 1.0), Record("mse", "MSE", 1.0), Record("mse", "half", 2.0)])
    again = to_card(once, [Record("coverage", "C", 0.5), Record("frechet-distance", "F (other)", 3.0)])
    shown = [(metric["type"], metric["name"], metric["value"]) for metric in again.metrics]
    assert shown == [
        ("frechet-distance", "F (other)", 3.0),
        ("mse", "MSE", 1.0),
        ("mse", "half", 2.0),
        ("coverage", "C", 0.5),
    ]
    # All of a type go, also those that have not come again.
    assert len(to_card(again, [Record("mse", "MSE", 1.5)]).metrics) == 3


def test_the_spread_over_seeds_stays_with_the_number_it_belongs_to(card: Card) -> None:
    spread = {0: 1.0, 1: 1.5}
    once = to_card(card, [Record("mse", "MSE", 1.0, {"n": 5, "seeds": spread})])
    assert to_card(once, [Record("mse", "MSE", 1.0, {"n": 5})]).metrics[0]["args"] == {"n": 5, "seeds": spread}
    for other in (Record("mse", "MSE", 1.1, {"n": 5}), Record("mse", "MSE", 1.0, {"n": 6})):
        assert "seeds" not in to_card(once, [other]).metrics[0]["args"]


def test_what_depends_on_the_machine_is_measured_only_when_named(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(subject: Any) -> list[Record]:
        raise AssertionError("measured without being named")

    monkeypatch.setattr("zoo.metrics.throughput.throughput", refuse)
    assert evaluate(painter, card, root, n=2)
    with pytest.raises(AssertionError, match="without being named"):
        evaluate(painter, card, root, n=2, metrics=["throughput"])


def test_plugins_cannot_shadow_a_metric() -> None:
    ours = registry.list_entries("metrics")[0]
    theirs = replace(ours, plugin="stranger")
    assert pick("frechet", [theirs, ours], "metric") is ours
    assert pick("stranger:frechet", [theirs, ours], "metric") is theirs


def test_misregistered_metric() -> None:
    with pytest.raises(PluginError, match="needs of 'm' is 'generate'"):
        Metric("m", "a:b", needs="generate")
    with pytest.raises(PluginError, match="default of 'm' is 'no'; expected True or False"):
        Metric("m", "a:b", needs=[], default="no")


@pytest.mark.parametrize(("name", "meant"), [("fid", "'frechet'"), ("FID", "'frechet'"), ("mse", "'reconstruction'")])
def test_metrics_by_the_names_of_their_numbers(name, meant):
    model = building.create(registry.find_architecture("vae"), {"latent_dim": 2})
    with pytest.raises(UnknownName, match=f"no metric is called '{name}'. Did you mean .*{meant}"):
        _choose(model, [name])
    with pytest.raises(UnknownName, match=r"\?( It is FID with --features inception-fid\.)?$") as caught:
        _choose(model, [name])
    assert ("--features" in str(caught.value)) == (name.casefold() == "fid")

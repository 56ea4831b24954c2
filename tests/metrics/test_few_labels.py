"""Few labels on cards: records beside what is to be beaten, and none where there is nothing to tell apart."""

from dataclasses import replace

import pytest
import torch

from zoo.metrics.few_labels import few_labels
from zoo.metrics.probe import probe


def test_records_stand_beside_what_is_to_be_beaten(stripes):
    records = few_labels(stripes.subject())
    linear = ["accuracy-codes-all-labels", "accuracy-first-layer-all-labels"]
    assert [record.type for record in records] == [
        f"accuracy-{way}-100-labels" for way in ("codes", "first-layer", "fine-tuned")
    ] + linear
    assert [record.name for record in records if record.type in linear] == [
        "accuracy with all 180 labels, codes",
        "accuracy with all 180 labels, first layer",
    ]
    found = {(each.labels, each.way): each for each in probe(stripes.subject(), [100, None])}
    beside = {"codes": ["pixels", "pca"], "first-layer": ["pixels"], "fine-tuned": ["scratch"]}
    for record in records:
        way, told = record.type.removeprefix("accuracy-").removesuffix("-labels").rsplit("-", 1)
        count, runs = (180, 1) if told == "all" else (100, 2)
        assert record.value == pytest.approx(found[count, way].mean, rel=1e-3)
        expected = {} if told == "all" else {"spread": found[count, way].spread}
        for other in beside[way]:
            expected[other] = found[count, other].mean
            if told != "all":
                expected[f"{other}_spread"] = found[count, other].spread
        for name, value in expected.items():
            assert record.args.pop(name) == pytest.approx(value, rel=1e-3)
        tuned = {"tuning_steps": 2, "tuning_batch": 32} if way == "fine-tuned" else {}
        assert record.args == {"split": "test", "n_real": 60, "runs": runs, "seed": 0} | tuned


def test_none_without_classes_or_without_an_encoder_of_layers(stripes):
    given, data = stripes.subject(), stripes.data("train", 30, 0)
    for train in (replace(data, labels=None, classes=()), replace(data, labels=torch.zeros_like(data.labels))):
        assert few_labels(replace(given, train=train)) == []
    assert few_labels(stripes.subject("nice", image_shape=(1, 8, 8))) == []


def test_of_a_count_without_images_enough_there_is_no_record(stripes):
    records = few_labels(stripes.subject(train=stripes.data("train", 90, 0)))
    assert {record.type.rsplit("-", 2)[1] for record in records} == {"all"}


def test_no_record_of_a_first_layer_that_is_the_code(stripes):
    records = few_labels(stripes.subject("linear-autoencoder", image_shape=(1, 8, 8), latent_dim=3))
    assert [record.type for record in records] == [
        "accuracy-codes-100-labels",
        "accuracy-fine-tuned-100-labels",
        "accuracy-codes-all-labels",
    ]

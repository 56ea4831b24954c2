"""Few labels on cards: records beside what is to be beaten, and none where there is nothing to tell apart."""

from dataclasses import replace

import pytest
import torch

from zoo.metrics.few_labels import few_labels
from zoo.metrics.probe import probe


def test_records_stand_beside_what_is_to_be_beaten(stripes):
    records = few_labels(stripes.subject())
    assert [record.type for record in records] == [
        f"accuracy-{way}-100-labels" for way in ("codes", "first-layer", "fine-tuned")
    ]
    found = {each.way: each for each in probe(stripes.subject(), [100])}
    shared = {"split": "test", "n_real": 60, "runs": 2, "seed": 0}
    for record, beside in zip(records, (["pixels", "pca"], ["pixels"], ["scratch"]), strict=True):
        way = record.type.removeprefix("accuracy-").removesuffix("-100-labels")
        assert record.value == pytest.approx(found[way].mean, rel=1e-3)
        expected = {"spread": found[way].spread}
        for other in beside:
            expected |= {other: found[other].mean, f"{other}_spread": found[other].spread}
        for name, value in expected.items():
            assert record.args.pop(name) == pytest.approx(value, rel=1e-3)
        assert record.args == shared | ({"tuning_steps": 2, "tuning_batch": 32} if way == "fine-tuned" else {})


def test_none_without_classes_or_without_an_encoder_of_layers(stripes):
    given, data = stripes.subject(), stripes.data("train", 30, 0)
    for train in (replace(data, labels=None, classes=()), replace(data, labels=torch.zeros_like(data.labels))):
        assert few_labels(replace(given, train=train)) == []
    assert few_labels(stripes.subject("nice", image_shape=(1, 8, 8))) == []


def test_no_record_of_a_count_without_images_enough(stripes):
    assert few_labels(stripes.subject(train=stripes.data("train", 90, 0))) == []


def test_no_record_of_a_first_layer_that_is_the_code(stripes):
    records = few_labels(stripes.subject("linear-autoencoder", image_shape=(1, 8, 8), latent_dim=3))
    assert [record.type for record in records] == ["accuracy-codes-100-labels", "accuracy-fine-tuned-100-labels"]

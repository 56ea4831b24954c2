"""Few labels: which are read, what they are worth on data whose classes are known to lie apart, and what is shown."""

import runpy
import sys
from dataclasses import replace
from statistics import stdev

import pytest
import torch

from zoo.errors import CapabilityError, DataError, InvalidInput, MissingExtra
from zoo.metrics import probe, regression
from zoo.metrics.probe import COUNTS, RUNS, draw_labelled

WAYS = ["codes", "first-layer", "pixels", "pca", "fine-tuned", "scratch"]


def test_chosen_labels_are_balanced_and_nested(stripes):
    labels = stripes.data("train", 210, 0).labels
    few, more = draw_labelled(labels, 9, 0), draw_labelled(labels, 31, 0)
    assert labels[few].bincount().tolist() == [3, 3, 3]
    assert sorted(labels[more].bincount().tolist()) == [10, 10, 11]
    assert torch.equal(more[:9], few)
    assert len(set(more.tolist())) == 31
    assert not torch.equal(draw_labelled(labels, 9, 1), few)
    assert (labels >= 0).nonzero().flatten().tolist() == draw_labelled(labels, None, 0).sort().values.tolist()


@pytest.mark.parametrize(
    ("count", "kind", "message"),
    [(2, InvalidInput, "at least one of each"), (200, DataError, "one of the 3 has 60 .* at most 180, or for all")],
)
def test_counts_that_cannot_be_had(stripes, count, kind, message):
    with pytest.raises(kind, match=message):
        draw_labelled(stripes.data("train", 210, 0).labels, count, 0)


@pytest.mark.parametrize("garbage", [-1, 2, 10**6])
def test_of_labels_that_were_not_chosen_none_is_read(stripes, monkeypatch, garbage):
    """Whatever stands there, all results are the same to the bit."""
    given = stripes.subject()
    labels = given.train.labels
    chosen = {seed: draw_labelled(labels, 12, seed) for seed in range(2)}
    expected = probe.probe(given, [12])
    told = torch.full_like(labels, garbage)
    for rows in chosen.values():
        told[rows] = labels[rows]
    monkeypatch.setattr(probe, "draw_labelled", lambda labels, count, seed: chosen[seed])
    poisoned = stripes.subject(train=replace(given.train, labels=told))
    assert probe.probe(poisoned, [12]) == expected
    # What was chosen, however, counts.
    told[chosen[0]] = (labels[chosen[0]] + 1) % 3
    assert probe.probe(poisoned, [12]) != expected


def test_without_the_labels_that_were_not_chosen_the_same_are_chosen(stripes):
    labels = stripes.data("train", 210, 0).labels
    rows = draw_labelled(labels, 12, 3)
    told = torch.full_like(labels, -1)
    told[rows] = labels[rows]
    assert torch.equal(draw_labelled(told, 12, 3), rows)


def test_same_numbers_by_seed_and_no_trace_in_the_global_random_state(stripes):
    given = stripes.subject()
    weights = {key: value.clone() for key, value in given.model.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    found = probe.probe(given, [6, 30])
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert probe.probe(given, [6, 30]) == found
    assert probe.probe(replace(given, seed=7), [6, 30]) != found
    assert not given.model.training
    assert all(torch.equal(value, weights[key]) for key, value in given.model.state_dict().items())


def test_what_lies_apart_is_told_apart(stripes):
    wide = stripes.subject("autoencoder", image_shape=(1, 8, 8), hidden=(40,), latent_dim=32)
    found = {each.way: each for each in probe.probe(wide, [60], networks=False)}
    assert list(found) == ["codes", "first-layer", "pixels", "pca"]
    assert all(each.labels == 60 and len(each.runs) == 2 for each in found.values())
    assert all(each.mean > 0.9 for each in found.values())


def test_all_labels_are_one_run_of_a_regression_and_several_of_a_network(stripes):
    found = probe.probe(stripes.subject(), [None])
    assert {each.labels for each in found} == {180}
    assert [(each.way, len(each.runs)) for each in found] == [(way, 2 if way in WAYS[4:] else 1) for way in WAYS]
    assert found[0].spread is None
    assert found[-1].spread == pytest.approx(stdev(found[-1].runs))
    assert found[-1].to_dict() == {
        "way": "scratch",
        "labels": 180,
        "runs": found[-1].runs,
        "mean": sum(found[-1].runs) / 2,
        "spread": found[-1].spread,
    }


def test_counts_without_images_enough_are_left_out_unless_asked_for(stripes):
    assert {each.labels for each in probe.probe(stripes.subject(), networks=False)} == {100, 180}
    with pytest.raises(DataError, match="at most 180"):
        probe.probe(stripes.subject(), [500], networks=False)
    assert COUNTS == (100, 500, 1000, None)


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("vae", {"image_size": 8, "width": 2, "latent_dim": 2}),
        ("vae", {"image_size": 8, "hidden": (5,), "latent_dim": 2, "likelihood": "bernoulli"}),
        ("conv-autoencoder", {"image_shape": (1, 8, 8), "widths": (2, 3)}),
        ("wae", {"image_shape": (1, 8, 8), "width": 2, "latent_dim": 2}),
        ("sparse-autoencoder", {"image_shape": (1, 8, 8), "latent_dim": 9, "top_k": 2}),
    ],
)
def test_every_kind_of_encoder_is_probed_in_all_ways(stripes, architecture, config):
    ways = [way for way in WAYS if architecture != "sparse-autoencoder" or way != "first-layer"]  # which is its code
    assert [each.way for each in probe.probe(stripes.subject(architecture, **config), [6])] == ways


def test_the_unit_of_a_code_makes_no_difference(stripes, monkeypatch):
    given = stripes.subject()
    expected = probe.probe(given, [60], networks=False)
    encode = given.model.encode
    monkeypatch.setattr(given.model, "encode", lambda x, **keywords: 1024 * encode(x, **keywords))
    assert probe.probe(given, [60], networks=False) == expected


def test_wide_feature_maps_are_averaged(monkeypatch):
    monkeypatch.setattr(probe, "WIDEST", 8)
    maps = torch.arange(32.0).view(1, 2, 4, 4)
    assert torch.equal(probe._narrowed(maps), torch.nn.functional.avg_pool2d(maps, 2))
    assert probe._narrowed(maps.flatten(1)).shape == (1, 32)


def test_a_flow_has_codes_as_large_as_its_images_and_no_layers_of_an_encoder(stripes):
    flow = stripes.subject("nice", image_shape=(1, 8, 8))
    assert [each.way for each in probe.probe(flow, [6])] == ["codes", "pixels"]


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("dcgan", {"image_size": 8, "width": 2, "latent_dim": 4, "channels": 1}, "encodes by optimisation"),
        ("autoencoder", {"image_shape": (6,), "hidden": (4,), "latent_dim": 2}, "encodes rows"),
        ("srresnet", {"image_shape": (3, 8, 8), "width": 4, "blocks": 1}, "has no encode"),
    ],
)
def test_models_that_cannot_be_probed(stripes, architecture, config, message):
    with pytest.raises(CapabilityError, match=message):
        probe.probe(stripes.subject(architecture, **config), [6])


def test_data_without_classes(stripes):
    data = stripes.data("train", 30, 0)
    for train in (replace(data, labels=None, classes=()), replace(data, labels=torch.zeros_like(data.labels))):
        given = replace(stripes.subject(), train=train)
        with pytest.raises(DataError, match="one for each class"):
            probe.probe(given)
    bare = replace(stripes.subject(), test=replace(stripes.data("test", 70, 1), labels=torch.full((70,), -1)))
    with pytest.raises(DataError, match="no held-out image of stripes has a label"):
        probe.probe(bare)


def test_held_out_classes_are_matched_by_name(stripes):
    given = stripes.subject()
    turned = stripes.data("test", 70, 1)
    labels = torch.where(turned.labels < 0, -1, 2 - turned.labels)
    other = replace(given, test=replace(turned, labels=labels, classes=stripes.classes[::-1]))
    assert probe.probe(other, [30], networks=False) == probe.probe(given, [30], networks=False)


def test_runs_of_the_protocol():
    assert RUNS == 5


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtra, match=r"few labels needs scikit-learn. .*pip install 'generative-zoo\[train\]'"):
        runpy.run_path(regression.__file__)

"""Few labels: which are read, what they are worth on data whose classes are known to lie apart, and what is shown."""

import subprocess
import sys
from dataclasses import replace
from statistics import stdev

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, DataError, InvalidInput
from zoo.metrics import fine_tuning, probe
from zoo.metrics.evaluate import Subject
from zoo.metrics.few_labels import few_labels
from zoo.metrics.probe import COUNTS, RUNS, choose

CLASSES = ("left", "middle", "right")
WAYS = ["codes", "first-layer", "pixels", "pca", "fine-tuned", "scratch"]


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    monkeypatch.setattr(probe, "RUNS", 2)
    monkeypatch.setattr(fine_tuning.fine_tune, "__kwdefaults__", {"anew": False, "steps": 2})


def stripes(split, n, seed):
    """Images of 8 × 8, noisy, with a bright stripe whose place is the class; every seventh has no label."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    images = torch.randint(0, 120, (n, 1, 8, 8), generator=generator)
    for place in range(3):
        images[labels == place, :, :, 3 * place : 3 * place + 2] += 100
    return TensorDataset("stripes", split, images.byte(), torch.where(torch.arange(n) % 7 == 6, -1, labels), CLASSES)


def subject(architecture="autoencoder", train=None, **config):
    config = config or {"image_shape": (1, 8, 8), "hidden": (16,), "latent_dim": 4}
    torch.manual_seed(0)
    model = zoo.create(architecture, **config).eval()
    return Subject(model, None, train or stripes("train", 210, 0), stripes("test", 70, 1), n=70)


def test_chosen_labels_are_balanced_and_nested():
    labels = stripes("train", 210, 0).labels
    few, more = choose(labels, 9, 0), choose(labels, 31, 0)
    assert labels[few].bincount().tolist() == [3, 3, 3]
    assert sorted(labels[more].bincount().tolist()) == [10, 10, 11]
    assert torch.equal(more[:9], few)
    assert len(set(more.tolist())) == 31
    assert not torch.equal(choose(labels, 9, 1), few)
    assert (labels >= 0).nonzero().flatten().tolist() == choose(labels, None, 0).sort().values.tolist()


@pytest.mark.parametrize(
    ("count", "kind", "message"),
    [(2, InvalidInput, "at least one of each"), (200, DataError, "one of the 3 has 60 .* at most 180, or for all")],
)
def test_counts_that_cannot_be_had(count, kind, message):
    with pytest.raises(kind, match=message):
        choose(stripes("train", 210, 0).labels, count, 0)


@pytest.mark.parametrize("garbage", [-1, 2, 10**6])
def test_of_labels_that_were_not_chosen_none_is_read(monkeypatch, garbage):
    """Whatever stands there, all results are the same to the bit."""
    given = subject()
    labels = given.train.labels
    chosen = {seed: choose(labels, 12, seed) for seed in range(2)}
    expected = probe.probe(given, [12])
    told = torch.full_like(labels, garbage)
    for rows in chosen.values():
        told[rows] = labels[rows]
    monkeypatch.setattr(probe, "choose", lambda labels, count, seed: chosen[seed])
    poisoned = subject(train=replace(given.train, labels=told))
    assert probe.probe(poisoned, [12]) == expected
    # What was chosen, however, counts.
    told[chosen[0]] = (labels[chosen[0]] + 1) % 3
    assert probe.probe(poisoned, [12]) != expected


def test_without_the_labels_that_were_not_chosen_the_same_are_chosen():
    labels = stripes("train", 210, 0).labels
    rows = choose(labels, 12, 3)
    told = torch.full_like(labels, -1)
    told[rows] = labels[rows]
    assert torch.equal(choose(told, 12, 3), rows)


def test_same_numbers_by_seed_and_no_trace_in_the_global_random_state():
    state = torch.get_rng_state()
    given = subject()
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


def test_what_lies_apart_is_told_apart():
    found = {each.way: each for each in probe.probe(subject(), [60], networks=False)}
    assert list(found) == ["codes", "first-layer", "pixels", "pca"]
    assert all(each.labels == 60 and len(each.runs) == 2 for each in found.values())
    assert found["pixels"].mean > 0.9
    assert found["pca"].mean > 0.9


def test_networks_learn_and_differ_in_nothing_but_where_they_start():
    given = subject()
    rows = choose(given.train.labels, 60, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    for anew in (False, True):
        predict = fine_tuning.fine_tune(given.model, images, labels, 0, anew=anew, steps=100)
        assert (predict(images) == labels).double().mean() > 0.9
    # From the weights that new ones would have, both are the same.
    torch.manual_seed(3)
    same = type(given.model)(given.model.config).eval()
    tuned, scratch = (
        fine_tuning.fine_tune(same, images, labels, 3, anew=anew, steps=20)(given.test.floats(slice(None)))
        for anew in (False, True)
    )
    assert torch.equal(tuned, scratch)


def test_all_labels_are_one_run_of_a_regression_and_several_of_a_network():
    found = probe.probe(subject(), [None])
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


def test_counts_without_images_enough_are_left_out_unless_asked_for():
    assert {each.labels for each in probe.probe(subject(), networks=False)} == {100, 180}
    with pytest.raises(DataError, match="at most 180"):
        probe.probe(subject(), [500], networks=False)
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
def test_every_kind_of_encoder_is_probed_in_all_ways(architecture, config):
    assert [each.way for each in probe.probe(subject(architecture, **config), [6])] == WAYS


def test_the_unit_of_a_code_makes_no_difference(monkeypatch):
    given = subject()
    expected = probe.probe(given, [60], networks=False)
    encode = given.model.encode
    monkeypatch.setattr(given.model, "encode", lambda x, **keywords: 1024 * encode(x, **keywords))
    assert probe.probe(given, [60], networks=False) == expected


def test_wide_feature_maps_are_averaged(monkeypatch):
    monkeypatch.setattr(probe, "WIDEST", 8)
    maps = torch.arange(32.0).view(1, 2, 4, 4)
    assert torch.equal(probe._narrowed(maps), torch.nn.functional.avg_pool2d(maps, 2))
    assert probe._narrowed(maps.flatten(1)).shape == (1, 32)


def test_a_flow_has_codes_as_large_as_its_images_and_no_layers_of_an_encoder():
    flow = subject("nice", image_shape=(1, 8, 8))
    assert [each.way for each in probe.probe(flow, [6])] == ["codes", "pixels"]
    assert few_labels(flow) == []


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("dcgan", {"image_size": 8, "width": 2, "latent_dim": 4, "channels": 1}, "encodes by optimisation"),
        ("autoencoder", {"image_shape": (6,), "hidden": (4,), "latent_dim": 2}, "encodes rows"),
        ("srresnet", {"image_shape": (3, 8, 8), "width": 4, "blocks": 1}, "has no encode"),
    ],
)
def test_models_that_cannot_be_probed(architecture, config, message):
    with pytest.raises(CapabilityError, match=message):
        probe.probe(subject(architecture, **config), [6])


def test_data_without_classes():
    data = stripes("train", 30, 0)
    for train in (replace(data, labels=None, classes=()), replace(data, labels=torch.zeros_like(data.labels))):
        given = replace(subject(), train=train)
        with pytest.raises(DataError, match="one for each class"):
            probe.probe(given)
        assert few_labels(given) == []
    bare = replace(subject(), test=replace(stripes("test", 70, 1), labels=torch.full((70,), -1)))
    with pytest.raises(DataError, match="no held-out image of stripes has a label"):
        probe.probe(bare)


def test_held_out_classes_are_matched_by_name():
    given = subject()
    turned = stripes("test", 70, 1)
    labels = torch.where(turned.labels < 0, -1, 2 - turned.labels)
    other = replace(given, test=replace(turned, labels=labels, classes=CLASSES[::-1]))
    assert probe.probe(other, [30], networks=False) == probe.probe(given, [30], networks=False)


def test_records_stand_beside_what_is_to_be_beaten():
    records = few_labels(subject())
    assert [record.type for record in records] == [
        f"accuracy-{way}-100-labels" for way in ("codes", "first-layer", "fine-tuned")
    ]
    found = {each.way: each for each in probe.probe(subject(), [100])}
    shared = {"split": "test", "n_real": 60, "runs": 2, "seed": 0}
    for record, beside in zip(records, (["pixels", "pca"], ["pixels"], ["scratch"]), strict=True):
        way = record.type.removeprefix("accuracy-").removesuffix("-100-labels")
        assert record.value == pytest.approx(found[way].mean, rel=1e-3)
        expected = {"spread": found[way].spread}
        for other in beside:
            expected |= {other: found[other].mean, f"{other}_spread": found[other].spread}
        for name, value in expected.items():
            assert record.args.pop(name) == pytest.approx(value, rel=1e-3)
        assert {key: record.args[key] for key in shared} == shared
        assert record.args.keys() == shared.keys()


def test_runs_of_the_protocol():
    assert (RUNS, fine_tuning.STEPS, fine_tuning.BATCH) == (5, 300, 32)


def test_without_scikit_learn_it_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn.linear_model'] = None\n"
        "try:\n    import zoo.metrics.probe\nexcept ImportError as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == (
        "classifying from few labels needs scikit-learn. Install it with: pip install 'generative-zoo[train]'\n"
    )

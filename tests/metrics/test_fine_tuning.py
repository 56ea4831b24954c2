"""A network that is trained further and one from scratch: both learn, and differ in nothing but where they start."""

import torch

from zoo.metrics.fine_tuning import BATCH, STEPS, fine_tune
from zoo.metrics.probe import draw_labelled
from zoo.metrics.regression import regression, variance


def test_networks_learn(stripes):
    given = stripes.subject()
    rows = draw_labelled(given.train.labels, 60, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    for anew in (False, True):
        predict = fine_tune(given.model, images, labels, 0, anew=anew, steps=100)
        assert (predict(images) == labels).double().mean() > 0.9


def test_they_differ_in_nothing_but_where_they_start(stripes):
    given = stripes.subject()
    rows = draw_labelled(given.train.labels, 60, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    torch.manual_seed(3)
    same = type(given.model)(given.model.config).eval()  # with the weights that new ones of seed 3 are
    tuned, scratch = (
        fine_tune(same, images, labels, 3, anew=anew, steps=20)(given.test.floats(slice(None)))
        for anew in (False, True)
    )
    assert torch.equal(tuned, scratch)
    assert set(tuned.tolist()) <= set(labels.tolist())


def test_the_layer_on_the_codes_begins_as_their_regression(stripes):
    given = stripes.subject()
    rows = draw_labelled(given.train.labels, 60, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    codes, others = (given.model.encode(x).flatten(1) for x in (images, given.test.floats(slice(None))))
    scale = (variance(images.flatten(1)) / variance(codes)).sqrt()
    expected = regression((codes - codes.mean(0)) * scale, labels).predict(((others - codes.mean(0)) * scale).numpy())
    begun = fine_tune(given.model, images, labels, 0, steps=0)(given.test.floats(slice(None)))
    assert begun.tolist() == expected.tolist()
    two = labels < 2
    few = codes[two]
    scale = (variance(images[two].flatten(1)) / variance(few)).sqrt()
    expected = regression((few - few.mean(0)) * scale, labels[two]).predict(((few - few.mean(0)) * scale).numpy())
    assert fine_tune(given.model, images[two], labels[two], 0, steps=0)(images[two]).tolist() == expected.tolist()


def test_labels_need_not_count_from_0(stripes):
    given = stripes.subject()
    rows = draw_labelled(given.train.labels, 12, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    plain, moved = (fine_tune(given.model, images, each, 0)(images) for each in (labels, 5 + 2 * labels))
    assert torch.equal(5 + 2 * plain, moved)


def test_protocol():
    assert (STEPS, BATCH) == (300, 32)

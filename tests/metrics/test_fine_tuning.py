"""A network that is trained further and one from scratch: both learn, and differ in nothing but where they start."""

import torch

from zoo.metrics.fine_tuning import BATCH, STEPS, fine_tune
from zoo.metrics.probe import choose


def test_networks_learn(stripes):
    given = stripes.subject()
    rows = choose(given.train.labels, 60, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    for anew in (False, True):
        predict = fine_tune(given.model, images, labels, 0, anew=anew, steps=100)
        assert (predict(images) == labels).double().mean() > 0.9


def test_they_differ_in_nothing_but_where_they_start(stripes):
    given = stripes.subject()
    rows = choose(given.train.labels, 60, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    torch.manual_seed(3)
    same = type(given.model)(given.model.config).eval()  # with the weights that new ones of seed 3 are
    tuned, scratch = (
        fine_tune(same, images, labels, 3, anew=anew, steps=20)(given.test.floats(slice(None)))
        for anew in (False, True)
    )
    assert torch.equal(tuned, scratch)
    assert set(tuned.tolist()) <= set(labels.tolist())


def test_labels_need_not_count_from_0(stripes):
    given = stripes.subject()
    rows = choose(given.train.labels, 12, 0)
    images, labels = given.train.floats(rows), given.train.labels[rows]
    plain, moved = (fine_tune(given.model, images, each, 0)(images) for each in (labels, 5 + 2 * labels))
    assert torch.equal(5 + 2 * plain, moved)


def test_protocol():
    assert (STEPS, BATCH) == (300, 32)

"""Nearest neighbours on hand-made subjects whose distances can be counted."""

from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.conditions import Unconditional
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, InvalidInput
from zoo.metrics import neighbours
from zoo.metrics.evaluate import Subject
from zoo.nn.features import FeatureNetwork
from zoo.releases.record import Record


def flat(*values: int) -> Tensor:
    """uint8 images (n, 1, 28, 28), each of one grey."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 28, 28)


def measure(
    model: Any,
    judge: FeatureNetwork,
    monkeypatch: pytest.MonkeyPatch,
    drawn: Tensor,
    held_out: Tensor,
    train: Tensor,
    **options: Any,
) -> tuple[Record, Record]:
    """Records over pixels and over features for a model that draws `drawn`."""
    model.condition = Unconditional()
    monkeypatch.setattr(model, "generate", lambda n, **_: drawn[:n] / 255)
    sets = TensorDataset("flat", "train", train), TensorDataset("flat", "test", held_out)
    pixels, features = neighbours.neighbours(Subject(model, judge, *sets, n=len(held_out), **options))
    return pixels, features


def test_copies_of_training_images_have_ratio_zero(
    painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = flat(0, 51, 255)
    for record in measure(painter, judge, monkeypatch, train, flat(10, 20, 30), train):
        assert record.value == 0.0
        assert record.args["median_generated"] == 0.0
        assert record.args["median_held_out"] > 0
        assert record.args["floor"] == 1.0


def test_distances_and_ratio_are_those_counted_by_hand(
    painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nearest greys: generated 51, 0 and 102 away, median 51; held out 102, 102 and 0 away, median 102.
    drawn, held_out, train = flat(51, 0, 102), flat(102, 102, 0), flat(0, 255)
    pixels, features = measure(painter, judge, monkeypatch, drawn, held_out, train)
    assert (pixels.type, pixels.name) == ("nearest-neighbour-ratio-pixels", "nearest neighbour ratio (pixels)")
    assert (features.type, features.name) == ("nearest-neighbour-ratio-features", "nearest neighbour ratio (judge)")
    assert pixels.value == features.value == 0.5
    # 784 pixels that differ by 0.2, and the judge's 4 means that do.
    assert pixels.args["median_generated"] == pytest.approx(28 * 0.2, rel=1e-3)
    assert pixels.args["median_held_out"] == pytest.approx(28 * 0.4, rel=1e-3)
    assert features.args["median_generated"] == pytest.approx(2 * 0.2, rel=1e-3)
    assert (pixels.args["n_real"], pixels.args["n_generated"]) == (2, 3)
    assert "features" not in pixels.args
    assert features.args["features"] == "judge"


def test_held_out_images_that_are_copies_do_not_divide_by_zero(
    painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = flat(0, 255)
    for record in measure(painter, judge, monkeypatch, flat(51, 51), train, train):
        assert record.args["median_held_out"] == 0.0
        assert 1e6 < record.value < float("inf")


def test_no_more_than_so_many_queries(painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST", 2)
    # The third image of each would move the median.
    drawn, held_out, train = flat(51, 51, 102), flat(51, 51, 102), flat(0, 255)
    for record in measure(painter, judge, monkeypatch, drawn, held_out, train):
        assert record.args["n_generated"] == 2
    drawn[2], held_out[2] = 127, 127
    capped = measure(painter, judge, monkeypatch, drawn, held_out, train)[0]
    assert capped.args["median_generated"] == pytest.approx(28 * 0.2, rel=1e-3)


def test_nearest_is_the_brute_force_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK", 3)  # 7 known images, so the last part is short
    generator = torch.Generator().manual_seed(0)
    queries, known = (torch.randint(256, (n, 1, 4, 4), generator=generator, dtype=torch.uint8) for n in (5, 7))
    brute = [min(float(((q / 255 - k / 255) ** 2).sum().sqrt()) for k in known) for q in queries]
    assert neighbours.nearest(queries, known).tolist() == pytest.approx(brute, rel=1e-4)


@pytest.mark.parametrize("flip", [True, False])
def test_mirrored_copies_are_copies_where_training_mirrored_images(
    painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch, flip: bool
) -> None:
    train, held_out = (
        torch.randint(0, 256, (300, 1, 28, 28), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
        for seed in (0, 1)
    )
    for record in measure(painter, judge, monkeypatch, train.flip(3), held_out, train, flip=flip):
        assert (record.value == 0.0) == flip
        assert record.args.get("mirrored", False) == flip
        if not flip:
            assert record.value > 0.5  # as if nothing were copied


def test_held_out_images_are_compared_mirrored_too(
    painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = torch.zeros(3, 1, 28, 28, dtype=torch.uint8)
    half[:, :, :, :10] = 255
    for record in measure(painter, judge, monkeypatch, half, half.flip(3), half, flip=True):
        assert record.args["median_held_out"] == 0.0


@pytest.mark.parametrize("by", neighbours.BY)
def test_the_closest_come_first_with_what_they_are_closest_to(
    painter: Any, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(neighbours, "CHUNK", 2)  # 5 training images
    drawn, held_out, train = flat(51, 0, 120, 250), flat(102, 30, 0, 77), flat(0, 255, 100, 51, 200)
    drawn[2, ..., :14] = train[2, ..., 14:] = 240  # mirrored, a copy but for 20 levels in a half
    painter.condition = Unconditional()
    monkeypatch.setattr(painter, "generate", lambda n, **_: drawn[:n] / 255)
    sets = TensorDataset("flat", "train", train), TensorDataset("flat", "test", held_out)
    found = neighbours.closest(Subject(painter, judge, *sets, n=4, flip=True), 4, by=by)
    assert found.numbers.tolist() == [0, 1, 3, 2]
    assert found.rows.tolist() == [3, 0, 1, 2]
    assert found.mirrored.tolist() == [False, False, False, True]
    width = {"pixels": 28, "features": 2}[by]
    halves = [0, 0, 5, 20 / 2**0.5]
    assert found.distances.tolist() == pytest.approx([width * gap / 255 for gap in halves], abs=1e-4)
    expected = [width * gap / 255 for gap in (0, 21, 26, 51)]
    assert found.held_out.tolist() == pytest.approx(expected, abs=1e-3)
    assert torch.equal(found.samples, drawn[[0, 1, 3, 2]])
    assert torch.equal(found.neighbours[:3], train[[3, 0, 1]])
    assert torch.equal(found.neighbours[3], train[2].flip(2))
    assert (found.by, found.n) == ({"pixels": "pixels", "features": "judge"}[by], 4)
    first = {"sample": 0, "training_image": 3, "mirrored": False, "distance": 0.0, "held_out": 0.0}
    assert found.to_dict()["pairs"][0] == first
    alone = neighbours.closest(Subject(painter, judge, *sets, n=4, flip=False), 1, by=by)
    assert (alone.rows.tolist(), alone.mirrored.tolist()) == ([3], [False])


def test_what_cannot_be_shown_is_said(painter: Any, uniform: Any, judge: FeatureNetwork) -> None:
    sets = TensorDataset("flat", "train", flat(0, 255)), TensorDataset("flat", "test", flat(1, 2))
    for count in (0, 3):
        with pytest.raises(InvalidInput, match=f"count={count}; expected 1 to 2"):
            neighbours.check(Subject(painter, judge, *sets, n=2), "pixels", count)
    with pytest.raises(InvalidInput, match="by='looks'; expected features or pixels"):
        neighbours.check(Subject(painter, judge, *sets, n=2), "looks", 1)
    with pytest.raises(CapabilityError, match="has no generate"):
        neighbours.check(Subject(uniform, judge, *sets, n=2), "pixels", 1)
    flow = zoo.create("flow-2d")
    with pytest.raises(CapabilityError, match="generates no images"):
        neighbours.check(Subject(flow, None, *sets, n=2), "pixels", 1)

"""Precision, recall, density and coverage: by hand, in known situations, and as the metric of a model."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.errors import InvalidInput
from zoo.metrics import coverage as module
from zoo.metrics.coverage import Balls, Comparison, compare
from zoo.metrics.evaluate import evaluate
from zoo.nn.features import FeatureNetwork
from zoo.releases.cards import Card


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def line(*places: float) -> Tensor:
    """Points on a line."""
    return torch.tensor(places, dtype=torch.float64)[:, None]


def brute(real: Tensor, generated: Tensor) -> Comparison:
    """The definitions, word for word, one pair at a time."""

    def radius(points: Tensor, i: int, k: int) -> float:
        return sorted(float((points[i] - other).norm()) for j, other in enumerate(points) if j != i)[k - 1]

    def inside(point: Tensor, centre: Tensor, reach: float) -> bool:
        return float((point - centre).norm()) <= reach

    r3, r5 = ([radius(real, i, k) for i in range(len(real))] for k in (3, 5))
    g3 = [radius(generated, j, 3) for j in range(len(generated))]
    held = [[inside(y, x, r5[i]) for i, x in enumerate(real)] for y in generated]
    return Comparison(
        precision=sum(any(inside(y, x, r) for x, r in zip(real, r3, strict=True)) for y in generated) / len(generated),
        recall=sum(any(inside(x, y, r) for y, r in zip(generated, g3, strict=True)) for x in real) / len(real),
        density=sum(map(sum, held)) / (5 * len(generated)),
        coverage=sum(any(column) for column in zip(*held, strict=True)) / len(real),
    )


def test_radii_reach_the_third_and_the_fifth_neighbour() -> None:
    balls = Balls.around(line(0, 1, 3, 6, 10, 15, 100))
    # From 0 the neighbours are 1, 3, 6, 10, 15 away, from 3 they are 2, 3, 3, 7, 12, from 100: 85, 90, 94, 97, 99.
    assert balls.near[[0, 2, 6]].tolist() == [6, 3, 94]
    assert balls.far[[0, 2, 6]].tolist() == [15, 12, 99]


def test_by_hand_on_a_line() -> None:
    real = line(0, 1, 2, 3, 4, 5)  # radii to the third: 3, 2, 2, 2, 2, 3; to the fifth: 5, 4, 3, 3, 4, 5
    generated = line(-3, 0, 2, 9, 20, 21)  # radii to the third: 12, 9, 7, 11, 18, 19
    # With near radii, −3 lies in the ball of 0, 0 and 2 in several; 9, 20 and 21 in none. All real lie in that of −3.
    # With far radii, −3 lies in the balls of 0 and 1, 0 and 2 in all six, 9 in that of 5.
    expected = Comparison(precision=3 / 6, recall=1.0, density=(2 + 6 + 6 + 1) / (5 * 6), coverage=1.0)
    assert compare(real, generated) == expected


@pytest.mark.parametrize(("n", "m", "d"), [(12, 12, 2), (9, 15, 3), (14, 7, 1)])
def test_agrees_with_the_definitions(n: int, m: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 5)  # several chunks, the last of them smaller
    real, generated = normal(n, d, 0), 1.5 * normal(m, d, 1) + 0.5
    found, expected = compare(real, generated), brute(real, generated)
    assert found == expected
    assert 0 < found.coverage < 1 or 0 < found.precision < 1  # the case is no trivial one


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = normal(40, 4, 0), normal(33, 4, 1)
    whole = compare(real, generated)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert compare(real, generated) == whole


def test_equal_distributions_come_near_one() -> None:
    found = compare(normal(1500, 2, 0), normal(1500, 2, 1))
    assert found.precision > 0.95
    assert found.recall > 0.95
    assert found.density == pytest.approx(1, abs=0.05)
    # 1 − 2⁻⁵ for many points (Naeem et al. 2020, section 3.3).
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)


def test_a_sample_against_itself() -> None:
    same = normal(50, 3, 0)
    found = compare(same, same)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    # Each of 50 balls holds its centre and five others.
    assert found.density == pytest.approx(6 / 5)


def test_swapping_samples_swaps_precision_and_recall() -> None:
    first, second = normal(60, 3, 0), 2 * normal(60, 3, 1)
    there, back = compare(first, second), compare(second, first)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert there.precision != there.recall


def test_invariances() -> None:
    real, generated = normal(80, 4, 0), normal(80, 4, 1) + 0.4
    expected = compare(real, generated)
    rotation = torch.linalg.qr(normal(4, 4, 2)).Q
    order = torch.randperm(80, generator=torch.Generator().manual_seed(3))
    assert compare(real @ rotation, generated @ rotation) == expected
    assert compare(7 * real + 3, 7 * generated + 3) == expected
    assert compare(real[order], generated) == compare(real, generated[order]) == expected


def test_far_from_the_data_all_are_zero() -> None:
    assert compare(normal(30, 3, 0), normal(30, 3, 1) + 100) == Comparison(0, 0, 0, 0)


def test_a_dropped_mode_costs_recall_and_coverage_not_precision() -> None:
    modes = torch.tensor([[0.0, 0.0], [20.0, 0.0]])
    real = torch.cat([normal(300, 2, i) + mode for i, mode in enumerate(modes)])
    collapsed = normal(600, 2, 7) + modes[0]
    found, fair = compare(real, collapsed), compare(real, torch.cat([normal(300, 2, 8) + m for m in modes]))
    assert found.precision > 0.95
    assert found.density > 0.9
    assert found.recall < 0.55 < 0.9 < fair.recall
    assert found.coverage < 0.55 < 0.9 < fair.coverage


def test_bad_samples_cost_precision_and_density_not_coverage() -> None:
    real = normal(300, 2, 0)
    half_bad = torch.cat([normal(300, 2, 1), normal(300, 2, 2) + 50])
    found = compare(real, half_bad)
    assert found.precision == pytest.approx(0.5, abs=0.03)
    assert found.density == pytest.approx(0.5, abs=0.1)
    assert found.coverage > 0.9


def test_one_real_outlier_lifts_precision_but_neither_density_nor_coverage() -> None:
    # The case of Naeem et al. 2020, figure 1: all that is generated lies between the data and one outlier.
    real = torch.cat([0.1 * normal(200, 2, 0), torch.tensor([[100.0, 0.0]])])
    generated = 0.1 * normal(200, 2, 1) + torch.tensor([50.0, 0.0])
    found = compare(real, generated)
    assert found.precision == 1
    assert found.density == pytest.approx(1 / 5)  # one ball of 201, over k
    assert found.coverage == pytest.approx(1 / 201)


def test_near_neighbours_are_told_apart_far_from_the_origin() -> None:
    # Products of float32 features of length 1000 lose distances of 0.01 altogether.
    near = 0.01 * normal(100, 8, 0)
    assert compare((near + 350).float(), (near.roll(1, 0) + 350).float()).precision == 1
    assert compare((near + 350).float(), (near + 350.2).float()).precision == 0


@pytest.mark.parametrize("sample", [torch.zeros(5, 2), torch.zeros(6), torch.full((6, 2), torch.nan)])
def test_unusable_samples_are_refused(sample: Tensor) -> None:
    with pytest.raises(InvalidInput, match=r"at least 6|NaN"):
        compare(sample, normal(8, 2, 0))


def test_samples_of_two_spaces_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 and 3 dimensions"):
        compare(normal(8, 2, 0), normal(8, 3, 0))


# The metric -----------------------------------------------------------------------------------------------------------


def test_four_records_say_what_they_depend_on(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    records = evaluate(painter, card, root, metrics=["coverage"])
    assert [record.name for record in records] == [
        "precision (judge)", "recall (judge)", "density (judge)", "coverage (judge)",
    ]  # fmt: skip
    assert [record.args["k"] for record in records] == [3, 3, 5, 5]
    floors = [record.args.pop("floor") for record in records]
    assert all(floor > 0 for floor in floors)
    assert records[3].args == {
        "features": "judge", "sha256": "f" * 64, "resize": "none", "split": "train",
        "n_real": 24, "n_generated": 24, "k": 5, "seed": 0,
    }  # fmt: skip


def test_a_model_of_one_class_covers_half(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    fair = {record.type: record.value for record in evaluate(painter, card, root, metrics=["coverage"])}
    decode = painter._decode
    painter._decode = lambda z, condition: decode(z, torch.zeros_like(condition))
    half = {record.type: record.value for record in evaluate(painter, card, root, metrics=["coverage"])}
    assert half["coverage"] <= 0.5 < fair["coverage"]
    assert half["recall"] <= 0.6 < fair["recall"]


def test_floor_train_where_enough_is_left(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.metrics.evaluate.MOST", 24)  # leaves 36 training images outside of the reference
    record = evaluate(painter, card, root, metrics=["coverage"])[3]
    assert 0 < record.args["floor_train"] <= 1


def test_no_record_for_fewer_images_than_have_a_fifth_neighbour(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork
) -> None:
    assert evaluate(painter, card, root, metrics=["coverage"], n=5) == []
    assert len(evaluate(painter, card, root, metrics=["coverage"], n=6)) == 4


def test_of_vectors_no_unit_of_measurement_counts_more(tmp_path: Path) -> None:
    import zoo
    from zoo.data.dataset import TensorDataset
    from zoo.metrics.evaluate import Subject

    model = zoo.create("flow-2d")
    units = torch.tensor([1.0, 1000.0])

    def measure(scale: Tensor) -> list[float]:
        train, test = (
            TensorDataset("t", split, (normal(60, 2, seed) * scale).float())
            for seed, split in enumerate(("train", "test"))
        )
        subject = Subject(model, None, train, test, n=40)
        vars(subject)["generated"] = ((normal(40, 2, 3) + 0.5) * scale).float()
        records = module.coverage(subject)
        assert [record.name for record in records] == ["precision", "recall", "density", "coverage"]
        assert "features" not in records[0].args
        return [record.value for record in records]

    assert measure(units) == measure(torch.ones(2))

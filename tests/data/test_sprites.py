"""Sprites: what each factor does to a picture."""

import pytest
import torch

from zoo.data import loading
from zoo.data.sprites import FACTORS, SHAPES, render
from zoo.errors import DataError


def drawn(*factors, side=64):
    return render(torch.tensor([factors]), side, side)[0, 0].float() / 255


def middle(image):
    rows, columns = (torch.arange(len(image)).float() + 0.5 for _ in range(2))
    return (image.sum(0) @ columns / image.sum()).item(), (image.sum(1) @ rows / image.sum()).item()


@pytest.mark.parametrize("kind", [0, 1])
def test_place_and_size(kind):
    assert middle(drawn(kind, 5, 0, 0, 31)) == pytest.approx((16, 48), abs=0.2)
    assert middle(drawn(kind, 5, 0, 31, 0)) == pytest.approx((48, 16), abs=0.2)
    small, large = (drawn(kind, size, 0, 15, 15, side=512).sum().item() for size in (0, 5))
    assert large / small == pytest.approx(4, rel=0.05)  # of half the size


def test_shapes_have_their_areas():
    side = 256
    square, ellipse, heart = (drawn(kind, 5, 0, 15, 15, side=side) for kind in range(3))
    reach = 0.2 * side
    assert square.sum().item() == pytest.approx((1.5 * reach) ** 2, rel=0.03)
    assert ellipse.sum().item() == pytest.approx(3.14159 * 0.6 * reach**2, rel=0.03)
    across, top = heart.sum(1), heart.argmax(0)  # how wide it is in each row, and where each column begins
    upper, lower = across[: side // 2].sum(), across[side // 2 :].sum()
    assert upper > 1.2 * lower  # its point is below
    assert top[side // 2] > top[side // 2 - 20] + 3  # and a notch above
    assert top[side // 2] > top[side // 2 + 20] + 3


def test_orientation_turns_against_the_clock():
    eighth = FACTORS["orientation"] // 8
    turned = drawn(1, 5, eighth, 15, 15, side=128)
    columns = (torch.arange(128).float() - 63.5)[None]
    across = -(turned * columns * columns.T).sum()  # x to the right times y upward
    assert across > 0
    quarter = drawn(1, 5, 2 * eighth, 15, 15, side=128)
    assert (drawn(1, 5, 0, 15, 15, side=128).T - quarter).abs().sum() < 0.05 * quarter.sum()


def test_a_split_has_its_factors_and_its_shapes_are_classes(monkeypatch):
    monkeypatch.setattr("zoo.data.sprites.SIZES", {"train": 700, "test": 300})
    train, test, again = (
        loading.load("sprites", None, split, shape=(1, 16, 16)) for split in ("train", "test", "test")
    )
    assert train.images.shape == (700, 1, 16, 16)
    assert sorted(train.images.unique().tolist()) == [0, 255]
    assert torch.equal(test.images, again.images)
    assert len(torch.cat([train.factors, test.factors]).unique(dim=0)) == 1000  # none twice
    assert test.factor_names == tuple(FACTORS)
    assert [int(column.max()) < count for column, count in zip(test.factors.T, FACTORS.values(), strict=True)] == [
        True
    ] * 5
    assert torch.equal(test.images[7], render(test.factors[7:8], 16, 16)[0])
    assert [test.classes[label] for label in test.labels[:9]] == [SHAPES[kind] for kind in test.factors[:9, 0]]


def test_colour_is_refused():
    with pytest.raises(DataError, match=r"one channel, and the model is made for \(3, 16, 16\)"):
        loading.load("sprites", None, "test", shape=(3, 16, 16))

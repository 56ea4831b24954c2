"""A measurement that is interrupted goes on where it was, and never with what is of another."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.metrics.evaluate import evaluate
from zoo.nn.features import FeatureNetwork
from zoo.releases.cards import Card
from zoo.spaces import Images

METRICS = ["frechet", "reconstruction"]


class Drawn:
    """How many images each chunk had that was decoded, and after how many of them the next is interrupted."""

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.most = 1000

    def forget(self, most: int) -> list[int]:
        chunks, self.chunks, self.most = self.chunks, [], most
        return chunks


@pytest.fixture
def drawn(painter: Any, monkeypatch: pytest.MonkeyPatch) -> Drawn:
    seen = Drawn()
    plain = type(painter)._decode

    def counted(model: Any, z: torch.Tensor, condition: Any) -> torch.Tensor:
        if len(seen.chunks) == seen.most:
            raise KeyboardInterrupt
        seen.chunks.append(len(z))
        made: torch.Tensor = plain(model, z, condition)
        return made

    monkeypatch.setattr(Images, "chunk", 5)
    monkeypatch.setattr(type(painter), "_decode", counted)
    return seen


def test_what_was_interrupted_goes_on_to_the_same_numbers_and_leaves_nothing(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, drawn: Drawn, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"

    def measured() -> Any:
        return evaluate(painter, card, root, metrics=METRICS, keep=folder)

    usual = evaluate(painter, card, root, metrics=METRICS)
    whole = drawn.forget(3)
    assert whole == [5, 5, 5, 5, 4] * 2
    for most in (3, 4):  # within what is drawn, and then within what is decoded
        drawn.most = most
        with pytest.raises(KeyboardInterrupt):
            measured()
        assert len(drawn.forget(1000)) == most
    assert measured() == usual
    assert drawn.forget(1000) == whole[7:]
    assert not folder.exists()
    assert measured() == usual
    assert drawn.chunks == whole  # from the beginning


@pytest.mark.parametrize("change", ["weights", "seed", "n", "metrics", "data"])
def test_nothing_of_another_measurement_is_taken(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, drawn: Drawn, tmp_path: Path, change: str
) -> None:
    data, folder = shutil.copytree(root, tmp_path / "data"), tmp_path / "kept"
    options: dict[str, Any] = {"metrics": METRICS}
    drawn.most = 7
    with pytest.raises(KeyboardInterrupt):
        evaluate(painter, card, data, keep=folder, **options)
    (first,) = folder.iterdir()
    drawn.forget(1000)
    if change == "weights":
        painter.scale.data.fill_(0.5)
    elif change == "data":
        shutil.copy(data / "test" / "0" / "001.png", data / "test" / "0" / "000.png")
    else:
        options |= {"seed": {"seed": 1}, "n": {"n": 5}, "metrics": {"metrics": METRICS[:1]}}[change]
    got = evaluate(painter, card, data, keep=folder, **options)
    assert got == evaluate(painter, card, data, **options)
    assert list(folder.iterdir()) == [first]  # which is left for who goes on with it

"""A measurement that is interrupted goes on where it was, and never with what is of another."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo._util.atomic import replacing
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
    assert not list(folder.iterdir())
    assert measured() == usual
    assert drawn.chunks == whole  # from the beginning


@pytest.mark.parametrize("change", ["weights", "seed", "n", "metrics", "data", "training data", "labels"])
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
    elif change == "training data":
        shutil.copy(data / "train" / "0" / "001.png", data / "train" / "0" / "000.png")
    elif change == "labels":
        one, other, aside = data / "test" / "0", data / "test" / "1", data / "test" / "2"
        one.rename(aside), other.rename(one), aside.rename(other)
    else:
        options |= {"seed": {"seed": 1}, "n": {"n": 5}, "metrics": {"metrics": METRICS[:1]}}[change]
    got = evaluate(painter, card, data, keep=folder, **options)
    assert got == evaluate(painter, card, data, **options)
    assert list(folder.iterdir()) == [first]  # which is left for who goes on with it


def test_a_folder_that_was_there_stays_and_what_cannot_be_removed_costs_no_numbers(
    painter: Any, card: Card, root: Path, judge: FeatureNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = evaluate(painter, card, root, metrics=METRICS)
    assert evaluate(painter, card, root, metrics=METRICS, keep=tmp_path) == usual
    assert tmp_path.is_dir()
    monkeypatch.setattr("zoo.model.sharing.replacing", removing)  # as another run of the same does at its end
    assert evaluate(painter, card, root, metrics=METRICS, keep=tmp_path / "gone") == usual


@contextlib.contextmanager
def removing(path: Path) -> Iterator[Path]:
    with replacing(path) as temporary:
        yield temporary
    shutil.rmtree(path.parent)


def test_speed_is_not_that_of_files(
    painter: Any,
    card: Card,
    root: Path,
    judge: FeatureNetwork,
    drawn: Drawn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluate(painter, card, root, metrics=["throughput"], keep=tmp_path / "kept")
    assert len(drawn.forget(1000)) >= 4
    monkeypatch.setattr(shutil, "rmtree", lambda *folder, **options: None)
    evaluate(painter, card, root, metrics=["throughput"], keep=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir())
    assert not list(tmp_path.rglob("*.safetensors"))

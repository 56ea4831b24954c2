"""A plugin's metric and feature network come in by the same hooks as the built-in ones."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from zoo import registry
from zoo.errors import DuplicateName
from zoo.metrics.evaluate import Subject, evaluate
from zoo.nn import features
from zoo.nn.features import FeatureNetwork
from zoo.registry.entries import Entry
from zoo.registry.names import pick
from zoo.registry.plugins import hookimpl
from zoo.releases.cards import Card
from zoo.releases.record import Record


@hookimpl
def zoo_register_metrics(register: Callable[..., None]) -> None:
    register("brightness", "third_party:brightness", needs=["generate"], summary="mean of all pixels")
    register("frechet", "third_party:brightness", needs=["generate"])


@hookimpl
def zoo_register_features(register: Callable[..., None]) -> None:
    register("third-party-net", "third_party:network")


def brightness(subject: Subject) -> list[Record]:
    return [subject.record("brightness", "brightness", float(subject.generated.float().mean() / 255))]


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    module = ModuleType("third_party")
    for function in (zoo_register_metrics, zoo_register_features, brightness):
        setattr(module, function.__name__, function)
    monkeypatch.delenv("ZOO_PLUGINS", raising=False)
    monkeypatch.setitem(sys.modules, "third_party", module)
    entry_point = importlib.metadata.EntryPoint("third_party", "third_party", "zoo")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry_point])
    registry.registry.cache_clear()
    yield module
    registry.registry.cache_clear()


def test_metric_runs_beside_the_built_in_ones(
    third_party: ModuleType, painter: Any, card: Card, root: Path, judge: FeatureNetwork
) -> None:
    record = evaluate(painter, card, root, metrics=["brightness"])[0]
    assert record.value == pytest.approx(0.5, abs=0.02)
    assert record.args == {"seed": 0}
    assert evaluate(painter, card, root, metrics=["frechet"])[0].type == "frechet-distance"
    assert evaluate(painter, card, root, metrics=["third_party:frechet"])[0].type == "brightness"


def test_feature_network_is_found_by_name(third_party: ModuleType) -> None:
    made = object()
    third_party.network = lambda: made  # type: ignore[attr-defined]
    assert features.load("third-party-net") is made
    assert features.load("third_party:third-party-net") is made


def test_two_plugins_with_one_name() -> None:
    entries = [Entry("m", "a:b", plugin=name) for name in ("one", "two")]
    with pytest.raises(DuplicateName, match="'one:m' or 'two:m'"):
        pick("m", entries, "metric")
    assert pick("two:m", entries, "metric") is entries[1]

"""What names of metrics mean, told before torch is imported to measure."""

from __future__ import annotations

from collections.abc import Iterable

from zoo import registry
from zoo._util.processes import is_shared
from zoo.errors import InvalidInput, UnknownName
from zoo.nn.named import INCEPTION, network
from zoo.registry.entries import Metric
from zoo.registry.names import pick


def metric(name: str) -> Metric:
    """The metric that is meant. Raises UnknownName, which tells whose number is called so, and when that is FID; and
    InvalidInput, in one of several processes, for what is measured of the machine, which they share."""
    known: list[Metric] = registry.list_entries("metrics")
    called = {"fid": "frechet-distance"}.get(name.casefold(), name)
    hint = f" It is FID with --features {INCEPTION}." if called != name else ""
    meant = [metric.name for metric in known if called in {column.type for column in metric.columns}]
    if meant and name not in {metric.name for metric in known}:
        raise UnknownName(f"no metric is called {name!r}. Did you mean {' or '.join(map(repr, meant))}?{hint}")
    found = pick(name, known, "metric")
    if found.machine and is_shared():
        raise InvalidInput(f"{name} is that of one process, and this is one of several. Measure it without torchrun.")
    return found


def check_named(metrics: Iterable[str] | None, features: str | None) -> None:
    """Raise UnknownName or DuplicateName unless these metrics and this feature network are there; and as `metric`."""
    for name in metrics or ():
        metric(name)
    if features is not None:
        network(features)

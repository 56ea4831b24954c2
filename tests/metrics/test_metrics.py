"""The built-in metrics: that what is listed is there, and how a model is told what it may be measured by."""

import pytest

import zoo
from zoo import registry
from zoo.metrics import METRICS
from zoo.registry.plugins import resolve


@pytest.mark.parametrize("metric", METRICS, ids=[name for name, *_ in METRICS])
def test_a_metric_is_a_function_of_a_module_of_its_name(metric):
    name, target, needs, _ = metric
    module, _, function = target.partition(":")
    assert module == name.replace("-", "_")
    assert callable(resolve(f"zoo.metrics.{module}:{function}"))
    capabilities = {entry.name for entry in registry.registry().of("capabilities")}
    assert set(needs) <= capabilities | {"images", "vectors"}
    assert len(set(needs) & capabilities) >= 1


def test_every_module_is_an_attribute_when_it_is_asked_for():
    assert callable(zoo.metrics.outliers.compare)
    with pytest.raises(AttributeError, match=r"module 'zoo\.metrics' has no attribute 'nothing'"):
        zoo.metrics.nothing  # noqa: B018


def test_releases_are_ranked_by_one_number_of_their_kind():
    """Pictures, tables, and pictures made larger, of which alone more is better."""
    columns = [column for *_, rest in METRICS for column in rest.get("columns", ()) if column.leading]
    lower = {column.type: column.lower_is_better for column in columns}
    assert lower == {"frechet-distance": True, "energy-distance": True, "psnr-y-set5": False}

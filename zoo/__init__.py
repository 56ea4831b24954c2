"""zoo: classic generative models behind one name, one interface and one weights format.

model = zoo.load("dcgan-celeba")
faces = model.generate(16, seed=0)      # (16, 3, 64, 64), float in [0, 1]
"""
# Importing zoo and listing its models does not import torch; that happens when a model is made. Docstrings are short,
# so that help(zoo) fits two screens.

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zoo._util import kinds
from zoo._util.calls import brief
from zoo._util.defaults import CHECKPOINT_EVERY, LOG_EVERY
from zoo._util.lazy import attribute
from zoo._util.version import __version__ as __version__

if TYPE_CHECKING:
    import torch

    from zoo import conditions, errors, export, images, latent, metrics, plugin, sklearn, spaces, tables, testing
    from zoo.model import Model as Model
    from zoo.nn import losses
    from zoo.registry.plugins import hookimpl as hookimpl
    from zoo.releases import Info
    from zoo.releases.record import Record
    from zoo.reports.side_by_side import Comparison


@brief
def load(
    name: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
) -> Model:
    """A ready, pretrained model in eval mode. name: a release, an architecture's default one, one of a plugin
    ("plugin:name"), a folder ("./folder") or the Hub ("hf:org/repo@revision"). device: "cpu", "cuda" or "auto". dtype:
    such as "float16". offline: None follows ZOO_OFFLINE. Raises UnknownName, DuplicateName, WeightsError.
    >>> points = zoo.load("flow-2d-two-moons").generate(3, seed=0)  # (3, 2)
    """
    from zoo import releases

    release = releases.find(name, offline=offline)
    from zoo import building

    return building.load(release, device=device, dtype=dtype, offline=offline)


@brief
def create(architecture: str, *, preset: str | None = None, **config: Any) -> Model:
    """An untrained model. config: fields of the architecture's Config; preset: a name for several of them, such as
    "paper"; `zoo info dcgan` has both. Raises UnknownName and ConfigError.
    >>> noise = zoo.create("dcgan", image_size=32).generate(4, seed=0)  # (4, 3, 32, 32)
    """
    kinds.check(kinds.TEXT, preset=preset)
    from zoo import building, registry

    return building.create(registry.find_architecture(architecture), config, preset=preset)


@brief
def train(
    name: str,
    data: Any = None,
    out: str | os.PathLike[str] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    objective: Mapping[str, Any] | None = None,
    start: str | None = None,
    resume: bool = False,
    force: bool = False,
    download: bool = False,
    device: str = "auto",
    log: str | Iterable[str] = (),
    log_every: int = LOG_EVERY,
    on_log: Callable[[dict[str, float], Model], object] | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
    progress: bool = True,
    cache: bool = True,
    workers: int = 0,
    **settings: Any,
) -> Model:
    """Train a model and return it; help("zoo.training") says more. name: an architecture, or a release to be made anew.
    data: a folder of images, a .csv or .npy file, or samples: a tensor, an array, a data frame, a Dataset …; a tenth is
    held out. out: where a release folder goes. settings: such as steps=2000; config, objective: such as
    {"latent_dim": 8}; `zoo info NAME --settings` lists all. Raises UnknownName, ConfigError, DataError, TrainingError.
    >>> model = zoo.train("flow-2d", torch.randn(100, 2), steps=2, batch_size=10, progress=False)
    """
    kinds.check(kinds.MAPPING, config=config, objective=objective)
    kinds.check(kinds.PATH, out=out)
    kinds.check(kinds.SEVERAL, log=log)
    from zoo._util.wording import in_python
    from zoo.training import places

    changes = {**settings, **({} if start is None else {"start": start})}
    for part, fields in (("config", config), ("objective", objective)):
        changes |= {f"{part}.{field}": value for field, value in (fields or {}).items()}
    run: dict[str, Any] = {"resume": resume, "force": force, "download": download, "accelerator": device}
    run |= {"log": log if isinstance(log, (str, os.PathLike)) else list(log or ()), "log_every": log_every}
    run |= {"on_log": on_log, "checkpoint_every": checkpoint_every, "cache": cache, "workers": workers}
    with in_python():
        places.check(name, data, out, changes, run["log"], resume=resume, force=force, download=download)
    from zoo.training import release

    return release.trained(name, data=data, out=out, changes=changes, progress=progress, **run)


@brief
def evaluate(
    name: str | os.PathLike[str],
    data: Any = None,
    *,
    metrics: Iterable[str] | None = None,
    features: str | None = None,
    n: int | None = None,
    seed: int = 0,
    again: Iterable[str | os.PathLike[str]] = (),
    download: bool = False,
    device: str | torch.device | None = None,
    progress: bool = True,
    cache: bool = True,
) -> list[Record]:
    """Measure a release by the protocol of all cards; help("zoo.metrics") says more. data: its data set's folder or
    file, or samples. Raises as `load`, DataError and CapabilityError; warns (OtherData) of data that are not its own.
    >>> records = zoo.evaluate("flow-2d-two-moons", metrics=["energy"], n=100, progress=False)  # the energy distance
    """
    kinds.check(kinds.SEVERAL, metrics=metrics, again=again)
    kinds.check(kinds.TEXT, features=features)
    kinds.check(kinds.WHOLE, n=n, seed=seed)
    from zoo import releases
    from zoo._util.wording import in_python
    from zoo.data.finding import check_there
    from zoo.metrics.named import check_named

    named = [metrics] if isinstance(metrics, str) else None if metrics is None else list(metrics)
    again = [again] if isinstance(again, (str, os.PathLike)) else again
    found = [releases.find(each) for each in (name, *again)]
    with in_python():
        check_named(named, features)
        check_there(data, found[0].card.training.get("dataset", ""), download=download)
    from zoo.metrics import seeds

    choices: dict[str, Any] = {"metrics": named, "features": features, "download": download, "cache": cache}
    choices |= {"n": None if n is None else int(n), "seed": int(seed)}
    with in_python():
        return seeds.measured(found, data, device=device, quiet=not progress, **choices)


@brief
def list_models(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    dataset: str | None = None,
    license: str | None = None,
    condition: str | None = None,
) -> list[str]:
    """Sorted names of the releases that match the glob `pattern` and every filter given: capability is generate,
    encode, decode, log_prob, translate or classify, condition label, text or image. Raises InvalidInput for any other.
    >>> assert zoo.list_models("glow*", family="flows", capability="log_prob") == ["glow-celeba", "glow-mnist"]
    """
    kinds.check(kinds.TEXT, family=family, capability=capability, dataset=dataset, license=license, condition=condition)
    from zoo import releases

    return releases.list_releases(
        pattern, family=family, capability=capability, dataset=dataset, license=license, condition=condition
    )


@brief
def list_architectures(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    condition: str | None = None,
) -> list[str]:
    """Sorted names of the architectures, which `create` and `train` take, chosen as by `list_models`.
    >>> assert zoo.list_architectures("wgan*") == ["wgan", "wgan-gp"]
    """
    kinds.check(kinds.TEXT, family=family, capability=capability, condition=condition)
    from zoo import releases

    found = releases.select_architectures(pattern, family=family, capability=capability, condition=condition)
    return [architecture.qualified for architecture in found]


@brief
def list_datasets(pattern: str | None = None) -> list[str]:
    """Sorted names of the data sets that match the glob `pattern`, which a recipe may be of.
    >>> assert zoo.list_datasets("gaussian-*") == ["gaussian-grid", "gaussian-ring"]
    """
    from zoo import registry

    return sorted(entry.qualified for entry in registry.list_entries("data sets", pattern))


@brief
def compare(*names: str | os.PathLike[str], by: str = "", where: Mapping[str, Any] | None = None) -> Comparison:
    """Releases side by side, best first, by the numbers on their cards. names: a data set, or two releases or more. by:
    what to rank by ("mse"), where: measured with what ({"encoder": "network"}). Raises InvalidInput, and as `load`.
    >>> assert [row.name for row in zoo.compare("two-moons").tables[0].rows] == ["flow-2d-two-moons"]
    """
    kinds.check(kinds.TEXT, by=by)
    kinds.check(kinds.MAPPING, where=where)
    from zoo.reports import side_by_side

    return side_by_side.of_names(names, by, where)


@brief
def info(name: str | os.PathLike[str]) -> Info:
    """What is known of a name, without loading it: `.architecture`, `.release` (or None), `.card`. Raises as `load`.
    >>> assert zoo.info("glow").release.name == "glow-celeba"
    """
    from zoo import releases

    return releases.info(name)


# What is imported when it is first asked for: modules, or what one of them holds.
_LAZY = {
    "Model": "zoo.model:Model",
    "conditions": "zoo.conditions",
    "errors": "zoo.errors",
    "export": "zoo.export",
    "hookimpl": "zoo.registry.plugins:hookimpl",
    "images": "zoo.images",
    "latent": "zoo.latent",
    "losses": "zoo.nn.losses",
    "metrics": "zoo.metrics",
    "plugin": "zoo.plugin",
    "sklearn": "zoo.sklearn",
    "spaces": "zoo.spaces",
    "tables": "zoo.tables",
    "testing": "zoo.testing",
}

__all__ = [
    "compare",
    "conditions",
    "create",
    "errors",
    "evaluate",
    "export",
    "images",
    "info",
    "latent",
    "list_architectures",
    "list_datasets",
    "list_models",
    "load",
    "losses",
    "metrics",
    "plugin",
    "sklearn",
    "spaces",
    "tables",
    "testing",
    "train",
]  # and what help(zoo) is better without: Model, whose methods would be most of it, and hookimpl, for plugins


def __getattr__(name: str) -> Any:
    return attribute(__name__, _LAZY, name)


def __dir__() -> list[str]:
    return ["Model", "hookimpl", *__all__]

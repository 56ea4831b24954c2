"""zoo: classic generative models behind one name, one interface and one weights format.

    model = zoo.load("dcgan-celeba")
    faces = model.generate(16, seed=0)      # (16, 3, 64, 64), float in [0, 1]

Importing zoo and listing its models does not import torch; that happens when a model is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zoo._util import kinds
from zoo._util.defaults import CHECKPOINT_EVERY, LOG_EVERY
from zoo._util.lazy import attribute
from zoo._util.version import __version__ as __version__

if TYPE_CHECKING:
    import torch

    from zoo import conditions, errors, export, images, latent, metrics, plugin, sklearn, spaces, tables, testing
    from zoo.model import Model as Model
    from zoo.nn import losses
    from zoo.registry.plugins import hookimpl
    from zoo.releases import Info
    from zoo.releases.record import Record
    from zoo.reports.side_by_side import Comparison


def load(
    name: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
) -> Model:
    """A ready, pretrained model in eval mode.

    name: a release ("dcgan-celeba"), an architecture's default one ("realnvp"), a plugin's ("plugin:name"), a release
    folder ("./folder" or a Path) or a repository of the Hub ("hf:org/repo@revision", by default the head of main).
    Weights that are not beside the card come from the Hub's cache, a plugin's source or the Hub. device: default "cpu";
    "auto" is a GPU if there is one. dtype: float32 (default), float64, bfloat16 or float16. offline: True forbids
    network access, None follows ZOO_OFFLINE and HF_HUB_OFFLINE. Raises UnknownName or DuplicateName for the name, a
    WeightsError (Offline, ChecksumMismatch …) for the file and InvalidInput for the rest.
    >>> zoo.load("flow-2d-two-moons").generate(3, seed=0).shape
    torch.Size([3, 2])
    """
    from zoo import releases

    release = releases.find(name, offline=offline)
    from zoo import building

    return building.load(release, device=device, dtype=dtype, offline=offline)


def create(architecture: str, *, preset: str | None = None, **config: Any) -> Model:
    """An untrained model: `zoo.create("dcgan", width=64)`. `config` are fields of the architecture's Config, `preset`
    is a name for several of them, such as "paper"; `zoo info dcgan` has the names. Raises UnknownName and ConfigError.
    >>> zoo.create("dcgan", image_size=32).generate(4, seed=0).shape
    torch.Size([4, 3, 32, 32])
    """
    kinds.check(kinds.TEXT, preset=preset)
    from zoo import building, registry

    return building.create(registry.find_architecture(architecture), config, preset=preset)


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
    **settings: Any,
) -> Model:
    """Train a model and return it: `zoo.train("vae", images, steps=2000, config={"latent_dim": 8})`.

    name: an architecture, trained by its own recipe on data of yours, whose shape it takes; or a release, made again
    by the recipe on its card. data: a folder of images, a .csv or .npy file, the folder of a release's data set; or
    samples at hand, of which a tenth is held out: images (n, channels, height, width) of uint8 or in [0, 1], or rows
    (n, features), as a tensor, an array, a data frame, a list of PIL images or paths; (samples, labels); a Dataset of
    torch, torchvision or Hugging Face; {"train": …, "test": …} of such. None for data made from a seed. out: where the
    release folder goes, by default nowhere. settings: of the recipe, such as steps, batch_size, seed, holdout, flip;
    config, objective: of the architecture and its objective (`zoo info NAME --settings` lists all). start: a release
    of the architecture whose weights to start from. resume: go on from the checkpoint in `out`, one every
    `checkpoint_every` steps; force: write over what is there. download: fetch the data set. device: "auto", "cpu" or
    "cuda". log: "csv", "tensorboard" or a plugin's, written into `out`. on_log: called every `log_every` steps with
    the means since the last time by their names ("step", "losses/generator" …), and the model as it then is, which can
    be drawn from. progress: shown on a terminal and in notebooks. With `out` the model is as the release has it, its
    weights rounded. Needs pip install 'generative-zoo[train]'. Raises UnknownName, ConfigError, DataError,
    InvalidInput or TrainingError before the first step, and TrainingError when it diverges. Warns of images made to
    fit (Converted), of labels beside rows (LeftOut).
    >>> model = zoo.train("flow-2d", torch.randn(100, 2), steps=2, batch_size=10, progress=False)
    """
    kinds.check(kinds.MAPPING, config=config, objective=objective)
    kinds.check(kinds.PATH, out=out)
    kinds.check(kinds.SEVERAL, log=log)
    from zoo.training import release

    changes = {**settings, **({} if start is None else {"start": start})}
    for part, fields in (("config", config), ("objective", objective)):
        changes |= {f"{part}.{field}": value for field, value in (fields or {}).items()}
    run: dict[str, Any] = {"resume": resume, "force": force, "download": download, "accelerator": device}
    run |= {"log": log if isinstance(log, (str, os.PathLike)) else list(log or ()), "log_every": log_every}
    run |= {"on_log": on_log, "checkpoint_every": checkpoint_every}
    return release.trained(name, data=data, out=out, changes=changes, progress=progress, **run)


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
) -> list[Record]:
    """Measure a release by the protocol of all cards; each record has `.name`, `.value`, and `.floor`, of real data.

    name: as of `load`. data: the folder or file of its data set, or, of a release that was trained on samples at hand,
    these. metrics: names of some, default all that it can be measured by. features: the feature network. n: how many
    images are compared, default as many as are held out, at most 10,000. seed: of all that is drawn. again: releases
    by the same recipe with other seeds, for the spread. `zoo evaluate NAME --write` puts the numbers on the card.
    Raises as `load`, DataError, UnknownName and CapabilityError; warns (OtherData) of data that are not its own.
    >>> [record.name for record in zoo.evaluate("flow-2d-two-moons", metrics=["energy"], n=100, progress=False)]
    ['energy distance']
    """
    kinds.check(kinds.SEVERAL, metrics=metrics, again=again)
    kinds.check(kinds.TEXT, features=features)
    kinds.check(kinds.WHOLE, n=n, seed=seed)
    from zoo import releases
    from zoo._util.wording import in_python
    from zoo.metrics import seeds

    again = [again] if isinstance(again, (str, os.PathLike)) else again
    found = [releases.find(each) for each in (name, *again)]
    named = [metrics] if isinstance(metrics, str) else None if metrics is None else list(metrics)
    choices: dict[str, Any] = {"metrics": named, "features": features, "download": download}
    choices |= {"n": None if n is None else int(n), "seed": int(seed)}
    with in_python():
        return seeds.measured(found, data, device=device, quiet=not progress, **choices)


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
    encode, decode, log_prob, translate or classify, condition is label, text or image, and what else plugins register.
    Raises InvalidInput for any other.
    >>> zoo.list_models("*-mnist", family="flows", capability="log_prob")
    ['glow-mnist', 'maf-mnist', 'nice-mnist', 'realnvp-fashion-mnist', 'realnvp-mnist']
    """
    kinds.check(kinds.TEXT, family=family, capability=capability, dataset=dataset, license=license, condition=condition)
    from zoo import releases

    return releases.list_releases(
        pattern, family=family, capability=capability, dataset=dataset, license=license, condition=condition
    )


def list_architectures(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    condition: str | None = None,
) -> list[str]:
    """Sorted names of the architectures that match the glob `pattern` and every filter given, which are as those of
    `list_models`: what `create` and `train` take.
    >>> zoo.list_architectures("wgan*")
    ['wgan', 'wgan-gp']
    """
    kinds.check(kinds.TEXT, family=family, capability=capability, condition=condition)
    from zoo import releases

    found = releases.select_architectures(pattern, family=family, capability=capability, condition=condition)
    return [architecture.qualified for architecture in found]


def list_datasets(pattern: str | None = None) -> list[str]:
    """Sorted names of the data sets that match the glob `pattern`, which a training recipe may be of.
    >>> zoo.list_datasets("gaussian-*")
    ['gaussian-grid', 'gaussian-ring']
    """
    from zoo import registry

    return sorted(entry.qualified for entry in registry.list_entries("data sets", pattern))


def compare(*names: str | os.PathLike[str], by: str = "", where: Mapping[str, Any] | None = None) -> Comparison:
    """Releases side by side, best first, by the numbers on their cards: `print` it, or let a notebook show it.

    names: a data set, for all its releases ("fashion-mnist"), or two releases or more, as `load` takes them. Only what
    was measured in the same way, on the same data, stands in one of its `.tables`; `.apart` says of the others why. by:
    the type of the number to rank by ("mse"); where: what it must have been measured with ({"encoder": "network"}).
    Raises InvalidInput for a data set that no release is of, UnknownName for a type, and as `load` for a name.
    >>> [row.name for row in zoo.compare("two-moons").tables[0].rows]
    ['flow-2d-two-moons']
    """
    kinds.check(kinds.TEXT, by=by)
    kinds.check(kinds.MAPPING, where=where)
    from zoo.reports import side_by_side

    return side_by_side.of_names(names, by, where)


def info(name: str | os.PathLike[str]) -> Info:
    """What is known of a release or an architecture, without loading it: `.architecture` (name, family, capabilities,
    condition, paper …), and, None for an architecture without a default one, `.release` and its `.card`. Raises as
    `load` does for the name.
    >>> zoo.info("glow").architecture.family, zoo.info("glow").release.name
    ('flows', 'glow-celeba')
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
    "hookimpl",
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
]  # and Model, whose methods would be most of help(zoo)


def __getattr__(name: str) -> Any:
    return attribute(__name__, _LAZY, name)


def __dir__() -> list[str]:
    return ["Model", *__all__]

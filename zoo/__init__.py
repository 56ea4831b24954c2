"""zoo: classic generative models behind one name, one interface and one weights format.

    model = zoo.load("dcgan-celeba")
    faces = model.generate(16, seed=0)      # (16, 3, 64, 64), float in [0, 1]

Importing zoo and listing its models does not import torch; that happens when a model is made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo._util.lazy import attribute
from zoo._util.version import __version__ as __version__

if TYPE_CHECKING:
    import torch

    from zoo import conditions, errors, images, latent, metrics, plugin, sklearn, spaces, tables, testing
    from zoo.model import Model
    from zoo.nn import losses
    from zoo.registry.plugins import hookimpl
    from zoo.releases import Info
    from zoo.reports.side_by_side import Comparison


def load(
    name: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
) -> Model:
    """A ready, pretrained model in eval mode.

    name: a release ("dcgan-celeba"), an architecture's default release ("realnvp"), a plugin's ("plugin:name"), a
    release folder ("./folder" or a Path) or a repository of the Hub ("hf:org/repo@revision"; without a revision the
    head of main, and a log message says which commit that is). Weights that are not beside the card are taken from the
    Hub's cache or a plugin's source, or downloaded into the cache. device: where to put the model, default "cpu".
    dtype: float32 (default), float64, bfloat16 or float16. offline: True forbids network access, None follows
    ZOO_OFFLINE and HF_HUB_OFFLINE. Raises UnknownName or DuplicateName for the name, a WeightsError (Offline,
    RepositoryNotFound, ChecksumMismatch, WeightsMismatch …) for the file and InvalidInput for the rest.
    """
    from zoo import releases

    release = releases.find(name, offline=offline)
    from zoo import building

    return building.load(release, device=device, dtype=dtype, offline=offline)


def create(architecture: str, *, preset: str | None = None, **config: Any) -> Model:
    """An untrained model: `zoo.create("dcgan", width=64)`. `config` are fields of the architecture's Config, `preset`
    is a name for several of them, such as "paper"; `zoo info dcgan` has the names.

    Raises UnknownName for the architecture and ConfigError for a field or a preset.
    """
    from zoo import building, registry

    return building.create(registry.find_architecture(architecture), config, preset=preset)


def list_models(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    dataset: str | None = None,
    license: str | None = None,
    condition: str | None = None,
) -> list[str]:
    """Sorted names of the releases that match the glob `pattern` and every filter given.

    capability is generate, encode, decode, log_prob, translate or classify; condition is label, text or image; and
    whatever else plugins register. Raises InvalidInput for any other.
    """
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
    `list_models`: what `create` and `train` take."""
    from zoo import releases

    found = releases.select_architectures(pattern, family=family, capability=capability, condition=condition)
    return [architecture.qualified for architecture in found]


def list_datasets(pattern: str | None = None) -> list[str]:
    """Sorted names of the data sets that match the glob `pattern`, which a training recipe may be of."""
    from zoo import registry

    return sorted(entry.qualified for entry in registry.list_entries("data sets", pattern))


def compare(*names: str | os.PathLike[str], by: str = "", where: Mapping[str, Any] | None = None) -> Comparison:
    """Releases side by side, best first, by the numbers on their cards: `print` it, or let a notebook show it.

    names: a data set, for all its releases ("fashion-mnist"), or two releases or more, as `load` takes them. Only what
    was measured in the same way, on the same data, stands in one of its `.tables`; `.apart` says of the others why. by:
    the type of the number to rank by ("mse"); where: what it must have been measured with ({"encoder": "network"}).
    Raises InvalidInput for a data set that no release is of, UnknownName for a type, and as `load` for a name.
    """
    from zoo.reports import side_by_side

    return side_by_side.of_names(names, by, where)


def info(name: str | os.PathLike[str]) -> Info:
    """What is known of a release or an architecture without loading it.

    The result has `.architecture` (name, family, capabilities, condition, paper …), `.release`, None for an
    architecture without a default release, and its `.card`, None likewise. Raises as `load` does for the name.
    """
    from zoo import releases

    return releases.info(name)


# What is imported when it is first asked for: modules, or what one of them holds.
_LAZY = {
    "Model": "zoo.model:Model",
    "conditions": "zoo.conditions",
    "errors": "zoo.errors",
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
    "Model",
    "compare",
    "conditions",
    "create",
    "errors",
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
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, _LAZY, name)


def __dir__() -> list[str]:
    return __all__

"""All that a plugin's author needs, in one import: `from zoo.plugin import Model, Objective, hookimpl`.

Nothing is imported before it is asked for, so the module that an entry point names may take `hookimpl` from here and
`zoo list` still waits for no torch. What stands here changes only as CONTRIBUTING.md says. A contract test takes
`parametrize_with_checks` from `zoo.testing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo._util.lazy import attribute

if TYPE_CHECKING:
    from zoo import conditions, errors, images, latent, spaces, tables
    from zoo._util import inputs
    from zoo._util.config import check, nested, setting
    from zoo.conditions import Condition
    from zoo.data import loading as data
    from zoo.data import splitting
    from zoo.data.dataset import Dataset, TensorDataset
    from zoo.metrics.evaluate import Subject
    from zoo.model import Model
    from zoo.models._autoencoder import Autoencoder, Reconstruction, ReconstructionOptions
    from zoo.models._flow import Flow
    from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
    from zoo.models._translator import Translator
    from zoo.nn import bijections, encoders, layers, losses
    from zoo.nn.features import FeatureNetwork
    from zoo.nn.scanning import scan
    from zoo.noise import Noise
    from zoo.objective import Batch, Objective, adam
    from zoo.recipe import Recipe
    from zoo.registry.entries import Column
    from zoo.registry.plugins import hookimpl
    from zoo.releases.record import Record
    from zoo.spaces import Space
    from zoo.testing.contract import expect
    from zoo.training.adopting import adopt

_WHERE = {
    "AdversarialObjective": "zoo.models._gan:AdversarialObjective",
    "AdversarialOptions": "zoo.models._gan:AdversarialOptions",
    "Autoencoder": "zoo.models._autoencoder:Autoencoder",
    "Batch": "zoo.objective:Batch",
    "Column": "zoo.registry.entries:Column",
    "Condition": "zoo.conditions:Condition",
    "Dataset": "zoo.data.dataset:Dataset",
    "FeatureNetwork": "zoo.nn.features:FeatureNetwork",
    "Flow": "zoo.models._flow:Flow",
    "GAN": "zoo.models._gan:GAN",
    "Model": "zoo.model:Model",
    "Noise": "zoo.noise:Noise",
    "Objective": "zoo.objective:Objective",
    "Recipe": "zoo.recipe:Recipe",
    "Reconstruction": "zoo.models._autoencoder:Reconstruction",
    "ReconstructionOptions": "zoo.models._autoencoder:ReconstructionOptions",
    "Record": "zoo.releases.record:Record",
    "Space": "zoo.spaces:Space",
    "Subject": "zoo.metrics.evaluate:Subject",
    "TensorDataset": "zoo.data.dataset:TensorDataset",
    "Translator": "zoo.models._translator:Translator",
    "adam": "zoo.objective:adam",
    "adopt": "zoo.training.adopting:adopt",
    "bijections": "zoo.nn.bijections",
    "check": "zoo._util.config:check",
    "conditions": "zoo.conditions",
    "data": "zoo.data.loading",
    "encoders": "zoo.nn.encoders",
    "errors": "zoo.errors",
    "expect": "zoo.testing.contract:expect",
    "hookimpl": "zoo.registry.plugins:hookimpl",
    "images": "zoo.images",
    "inputs": "zoo._util.inputs",
    "latent": "zoo.latent",
    "layers": "zoo.nn.layers",
    "losses": "zoo.nn.losses",
    "nested": "zoo._util.config:nested",
    "scan": "zoo.nn.scanning:scan",
    "setting": "zoo._util.config:setting",
    "spaces": "zoo.spaces",
    "splitting": "zoo.data.splitting",
    "tables": "zoo.tables",
}

__all__ = [
    "GAN",
    "AdversarialObjective",
    "AdversarialOptions",
    "Autoencoder",
    "Batch",
    "Column",
    "Condition",
    "Dataset",
    "FeatureNetwork",
    "Flow",
    "Model",
    "Noise",
    "Objective",
    "Recipe",
    "Reconstruction",
    "ReconstructionOptions",
    "Record",
    "Space",
    "Subject",
    "TensorDataset",
    "Translator",
    "adam",
    "adopt",
    "bijections",
    "check",
    "conditions",
    "data",
    "encoders",
    "errors",
    "expect",
    "hookimpl",
    "images",
    "inputs",
    "latent",
    "layers",
    "losses",
    "nested",
    "scan",
    "setting",
    "spaces",
    "splitting",
    "tables",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, _WHERE, name)


def __dir__() -> list[str]:
    return __all__

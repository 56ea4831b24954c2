"""`Trained`: estimators whose model is an architecture, trained on X by its own recipe."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo import building, registry
from zoo._util import inputs
from zoo._util.config import settings
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, ConfigError, InvalidInput
from zoo.model import Model
from zoo.recipe import Recipe
from zoo.registry.entries import Architecture
from zoo.sklearn._estimator import Estimator, sampled, seed_of
from zoo.training import starting
from zoo.training.fitting import shape_fields
from zoo.training.planning import blank

NOT_ITS = {*starting.OF_DATA, "storage", "steps", "batch_size", "seed"}  # fields of a recipe
ALONE = threading.Lock()  # a training seeds torch's own generator, and puts it back: not two of them at once


class Trained(Estimator):
    """Base of the estimators that train. A subclass says in `_lack` what it needs of a model."""

    architecture: str
    steps: int
    batch_size: int | None
    image_shape: tuple[int, ...] | None
    config: Mapping[str, Any] | None
    recipe: Mapping[str, Any] | None
    warm_start: bool
    verbose: bool
    accelerator: str
    random_state: Any
    _continued: Any = None  # of partial_fit

    def _lack(self, model: type[Model]) -> str:
        """Why a model of this class is of no use here, in words; empty if it is."""
        raise NotImplementedError

    def _fields(self) -> dict[str, Any]:
        """Fields of the architecture's Config that parameters of the estimator set."""
        return mapping("config", self.config)

    def _train(self, X: Any) -> NDArray[Any]:
        """Fit `model_` to X, and return that as (n, features)."""
        from zoo.training.loop import fit

        before = getattr(self, "model_", None) if self.warm_start else None
        found, rows, came, config, outline = self._understood(X, before, least=2)
        recipe = self._recipe(found, len(rows))

        def make() -> Model:
            model = starting.create(found, config, recipe)
            if before is not None:
                model.load_state_dict(before.state_dict())
            return model

        if outline.log_prob_kind == "exact" and outline.standard is not None:
            check_varied(rows)
        data = dataset(rows, came, outline)
        with ALONE:
            made = fit(make, data, recipe, progress=bool(self.verbose), accelerator=self.accelerator)
        self.model_, self.sample_shape_, self._continued = made.fuse(), came, None
        return rows

    def _train_on(self, X: Any) -> None:
        """Train what there is, or begin, on the samples of X once."""
        from zoo.training.continued import Continued

        before = getattr(self, "model_", None)
        found, rows, came, config, outline = self._understood(X, before, least=2 if before is None else 1)
        if config.get("components"):
            raise ConfigError(
                f"config has components={config['components']}, and partial_fit fits no density to codes, which move "
                "with every call. Leave it out, and when all is trained pass model_ and samples to zoo.latent.fit."
            )
        if before is None and outline.log_prob_kind == "exact" and outline.standard is not None:
            check_varied(rows)
        continued: Continued | None = self._continued
        recipe = self._recipe(found, 2**31, None if continued is None else continued.recipe.seed)
        if continued is None:
            continued = Continued(recipe, self.accelerator, self.random_state)
        else:
            continued.check_same(recipe, self.accelerator, self.random_state)

        def make() -> Model:
            return starting.create(found, config, continued.recipe) if before is None else copy.deepcopy(before).train()

        data = dataset(rows, came, outline)
        with ALONE:
            self.model_ = continued.go_on(make, data, standardised=before is not None).fuse()
        self._continued = continued
        if before is None:
            self.sample_shape_ = came

    def _understood(
        self, X: Any, before: Model | None, least: int
    ) -> tuple[Architecture, NDArray[Any], tuple[int, ...], dict[str, Any], Model]:
        """What is trained and on what: the architecture, X as (n, features) and the shape of a sample as it came, and
        what `_configured` says. before: the model that training goes on with, which takes its images flat as well."""
        found = self._architecture()
        rows, came = self._read(X, first=before is None, least=least)
        shape = came if before is None or len(came) > 1 else before.space.shape
        config, outline = self._configured(found, rows.shape[1], shape)
        if before is not None:
            check_same(before, outline)
        return found, rows, came, config, outline

    def _architecture(self) -> Architecture:
        """The architecture that is meant. Raises UnknownName, or CapabilityError for one that is of no use here."""
        found = registry.find_architecture(self.architecture)
        if reason := self._reason(found):
            known = registry.list_entries("architectures")
            able = ", ".join(sorted(each.qualified for each in known if not self._reason(each)))
            raise CapabilityError(f"{found.name} {reason}. {type(self).__name__} takes {able}.")
        return found

    def _reason(self, architecture: Architecture) -> str:
        if architecture.condition is not None:
            return f"is conditioned on a {architecture.condition}, which X does not have"
        return self._lack(building.resolve(architecture))

    def _configured(
        self, architecture: Architecture, features: int, came: tuple[int, ...]
    ) -> tuple[dict[str, Any], Model]:
        """The fields of the architecture's Config for samples that came in this shape, and its model without values.
        Raises ConfigError for fields, and InvalidInput for a shape that it cannot have."""
        given = self._fields()
        wanted = given.pop("image_shape", None) if self.image_shape is None else plain(self.image_shape)
        if wanted is not None and not isinstance(wanted, list):
            raise InvalidInput(f"image_shape={wanted!r}; expected (channels, height, width), for example (1, 28, 28).")
        shape = came if wanted is None else tuple(inputs.integer("image_shape", each, 1) for each in wanted)
        if math.prod(shape) != features or (len(came) > 1 and shape != came):
            has = f"samples of shape {came}" if len(came) > 1 else f"{features} features"
            raise InvalidInput(f"X has {has}, and image_shape={shape}. Let them agree, or leave image_shape out.")
        fields = shape_fields(architecture, shape)
        known = settings(building.resolve(architecture).config_class)
        if "components" in known:
            given.setdefault("components", 0)
        try:
            if not fields:
                raise ConfigError(f"{architecture.name} takes no samples of shape {shape}.")
            return given | fields, blank(architecture, given | fields)
        except ConfigError as error:
            blank(architecture, given)  # perhaps it is not the shape
            if len(shape) > 1:
                raise
            raise InvalidInput(
                f"{architecture.name} cannot be fitted to a table, n_features={features}: {error} "
                "Of images pass (n, channels, height, width), or image_shape=(channels, height, width)."
            ) from error

    def _recipe(self, architecture: Architecture, samples: int, seed: int | None = None) -> Recipe:
        """The architecture's recipe as changed; without a seed, of one by random_state. Raises ConfigError."""
        changes = mapping("recipe", self.recipe)
        if strange := sorted(changes.keys() & NOT_ITS):
            raise ConfigError(
                f"recipe has {', '.join(strange)}, which are not set there: the data are X, and steps, batch_size and "
                "random_state are parameters of the estimator."
            )
        recipe: Recipe = building.resolve(architecture).recipe.override(changes)
        size = recipe.batch_size if self.batch_size is None else inputs.integer("batch_size", self.batch_size, 1)
        steps = inputs.integer("steps", self.steps, 1)
        seed = seed_of(self.random_state) if seed is None else seed
        return recipe.override({"steps": steps, "batch_size": min(size, samples), "seed": seed})


def dataset(rows: NDArray[Any], came: tuple[int, ...], model: Model) -> TensorDataset:
    """X as data to train `model` on: vectors as they are, images as 8-bit levels. Raises InvalidInput."""
    return TensorDataset("X", "train", model.space.store(sampled(rows, came, model)))


def check_varied(rows: NDArray[Any]) -> None:
    """Raise InvalidInput for a table with a column that is the same in every row: it has no density."""
    for column in (rows == rows[0]).all(0).nonzero()[0][:1]:
        raise InvalidInput(f"column {column} of X is the same in every row, so it has no density. Leave it out.")


def check_same(before: Model, now: Model) -> None:
    """Raise ConfigError where training is to go on with another network."""
    if (before.provenance.architecture, before.config) != (now.provenance.architecture, now.config):
        raise ConfigError(
            f"training goes on with the {before.provenance.architecture} that was fitted, and {now.config} is another. "
            "To begin anew call fit with warm_start=False."
        )


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A parameter that is a dict or None, in plain values. Raises InvalidInput for anything else."""
    if not isinstance(value, (Mapping, type(None))):
        raise InvalidInput(f"{name}={value!r}; expected a dict from names to values, or None.")
    return {each: plain(item) for each, item in (value or {}).items()}


def plain(value: Any) -> Any:
    """A value with NumPy's numbers and arrays, as a grid of parameters may hold them, as Python's own."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value

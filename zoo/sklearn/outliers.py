"""`OutlierDetector`: samples unlike the rest, by a flow, by an autoencoder, or by a pretrained release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin

import zoo
from zoo._util import inputs
from zoo.errors import CapabilityError, InvalidInput
from zoo.model import Model
from zoo.sklearn._estimator import as_array, errors, sampled
from zoo.sklearn._training import Trained

BY = ("auto", "log_prob", "reconstruction")


class OutlierDetector(OutlierMixin, Trained):
    """Tell outliers by a low density, or by what an autoencoder fails to give back.

        OutlierDetector("flow-2d", contamination=0.02).fit_predict(table)                  # 1, and −1 for outliers
        OutlierDetector(release="realnvp-fashion-mnist").fit(clothes).score_samples(others)

    `score_samples` is larger for what is more like the rest: ln p in nats of a flow, minus the mean squared error of
    what an autoencoder gives back. `predict` calls outliers what scores below `offset_`, under which a share
    `contamination` of X in `fit` lies. Neither knows what an image shows: a simple picture of another kind may well be
    likelier, or given back better, than those trained on; `zoo outliers` measures it.

    architecture: what is trained on X. release: a pretrained one instead, which alone sets the threshold on X, and of
    which the parameters of training are ignored. by: log_prob, reconstruction, or auto, the former of flows. The other
    parameters and attributes are those of `Autoencoder`.
    """

    def __init__(
        self,
        architecture: str = "flow-2d",
        *,
        release: str | None = None,
        by: str = "auto",
        contamination: float = 0.1,
        steps: int = 2000,
        batch_size: int | None = None,
        image_shape: tuple[int, ...] | None = None,
        config: Mapping[str, Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
        warm_start: bool = False,
        accelerator: str = "auto",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.architecture = architecture
        self.release = release
        self.by = by
        self.contamination = contamination
        self.steps = steps
        self.batch_size = batch_size
        self.image_shape = image_shape
        self.config = config
        self.recipe = recipe
        self.warm_start = warm_start
        self.accelerator = accelerator
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X, unless by a release, and set the threshold. Raises ConfigError for parameters, InvalidInput for X
        that the model cannot take."""
        share = inputs.scalar("contamination", self.contamination, 0, "0.1")
        if not 0 < share <= 0.5:
            raise InvalidInput(f"contamination={share:g}; expected a share in (0, 0.5].")
        if self.by not in BY:
            raise InvalidInput(f"by={self.by!r}; expected one of {', '.join(BY)}.")
        if self.release is None:
            self._train(X)
        else:
            self._load(X, self.release)
        self.offset_ = float(np.percentile(self.score_samples(X), 100 * share))
        return self

    def score_samples(self, X: Any) -> NDArray[Any]:
        """How much each sample is like the rest, (n,): the lower, the more of an outlier."""
        samples, kind = self._samples(X)
        model = self._model(kind)
        if self._by(type(model)) == "log_prob":
            return as_array(model.log_prob(samples), kind)
        return as_array(-errors(model, samples), kind)

    def decision_function(self, X: Any) -> NDArray[Any]:
        """`score_samples` less `offset_`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[Any]:
        """1 for each sample that is like the rest, −1 for outliers, (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _load(self, X: Any, name: str) -> None:
        rows, came = self._read(X, first=True, least=2)
        model = zoo.load(name)
        if lack := self._lack(type(model)):
            raise CapabilityError(f"{name} {lack}. Choose another release.")
        if model.condition.required:
            raise CapabilityError(f"{name} is conditioned on a {model.condition.name}, which X does not have.")
        sampled(rows, came, model)
        self.model_, self.sample_shape_ = model, came

    def _by(self, model: type[Model]) -> str:
        if self.by != "auto":
            return self.by
        return "log_prob" if model.log_prob_kind == "exact" else "reconstruction"

    def _lack(self, model: type[Model]) -> str:
        can = model.capabilities()
        if self._by(model) == "log_prob":
            return "" if "log_prob" in can else "has no density"
        if self.by == "reconstruction" and model.log_prob_kind == "exact":
            return "is a bijection, which gives back everything"
        return "" if {"encode", "decode"} <= can and model.encodes_by == "network" else "has no encoder"

"""`Density`: a normalizing flow as scikit-learn's estimators of densities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from numpy.typing import NDArray
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from zoo.errors import CapabilityError
from zoo.model import Model
from zoo.registry.entries import Architecture
from zoo.sklearn._estimator import as_array, seed_of
from zoo.sklearn._training import Trained
from zoo.spaces import BinaryImages


class Density(DensityMixin, Trained):
    """A density, trained on X: a normalizing flow, or a model with a bound or an estimate of one.

        flow = Density("maf", random_state=0).fit(table)
        flow.score_samples(table)                   # ln p of each row, in nats
        flow.sample(100, random_state=1)

    `score` is the mean over samples, as of GaussianMixture, where KernelDensity gives the sum; `sample` is called as
    KernelDensity's. Of images ln p is that of points of [0, 1]^dimensions; `model_.bits_per_dim` is what papers report.
    Of a vae `sample` gives the decoder's means, which are no draws of the density that `score_samples` bounds: that has
    the decoder's noise on them.

    architecture: flow-2d, of tables, maf, iaf, planar, nice, realnvp, glow, vae … The other parameters and attributes
    are those of `Autoencoder`.
    """

    def __init__(
        self,
        architecture: str = "flow-2d",
        *,
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
        """Train on X. Raises ConfigError for parameters, and InvalidInput for X that the architecture cannot take or
        that has no density, a table with a constant column."""
        self._train(X)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train on the samples of X once, from where it was, at the full learning rate; `steps` does not count. Columns
        stay standardised as by the first call. After `fit`, or another, it goes on with the weights, and after another
        with the state of the optimizer too, which is in a pickle as well. Raises as `fit`."""
        self._train_on(X)
        return self

    def score_samples(self, X: Any) -> NDArray[Any]:
        """ln p of each sample in nats, (n,), as of `Model.log_prob`."""
        samples, kind = self._samples(X)
        return as_array(self._model(kind).log_prob(samples), kind)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`: the larger the better."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> NDArray[Any]:
        """`n_samples` draws in the form that X had in `fit`; without a random_state fresh ones."""
        check_is_fitted(self)
        drawn = self.model_.generate(n_samples, seed=seed_of(random_state))
        return drawn.view(-1, *self.sample_shape_).cpu().numpy()

    def _configured(
        self, architecture: Architecture, features: int, came: tuple[int, ...]
    ) -> tuple[dict[str, Any], Model]:
        config, outline = super()._configured(architecture, features, came)
        if isinstance(outline.space, BinaryImages):
            raise CapabilityError(
                f"this {architecture.name} is of black and white images, which have a probability and no density: X "
                "with greys could not be scored. Choose a config of other images, or another architecture."
            )
        return config, outline

    def _lack(self, model: type[Model]) -> str:
        return "" if {"log_prob", "generate"} <= model.capabilities() else "has no density"

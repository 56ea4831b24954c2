"""`Autoencoder`: fit, transform and inverse_transform by any architecture of the family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from zoo._util import inputs
from zoo.model import Model
from zoo.sklearn._estimator import Coder
from zoo.sklearn._training import Trained


class Autoencoder(Coder, Trained):
    """An autoencoder, trained on X, whose codes are features.

        from zoo.sklearn import Autoencoder

        few = make_pipeline(Autoencoder("conv-autoencoder", latent_dim=16), LogisticRegression())
        few.fit(clothes, labels)                                        # clothes: (n, 1, 28, 28), in [0, 1]
        GridSearchCV(Autoencoder(), {"latent_dim": [2, 8]}).fit(table)  # by the error of what was held out

    architecture: linear-autoencoder, autoencoder, sparse- or contractive-autoencoder of tables or images (the last with
    recipe={"objective.loss": "mse"} of tables); conv- or denoising-autoencoder, wae or vae of images. latent_dim:
    numbers in a code, by default the architecture's own, 30 of `autoencoder`, which of a narrow table is more than it
    has features. steps: batches to train on. batch_size: by default the architecture's, at most as many as X has
    samples. image_shape: (channels, height, width) of flat images. config, recipe: fields of the architecture's Config,
    {"hidden": [500, 250]}, and of its recipe, {"objective.learning_rate": 0.01}, as `zoo train --set` takes them.
    warm_start: whether another `fit` begins with the weights of the one before. accelerator: auto, cpu, cuda …, as of
    Lightning Fabric. verbose: show the progress.

    Attributes: `model_`, a `zoo.Model`; its codes have no density fitted to them unless config={"components": 1} asks
    for one to `generate` from. `n_features_in_`, `feature_names_in_`; `sample_shape_`, the form of X in `fit`.
    """

    def __init__(
        self,
        architecture: str = "autoencoder",
        *,
        latent_dim: int | None = None,
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
        self.latent_dim = latent_dim
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
        """Train on X. Raises ConfigError for parameters, InvalidInput for X that the architecture cannot take."""
        self._train(X)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train on the samples of X once, from where it was, at the full learning rate; `steps` does not count. Columns
        stay standardised as by the first call. After `fit`, or another, it goes on with the weights, and after another
        with the state of the optimizer too, which is in a pickle as well. No density is fitted to codes. Raises as
        `fit`, and ConfigError for config={"components": 1}."""
        self._train_on(X)
        return self

    def _lack(self, model: type[Model]) -> str:
        if not {"encode", "decode"} <= model.capabilities() or model.encodes_by != "network":
            return "has no encoder"
        return "is a bijection, whose code is as large as X" if model.log_prob_kind == "exact" else ""

    def _fields(self) -> dict[str, Any]:
        size = {} if self.latent_dim is None else {"latent_dim": inputs.integer("latent_dim", self.latent_dim, 0)}
        return super()._fields() | size

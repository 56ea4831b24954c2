"""`Encoder`: a pretrained release as a transformer."""

from __future__ import annotations

from typing import Any, Self

import zoo
from zoo.errors import CapabilityError
from zoo.sklearn._estimator import Coder, sampled


class Encoder(Coder):
    """The encoder of a release, and its decoder as the inverse; nothing is trained.

        features = make_pipeline(Encoder("vae-fashion-mnist"), StandardScaler(), LogisticRegression())
        features.fit(clothes, labels)          # clothes: (n, 784) or (n, 1, 28, 28), in [0, 1]

    release: a name, a folder or an address of the Hub, as of `zoo.load`. device: where it computes. offline: True
    forbids network access.

    X is in the release's own range, [0, 1] of images. Of a GAN, which has no encoder, each image takes an optimisation.
    Attributes: `model_`, a `zoo.Model`; `n_features_in_`; `sample_shape_`, the form of X in `fit`.

    Raises as `zoo.load`, CapabilityError for a release that cannot encode, InvalidInput for X of another shape or
    range.
    """

    def __init__(
        self, release: str = "vae-fashion-mnist", *, device: str | None = None, offline: bool | None = None
    ) -> None:
        self.release = release
        self.device = device
        self.offline = offline

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the release and look whether X are samples of its kind; nothing is learned from them."""
        rows, shape = self._read(X, first=True)
        model = self._load(rows.shape[1])
        model.require("encode")
        if model.condition.required:
            raise CapabilityError(f"{self.release} encodes under a {model.condition.name}, which X does not have.")
        sampled(rows, shape, model)
        self.model_, self.sample_shape_ = model, shape
        return self

    def _load(self, features: int) -> zoo.Model:
        return zoo.load(self.release, device=self.device, offline=self.offline)

"""What all estimators share: how X becomes samples of a model's space, the precision of results, and pickling."""

from __future__ import annotations

import copy
import math
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from zoo import building
from zoo._util import inputs
from zoo.errors import InvalidInput
from zoo.model import Model

DTYPES = (np.float64, np.float32)  # X of any other becomes the first


class Estimator(BaseEstimator):
    """Base of the estimators. `model_` is the fitted model, in eval mode; in a pickle it is a weights file."""

    model_: Model

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = packed(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = {**state, "model_": unpacked(state["model_"])}
        super().__setstate__(state)

    def _read(self, X: Any, *, first: bool = False, least: int = 1) -> tuple[NDArray[Any], tuple[int, ...]]:
        """X as (n, features) of float64 or float32, and the shape of a sample as it came. first: whether this is what
        is fitted to. Raises ValueError or TypeError for anything else, fewer than `least` samples, or, unless it is the
        first, other features."""
        flat, shape = flattened(X)
        rows = validate_data(self, flat, reset=first, dtype=DTYPES, ensure_min_samples=least)
        return rows, shape or rows.shape[1:]

    def _samples(self, X: Any) -> tuple[Tensor, Any]:
        """X as samples of the model's space, and the type that results are to have."""
        check_is_fitted(self)
        rows, shape = self._read(X)
        return sampled(rows, shape, self.model_), rows.dtype

    def _model(self, kind: Any) -> Model:
        """The model, computing in float64 for X of that type: results then do not depend on which rows come together,
        up to the 1e-7 that are scikit-learn's measure."""
        if kind != np.float64 or self.model_.device.type == "mps":
            return self.model_
        return copy.deepcopy(self.model_).to(dtype=torch.float64).fuse()


class Coder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """What estimators share whose model encodes and decodes."""

    def transform(self, X: Any) -> Any:
        """The codes (n, numbers in a code) of samples X."""
        samples, kind = self._samples(X)
        return as_array(self._model(kind).encode(samples).flatten(1), kind)

    def inverse_transform(self, Z: Any) -> NDArray[Any]:
        """Samples from codes (n, numbers in a code), in the form that X had in `fit`: (n, features), or images."""
        check_is_fitted(self)
        codes = check_array(Z, dtype=DTYPES, input_name="Z")
        if codes.shape[1] != self._n_features_out:
            raise InvalidInput(
                f"Z has {codes.shape[1]} columns, and a code of {self.model_.name} is {self._n_features_out} numbers. "
                "Pass what transform gives."
            )
        latents = tensor(codes).view(-1, *self.model_.latent_shape)
        made = self._model(codes.dtype).decode(latents)
        return as_array(made.view(-1, *self.sample_shape_), codes.dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean squared error of what codes of X give back: the larger the better, 0 for a perfect copy. Of
        the values of a table it is counted in standard deviations of the training data."""
        samples, kind = self._samples(X)
        return -float(errors(self._model(kind), samples).mean())

    @property
    def _n_features_out(self) -> int:
        return math.prod(self.model_.latent_shape)


def flattened(X: Any) -> tuple[Any, tuple[int, ...]]:
    """Images (n, channels, height, width), or a list of them, as (n, features), with their shape; anything else as it
    is, without one. Raises InvalidInput for images without channels."""
    if isinstance(X, (list, tuple)) and X and np.ndim(X[0]) > 1:
        X = np.stack([np.asarray(each) for each in X])
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) == 3:
        raise InvalidInput(
            f"X came with shape {shape}; expected (n, features) or (n, channels, height, width). Of grey images pass "
            "X[:, None]."
        )
    return (X.reshape(shape[0], -1), shape[1:]) if len(shape) == 4 and len(X) else (X, ())


def sampled(rows: NDArray[Any], shape: Sequence[int], model: Model) -> Tensor:
    """Rows (n, features), samples of this shape, as a batch of the model's. Raises InvalidInput for another space."""
    if len(shape) == 1:  # flat
        if rows.shape[1] != model.space.dimensions:
            raise InvalidInput(
                f"X has {rows.shape[1]} features; {model.name} takes {model.space}, {model.space.dimensions} numbers."
            )
        shape = model.space.shape
    return model.space.check(tensor(rows).view(-1, *shape))


def tensor(rows: NDArray[Any]) -> Tensor:
    """An array, which may be read-only, strided or of another byte order, as a tensor."""
    return torch.from_numpy(np.require(rows, rows.dtype.newbyteorder("="), ["C", "W"]))


def as_array(result: Tensor, kind: Any) -> NDArray[Any]:
    return result.cpu().numpy().astype(kind, copy=False)


def errors(model: Model, x: Tensor) -> Tensor:
    """Mean squared errors (n,) of decode(encode(x)), float64; of vectors in standard deviations."""
    x, copies = (model.standardised(part) for part in (x, model.reconstruct(x)))
    return (copies.double() - x.to(copies.device).double()).square().flatten(1).mean(1).cpu()


def seed_of(random_state: Any) -> int:
    """A seed: the number itself, one drawn by a generator of NumPy's, or a fresh one of None. Raises InvalidInput."""
    if random_state is None:
        return secrets.randbits(32)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**32, dtype=np.uint64))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    seed = inputs.integer("random_state", random_state, 0)
    if seed >= 2**32:
        raise InvalidInput(f"random_state={seed}; expected a whole number below 2**32.")
    return seed


def packed(model: Model) -> bytes:
    """The model as the bytes of a weights file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder, "model.safetensors"))
        return path.read_bytes()


def unpacked(content: bytes) -> Model:
    """The model that `packed` was given, on the CPU. Raises WeightsError for a file that cannot be used."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder, "model.safetensors")).write_bytes(content)
        return building.read(path).fuse()

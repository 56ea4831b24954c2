"""Standardising: the columns of a table, whatever their units, as numbers around 0 of deviation 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from zoo.nn.bijections import Bijection


class Standardise(Bijection):
    """z = (x − location)/scale for each column of (n, features), in float64.

    `fit` sets both to the mean and the deviation of all training samples; untrained, the layer is the identity. They
    have the precision of the data, float32 or float64, and keep it whatever becomes of the weights: a mean of 310,000
    is more than float16 has, and the 48.2 of latitudes has too few digits there. z is float64, for the caller to
    narrow; what `inverse` gives is float64 for such data, and else of the type of z.

    whole: bool (features,), the columns that held whole numbers only, of which a density is not to be trusted.
    """

    exact: ClassVar[tuple[str, ...]] = ("location", "scale")  # buffers that are stored as they are

    location: Tensor
    scale: Tensor
    whole: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(features, dtype=torch.float32))
        self.register_buffer("scale", torch.ones(features, dtype=torch.float32))
        self.register_buffer("whole", torch.zeros(features, dtype=torch.bool))

    @torch.no_grad()
    def fit(self, samples: Tensor) -> None:
        """Standardise by `samples` (n, features), which have the precision that is wanted."""
        x = samples.to("cpu", torch.float64)
        kind = torch.promote_types(samples.dtype, torch.float32)
        # By shares of the largest, whose squares neither overflow nor vanish.
        most = _or_one(x.abs().amax(0))
        location = (x / most).mean(0) * most
        away = x - location
        most = _or_one(away.abs().amax(0))
        scale = _or_one((away / most).square().mean(0).sqrt() * most)
        self.location = location.to(kind).to(self.location.device)
        self.scale = _or_one(scale.to(kind)).to(self.location.device)
        self.whole = are_whole(samples).to(self.location.device)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        location, scale = self._wide()
        z = (x.to(location.device, torch.float64) - location) / scale
        return z, -scale.log().sum().expand(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        location, scale = self._wide()
        x = z.to(location.device, torch.float64) * scale + location
        wide = self.location.dtype == torch.float64 and z.device.type != "mps"
        return x if wide else x.to(z.dtype).to(z.device)

    def rounded(self, x: Tensor) -> Tensor:
        """Samples with the columns that were whole rounded."""
        return torch.where(self.whole.to(x.device), x.round(), x)

    def _wide(self) -> tuple[Tensor, Tensor]:
        return self.location.double(), self.scale.double()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        kept = {name: self._buffers[name] for name in self.exact}
        self._buffers.update(dict.fromkeys(kept))
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = self.whole.device
        if device.type == "mps":  # which has no float64; the CPU computes for it
            device = torch.device("cpu")
        for name, tensor in kept.items():
            assert tensor is not None
            self._buffers[name] = torch.empty_like(tensor, device=device) if tensor.is_meta else tensor.to(device)
        return self


def with_standard(current: int, config: dict[str, Any], state: dict[str, Tensor], version: int) -> dict[str, Tensor]:
    """What `migrate` of a class of images or vectors, whose version is `current`, makes of a state dict from before
    its version 1, when vectors were not standardised."""
    shape = config.get("image_shape", ())
    if not state or version > 0 or current < 1 or len(shape) != 1:
        return state
    with torch.device("cpu"):
        identity = Standardise(shape[0]).state_dict(prefix="standard.")
    return {**identity, **state}


def are_whole(samples: Tensor) -> Tensor:
    """Which columns of (n, features) hold whole numbers only: bool (features,), on the CPU. Of numbers that
    are further apart than 1, as those of float64 from 2^53 on, none tells whether it was one."""
    x = samples.to("cpu", torch.float64)
    most = 2 / torch.finfo(torch.promote_types(samples.dtype, torch.float32)).eps
    return ((x == x.round()) & (x.abs() < most)).all(0)


def _or_one(scale: Tensor) -> Tensor:
    """Of a column that is the same everywhere 1, in place of 0."""
    return torch.where(scale > 0, scale, 1.0)

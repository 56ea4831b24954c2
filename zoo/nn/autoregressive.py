"""Bijections made of a MADE: each value is shifted and scaled given those before it, in one order of the values.

Fast in one direction, all values at once, and sequential in the other (Papamakarios, Pavlakou, Murray 2017,
arXiv:1705.07057, section 3.1), where inference computes no unit of the network twice (`zoo.nn.fused_made`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from zoo.nn.bijections import Bijection
from zoo.nn.fused_made import FusedMADE
from zoo.nn.fusing import Fusible
from zoo.nn.made import MADE


class MaskedAutoregressive(Bijection, Fusible):
    """z = (x − t)·exp(−s), where s and t of each value are functions of the values before it.

    Papamakarios et al. 2017, eq. 4 and 5, with bounded scales: s = bound·tanh(raw / bound). x to z is one pass of a
    MADE; z to x takes the values one after another, but no more arithmetic. With gradients, the latter is one pass for
    each value: keep it to few dimensions.
    """

    def __init__(
        self,
        features: int,
        hidden: Sequence[int],
        *,
        reverse: bool = False,
        bound: float = 2.0,
        spread: str = "evenly",
    ) -> None:
        super().__init__()
        self.network = MADE(features, hidden, reverse=reverse, spread=spread)
        self.bound = bound

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shift, scale = self._affine(x)
        return (x - shift) * torch.exp(-scale), -scale.sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        return self.solve(z)[0]

    def solve(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The x of which `z` is the image, and log |det ∂x/∂z| (n,)."""
        gradients = torch.is_grad_enabled() and (z.requires_grad or any(p.requires_grad for p in self.parameters()))
        fused = self.current()
        if gradients or (fused is None and torch.compiler.is_compiling()):
            return self._solve_by_passes(z)
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            return cast(FusedMADE, self.fusion() if fused is None else fused).solve(z)

    def fusion(self) -> FusedMADE:
        return FusedMADE(self.network, self.bound)

    def _affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """t and s of all values, each (n, features)."""
        fused = self.current()
        out = self.network(x) if fused is None else fused(x)
        # Whatever autocast makes of the network, the flow itself computes in the precision of the data.
        shift, raw = out.to(x.dtype).chunk(2, dim=1)
        return shift, self.bound * torch.tanh(raw / self.bound)

    def _solve_by_passes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x, log_det = torch.zeros_like(z), z.new_zeros(z.shape[0])
        for place in self.network.order:
            shift, scale = self._affine(x)
            # All values before this one are right by now, so its shift and scale are, and it becomes so.
            here = torch.arange(z.shape[1], device=z.device) == place
            x = torch.where(here, z * torch.exp(scale) + shift, x)
            log_det = log_det + scale[:, place]
        return x, log_det


class InverseAutoregressive(Bijection):
    """The other way round: z to x is one pass, x to z sequential (Kingma et al. 2016, arXiv:1606.04934, section 4)."""

    def __init__(self, features: int, hidden: Sequence[int], *, reverse: bool = False, bound: float = 2.0) -> None:
        super().__init__()
        self.turned = MaskedAutoregressive(features, hidden, reverse=reverse, bound=bound)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.turned.solve(x)

    def inverse(self, z: Tensor) -> Tensor:
        return cast(tuple[Tensor, Tensor], self.turned(z))[0]

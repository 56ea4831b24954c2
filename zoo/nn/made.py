"""MADE: a network whose outputs for a value depend only on the values before it.

Germain, Gregor, Murray, Larochelle 2015, "MADE: Masked Autoencoder for Distribution Estimation", arXiv:1502.03509.
Weights that would tell an output of its own value, or of a later one, are masked (section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.bijections import zeroed


class MaskedLinear(nn.Linear):
    """A linear layer from units of degrees `before` to units of degrees `after`, where a weight counts only if the
    degree after is at least, or, with `strict`, above the one before."""

    def __init__(self, before: Sequence[int], after: Sequence[int], *, strict: bool = False) -> None:
        super().__init__(len(before), len(after))
        self.before, self.after, self.strict = tuple(before), tuple(after), strict
        with torch.no_grad():  # what does not count never changes; as zeros it takes hardly any room in a release
            self.weight.mul_(self.mask())

    def mask(self) -> Tensor:
        """Which weights count, (out, in), bool."""
        # Not a buffer: a module that is built without storage, to be filled by a state dict, would lose it.
        before = torch.tensor(self.before, device=self.weight.device)
        after = torch.tensor(self.after, device=self.weight.device)[:, None]
        return after > before if self.strict else after >= before

    def masked(self) -> Tensor:
        """The weights, 0 where they do not count."""
        return self.weight * self.mask()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.masked(), self.bias)


class MADE(nn.Module):
    """Values (n, features) to two numbers for each, (n, 2 · features), that depend only on the values before it.

    Section 4. The first value has degree 1, the last `features`; hidden units have the degrees 1 …
    features − 1, sorted, evenly spread or, with spread="in turn", dealt out from 1 on. A unit sees values and units of
    up to its degree, an output those below its own. First come the first numbers of all values, then the second ones.
    hidden: widths of the ReLU layers; reverse: the last value is the first of the order. The last layer starts at zero.
    """

    def __init__(self, features: int, hidden: Sequence[int], *, reverse: bool = False, spread: str = "evenly") -> None:
        super().__init__()
        self.order = list(range(features))  # positions of the values, first to last
        if reverse:
            self.order.reverse()
        degrees = [[1 + place for place in self.order]]  # of the values, which is the same order backwards
        for width in hidden:
            if spread == "in turn":
                degrees.append(sorted(1 + i % (features - 1) for i in range(width)))
            else:
                degrees.append([1 + i * (features - 1) // width for i in range(width)])
        layers = [MaskedLinear(before, after) for before, after in pairwise(degrees)]
        self.hidden = nn.ModuleList(layers)
        self.last = zeroed(MaskedLinear(degrees[-1], 2 * degrees[0], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = F.relu(layer(x))
        out: Tensor = self.last(x)
        return out

    def layers(self) -> list[MaskedLinear]:
        """All layers, first to last."""
        return [*cast(list[MaskedLinear], list(self.hidden)), self.last]

"""A MADE for inference: weights masked and laid out once, and a sequential direction that costs one pass.

Sequential does not mean one pass of the network for each value: units are sorted by how many values they may see, so
every unit is computed once, as soon as these are known, and all steps together cost one full pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from zoo.nn.made import MADE, MaskedLinear

BLOCK = 128  # rows of a batch, and of a weight matrix, from which leaving out its zeros saves more than it costs


class FusedMADE(nn.Module):
    """A MADE and the bound of its log scales, with its weights as they are now."""

    def __init__(self, network: MADE, bound: float) -> None:
        super().__init__()
        self.reverse, self.bound = bool(network.order[0]), bound
        layers = network.layers()
        self.widths = [layer.out_features for layer in layers[:-1]]
        widest = max(layer.out_features for layer in layers)
        self.whole = nn.ModuleList(Blocks(layer, widest) for layer in layers)
        self.blocks = nn.ModuleList(Blocks(layer, BLOCK) for layer in layers) if widest > BLOCK else None
        self.steps = nn.ModuleList(_steps(network, bound))

    def forward(self, x: Tensor) -> Tensor:
        """What the network gives for values (n, features)."""
        layers = self.whole
        # A graph, whose number of rows is open, can hold one of the two.
        if self.blocks is not None and not torch.compiler.is_compiling() and x.shape[0] >= BLOCK:
            layers = self.blocks
        *hidden, last = layers
        for layer in hidden:
            x = layer(x).relu_()
        out: Tensor = last(x)
        return out

    def solve(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The x of which `z` (n, features) is the image, and log |det ∂x/∂z| (n,)."""
        steps = list(cast(Iterable[Step], self.steps))
        n, features = z.shape
        ordered = (z.flip(1) if self.reverse else z).T.contiguous()
        # Rows are of the transposed (units, n); row 0 holds ones, and column 0 of all weights the biases.
        state = [z.new_ones(1 + rows, n) for rows in (features, *self.widths)]
        affine = z.new_empty(2 * features, n)
        # Views are made all at once where they can be: they cost as much as the arithmetic of a small batch.
        sizes = [step.values for step in steps]
        latents, values = torch.split(ordered, sizes), torch.split(state[0][1:], sizes)
        pairs = torch.split(affine, [2 * size for size in sizes])
        halves = torch.split(affine, [size for size in sizes for _ in range(2)])
        units = [torch.split(h[1:], [step.units[i][0] for step in steps]) for i, h in enumerate(state[1:])]
        bound = z.new_tensor(self.bound)
        for k, step in enumerate(steps):
            torch.mm(step.affine, state[-1][: step.seen], out=pairs[k])
            scale = halves[2 * k + 1].tanh_().mul_(bound)
            torch.addcmul(halves[2 * k], latents[k], torch.exp(scale), out=values[k])
            for i, (weight, (count, seen)) in enumerate(zip(step.weights, step.units, strict=True)):
                if count:
                    torch.mm(weight, state[i][:seen], out=units[i][k]).relu_()
        x = state[0][1:].T
        return (x.flip(1) if self.reverse else x.contiguous()), torch.cat(halves[1::2]).sum(0)


class Blocks(nn.Module):
    """A masked layer, (n, inputs) to (n, outputs), in blocks of `size` outputs, each of the inputs that it sees."""

    def __init__(self, layer: MaskedLinear, size: int) -> None:
        super().__init__()
        self.inputs: list[slice] = []
        parts = (torch.split(part, size) for part in (layer.masked(), layer.mask(), layer.bias))
        for i, (weight, mask, bias) in enumerate(zip(*parts, strict=True)):
            columns = mask.any(0).nonzero().flatten().tolist() or [0]
            self.inputs.append(slice(columns[0], columns[-1] + 1))
            self.register_buffer(f"weight_{i}", weight[:, self.inputs[i]].t().contiguous(), persistent=False)
            self.register_buffer(f"bias_{i}", bias.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        outputs = [
            torch.addmm(getattr(self, f"bias_{i}"), x[:, inputs], getattr(self, f"weight_{i}"))
            for i, inputs in enumerate(self.inputs)
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)


class Step(nn.Module):
    """What the sequential direction computes at once: values that see the same units, then the units that see them.

    values: how many; seen: rows of the last hidden layer that they see; affine (2 · values, seen): their shifts, then
    their raw log scales over the bound. units: of each hidden layer how many, and how many rows they see, with
    `weights` (units, rows).
    """

    affine: Tensor

    def __init__(
        self, values: int, seen: int, affine: Tensor, units: Sequence[tuple[int, int]], weights: Sequence[Tensor]
    ) -> None:
        super().__init__()
        self.values, self.seen, self.units = values, seen, list(units)
        self.register_buffer("affine", affine, persistent=False)
        for i, weight in enumerate(weights):
            self.register_buffer(f"weight_{i}", weight, persistent=False)

    @property
    def weights(self) -> list[Tensor]:
        return [getattr(self, f"weight_{i}") for i in range(len(self.units))]


def _steps(network: MADE, bound: float) -> list[Step]:
    """The steps in order, with the slices of the weights that each needs."""
    layers = network.layers()
    joined, features = _joined(network, bound), layers[0].in_features
    # known[i][k]: how many rows of layer i, the one of ones included, are known with k values.
    known = [[1 + k for k in range(features + 1)]]
    for layer in layers[:-1]:
        known.append([1 + sum(degree <= k for degree in layer.after) for k in range(features + 1)])
    # Between two changes of what is known of the last hidden layer, values do not depend on each other.
    cuts = [0, *(k for k in range(1, features) if known[-1][k] != known[-1][k - 1]), features]
    steps = []
    for low, high in pairwise(cuts):
        seen = known[-1][low]
        affine = joined[-1][:, low:high, :seen].flatten(0, 1).contiguous()
        units, weights = [], []
        for i, weight in enumerate(joined[:-1]):
            rows, columns = slice(known[i + 1][low] - 1, known[i + 1][high] - 1), known[i][high]
            units.append((rows.stop - rows.start, columns))
            weights.append(weight[rows, :columns].contiguous())
        steps.append(Step(high - low, seen, affine, units, weights))
    return steps


def _joined(network: MADE, bound: float) -> list[Tensor]:
    """The layers' weights, (units, 1 + inputs), with the biases as column 0 and the values in order; of the last layer
    (2, features, 1 + inputs), shifts and log scales, the latter over the bound."""
    layers, reverse = network.layers(), bool(network.order[0])
    joined = []
    for i, layer in enumerate(layers):
        weight, bias = layer.masked(), layer.bias[:, None]
        if i == 0 and reverse:
            weight = weight.flip(1)
        if i == len(layers) - 1:
            weight, bias = (torch.stack(m.chunk(2)) for m in (weight, bias))
            if reverse:
                weight, bias = weight.flip(1), bias.flip(1)
            both = torch.tensor((1.0, 1 / bound), device=weight.device, dtype=weight.dtype).view(2, 1, 1)
            weight, bias = weight * both, bias * both
        joined.append(torch.cat((bias, weight), dim=-1))
    return joined

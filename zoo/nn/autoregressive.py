"""Masked autoregressive layers: each value is shifted and scaled given those before it, in one order of the values.

MADE (Germain, Gregor, Murray, Larochelle 2015, arXiv:1502.03509) is a network whose outputs for a value depend only on
the values before it, since weights that would tell more are masked. The bijection made of it is fast in one direction,
all values at once, and sequential in the other (Papamakarios, Pavlakou, Murray 2017, arXiv:1705.07057, section 3.1).

Sequential does not mean one pass of the network for each value: units are sorted by how many values they may see, so
every unit is computed once, as soon as these are known, and all steps together cost one full pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.bijections import Bijection, zeroed

T = TypeVar("T")

BLOCK = 128  # rows of a batch, and of a weight matrix, from which leaving out its zeros saves more than it costs


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

    Germain et al. 2015, section 4. The first value has degree 1, the last `features`; hidden units have the degrees 1 …
    features − 1, evenly spread and sorted. A unit sees values and units of up to its degree, an output those below its
    own. First come the first numbers of all values, then the second ones. hidden: widths of the ReLU layers; reverse:
    the last value is the first of the order. The last layer starts at zero.
    """

    def __init__(self, features: int, hidden: Sequence[int], *, reverse: bool = False) -> None:
        super().__init__()
        self.order = list(range(features))  # positions of the values, first to last
        if reverse:
            self.order.reverse()
        degrees = [[1 + place for place in self.order]]  # of the values, which is the same order backwards
        for width in hidden:
            degrees.append([1 + i * (features - 1) // width for i in range(width)])
        layers = [MaskedLinear(before, after) for before, after in pairwise(degrees)]
        self.hidden = nn.ModuleList(layers)
        self.last = zeroed(MaskedLinear(degrees[-1], 2 * degrees[0], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = F.relu(layer(x))
        out: Tensor = self.last(x)
        return out


def _blocks(layer: MaskedLinear, size: int) -> list[tuple[slice, Tensor, Tensor]]:
    """The layer in blocks of `size` outputs: for each the inputs it sees, transposed weights, and biases."""
    parts = (torch.split(part, size) for part in (layer.masked(), layer.mask(), layer.bias))
    blocks = []
    for weight, mask, bias in zip(*parts, strict=True):
        columns = mask.any(0).nonzero().flatten().tolist() or [0]
        inputs = slice(columns[0], columns[-1] + 1)
        blocks.append((inputs, weight[:, inputs].t().contiguous(), bias))
    return blocks


def _apply(blocks: list[tuple[slice, Tensor, Tensor]], x: Tensor) -> Tensor:
    """What the layer gives for `x` (n, inputs)."""
    outputs = [torch.addmm(bias, x[:, inputs], weight) for inputs, weight, bias in blocks]
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)


@dataclass(frozen=True)
class Step:
    """What the sequential direction computes at once: values that see the same units, then the units that see them.

    Rows are of the transposed (units, n); row 0 holds ones, and column 0 of all weights the biases."""

    values: int  # how many
    seen: int  # rows of the last hidden layer that they see
    affine: Tensor  # (2 · values, seen): their shifts, then their raw log scales over the bound
    units: list[tuple[int, int, Tensor]]  # of each hidden layer: how many, rows they see, weights (units, rows)


class MaskedAutoregressive(Bijection):
    """z = (x − t)·exp(−s), where s and t of each value are functions of the values before it.

    Papamakarios et al. 2017, eq. 4 and 5, with bounded scales: s = bound·tanh(raw / bound). x to z is one pass of a
    MADE; z to x takes the values one after another, but no more arithmetic. With gradients, the latter is one pass for
    each value: keep it to few dimensions.

    Without gradients and in eval mode, masked weights are computed once and kept until the parameters change.
    """

    def __init__(self, features: int, hidden: Sequence[int], *, reverse: bool = False, bound: float = 2.0) -> None:
        super().__init__()
        self.network = MADE(features, hidden, reverse=reverse)
        self.bound = bound
        self._kept: dict[str, tuple[Any, list[Tensor], list[Any]]] = {}

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shift, scale = self._affine(x)
        return (x - shift) * torch.exp(-scale), -scale.sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        return self.solve(z)[0]

    def solve(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The x of which `z` is the image, and log |det ∂x/∂z| (n,)."""
        if torch.is_grad_enabled() and (z.requires_grad or any(p.requires_grad for p in self.parameters())):
            return self._solve_by_passes(z)
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            return self._solve_by_steps(z)

    def _affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """t and s of all values, each (n, features)."""
        if torch.is_grad_enabled() or self.training:
            # Whatever autocast makes of the network, the flow itself computes in the precision of the data.
            out = self.network(x)
        else:
            rows = BLOCK if len(x) >= BLOCK else max(layer.out_features for layer in self._layers())
            *hidden, last = self._keep(f"blocks of {rows}", lambda: [_blocks(m, rows) for m in self._layers()])
            h = x
            for blocks in hidden:
                h = _apply(blocks, h).relu_()
            out = _apply(last, h)
        shift, raw = out.to(x.dtype).chunk(2, dim=1)
        return shift, self.bound * torch.tanh(raw / self.bound)

    def _solve_by_passes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x, log_det = torch.zeros_like(z), z.new_zeros(len(z))
        for place in self.network.order:
            shift, scale = self._affine(x)
            # All values before this one are right by now, so its shift and scale are, and it becomes so.
            here = torch.arange(z.shape[1], device=z.device) == place
            x = torch.where(here, z * torch.exp(scale) + shift, x)
            log_det = log_det + scale[:, place]
        return x, log_det

    def _solve_by_steps(self, z: Tensor) -> tuple[Tensor, Tensor]:
        steps: list[Step] = self._keep("steps", self._steps)
        n, features = z.shape
        ordered = (z.flip(1) if self.network.order[0] else z).T.contiguous()
        state = [z.new_ones(1 + rows, n) for rows in (features, *(m.out_features for m in self._layers()[:-1]))]
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
            for i, (count, seen, weight) in enumerate(step.units):
                if count:
                    torch.mm(weight, state[i][:seen], out=units[i][k]).relu_()
        x = state[0][1:].T
        return (x.flip(1) if self.network.order[0] else x.contiguous()), torch.cat(halves[1::2]).sum(0)

    def _steps(self) -> list[Step]:
        """The steps in order, with the slices of the weights that each needs."""
        layers = self._layers()
        features, reverse = layers[0].in_features, bool(self.network.order[0])
        joined = []
        for i, layer in enumerate(layers):
            weight, bias = layer.masked(), layer.bias[:, None]
            if i == 0 and reverse:
                weight = weight.flip(1)
            if i == len(layers) - 1:
                weight, bias = (torch.stack(m.chunk(2)) for m in (weight, bias))
                if reverse:
                    weight, bias = weight.flip(1), bias.flip(1)
                both = torch.tensor((1.0, 1 / self.bound), device=weight.device, dtype=weight.dtype).view(2, 1, 1)
                weight, bias = weight * both, bias * both
            joined.append(torch.cat((bias, weight), dim=-1))

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
            units = []
            for i, weight in enumerate(joined[:-1]):
                rows, columns = slice(known[i + 1][low] - 1, known[i + 1][high] - 1), known[i][high]
                units.append((rows.stop - rows.start, columns, weight[rows, :columns].contiguous()))
            steps.append(Step(high - low, seen, affine, units))
        return steps

    def _layers(self) -> list[MaskedLinear]:
        return [*cast(list[MaskedLinear], list(self.network.hidden)), self.network.last]

    def _keep(self, name: str, build: Callable[[], list[T]]) -> list[T]:
        """What `build` makes of the parameters, made again only when they are others or have been changed since.

        autograd counts changes, but not those through `.data`: of these, any that touches a bias is noticed.
        """
        layers = self._layers()
        if self.training or layers[0].weight.is_inference():  # whose changes are not counted
            return build()
        now = [(p.data_ptr(), p._version, p.dtype, p.device) for m in layers for p in (m.weight, m.bias)]
        known, biases, kept = self._kept.get(name, (None, [], []))
        if known != now or not all(torch.equal(m.bias, bias) for m, bias in zip(layers, biases, strict=True)):
            # Outside of inference mode, whose tensors serve nowhere else.
            with torch.inference_mode(False), torch.no_grad():
                biases, kept = [m.bias.clone() for m in layers], build()
            self._kept[name] = (now, biases, kept)
        return cast(list[T], kept)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}  # copies make their own


class InverseAutoregressive(Bijection):
    """The other way round: z to x is one pass, x to z sequential (Kingma et al. 2016, arXiv:1606.04934, section 4)."""

    def __init__(self, features: int, hidden: Sequence[int], *, reverse: bool = False, bound: float = 2.0) -> None:
        super().__init__()
        self.turned = MaskedAutoregressive(features, hidden, reverse=reverse, bound=bound)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.turned.solve(x)

    def inverse(self, z: Tensor) -> Tensor:
        return cast(tuple[Tensor, Tensor], self.turned(z))[0]

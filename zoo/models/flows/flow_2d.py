"""Flow for tables: a normalizing flow of points in the plane, or of the rows of any small table.

The steps of Glow (Kingma, Dhariwal 2018, arXiv:1807.03039, table 1) on vectors: an actnorm, an invertible linear layer
in LU form (eq. 10; Oliva et al. 2018, arXiv:1801.09819, use it on tables) and an affine coupling (Dinh,
Sohl-Dickstein, Bengio 2016, arXiv:1605.08803, eq. 7 and 8), whose scales and shifts a small network reads off the other
half of the features. The first actnorm standardises the columns, so a table needs no scaling; the prior is a learned
diagonal Gaussian.

Differs from the papers:
- there is one actnorm, not one for each step: on vectors the linear layers do its work;
- the networks have two hidden layers with SiLU, which is smooth: so is the density;
- log scales are bounded, s = b·tanh(raw / b), and every coupling starts as the identity;
- of an odd number of features, the larger part is given;
- the weights of the networks decay (AdamW; Loshchilov, Hutter 2019, arXiv:1711.05101). `Config` and recipe are meant
  for a table of hundreds of rows, to which a larger flow fits so closely that one unusual row costs it thousands of
  nats; with more rows, let it be larger, train it longer, and let the weights decay less, as the releases did.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.models._flow import Flow
from zoo.models._flow import Objective as MaximumLikelihood
from zoo.nn.bijections import Bijection, Chain, Coupling, zeroed
from zoo.nn.linear import LU, ActNorm, Diagonal
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int] = setting((2,), "(features,), at least two", at_least=2)
    steps: int = setting(4, "linear layers and couplings", at_least=1)
    width: int = setting(32, "units of the hidden layers", at_least=1)
    bound: float = setting(1.0, "largest |log scale| of a coupling", above=0, example=1)

    def __post_init__(self) -> None:
        check(self, "flow-2d")


class Network(nn.Module):
    """Given features (n, given) to log scale and shift of `changed` others (n, 2 · changed); the last layer starts at
    zero."""

    def __init__(self, given: int, changed: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(given, width)
        self.middle = nn.Linear(width, width)
        self.last = zeroed(nn.Linear(width, 2 * changed))

    def forward(self, given: Tensor) -> Tensor:
        out: Tensor = self.last(F.silu(self.middle(F.silu(self.first(given)))))
        return out


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(0.002, "AdamW's", at_least=0)
    weight_decay: float = setting(0.0, "of the networks' weights", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Objective(MaximumLikelihood):
    """Maximum likelihood with AdamW, which lets the weights of the networks decay, and nothing else."""

    options_class = Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        kinds: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, parameter in self.model.named_parameters():
            kinds[".network." in name].append(parameter)
        groups = [{"params": kinds[kind], "weight_decay": self.options.weight_decay * kind} for kind in (True, False)]
        return {"flow": torch.optim.AdamW(groups, lr=self.options.learning_rate)}


class Flow2D(Flow[Config]):
    """Generate, encode, decode and exact log_prob of vectors."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(
        dataset="two-moons",
        steps=2000,
        batch_size=256,
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=200,
        objective={"learning_rate": 0.002, "weight_decay": 5.0},
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        features = self.space.dimensions
        given, changed = features - features // 2, features // 2  # tensor_split gives the first part the odd one
        layers: list[Bijection] = [ActNorm(features)]
        for _ in range(config.steps):
            network = Network(given, changed, config.width)
            layers += [LU(features), Coupling(network, (0,), 2, bound=config.bound)]
        self.bijection = Chain(*layers, Diagonal(features))

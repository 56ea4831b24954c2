"""RBM: restricted Boltzmann machine of binary pixels and binary hidden units.

Smolensky 1986; Hinton 2002, "Training products of experts by minimizing contrastive divergence"; Salakhutdinov & Murray
2008, "On the quantitative analysis of deep belief networks", whose notation this follows. An image v and hidden units h
have the energy E(v, h) = −b·v − c·h − v·W·h and the probability e^−E / Z. Given one side, the units of the other are
independent, so that block Gibbs sampling draws them all at once.

Training follows the gradient of ln p(v): that of the free energy F(v) = −ln Σ_h e^−E(v, h) at the data less that at
samples of the model. Contrastive divergence (CD-k) takes these from k Gibbs steps begun at the data; persistent
contrastive divergence (Tieleman 2008) from chains that go on from batch to batch.

`log_prob` is the mass ln p(v) = −F(v) − ln Z of binary images. ln Z is a sum over all 2^hidden states for at most 20
hidden units and estimated by annealed importance sampling (Neal 2001) for more; see `RBM.log_partition`.

Differs from the papers: the learning rate falls to 0 and momentum is not used.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.plugin import Batch, Model, Noise, Recipe, check, inputs, setting, spaces
from zoo.plugin import Objective as BaseObjective

# Up to so many hidden units Z is summed exactly; rows of that sum worked out at once.
ENUMERABLE, ROWS = 20, 2**12


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_size: int = setting(28, "side of an image", at_least=1)
    channels: int = setting(1, "of an image", at_least=1)
    hidden: int = setting(500, "hidden units", at_least=1)

    def __post_init__(self) -> None:
        check(self, "rbm")


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(0.05, "of plain gradient descent", at_least=0)
    gibbs_steps: int = setting(5, "k of CD-k, or between two updates of the persistent chains", at_least=1)
    persistent: bool = setting(True, "whether chains go on from batch to batch")
    chains: int = setting(100, "how many there are", at_least=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["RBM"]):
    """Contrastive divergence: the free energy of the data less that of samples, in nats per image."""

    options_class = Options
    options: Options

    def __init__(self, model: RBM, options: Options) -> None:
        super().__init__(model, options)
        self.chains: Tensor
        self.seen: Tensor
        self.register_buffer("chains", torch.zeros(options.chains, model.space.dimensions))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"rbm": torch.optim.SGD(self.model.parameters(), lr=self.options.learning_rate)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        v = batch.images.flatten(1)
        with torch.no_grad():
            self._look(v)
            samples = self.chains if self.options.persistent else v
            for _ in range(self.options.gibbs_steps):
                hidden = self.model.hidden_probabilities(samples).bernoulli()
                samples = self.model.visible_probabilities(hidden).bernoulli()
            if self.options.persistent:
                self.chains.copy_(samples)
        yield "rbm", self.model.free_energy(v).mean() - self.model.free_energy(samples).mean()

    def _look(self, v: Tensor) -> None:
        """Keep the mean image; at the first batch, let visible units and chains start from it (Hinton 2010, "A
        practical guide to training restricted Boltzmann machines", section 8)."""
        self.seen += 1
        mean = v.mean(0)
        if torch.distributed.is_initialized():  # all processes start from the same biases
            torch.distributed.all_reduce(mean)
            mean /= torch.distributed.get_world_size()
        self.model.mean += (mean - self.model.mean) / self.seen
        if self.seen == 1:
            self.model.visible_bias.copy_(self.model.base())
            self.chains.copy_(self.model.mean.expand_as(self.chains).bernoulli())


class RBM(Model[Config]):
    """Generate by block Gibbs sampling, encode to the hidden units' probabilities, decode to the pixels', and give
    ln p(x) of binary images."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(batch_size=100, steps=60_000, schedule="linear")
    log_prob_kind = "estimate"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = spaces.BinaryImages((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.hidden,)
        self.weight = nn.Parameter(0.01 * torch.randn(self.space.dimensions, config.hidden))
        self.visible_bias = nn.Parameter(torch.zeros(self.space.dimensions))
        self.hidden_bias = nn.Parameter(torch.zeros(config.hidden))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(self.space.dimensions))  # of the training images
        self._partition: tuple[tuple[int, int, int], list[Tensor], tuple[float, float]] | None = None

    def hidden_probabilities(self, v: Tensor, temperature: float = 1.0) -> Tensor:
        """p(h_j = 1 | v), (n, hidden), of images (n, pixels); of the distribution e^(−E / temperature)."""
        return _probability(F.linear(v, self.weight.T, self.hidden_bias), temperature)

    def visible_probabilities(self, h: Tensor, temperature: float = 1.0) -> Tensor:
        """p(v_i = 1 | h), (n, pixels), of hidden units (n, hidden); of the distribution e^(−E / temperature)."""
        return _probability(F.linear(h, self.weight, self.visible_bias), temperature)

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = −b·v − Σ_j ln(1 + e^(c_j + (v·W)_j)) in nats (n,) of images (n, pixels)."""
        return -v @ self.visible_bias - F.softplus(F.linear(v, self.weight.T, self.hidden_bias)).sum(1)

    def base(self) -> Tensor:
        """Biases (pixels,) under which independent pixels have the training images' means, kept off 0 and 1."""
        return self.mean.clamp(0.005, 0.995).logit()

    def _generate(self, noise: Noise, condition: Tensor | None, temperature: float, *, steps: int = 1000) -> Tensor:
        return self._gibbs(noise, steps, temperature).to(noise.dtype).view(-1, *self.space.shape)

    def _draw(self, noise: Noise) -> Tensor:
        return self.hidden_probabilities(self._gibbs(noise, 1000, 1.0).to(noise.dtype))

    def _gibbs(self, noise: Noise, steps: int, temperature: float) -> Tensor:
        """The pixels (n, pixels) of chains that began with those of the mean training image, `steps` steps ago.

        In float64: where float32 rounds differently, on another machine, one unit in ten million would take the other
        state, and its chain another course.
        """
        machine = copy.deepcopy(self).double()
        v = (noise.uniform(self.space.dimensions) < machine.base().sigmoid()).double()
        for _ in range(inputs.integer("steps", steps, 1)):
            h = noise.uniform(*self.latent_shape) < machine.hidden_probabilities(v, temperature)
            v = (noise.uniform(self.space.dimensions) < machine.visible_probabilities(h.double(), temperature)).double()
        return v

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return self.visible_probabilities(z).view(-1, *self.space.shape)

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.hidden_probabilities(images.flatten(1))

    def _log_prob(
        self, images: Tensor, condition: Tensor | None, noise: Noise, *, samples: int = 100, steps: int = 3000
    ) -> Tensor:
        log_z, _ = self.log_partition(samples=samples, steps=steps, seed=noise.seed)
        return -self.free_energy(images.flatten(1)) - log_z

    def log_partition(self, *, samples: int = 100, steps: int = 3000, seed: int = 0) -> tuple[float, float]:
        """ln Z and its standard error, in nats: exact, with an error of 0, for at most 20 hidden units.

        Otherwise by annealed importance sampling (Salakhutdinov & Murray 2008, section 3): `samples` runs through
        `steps` distributions between independent pixels of the training images' means and the machine; `seed` sets
        their noise. Kept until a weight changes. Raises InvalidInput when `samples` is below 2 or `steps` below 1, and
        for a model in half precision.
        """
        self._require_density()
        key = inputs.integer("samples", samples, 2), inputs.integer("steps", steps, 1), inputs.seed(seed)
        made_of = [*self.parameters(), self.mean]
        if self._partition is not None:
            last, tensors, result = self._partition
            if last == key and all(map(_same, tensors, made_of)):
                return result
        machine = copy.deepcopy(self).double()  # as for `_gibbs`, and whatever autocast the caller is in
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            enumerable = self.config.hidden <= ENUMERABLE
            result = (machine._enumerate(), 0.0) if enumerable else machine._anneal(*key)
        self._partition = key, [tensor.detach().clone() for tensor in made_of], result
        return result

    def _enumerate(self) -> float:
        """ln Z = ln Σ_h e^(c·h) Π_i (1 + e^(b_i + (W·h)_i))."""
        hidden, device = self.config.hidden, self.weight.device
        bits = torch.arange(hidden, device=device)
        terms = []
        for first in range(0, 2**hidden, ROWS):
            states = torch.arange(first, min(first + ROWS, 2**hidden), device=device)
            h = (states[:, None] >> bits & 1).to(self.weight.dtype)
            activation = F.linear(h, self.weight, self.visible_bias)
            terms.append(h @ self.hidden_bias + F.softplus(activation).sum(1))
        return float(torch.logsumexp(torch.cat(terms), 0))

    def _anneal(self, samples: int, steps: int, seed: int) -> tuple[float, float]:
        """ln Z of the machine from that of independent pixels: from β = 0 to 1 through the distributions whose energies
        are (1 − β) times those of the one and β times those of the other, the steps between smaller at both ends."""
        noise = self.noise_class(seed, 0, samples, stream="partition", device=self.device, dtype=self.dtype)
        base = self.base()
        v = (noise.uniform(self.space.dimensions) < base.sigmoid()).to(self.dtype)
        log_weights = torch.zeros(samples, dtype=self.dtype, device=self.device)
        for before, beta in itertools.pairwise(_sigmoidal(steps)):
            # ln of the unnormalised mass of v at β less that at the β before
            activation = F.linear(v, self.weight.T, self.hidden_bias)
            gain = (F.softplus(beta * activation) - F.softplus(before * activation)).sum(1)
            log_weights += gain + (beta - before) * (v @ (self.visible_bias - base))
            h = (noise.uniform(*self.latent_shape) < (beta * activation).sigmoid()).to(v.dtype)
            bias = (1 - beta) * base + beta * self.visible_bias
            v = (noise.uniform(self.space.dimensions) < (bias + beta * F.linear(h, self.weight)).sigmoid()).to(v.dtype)
        log_base = float(F.softplus(base).sum()) + self.config.hidden * math.log(2)
        relative = (log_weights - log_weights.max()).exp()
        log_mean = float(log_weights.max() + relative.mean().log())
        # The delta method: the standard error of ln of a mean is that of the mean, as a share of it.
        return log_base + log_mean, float(relative.std() / relative.mean()) / math.sqrt(samples)


def _sigmoidal(steps: int) -> list[float]:
    """Numbers from 0 to 1 in so many steps, spaced as a logistic function rises from −4 to 4 (Grosse, Ghahramani,
    Adams 2015, arXiv:1511.02543)."""
    betas = torch.linspace(-4, 4, steps + 1, dtype=torch.float64, device="cpu").sigmoid()
    return ((betas - betas[0]) / (betas[-1] - betas[0])).tolist()


def _probability(activation: Tensor, temperature: float) -> Tensor:
    return (activation / temperature).sigmoid() if temperature else (activation > 0).to(activation.dtype)


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether type, device and every value are the same."""
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)

"""A mixture of Gaussians over latents: the density from which an autoencoder, which has no prior, can be sampled."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo.errors import MissingExtra
from zoo.noise import Noise


def check_fitting() -> None:
    """Raise MissingExtra unless what `GaussianMixture.fit` needs is installed."""
    try:
        import sklearn.mixture  # noqa: F401
    except ImportError as error:
        how = "Install it with: pip install 'generative-zoo[train]'"
        raise MissingExtra(f"fitting a mixture of Gaussians needs scikit-learn. {how}") from error


def packed(factors: Tensor) -> Tensor:
    """Lower triangles (n, dim, dim) as (n, dim·(dim + 1)/2), row by row."""
    rows, columns = torch.tril_indices(*factors.shape[1:], device=factors.device)
    return factors[:, rows, columns]


def unpacked(values: Tensor, dim: int) -> Tensor:
    """What `packed` makes (n, dim·(dim + 1)/2), as (n, dim, dim); anything else as it is, for others to judge."""
    if values.ndim != 2 or values.shape[1] != dim * (dim + 1) // 2:
        return values
    rows, columns = torch.tril_indices(dim, dim, device=values.device)
    factors = values.new_zeros(len(values), dim, dim)
    factors[:, rows, columns] = values
    return factors


class GaussianMixture(nn.Module):
    """Latents (n, dim) from Σ_k weights_k · N(means_k, factors_k factors_kᵀ). Until it is fitted, each is N(0, I).

    Fitting a density to the codes of a trained autoencoder makes a generative model of it (ex-post density estimation:
    Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, arXiv:1903.12436, section 4). In a state dict `factors` are what
    lies on and below the diagonal, row by row: the rest is 0, and half of a file.
    """

    exact: ClassVar[tuple[str, ...]] = ("weights", "means")  # stored as they are: rounding would add up
    halved: ClassVar[tuple[str, ...]] = ("factors",)  # of which 16 bits move a pixel by 0.001 at most

    weights: Tensor
    means: Tensor
    factors: Tensor  # lower triangular, Cholesky factors of the covariances

    def __init__(self, components: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.full((components,), 1 / components, dtype=torch.float32))
        self.register_buffer("means", torch.zeros(components, dim, dtype=torch.float32))
        self.register_buffer("factors", torch.eye(dim, dtype=torch.float32).repeat(components, 1, 1))

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}factors"] = packed(destination[f"{prefix}factors"])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        key = f"{prefix}factors"
        if (kept := state_dict.get(key)) is not None:
            state_dict[key] = unpacked(kept, self.means.shape[1])
        super()._load_from_state_dict(state_dict, prefix, *args)

    def draw(self, noise: Noise, temperature: float = 1.0) -> Tensor:
        """A latent for each sample of the noise; temperature: factor on the deviations around the means."""
        # From whole numbers, so that the type of the weights does not choose another Gaussian.
        chosen = (noise.integers(2**24)[:, None].float() / 2**24 >= self.weights.float().cumsum(0)[:-1]).sum(1)
        epsilon = noise.normal(self.means.shape[1]).to(self.means)
        around = torch.zeros_like(epsilon)
        for component, factor in enumerate(self.factors):  # a factor for each sample would take much memory
            moved = (factor @ epsilon[:, :, None])[:, :, 0]
            around = torch.where((chosen == component)[:, None], moved, around)
        return self.means[chosen] + temperature * around

    def log_prob(self, z: Tensor) -> Tensor:
        """ln of the density of latents (n, dim) in nats, (n,)."""
        each = []
        for mean, factor in zip(self.means, self.factors, strict=True):
            away = torch.linalg.solve_triangular(factor, (z - mean).T, upper=False)  # (dim, n)
            scale = factor.diagonal().abs().log().sum() + 0.5 * z.shape[1] * math.log(2 * math.pi)
            each.append(-0.5 * away.square().sum(0) - scale)
        return torch.logsumexp(self.weights.log() + torch.stack(each, 1), 1)

    @torch.no_grad()
    def fit(self, codes: Tensor, *, seed: int = 0) -> None:
        """Fit to codes (n, dim) by expectation maximisation. Where they are all alike, draws will be too. Raises
        MissingExtra without scikit-learn."""
        check_fitting()
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Fitted

        x = codes.to("cpu", torch.float64)
        varying = x.var(0, correction=0).mean().item()
        # A direction in which codes do not vary must not make a Gaussian singular, nor one of tiny codes all of it.
        floor = max(1e-6 * varying, 1e-12 * x.square().mean().item(), 1e-30)
        if len(x) < 2 or varying < floor:
            self.weights.zero_()[0] = 1
            self.means[0] = x.mean(0)
            self.factors[0] = floor**0.5 * torch.eye(x.shape[1], dtype=torch.float64, device="cpu")
            return
        components = min(len(self.weights), len(x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # codes of few clusters fit fewer of them as well
            found = Fitted(components, reg_covar=floor, max_iter=200, random_state=seed).fit(x.numpy())
        weights, means = torch.zeros_like(self.weights), torch.zeros_like(self.means)
        weights[:components], means[:components] = (torch.from_numpy(part) for part in (found.weights_, found.means_))
        factors = torch.linalg.cholesky(torch.from_numpy(found.covariances_))
        self.factors[:components] = factors.to(self.factors)
        self.weights.copy_(weights)
        self.means.copy_(means)

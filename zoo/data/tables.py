"""Data sets of vectors: any table in a .csv or .npy file, and toy densities in the plane, made from a seed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo import tables
from zoo.data import splitting
from zoo.data.dataset import TensorDataset
from zoo.errors import DataError

SIZES = {"train": 50_000, "test": 10_000}  # points of a toy density
SEEDS = {"train": 0, "test": 1}
MOONS_NOISE = 0.1
ARMS, RADIAL, TANGENTIAL, RATE = 5, 0.3, 0.1, 0.25  # of the pinwheel
RING_MODES, RING_RADIUS, RING_DEVIATION = 8, 2.0, 0.02
GRID_SIDE, GRID_STEP, GRID_DEVIATION = 5, 2.0, 0.05


def table(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, holdout_seed: int | None, download: bool
) -> TensorDataset:
    """The rows of the .csv or .npy file `root`; `holdout` of them, drawn by `holdout_seed`, or the last ones if it is
    None, are the test split. See `zoo.tables.load`; raises DataError as `parted` too."""
    found = tables.load(root)
    count = len(found.values)
    if holdout_seed is None:
        held = torch.arange(count, device="cpu") >= count - holdout
    else:
        held = torch.tensor(splitting.draw([str(row) for row in range(count)], holdout, holdout_seed), device="cpu")
    how = splitting.summary(count - int(held.sum()), int(held.sum()), holdout_seed)
    return parted(found, root.stem, split, held, f"{root}: {how}.", where=str(root))


def parted(
    found: tables.Table, name: str, split: str, held: Tensor, summary: str = "", *, where: str = "the table"
) -> TensorDataset:
    """The rows of a table for training, or those `held` (n,) out. Raises DataError for a column that is constant: a
    density of it would be infinite."""
    values = found.values[held == (split == "test")]
    if split == "train" and len(values) > 1:
        for column in (values == values[0]).all(0).nonzero().flatten().tolist()[:1]:
            named = repr(found.columns[column]) if found.columns else column + 1
            raise DataError(f"{where}: column {named} is the same in every row, so it has no density. Leave it out.")
    parts = ([TensorDataset(name, split, found.values[held == part]).fingerprint()] for part in (False, True))
    division = splitting.digest(*parts)
    return TensorDataset(name, split, values, columns=found.columns, summary=summary, division=division)


def two_moons(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Two half circles that interlock: with probability ½ each (cos θ, sin θ) or (1 − cos θ, ½ − sin θ), θ uniform in
    [0, π], plus normal noise of deviation 0.1 in both coordinates.

    scikit-learn's `make_moons(noise=0.1)`, but for θ, which there are evenly spaced. Its density is known.
    """
    generator, n = _generator(split), SIZES[split]
    theta = math.pi * torch.rand(n, generator=generator, dtype=torch.float64, device="cpu")
    lower = torch.rand(n, generator=generator, dtype=torch.float32, device="cpu") < 0.5
    noise = MOONS_NOISE * torch.randn(n, 2, generator=generator, dtype=torch.float64, device="cpu")
    points = torch.where(lower[:, None], _moons(theta)[1], _moons(theta)[0]) + noise
    log_density = two_moons_log_density(points) if split == "test" else None
    return TensorDataset("two-moons", split, points.float(), log_density=log_density)


def two_moons_log_density(points: Tensor) -> Tensor:
    """ln p (n,) of `points` (n, 2) under `two_moons`: the normal density around each moon's points, integrated over θ
    by a Gauss-Legendre quadrature of 64 nodes, which are closer together than the noise is wide."""
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(64))
    centres = torch.cat(_moons(math.pi * (nodes + 1) / 2))
    squares = (points.double()[:, None] - centres).square().sum(2)
    scale = 2 * MOONS_NOISE**2
    return torch.logsumexp(weights.log().repeat(2) - squares / scale, 1) - math.log(4 * math.pi * scale)


def pinwheel(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Five arms of a pinwheel, as Johnson et al. 2016 (arXiv:1603.06277, section 5) draw them and Grathwohl et al. 2019
    (arXiv:1810.01367) scale them: twice the points (r, t) with r ~ N(1, 0.3²) and t ~ N(0, 0.1²), turned clockwise by
    2πk/5 + exp(r)/4, where k is uniform in 0 … 4."""
    generator, n = _generator(split), SIZES[split]
    arm = torch.randint(ARMS, (n,), generator=generator, device="cpu")
    radial, tangential = torch.randn(2, n, generator=generator, dtype=torch.float64, device="cpu")
    r, t = 1 + RADIAL * radial, TANGENTIAL * tangential
    angle = 2 * math.pi * arm / ARMS + RATE * torch.exp(r)
    points = torch.stack((r * angle.cos() + t * angle.sin(), t * angle.cos() - r * angle.sin()), 1)
    return TensorDataset("pinwheel", split, 2 * points.float())


def gaussian_ring(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Eight Gaussians of deviation 0.02 on a circle of radius 2, equally likely: Metz et al. 2016 (arXiv:1611.02163,
    section 3.1 and appendix A). Twice the ring of Lin et al. 2018 (arXiv:1712.04086). Modes and density are known."""
    angle = 2 * math.pi * torch.arange(RING_MODES, dtype=torch.float64, device="cpu") / RING_MODES
    centres = RING_RADIUS * torch.stack((angle.cos(), angle.sin()), 1)
    return _mixture("gaussian-ring", split, centres, RING_DEVIATION)


def gaussian_grid(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """25 Gaussians of deviation 0.05 at (−4, −2, 0, 2, 4)², equally likely: the grid of Srivastava et al. 2017
    (arXiv:1705.07761, section 4.1) as Lin et al. 2018 (arXiv:1712.04086, section 4.1) give it in numbers. Modes and
    density are known."""
    axis = GRID_STEP * (torch.arange(GRID_SIDE, dtype=torch.float64, device="cpu") - (GRID_SIDE - 1) / 2)
    return _mixture("gaussian-grid", split, torch.cartesian_prod(axis, axis), GRID_DEVIATION)


def mixture_log_density(points: Tensor, centres: Tensor, deviation: float) -> Tensor:
    """ln p (n,) of `points` (n, d) under equally likely isotropic Gaussians around `centres` (m, d), in float64."""
    squares = (points.double()[:, None] - centres.double()).square().sum(2)
    constant = math.log(len(centres)) + centres.shape[1] / 2 * math.log(2 * math.pi * deviation**2)
    return torch.logsumexp(-squares / (2 * deviation**2), 1) - constant


def _mixture(name: str, split: str, centres: Tensor, deviation: float) -> TensorDataset:
    generator, n = _generator(split), SIZES[split]
    mode = torch.randint(len(centres), (n,), generator=generator, device="cpu")
    noise = torch.randn(n, centres.shape[1], generator=generator, dtype=torch.float64, device="cpu")
    points = centres[mode] + deviation * noise
    log_density = mixture_log_density(points, centres, deviation) if split == "test" else None
    return TensorDataset(
        name, split, points.float(), log_density=log_density, modes=centres.float(), mode_deviation=deviation
    )


def _moons(theta: Tensor) -> tuple[Tensor, Tensor]:
    """The points (n, 2) of the upper and of the lower moon at angles (n,)."""
    upper = torch.stack((theta.cos(), theta.sin()), 1)
    return upper, upper.new_tensor([1, 0.5]) - upper


def _generator(split: str) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(SEEDS[split])

"""The randomness of samples: one private generator for each sample of a seed; and torch's own generators, seeded for
what draws from them alone, such as dropout and new weights, and put back."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


class Noise:
    """The randomness of samples `first … first + count − 1` of a seed, one private CPU generator for each.

    Because every sample owns its generator, sample i does not depend on how many are drawn, in which chunks, on which
    device or in which process; and the global generator is never touched. Draws are made in float32 on the CPU and
    moved and cast afterwards, so neither device nor dtype, nor torch's defaults of these, changes them. What all
    samples of a seed are to share comes from a `Noise(noise.seed, …, stream="a name of its own")`.
    """

    def __init__(
        self,
        seed: int,
        first: int = 0,
        count: int = 1,
        *,
        stream: str = "latent",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.seed, self.device, self.dtype = seed, torch.device(device), dtype
        # torch's CPU engine uses 32 bits of its seed. A hash places each (stream, seed) somewhere on that circle and
        # `_scramble`, a bijection, walks from there, so two samples of one seed never share a generator.
        digest = hashlib.sha256(f"{stream}:{seed}".encode()).digest()
        start = int.from_bytes(digest[:4], "big")
        self._first, self._count = start + first, count

    def __len__(self) -> int:
        return self._count

    def _draw(self, shape: tuple[int, ...], fill: Callable[..., Tensor]) -> Tensor:
        draws = torch.empty(len(self), *shape, dtype=torch.float32, device="cpu")
        for row, generator in zip(draws.unbind(), self._generators, strict=True):
            fill(row, generator=generator)
        return draws.to(self.device, self.dtype)

    @cached_property
    def _generators(self) -> list[torch.Generator]:
        # Made when something is drawn: much that is offered noise, such as an exact density, needs none.
        return [torch.Generator("cpu").manual_seed(_scramble(self._first + i)) for i in range(self._count)]

    def normal(self, *shape: int) -> Tensor:
        """(count, *shape) independent standard normal draws."""
        return self._draw(shape, Tensor.normal_)

    def uniform(self, *shape: int) -> Tensor:
        """(count, *shape) independent draws from [0, 1)."""
        return self._draw(shape, Tensor.uniform_)

    def integers(self, high: int) -> Tensor:
        """(count,) independent integers from 0 … high − 1."""
        draws = [torch.randint(high, (), generator=g, dtype=torch.int64, device="cpu") for g in self._generators]
        return torch.stack(draws).to(self.device)


@contextlib.contextmanager
def put_back(device: torch.device) -> Iterator[None]:
    """Within the block the generators of the CPU and of `device` may be seeded; after it they are as they were."""
    with torch.random.fork_rng(devices=[]):
        if device.type == "cpu":
            yield
            return
        module: Any = getattr(torch, device.type)
        which = () if device.type == "mps" else (device,)  # of which there is one
        state = module.get_rng_state(*which)
        try:
            yield
        finally:
            module.set_rng_state(state, *which)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the generators of the CPU and of `device`, and not those of all devices, as `torch.manual_seed` does."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cpu":
        return
    module: Any = getattr(torch, device.type)
    with contextlib.nullcontext() if device.type == "mps" else module.device(device):
        module.manual_seed(seed)


def _scramble(x: int) -> int:
    """A bijection of the 32-bit integers in which neighbours land far apart (finaliser of MurmurHash3, Appleby)."""
    x &= 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    return x ^ (x >> 16)

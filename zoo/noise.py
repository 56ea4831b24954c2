"""The randomness of samples, each of a seed apart from the others; and torch's own generators, seeded for
what draws from them alone, such as dropout and new weights, and put back."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

BLOCK = 4  # words that a counter gives


class Noise:
    """The randomness of samples `first … first + count − 1` of a seed, each from counters of its own.

    A counter-based generator, Philox 4×64-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as
    1, 2, 3"), has no state that one sample leaves to the next: its key is the seed and a hash of the stream, its
    counter the number of the draw and the sample's place. So sample i does not depend on how many are drawn, in which
    chunks, on which device or in which process, no two seeds below 2⁶⁴ share a sample, and the global generator is
    never touched. Draws are made in float32 on the CPU and moved and cast afterwards, so neither device nor dtype, nor
    torch's defaults of these, changes them. What all samples of a seed are to share comes from a
    `type(noise)(noise.seed, …, stream="a name of its own")`.
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
        self._first, self._count, self._stream, self._drawn = first, count, stream, 0

    def __len__(self) -> int:
        return self._count

    def _words(self, each: int) -> np.ndarray:
        """The next 64-bit words of each sample, (count, `each` rounded up to whole blocks)."""
        blocks = -(-each // BLOCK)
        digest = hashlib.sha256(f"{self._stream}:{self.seed >> 64}".encode()).digest()
        key = self.seed % 2**64 | int.from_bytes(digest[:8], "big") << 64
        counter = self._drawn << 128 | self._first * blocks
        self._drawn += 1
        return philox(key, counter, self._count * blocks).reshape(self._count, blocks * BLOCK)

    def normal(self, *shape: int) -> Tensor:
        """(count, *shape) independent standard normal draws (Box, Muller 1958)."""
        size = math.prod(shape)
        half = -(-size // 2)  # pairs of a radius and an angle, each of 32 bits
        words = self._words(half)
        pairs = torch.from_numpy(words.view(np.int32)).view(self._count, 2, words.shape[1])
        x = pairs[:, :, :half].double()  # of −2³¹ … 2³¹ − 1. In float64, so that all machines round to one float32.
        radius = x[:, 0].mul(2.0**-32).add_(0.5 + 2.0**-32).log_().mul_(-2).sqrt_()
        angle = x[:, 1] * (2 * math.pi * 2.0**-32)
        draws = torch.empty(self._count, 2, half, dtype=torch.float32, device="cpu")
        draws[:, 0] = radius * angle.cos()
        draws[:, 1] = radius.mul_(angle.sin_())
        draws = draws.flatten(1)[:, :size].contiguous()
        return draws.view(self._count, *shape).to(self.device, self.dtype)

    def uniform(self, *shape: int) -> Tensor:
        """(count, *shape) independent draws from [0, 1)."""
        size = math.prod(shape)
        bits = self._words(-(-size // 2)).view(np.uint32)[:, :size] >> 8  # as many as float32 has
        draws = torch.from_numpy(bits.astype(np.float32)) * 2.0**-24
        return below_one(draws.reshape(self._count, *shape).to(self.device, self.dtype))

    def integers(self, high: int) -> Tensor:
        """(count,) independent integers from 0 … high − 1."""
        words = self._words(1)[:, 0] % np.uint64(high)  # of 2⁶⁴, so that what is left over is nothing
        return torch.from_numpy(words.astype(np.int64)).to(self.device)


class EarlierNoise(Noise):
    """What samples of releases of format 1 and before are drawn from: torch's own generator for each, whose seed has
    32 bits, so that distant seeds can share samples."""

    def _draw(self, shape: tuple[int, ...], fill: Callable[..., Tensor]) -> Tensor:
        draws = torch.empty(len(self), *shape, dtype=torch.float32, device="cpu")
        for row, generator in zip(draws.unbind(), self._generators, strict=True):
            fill(row, generator=generator)
        return draws.to(self.device, self.dtype)

    @cached_property
    def _generators(self) -> list[torch.Generator]:
        # A hash places each (stream, seed) somewhere on the circle of seeds, and `_scramble`, a bijection, walks from
        # there, so two samples of one seed never share a generator.
        digest = hashlib.sha256(f"{self._stream}:{self.seed}".encode()).digest()
        start = int.from_bytes(digest[:4], "big") + self._first
        return [torch.Generator("cpu").manual_seed(_scramble(start + i)) for i in range(self._count)]

    def normal(self, *shape: int) -> Tensor:
        return self._draw(shape, Tensor.normal_)

    def uniform(self, *shape: int) -> Tensor:
        return below_one(self._draw(shape, Tensor.uniform_))

    def integers(self, high: int) -> Tensor:
        draws = [torch.randint(high, (), generator=g, dtype=torch.int64, device="cpu") for g in self._generators]
        return torch.stack(draws).to(self.device)


def below_one(draws: Tensor) -> Tensor:
    """`draws` from [0, 1), changed where they are: of those that were rounded to fewer digits, and so to 1, is made the
    largest number below."""
    return draws.clamp_(max=1 - torch.finfo(draws.dtype).eps / 2)


def of_format(format: int) -> type[Noise]:
    """What samples of a release of this format are drawn from."""
    return Noise if format >= 2 else EarlierNoise


def philox(key: int, counter: int, blocks: int) -> np.ndarray:
    """The 64-bit words (BLOCK · blocks,) of Philox 4×64-10 for a key of 128 bits and counters of 256 bits from
    `counter` on."""
    # numpy counts on before it makes a block.
    words: np.ndarray = np.random.Philox(key=key, counter=(counter - 1) % 2**256).random_raw(BLOCK * blocks)
    return words


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

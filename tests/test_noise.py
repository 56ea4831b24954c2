"""The noise of a seed: what is drawn does not depend on how it is drawn."""

import hashlib
import math

import pytest
import torch

from zoo import noise as noises
from zoo.noise import EarlierNoise, Noise, put_back, seed_generators


def test_sample_i_does_not_depend_on_where_the_chunk_begins():
    whole = Noise(0, 0, 10).normal(3)
    parts = [Noise(0, 0, 4).normal(3), Noise(0, 4, 5).normal(3), Noise(0, 9, 1).normal(3)]
    assert torch.equal(torch.cat(parts), whole)
    assert len(Noise(0, 0, 10)) == 10


def test_draws_follow_each_other_and_streams_are_apart():
    noise = Noise(0, 0, 4)
    first, second = noise.normal(5), noise.normal(5)
    assert not torch.equal(first, second)
    other = Noise(0, 0, 4, stream="label").normal(5)
    assert not torch.equal(first, other)


KNOWN = (  # key, counter, words: of Random123's kat_vectors (Salmon et al. 2011)
    (0, 0, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    (2**128 - 1, 2**256 - 1, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
)


@pytest.mark.parametrize(("key", "counter", "words"), KNOWN)
def test_the_generator_is_philox(key, counter, words):
    assert [f"{word:016x}" for word in noises.philox(key, counter, 1)] == words.split()
    before = noises.philox(key, counter - 1, 2)
    assert [f"{word:016x}" for word in before[noises.BLOCK :]] == words.split()  # counters follow each other


def test_a_draw_is_of_the_words_of_its_seed_stream_place_and_number():
    stream = int.from_bytes(hashlib.sha256(b"label:0").digest()[:8], "big")
    noise = Noise(7, 5, 1, stream="label")
    noise.normal(2)
    (got,) = noise.integers(1000).tolist()
    (word, *_) = noises.philox(7 | stream << 64, 1 << 128 | 5, 1)
    assert got == word % 1000
    z = Noise(7, 5, 1, stream="label").normal(12)
    first = noises.philox(7 | stream << 64, 5 * 2, 2)  # six words of pairs are two blocks
    halves = [(int(word) & 0xFFFFFFFF, int(word) >> 32) for word in first]
    values = [half - 2**32 * (half >= 2**31) for pair in halves for half in pair]
    radius = [math.sqrt(-2 * math.log((value + 2**31 + 1) / 2**32)) for value in values[:6]]
    angle = [2 * math.pi * value / 2**32 for value in values[8:14]]
    expected = [r * turn(a) for turn in (math.cos, math.sin) for r, a in zip(radius, angle, strict=True)]
    assert z[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_seeds_that_shared_samples_do_not():
    """24,987 and 94,995 drew the same of a generator with 32 bits of seed; 2⁶⁴ + 1 is not 1."""
    for one, other in ((24_987, 94_995), (1, 2**64 + 1), (1, 2**32 + 1)):
        assert not torch.equal(Noise(one, 0, 4).normal(8), Noise(other, 0, 4).normal(8))
    assert torch.equal(EarlierNoise(24_987, 0, 4).normal(8), EarlierNoise(94_995, 0, 4).normal(8))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (8,), (9,), (3, 5)])
def test_samples_of_any_size_stand_alone(shape):
    for draw in (Noise.normal, Noise.uniform):
        whole = draw(Noise(3, 0, 5), *shape)
        assert whole.shape == (5, *shape)
        assert whole.is_contiguous()
        assert torch.equal(torch.cat([draw(Noise(3, i, 1), *shape) for i in range(5)]), whole)
        assert draw(Noise(3, 0, 0), *shape).shape == (0, *shape)
    assert Noise(0, 0, 2).normal(0).shape == (2, 0)


def test_many_samples_of_neighbouring_seeds_are_all_different():
    first = torch.cat([Noise(seed, 0, 500).uniform(2) for seed in range(10)])
    assert len({tuple(row) for row in first.tolist()}) == 5000


def test_of_an_earlier_format_are_the_samples_of_before():
    """As torch 2 draws them from the generator of each sample; weights that were released are looked at by them."""
    assert noises.of_format(2) is Noise
    assert noises.of_format(1) is noises.of_format(0) is EarlierNoise
    start = int.from_bytes(hashlib.sha256(b"latent:5").digest()[:4], "big")
    generator = torch.Generator().manual_seed(noises._scramble(start + 2))
    noise = EarlierNoise(5, 2, 1)
    for _ in range(2):
        assert torch.equal(noise.normal(3)[0], torch.empty(3).normal_(generator=generator))
    assert torch.equal(noise.uniform(2)[0], torch.rand(2, generator=generator))
    assert noise.integers(9).tolist() == [torch.randint(9, (), generator=generator).item()]


def test_no_two_samples_of_one_seed_share_a_generator_of_an_earlier_format():
    n = 200_000
    assert len({noises._scramble(i) for i in range(n)}) == n
    assert len({noises._scramble(2**32 - n // 2 + i) for i in range(n)}) == n


def test_normal_draws_are_standard_normal_and_uncorrelated():
    z = Noise(0, 0, 4000).normal(3)
    assert z.mean(0).abs().max() < 4 / math.sqrt(4000)
    assert (z.var(0) - 1).abs().max() < 4 * math.sqrt(2 / 4000)
    neighbours = (z[:-1] * z[1:]).mean(0)
    assert neighbours.abs().max() < 4 / math.sqrt(4000)
    assert (torch.corrcoef(z.T) - torch.eye(3)).abs().max() < 4 / math.sqrt(4000)


def test_uniform_and_integers():
    noise = Noise(0, 0, 3000)
    u, k = noise.uniform(1), noise.integers(3)
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean().item() - 0.5) < 4 / math.sqrt(12 * 3000)
    assert k.shape == (3000,)
    assert all(abs((k == label).float().mean().item() - 1 / 3) < 0.04 for label in range(3))


@pytest.mark.parametrize("kind", [Noise, EarlierNoise])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_uniform_draws_of_few_digits_stay_below_one(kind, dtype):
    draws, exact = kind(0, 0, 40, dtype=dtype).uniform(1000), kind(0, 0, 40).uniform(1000)
    assert draws.max() < 1
    assert torch.equal(draws, exact.to(dtype).where(exact.to(dtype) < 1, 1 - torch.finfo(dtype).eps / 2))


def test_type_changes_the_precision_but_not_the_draw():
    single, double = Noise(1, 0, 3).normal(2), Noise(1, 0, 3, dtype=torch.float64).normal(2)
    assert torch.equal(single.double(), double)
    assert Noise(1, 0, 3, dtype=torch.bfloat16).normal(2).dtype is torch.bfloat16


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    Noise(0, 0, 5).normal(5)
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_tells_its_seed_for_what_all_samples_share():
    parts = [Noise(5, first, 2) for first in (0, 2)]
    shared = [Noise(part.seed, 0, 1, stream="shared").normal(3) for part in parts]
    assert torch.equal(*shared)
    assert not torch.equal(parts[0].normal(3), parts[1].normal(3))


def test_on_the_cpu_no_other_device_is_seeded(monkeypatch):
    def refuse(*_):
        raise AssertionError("another device was seeded")

    torch.manual_seed(7)
    expected = torch.rand(3)
    for module in (torch.cuda, torch.mps, torch.xpu):
        for name in ("manual_seed", "manual_seed_all", "set_rng_state"):
            monkeypatch.setattr(module, name, refuse, raising=False)
    before, cpu = torch.get_rng_state(), torch.device("cpu")
    with put_back(cpu):
        seed_generators(7, cpu)
        assert torch.equal(torch.rand(3), expected)  # as of torch.manual_seed
    assert torch.equal(torch.get_rng_state(), before)


def test_on_another_device_its_own_generator_is_seeded_and_put_back(monkeypatch):
    done = []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: "as it was")
    monkeypatch.setattr(torch.mps, "set_rng_state", done.append)
    monkeypatch.setattr(torch.mps, "manual_seed", done.append)
    before, mps = torch.get_rng_state(), torch.device("mps")
    with put_back(mps):
        seed_generators(7, mps)
    assert done == [7, "as it was"]
    assert torch.equal(torch.get_rng_state(), before)


def test_what_torch_takes_for_granted_changes_no_draw():
    def draws():
        noise = Noise(3, 0, 4)
        return [noise.normal(5), noise.uniform(2), noise.integers(10)]

    plain, default = draws(), torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = draws()
    finally:
        torch.set_default_dtype(default)
    for there, expected in zip(found, plain, strict=True):
        assert there.dtype == expected.dtype
        assert torch.equal(there, expected)


def test_seeds_are_scrambled_as_murmur_hash_ends():
    """The published hashes of no bytes under the seeds 0, 1 and 2³² − 1: MurmurHash3_x86_32 then is its finaliser."""
    assert [noises._scramble(seed) for seed in (0, 1, 2**32 - 1)] == [0, 0x514E28B7, 0x81F16F39]
    assert noises._scramble(2**32 + 1) == 0x514E28B7

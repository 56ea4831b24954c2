"""How long things take: `pytest -n0 tests/benchmarks --benchmark-only`. Skipped in an ordinary run."""

import subprocess
import sys

import pytest
import torch

import zoo
from zoo.metrics import frechet
from zoo.testing.examples import conditions


@pytest.mark.parametrize("code", ["pass", "import zoo", "import zoo; zoo.list_models()"])
def test_start(benchmark, code):
    """Budget: at most 50 ms over bare Python for the import, 150 ms with the listing."""
    benchmark.pedantic(subprocess.run, args=([sys.executable, "-c", code],), kwargs={"check": True}, rounds=5)


@pytest.mark.parametrize("name", zoo.list_models())
def test_load(benchmark, name):
    """Budget: 200 ms after torch is imported."""
    benchmark(zoo.load, name)


@pytest.mark.parametrize("n", [1, 16, 64])
# Models conditioned on an image have their own page, test_translation.py.
@pytest.mark.parametrize(
    "name", sorted(set(zoo.list_models(capability="generate")) - set(zoo.list_models(condition="image")))
)
def test_generate(benchmark, name, n):
    model = zoo.load(name)
    given = {"condition": conditions(model, n)} if model.condition.required else {}
    benchmark(model.generate, n, seed=0, **given)


@pytest.mark.parametrize("name", zoo.list_models(capability="log_prob"))
def test_log_prob(benchmark, name):
    model = zoo.load(name)
    images = model.generate(16, seed=0)
    benchmark(model.log_prob, images.round() if model.space.probabilities else images)


@pytest.mark.parametrize("n", [500, 3000])
def test_frechet_distance_of_1024_features(benchmark, n):
    """n = 500 takes the Gram route, n = 3000 the Cholesky route."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, 1024, generator=generator) for _ in range(2))
    benchmark.pedantic(frechet.between_samples, args=(a, b), rounds=3)

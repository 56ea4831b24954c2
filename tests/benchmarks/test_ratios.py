"""How fast things are beside a peer that does the same, as ratios in one process.

    pytest -n0 tests/benchmarks/test_ratios.py --benchmark-only --benchmark-columns=rounds

Both take turns, so that whatever else the machine does slows both alike; compared are minima over the rounds. A ratio
below what is asserted, which leaves slack below what was measured, fails. Measured with one thread of a CPU that did
other things: noise 0.28 to 0.46 times as fast as randn, by which no sample is independent of the others; Fréchet
distance 9.2; listing 22 to 29; DCGAN, compiled, 1.3, and in bfloat16 2.7. Steps of training: dcgan 2.7, wgan-gp 2.4,
stylegan-lite 2.8, cyclegan 2.1, glow 1.3; of which channels_last is 1.1 to 1.2 and the rest bfloat16: on a CPU that has
no instructions for it, and under precision=32-true, only the former is left.
"""

import copy
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.linalg
import torch
from lightning_fabric import Fabric

import zoo
from zoo.data.dataset import TensorDataset
from zoo.metrics import frechet
from zoo.noise import Noise, seed_generators
from zoo.recipe import Recipe
from zoo.training.run import Run


@pytest.fixture
def race(benchmark, capsys):
    """`race(ours, theirs, least, rounds)`: how many times as fast ours is, at least."""

    def run(ours, theirs, least, rounds=7):
        times = {ours: [], theirs: []}

        def turn():
            for call, taken in times.items():
                start = time.perf_counter()
                call()
                taken.append(time.perf_counter() - start)

        turn()
        for taken in times.values():
            taken.clear()
        benchmark.pedantic(turn, rounds=rounds)
        ratio = min(times[theirs]) / min(times[ours])
        with capsys.disabled():
            print(f" {min(times[ours]) * 1e3:.2f} ms, {ratio:.2f} times as fast", end="")
        if benchmark.enabled:  # one round on a machine that does other things says nothing
            assert ratio >= least

    return run


def test_noise_beside_randn(race):
    race(lambda: Noise(0, 0, 1024).normal(64), lambda: torch.randn(1024, 64), 1 / 5, rounds=50)


def test_frechet_distance_beside_the_square_root_of_a_matrix(race, benchmark):
    """As pytorch-fid has it: scipy's sqrtm of the product of covariances, of 2,048 dimensions."""
    if not benchmark.enabled:
        pytest.skip("it takes a minute")
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2500, 2048, generator=generator) for _ in range(2))

    def theirs():
        first, second = a.double().numpy(), b.double().numpy()
        of_a, of_b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
        root = scipy.linalg.sqrtm(of_a @ of_b)
        return np.square(first.mean(0) - second.mean(0)).sum() + np.trace(of_a + of_b - 2 * root.real)

    race(lambda: frechet.between_samples(a, b), theirs, 6, rounds=1)


def test_listing_beside_timm(race):
    def in_python(code):
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    theirs = "import timm; timm.list_models()"
    race(lambda: in_python("import zoo; zoo.list_models()"), lambda: in_python(theirs), 10, rounds=3)


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a compiler")
def test_dcgan_generates_beside_plain_layers(race):
    model = zoo.load("dcgan-celeba")
    plain = copy.deepcopy(model)
    model.compile()
    z = torch.randn(64, *model.latent_shape)

    def theirs():
        with torch.inference_mode():
            return plain._decode(z, None)

    torch.testing.assert_close(model.decode(z), theirs(), rtol=1e-3, atol=1e-3)
    race(lambda: model.generate(64, seed=0), theirs, 0.9)


@pytest.mark.parametrize(
    ("architecture", "size", "least", "settings"),
    [
        ("dcgan", 64, 1.6, {"image_size": 64}),
        ("wgan-gp", 64, 1.6, {}),
        ("stylegan-lite", 16, 1.6, {}),
        ("glow", 16, 1.1, {}),
        ("cyclegan", 1, 1.4, {}),
    ],
)
def test_a_step_of_training_beside_a_plain_loop(race, architecture, size, least, settings):
    """The precision and memory format of the architecture's recipe, and gradients of what is stepped alone, beside the
    same networks and losses as tutorials train them: float32, one backward and step after the other."""
    if not getattr(torch.cpu, "_is_avx512_bf16_supported", bool)():
        pytest.skip("bfloat16 gains nothing on this CPU")
    model = zoo.create(architecture, **settings)
    recipe = Recipe(batch_size=size, precision=model.recipe.precision, channels_last=model.recipe.channels_last)
    objective = model.objective_class.create(model, **model.recipe.objective).train()
    twin = copy.deepcopy(objective)
    if recipe.channels_last:
        objective.to(memory_format=torch.channels_last)
    fabric = Fabric(accelerator="cpu", devices=1, precision=recipe.precision)
    run = Run(fabric, recipe, model, objective, objective.optimizers(), None, {})
    images, sources = torch.randint(0, 256, (2, 64, *model.space.shape), dtype=torch.uint8)
    data = TensorDataset("made up", "train", images, sources=sources if architecture == "cyclegan" else None)
    optimizers = twin.optimizers()

    def theirs():
        seed_generators(0, torch.device("cpu"))
        for name, loss in twin.updates(data.batch(0, size=size, seed=0, flip=False)):
            optimizers[name].zero_grad()
            loss.backward()
            optimizers[name].step()

    race(lambda: run.step(0, data), theirs, least, rounds=3)

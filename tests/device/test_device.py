"""What a device computes is what the CPU does, as fast as it should be, in the memory that it should take."""

import math
import time

import pytest
import torch
from small_models import LAST, MODELS, TRAINED, Repeated, run_of

import zoo
from zoo.noise import Noise
from zoo.testing import check_model
from zoo.testing.examples import conditions, results
from zoo.testing.training import _batch

# Largest errors of float32 against the CPU: sums are taken in another order.
RELATIVE, ABSOLUTE = 1e-3, 1e-4
STEPS = {"cuda": 200, "cpu": 3}
FASTER = 5.0  # than the CPU, at least


def placed(make, device):
    return make().to(device).fuse()


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_every_architecture_keeps_the_contract(gpu, make):
    check_model(placed(make, gpu))


def test_noise_is_equal_bit_for_bit(device):
    for draw in (lambda noise: noise.normal(3, 5), lambda noise: noise.uniform(7), lambda noise: noise.integers(10)):
        here, there = (draw(Noise(2**40 + 7, 5, 9, device=where)) for where in ("cpu", device))
        assert there.device.type == device.type
        assert torch.equal(here, there.cpu())


@pytest.mark.parametrize("make", LAST.values(), ids=LAST)
def test_float32_is_that_of_the_cpu(device, make):
    expected, got = results(placed(make, "cpu")), results(placed(make, device))
    for name, value in expected.items():
        torch.testing.assert_close(got[name].cpu(), value, rtol=RELATIVE, atol=ABSOLUTE, msg=name)


@pytest.mark.parametrize("make", LAST.values(), ids=LAST)
def test_bfloat16_draws_nearly_the_same(device, make):
    model = placed(make, device)
    if "generate" not in model.capabilities() or not model.space.bounded or model.space.categorical:
        pytest.skip("draws nothing within bounds")
    given = {"condition": conditions(model, 4)} if model.condition.required else {}
    whole = model.generate(4, seed=0, **given)
    narrow = model.to(torch.bfloat16).generate(4, seed=0, **given)
    assert narrow.dtype is torch.bfloat16
    assert (narrow.float() - whole).abs().mean() < 0.05


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
def test_every_architecture_is_trained_without_waiting(device, make):
    model = make().to(device)
    run, data = run_of(model), Repeated(made=_batch(model, 0))
    run.step(0, data)  # which may look at the data once
    try:
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        steps = [run.step(number, data) for number in range(1, STEPS[device.type])]
    finally:
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    assert all(math.isfinite(loss.item()) for step in steps for _, loss in step.losses)


@pytest.mark.parametrize("name", ["dcgan-celeba", "realnvp-mnist"])
def test_memory_is_that_of_a_chunk(gpu, name):
    model, peaks = zoo.load(name, device=gpu), []
    for chunks in (1, 1, 16):  # the first allocates what all need
        torch.cuda.reset_peak_memory_stats(gpu)
        for part in model.generate_chunks(64 * chunks, seed=0, batch_size=64):
            del part
        peaks.append(torch.cuda.max_memory_allocated(gpu))
    assert peaks[2] <= 1.1 * peaks[1]


@pytest.mark.parametrize("name", ["dcgan-celeba", "stylegan-lite-celeba", "glow-celeba"])
def test_it_is_faster_than_the_cpu(gpu, capsys, name):
    rates = {}
    for where, count in (("cpu", 64), (gpu, 1024)):
        model = zoo.load(name, device=where)
        model.generate(count, seed=0, batch_size=count).cpu()
        start = time.perf_counter()
        model.generate(count, seed=1, batch_size=count).cpu()
        rates[str(where)] = count / (time.perf_counter() - start)
    with capsys.disabled():
        print(f"\n{name}: " + ", ".join(f"{rate:.0f} images/s on {where}" for where, rate in rates.items()))
    assert rates[str(gpu)] >= FASTER * rates["cpu"]

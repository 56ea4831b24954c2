"""Devices that this machine need not have: one without float64, as Apple's GPUs."""

import math

import pytest
import torch
from mps import mps, waits
from small_models import BUILT_IN, SMALL, TRAINED, Repeated, run_of, small

from zoo import golden
from zoo.data.dataset import TensorDataset
from zoo.reports.pictures import snapshot
from zoo.testing.examples import results, samples
from zoo.testing.training import _batch, _train
from zoo.training.monitor import Monitor

# Vectors, where there are any: what standardises them is in float64.
MODELS = [small(name, **SMALL[name][-1]) for name in BUILT_IN]


@pytest.fixture
def device():
    with mps():
        yield "mps"


def test_the_device_has_no_float64_and_mixes_with_no_other(device):
    ones = torch.ones(2, device=device)
    assert ones.device.type == (2 * ones).device.type == "mps"
    for wide in (ones.double, lambda: ones.to(torch.float64), lambda: torch.zeros(2).double().to(device)):
        with pytest.raises(TypeError, match="float64"):
            wide()
    with pytest.raises(RuntimeError, match="same device"):
        ones + torch.ones(2)
    assert (3 * ones).cpu().double().tolist() == [3, 3]


@pytest.mark.parametrize("make", MODELS, ids=BUILT_IN)
def test_every_architecture_computes_without_float64(make):
    expected = results(make(), 2)
    with mps():
        model = make().to("mps")
        assert model.device.type == "mps"
        got = {name: value.cpu() for name, value in results(model, 2).items()}
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
def test_every_architecture_is_trained_without_float64(make):
    expected = _train(make(), 1).losses
    with mps():
        got = _train(make().to("mps"), 1).losses
    for name, losses in expected.items():
        for loss, other in zip(losses, got[name], strict=True):
            assert math.isclose(loss.item(), other.cpu().item(), rel_tol=1e-2, abs_tol=1e-3), name


@pytest.mark.parametrize("name", ["gan", "vae"])
def test_what_a_run_shows_and_a_golden_file_need_no_float64(name, tmp_path, device):
    model = small(name, **SMALL[name][-1])()
    path = tmp_path / "golden.safetensors"
    golden.write(model, path)
    golden.verify(model.to(device), path)
    data = TensorDataset("made up", "train", samples(model, 64))
    assert snapshot(model, data).size
    assert Monitor(data).measure(model)


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
def test_no_step_of_training_waits_for_the_device(make):
    with mps():
        model = make().to("mps")
        run, data = run_of(model), Repeated(made=_batch(model, 0))
        run.step(0, data)  # which may look at the data once, as actnorm does
        for number in (*range(1, 3), *model.objective_class.phases[1:]):
            waits.clear()
            run.step(number, data)
            # This device, which lacks float64, has columns standardised on the CPU.
            assert [wait for wait in waits if model.standard is None or wait != "cpu"] == []


def test_what_waits_is_counted(device):
    x = torch.ones(3, device=device)
    for wait in (lambda: x.sum().item(), lambda: bool(x[0]), lambda: x.cpu(), lambda: x[x > 0], lambda: x.tolist()):
        waits.clear()
        wait()
        assert waits
    waits.clear()
    x.sum().mul(2).sqrt()
    assert not waits

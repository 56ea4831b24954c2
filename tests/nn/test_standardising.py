"""Standardising: exact, whatever the units of a column, and kept out of the rounding of weights."""

import copy

import pytest
import torch
from safetensors.torch import load_file

import zoo
from zoo import building
from zoo.nn.standardising import Standardise

ROWS = torch.rand(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("factor", "offset"), [(1e-300, 0), (1e-12, 0), (1e12, 1e9), (1, 1e9), (1e300, 0)])
def test_columns_of_any_unit_become_the_same_numbers(factor, offset):
    plain, moved = Standardise(2), Standardise(2)
    plain.fit(ROWS)
    x = ROWS * factor + offset
    moved.fit(x)
    z, log_det = moved(x)
    torch.testing.assert_close(z, plain(ROWS)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(z.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(z.square().mean(0), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(log_det, plain(ROWS)[1] - 2 * torch.tensor(factor, dtype=torch.float64).log())
    torch.testing.assert_close(moved.inverse(z), x, rtol=1e-13, atol=0)


def test_its_log_determinant_is_that_of_autograd(log_det_by_autograd):
    layer = Standardise(2)
    layer.fit(100 * ROWS)
    expected = log_det_by_autograd(lambda x: layer(x)[0], ROWS)
    torch.testing.assert_close(layer(ROWS)[1], expected)


def test_untrained_it_changes_no_bit():
    x = torch.randn(50, 2) * 1e3
    z, log_det = Standardise(2)(x)
    assert torch.equal(z.float(), x)
    assert not log_det.any()
    for kind in (torch.float32, torch.bfloat16, torch.float16):
        assert torch.equal(Standardise(2).inverse(x.to(kind)), x.to(kind))


@pytest.mark.parametrize("change", [lambda m: m.half(), lambda m: m.to(torch.bfloat16), lambda m: m.float()])
def test_its_precision_is_that_of_the_data_whatever_that_of_the_weights(change):
    for rows, kind in ((ROWS + 1e9, torch.float64), (ROWS.float(), torch.float32)):
        layer = Standardise(2)
        layer.fit(rows)
        moved = change(torch.nn.Sequential(copy.deepcopy(layer)))[0]
        assert moved.location.dtype == moved.scale.dtype == kind
        assert torch.equal(moved.location, layer.location)
    assert layer.to("meta").location.is_meta


def test_columns_without_spread_keep_their_scale_and_whole_ones_are_known():
    layer = Standardise(3)
    layer.fit(torch.tensor([[7.0, 1, 0.5], [7, 2, 1.5]]))
    assert layer.scale.tolist() == [1, 0.5, 0.5]
    assert layer.whole.tolist() == [True, True, False]
    assert layer.rounded(torch.tensor([[7.4, 1.6, 0.5]])).tolist() == [[7, 2, 0.5]]


@pytest.mark.parametrize("storage", [torch.int8, torch.float16, torch.bfloat16, torch.float32])
def test_it_is_stored_as_it_is(tmp_path, storage):
    model = zoo.create("flow-2d")
    model.standard.fit(ROWS * 1e6 + 310_000)
    model.save(tmp_path / "model.safetensors", dtype=storage)
    stored = load_file(tmp_path / "model.safetensors")
    assert stored["standard.location"].dtype == torch.float64
    again = building.read(tmp_path / "model.safetensors")
    assert torch.equal(again.standard.location, model.standard.location)
    assert torch.equal(again.standard.scale, model.standard.scale)
    assert again.dtype == torch.float32
    assert again.generate(2, seed=0).dtype == torch.float64


@pytest.mark.parametrize("name", ["flow-2d-two-moons", "iaf-pinwheel", "wgan-gp-gaussian-ring"])
def test_releases_from_before_it_have_the_identity(name):
    model = zoo.load(name)
    assert model.standard.location.tolist() == [0, 0]
    assert model.standard.scale.tolist() == [1, 1]
    assert model.generate(2, seed=0).dtype == torch.float32

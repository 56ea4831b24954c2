"""Models of tables do not notice in what units, or how far from 0, the columns are."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch

import zoo
from zoo import building, golden, tables
from zoo.data import loading
from zoo.data.dataset import TensorDataset
from zoo.errors import WholeNumbers, Widened
from zoo.nn.standardising import are_whole
from zoo.releases.cards import Card
from zoo.training import release
from zoo.training.loop import fit

FLOWS = {
    "flow-2d": {},
    "maf": {"layers": 2, "hidden": (8,)},
    "planar": {"layers": 4},
    "nice": {"couplings": 2, "layers": 1, "width": 8},
    "iaf": {"layers": 2, "hidden": (8,)},
}
MOONS = loading.load("two-moons", None, "train", shape=(2,)).images[:2000].double()


def trained(name, rows, steps=20, **changes):
    def make():
        return zoo.create(name, image_shape=(rows.shape[1],), **FLOWS.get(name, {}))

    changes = {"steps": steps, "batch_size": 64, "precision": "32-true", **changes}
    return fit(make, TensorDataset("rows", "train", rows), dataclasses.replace(make().recipe, **changes))


@pytest.mark.parametrize("name", FLOWS)
def test_the_density_is_shifted_by_the_log_of_the_scale(name):
    plain = trained(name, MOONS)
    expected, drawn = plain.log_prob(MOONS[:200]), plain.generate(20, seed=0)
    for factor, offset in ((1e-12, 0.0), (1e-6, 0.0), (1e-3, 1.0), (1.0, 1e9), (1e12, -1e9)):
        rows = MOONS * factor + offset
        model = trained(name, rows)
        # float64 itself has but nine digits of what is moved by 1e9
        torch.testing.assert_close(model.log_prob(rows[:200]) + 2 * math.log(factor), expected, rtol=0, atol=1e-3)
        torch.testing.assert_close((model.generate(20, seed=0) - offset) / factor, drawn, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["gan", "wgan-gp"])
def test_generators_of_vectors_draw_in_the_units_of_the_data(name):
    plain, moved = (trained(name, rows) for rows in (MOONS, MOONS * 1e-6 + 310_000))
    made = (moved.generate(20, seed=0) - 310_000) / 1e-6
    torch.testing.assert_close(made, plain.generate(20, seed=0), rtol=0, atol=1e-3)


def test_distinct_times_stay_distinct_and_come_back():
    """Seconds since 1970, of which float32 has one in 128."""
    times = 1_700_000_000 + torch.arange(1000, dtype=torch.float64)
    rows = torch.stack((times, torch.rand(1000, dtype=torch.float64)), 1)
    model = trained("flow-2d", rows)
    again = model.reconstruct(rows)
    assert again.dtype == torch.float64
    assert len(again[:, 0].unique()) == 1000
    assert (again[:, 0] - times).abs().max() < 0.05
    assert len(model.generate(1000, seed=0)[:, 0].unique()) == 1000


def test_a_table_far_from_0_is_trained_stored_and_drawn_from(tmp_path):
    noise = np.random.default_rng(0).normal(size=(400, 2))
    rows = np.stack((310_000 + 90_000 * noise[:, 0], 48.2 + 0.01 * noise[:, 1]), 1)
    path = tables.save(torch.from_numpy(rows), tmp_path / "house.csv", ("price", "latitude"))
    assert tables.load(path).values.tolist() == rows.tolist()
    out = release.train("flow-2d", data=path, out=tmp_path / "mine", changes={"steps": 60, "warmup": 0})
    model, real = zoo.load(out), torch.from_numpy(rows)
    made = model.generate(500, seed=0)
    assert ((made.mean(0) - real.mean(0)).abs() < 0.3 * real.std(0)).all()
    entropy = math.log(90_000) + math.log(0.01) + 1 + math.log(2 * math.pi)
    assert model.log_prob(real).mean().item() == pytest.approx(-entropy, abs=0.3)
    golden.verify(model, out / "golden.safetensors")


def test_columns_of_whole_numbers_are_told_and_rounded_on_request(tmp_path):
    rows = np.stack((np.arange(60) % 7, np.linspace(0, 1, 60)), 1)
    path = tables.save(torch.from_numpy(rows), tmp_path / "rooms.csv", ("rooms", "share"))
    with pytest.warns(WholeNumbers, match="the columns 'rooms'"):
        out = release.train("flow-2d", data=path, out=tmp_path / "mine", changes={"steps": 2, "warmup": 0})
    model = zoo.load(out)
    made = model.generate(50, seed=0)
    rounded = model.rounded(made)
    assert torch.equal(rounded[:, 0], made[:, 0].round())
    assert torch.equal(rounded[:, 1], made[:, 1])


def test_floats_too_large_for_fractions_are_not_called_whole(tmp_path):
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(60, 2)) * [1e18, 1])
    path = tables.save(rows, tmp_path / "distances.csv", ("metres", "share"))
    assert bool((rows[:, 0] == rows[:, 0].round()).all())
    with warnings.catch_warnings():
        warnings.simplefilter("error", WholeNumbers)
        release.train("flow-2d", data=path, out=tmp_path / "mine", changes={"steps": 2, "warmup": 0})
    assert are_whole(torch.tensor([[2.0**24 - 1, 2.0**24]])).tolist() == [True, False]
    assert are_whole(torch.tensor([[2.0**53 - 1, 2.0**53]], dtype=torch.float64)).tolist() == [True, False]


# Storage -------------------------------------------------------------------------------------------------------------


def stored(tmp_path, spoil, storage="float16"):
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(100, 2)))
    path = tables.save(rows, tmp_path / "rows.csv")
    changes = {"steps": 2, "warmup": 0, "storage": storage}
    out = release.train("flow-2d", data=path, out=tmp_path / "mine", changes=changes)
    model = zoo.load(out)
    spoil(model)
    model.fuse()
    release.write(model, Card.read(out), *2 * (loading.load("table", path, "train", shape=(2,)),))
    return model, zoo.load(out), Card.read(out)


def coarse(model):
    """Two layers that float16 cannot undo: what one shifts by far, the next shifts back, a little less."""
    with torch.no_grad():
        model.bijection.layers[0].shift += 3000.4
        model.bijection.layers[-1].shift -= model.bijection.layers[0](torch.zeros(1, 2))[0][0]


def large(model):
    with torch.no_grad():
        model.bijection.layers[-1].shift += 310_000


def test_a_type_that_loses_too_much_is_replaced_by_the_next_wider_and_that_is_said(tmp_path):
    with pytest.warns(Widened, match=r"float16 would cost .* times what is tolerated"):
        model, again, card = stored(tmp_path, coarse)
    assert card.weights["dtype"] == "float32"
    torch.testing.assert_close(again.generate(5, seed=0), model.generate(5, seed=0))


def test_a_weight_that_would_overflow_stays_wide(tmp_path):
    path = tmp_path / "model.safetensors"
    model = zoo.create("flow-2d")
    large(model)
    model.save(path, dtype=torch.float16)
    again = building.read(path)
    assert all(tensor.isfinite().all() for tensor in again.state_dict().values())
    assert torch.equal(again.bijection.layers[-1].shift, model.bijection.layers[-1].shift)

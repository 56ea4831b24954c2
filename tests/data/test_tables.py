"""Data sets of vectors: tables of one's own, toy densities, and the release folders made from them."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

import zoo
from zoo import golden
from zoo.data import loading as data
from zoo.data.tables import mixture_log_density, two_moons_log_density
from zoo.errors import ConfigError, DataError, WholeNumbers
from zoo.releases.cards import Card
from zoo.training import release

SMALL = {"steps": 3, "config.steps": 1, "config.width": 4}


@pytest.fixture
def csv(tmp_path):
    """40 rows of two columns, in which the row can be told from the value."""
    path = tmp_path / "body.csv"
    rows = (f"{150 + i},{50 + (7 * i) % 40}" for i in range(40))
    path.write_text("height,weight\n" + "\n".join(rows) + "\n")
    return path


def test_rows_are_held_out_by_seed(csv):
    train, test = (data.load("table", csv, split, shape=(2,), holdout=4) for split in ("train", "test"))
    held, kept = test.images[:, 0].tolist(), train.images[:, 0].tolist()
    assert (len(held), sorted(held + kept), kept) == (4, list(range(150, 190)), sorted(kept))
    others = [data.load("table", csv, "test", shape=(2,), holdout=4, holdout_seed=seed) for seed in range(1, 9)]
    assert all(other.images[:, 0].tolist() != held for other in others)
    assert (train.summary, train.division) == (f"{csv}: 36 training, 4 held out by seed 0.", test.division)
    assert others[0].division != train.division


def test_the_last_rows_are_held_out_without_a_seed(csv):
    held = {"shape": (2,), "holdout": 4, "holdout_seed": None}
    train, test = (data.load("table", csv, split, **held) for split in ("train", "test"))
    assert (train.name, train.columns, train.vectors) == ("body", ("height", "weight"), True)
    assert train.images[:, 0].tolist() == list(range(150, 186))
    assert test.images[:, 0].tolist() == list(range(186, 190))
    assert train.floats(slice(0, 2)).tolist() == [[150, 50], [151, 57]]


def test_batches_are_rows_of_the_table(csv):
    train = data.load("table", csv, "train", shape=(2,))
    epoch = torch.cat([train.batch(step, 8, seed=3, flip=False).images for step in range(5)])
    assert sorted(epoch[:, 0].tolist()) == list(range(150, 190))
    with pytest.raises(DataError, match=r"vectors, which cannot be mirrored.*flip=false"):
        train.batch(0, 8, seed=3, flip=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (3,)}, r"shape \(2,\), the model is made for \(3,\)"),
        ({"shape": (1, 28, 28)}, r"shape \(2,\), the model is made for \(1, 28, 28\)"),
        ({"split": "test"}, r"no test samples in .*held out: holdout=0\."),
        ({"root": "nowhere.csv"}, r"nowhere\.csv is not a file"),
        ({"root": None}, "table is read from a file. Pass --data that file"),
        ({"name": "two-moons"}, r"two-moons is made from a seed, not read from .*body\.csv.*flow-2d --data"),
        ({"name": "mnist"}, r"body\.csv is a table, and mnist is read from a folder\..*flow-2d --data"),
        ({"name": "mnist", "root": None}, "mnist is read from a folder. Pass --data"),
    ],
)
def test_what_does_not_fit_is_refused(csv, arguments, message):
    arguments = {"name": "table", "root": csv, "split": "train", "shape": (2,), **arguments}
    with pytest.raises(DataError, match=message):
        data.load(**arguments)


def test_a_constant_column_has_no_density(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,5\n2,5\n3,5\n")
    with pytest.raises(DataError, match="column 'b' is the same in every row"):
        data.load("table", tmp_path / "t.csv", "train", shape=(2,))


def test_images_are_no_vectors(tmp_path):
    from PIL import Image

    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"image-folder holds images, no samples of \(2,\)\. A model of vectors"):
        data.load("image-folder", tmp_path, "train", shape=(2,))


@pytest.mark.parametrize("name", ["two-moons", "pinwheel", "gaussian-ring", "gaussian-grid"])
def test_toy_densities_take_no_folder_and_their_splits_are_disjoint(name, tmp_path):
    with pytest.raises(DataError, match=f"{name} is made from a seed, not read from"):
        data.load(name, tmp_path, "train", shape=(2,))
    train, test = (data.load(name, None, split, shape=(2,)) for split in ("train", "test"))
    again = data.load(name, None, "train", shape=(2,))
    assert torch.equal(train.images, again.images)
    assert (train.images.shape, test.images.shape) == ((50_000, 2), (10_000, 2))
    assert not {tuple(row) for row in train.images.tolist()} & {tuple(row) for row in test.images.tolist()}
    # Two samples of one distribution: the means are alike within five standard errors.
    error = train.images.std(0) * (1 / 50_000 + 1 / 10_000) ** 0.5
    assert ((train.images.mean(0) - test.images.mean(0)).abs() < 5 * error).all()


def test_moons_lie_around_their_half_circles():
    points = data.load("two-moons", None, "train", shape=(2,)).images.double()
    upper = (points.norm(dim=1) - 1).abs()
    lower = ((points - torch.tensor([1, 0.5])).norm(dim=1) - 1).abs()
    nearest = torch.minimum(upper, lower)
    assert nearest.max() < 0.6  # six deviations of the noise
    assert nearest.square().mean().sqrt() == pytest.approx(0.1, rel=0.1)
    assert (upper < lower).double().mean() == pytest.approx(0.5, abs=0.02)


def test_the_density_of_the_moons_is_that_of_the_points():
    test = data.load("two-moons", None, "test", shape=(2,))
    axis = -2.5 + 0.05 * (
        torch.arange(120, dtype=torch.float64) + 0.5
    )  # the middles of cells half as wide as the noise
    density = two_moons_log_density(torch.cartesian_prod(axis, axis)).exp().view(120, 120)
    cell = 0.05**2
    assert (density.sum() * cell).item() == pytest.approx(1, abs=1e-6)
    assert torch.allclose(test.log_density, two_moons_log_density(test.images), atol=1e-4)
    # The mass of a box is the share of the points in it; x from 0 to 1 and y from 0 to 1.
    inside = (axis > 0) & (axis < 1)
    share = ((test.images > 0) & (test.images < 1)).all(1).double().mean().item()
    assert (density[inside][:, inside].sum() * cell).item() == pytest.approx(share, abs=0.02)


def test_the_pinwheel_has_five_equal_arms():
    points = data.load("pinwheel", None, "train", shape=(2,)).images.double()
    # Unwound by what its radius was turned by, nearly, a point lies on one of five rays.
    radius = points.norm(dim=1) / 2
    angle = -torch.atan2(points[:, 1], points[:, 0]) - 0.25 * torch.exp(radius)
    fifths = angle / (2 * math.pi) * 5
    assert (fifths - fifths.round()).abs().mean() < 0.1  # a quarter, if there were no arms
    arms = torch.bincount(fifths.round().long() % 5, minlength=5) / len(points)
    assert ((arms - 0.2).abs() < 0.02).all()
    assert radius.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("name", "modes", "deviation"), [("gaussian-ring", 8, 0.02), ("gaussian-grid", 25, 0.05)])
def test_mixtures_are_equal_round_gaussians_around_their_modes(name, modes, deviation):
    train, test = (data.load(name, None, split, shape=(2,)) for split in ("train", "test"))
    assert train.modes.shape == (modes, 2)
    assert (train.mode_deviation, test.mode_deviation) == (deviation, deviation)
    distances = torch.cdist(train.images.double(), train.modes.double(), compute_mode="donot_use_mm_for_euclid_dist")
    nearest, mode = distances.min(1)
    assert nearest.max() < 6 * deviation
    assert nearest.square().mean().div(2).sqrt() == pytest.approx(deviation, rel=0.01)
    share = torch.bincount(mode, minlength=modes) / len(train)
    assert ((share * modes - 1).abs() < 6 * (modes / len(train)) ** 0.5).all()


def test_the_modes_lie_on_the_circle_and_on_the_grid():
    ring = data.load("gaussian-ring", None, "train", shape=(2,)).modes
    assert torch.allclose(ring.norm(dim=1), torch.full((8,), 2.0))
    assert torch.allclose(ring[2], torch.tensor([0.0, 2]), atol=1e-6)
    assert torch.pdist(ring).min().item() == pytest.approx(4 * math.sin(math.pi / 8))
    grid = data.load("gaussian-grid", None, "train", shape=(2,)).modes
    assert {tuple(row) for row in grid.tolist()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}


def test_the_density_of_mixtures():
    standard = torch.distributions.Normal(0, 1)
    points = torch.tensor([[0.5, -1.0], [3, 0]])
    alone = mixture_log_density(points, torch.zeros(1, 2), 1.0)
    assert torch.allclose(alone, standard.log_prob(points).sum(1).double())
    centres = torch.tensor([[-1.0], [2.0]])
    axis = torch.arange(-8, 9, 0.01, dtype=torch.float64)[:, None]
    density = mixture_log_density(axis, centres, 0.5).exp()
    assert (density.sum() * 0.01).item() == pytest.approx(1, abs=1e-6)
    at = (math.exp(-0.5 * 2**2) + math.exp(-0.5 * 4**2)) / 2 / (0.5 * math.sqrt(2 * math.pi))
    assert mixture_log_density(torch.zeros(1, 1), centres, 0.5).exp().item() == pytest.approx(at)
    # Of the test points it is the negative entropy: modes far apart add ln m to that of one.
    test = data.load("gaussian-grid", None, "test", shape=(2,))
    entropy = math.log(25) + 1 + math.log(2 * math.pi * 0.05**2)
    assert test.log_density.mean().item() == pytest.approx(-entropy, abs=0.05)


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_an_architecture_is_fitted_to_a_table(csv, suffix, tmp_path):
    table = csv
    if suffix == ".npy":
        table = tmp_path / "body.npy"
        np.save(table, np.random.default_rng(0).normal(size=(40, 3)) * [1, 10, 1000])
    told = pytest.warns(WholeNumbers) if suffix == ".csv" else nullcontext()
    with told:
        out = release.train("flow-2d", data=table, out=tmp_path / "mine", changes=SMALL)
    card = Card.read(out)
    features = 2 if suffix == ".csv" else 3
    assert (card.shape, card.dataset, card.front["pipeline_tag"]) == ((features,), "body", "other")
    assert card.columns == (("height", "weight") if suffix == ".csv" else ())
    assert (card.training["dataset"], card.training["holdout"], card.training["batch_size"]) == ("table", 4, 36)
    assert card.weights["images"] == 36
    model = zoo.load(out)
    assert model.provenance.columns == card.columns
    assert model.generate(5, seed=0).shape == (5, features)
    golden.verify(model, out / "golden.safetensors")
    with told:
        again = release.train(out, data=table, out=tmp_path / "again", changes={})
    assert Card.read(again).weights["sha256"] == card.weights["sha256"]


def test_what_is_said_outright_is_not_fitted(csv, tmp_path):
    changes = SMALL | {"holdout": 0, "batch_size": 5}
    with pytest.warns(WholeNumbers):
        card = Card.read(release.train("flow-2d", data=csv, out=tmp_path / "mine", changes=changes))
    assert (card.training["holdout"], card.training["batch_size"], card.weights["images"]) == (0, 5, 40)


def test_the_columns_are_standardised(csv, tmp_path):
    with pytest.warns(WholeNumbers):
        out = release.train("flow-2d", data=csv, out=tmp_path / "mine", changes=SMALL | {"ema": 0.0})
    made = zoo.load(out).generate(500, seed=0)
    real = data.load("table", csv, "train", shape=(2,)).images
    assert ((made.mean(0) - real.mean(0)).abs() < real.std(0)).all()


@pytest.mark.parametrize("name", ["dcgan", "realnvp"])
def test_architectures_of_images_take_no_tables(csv, tmp_path, name):
    with pytest.raises(ConfigError, match=rf"{name} cannot be trained on .*body\.csv, a table of 2 columns.*flow-2d"):
        release.train(name, data=csv, out=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("flow-2d", "height\n1\n2\n", "a table of 1 column: .*there is planar"),
        ("maf", "height\n1\n2\n", "a table of 1 column: .*there is planar"),
        ("maf", "height,weight\n1,2\n", "holds a single row"),
    ],
)
def test_tables_that_are_too_small_are_refused(tmp_path, name, text, message):
    table = tmp_path / "small.csv"
    table.write_text(text)
    with pytest.raises((ConfigError, DataError), match=message):
        release.train(name, data=table, out=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()

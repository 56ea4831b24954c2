"""Pictures of vectors: what stands in their axes."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.model import Model
from zoo.reports import pictures, plots
from zoo.reports.figures import figure
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    features: int = 2


class Gaussian(Model):
    """Standard normal vectors."""

    log_prob_kind = "exact"

    def __init__(self, features=2, classes=()):
        super().__init__(Config(features))
        self.space, self.latent_shape = of_shape((features,)), (features,)
        if classes:
            self.condition = Labels(classes)

    def _decode(self, z, condition):
        return z

    def _log_prob(self, vectors, condition, noise):
        return -0.5 * vectors.square().sum(1)


def normal(n, features, **names):
    points = torch.randn(n, features, generator=torch.Generator().manual_seed(0))
    return TensorDataset("normal", "test", points, **names)


@pytest.fixture
def axes():
    return figure(2, 2).subplots()


def test_points_are_drawn_where_they_lie_inside_of_a_window(axes):
    plots.scatter(axes, torch.tensor([[0.9, 11.0], [5, 15]]), torch.tensor([[0.0, 10], [1, 20]]))
    (points,) = axes.collections
    assert points.get_offsets().tolist() == [[pytest.approx(0.9), 11.0], [5, 15]]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (10, 20))


def test_points_outside_of_the_window_are_counted(axes):
    window = torch.tensor([[0.0, 10], [1, 20]])
    plots.scatter(axes, torch.tensor([[0.9, 11.0], [5, 15], [0.5, 30], [1, 20]]), window)
    assert [text.get_text() for text in axes.texts] == ["2 outside"]
    plots.scatter(axes, torch.tensor([[0.9, 11.0]]), window)
    assert len(axes.texts) == 1


def test_the_heat_is_the_root_of_the_density(axes):
    plots.heat(axes, Gaussian(), torch.tensor([[-3.0, -1], [3, 5]]))
    (heat,) = axes.images
    assert heat.get_extent() == [-3, 3, -1, 5]
    root = torch.tensor(heat.get_array().filled())
    row, column = divmod(int(root.argmax()), plots.CELLS)  # rows from the bottom up
    assert heat.origin == "lower"
    assert (column / plots.CELLS, row / plots.CELLS) == (pytest.approx(0.5, abs=0.02), pytest.approx(1 / 6, abs=0.02))
    at = root[row, plots.CELLS // 2 + plots.CELLS // 6]  # one deviation to the right of the mean
    assert at == pytest.approx(torch.exp(torch.tensor(-0.25)).item(), abs=0.01)


def test_histograms_show_the_share_of_the_rows_in_each_bin(axes):
    plots.histogram(axes, torch.tensor([0.1] * 3 + [0.9]), torch.tensor([0.5]), torch.tensor([0.0, 1]))
    real, made = axes.patches
    assert (real.get_label(), made.get_label()) == ("real", "generated")
    at = {x: int(x * plots.BINS) for x in (0.1, 0.3, 0.5, 0.9)}
    assert [real.get_data().values[at[x]] for x in (0.1, 0.3, 0.9)] == [0.75, 0, 0.25]
    assert made.get_data().values[at[0.5]] == 1


def test_the_plane_is_shown_as_points_points_and_density():
    data = normal(300, 2, columns=("width", "$_height"))
    made = torch.ones(5, 2)
    drawn = plots.plane(data.images, made, Gaussian(), data.columns)
    assert [panel.get_title() for panel in drawn.axes] == ["real", "generated", "density"]
    assert [len(panel.collections[0].get_offsets()) for panel in drawn.axes[:2]] == [300, 5]
    assert len({panel.get_xlim() for panel in drawn.axes}) == len({panel.get_ylim() for panel in drawn.axes}) == 1
    assert (drawn.axes[0].get_xlabel(), drawn.axes[0].get_ylabel()) == ("width", r"\$_height")
    plots.picture(drawn)


def test_a_picture_of_a_model_is_the_same_each_time():
    picture = pictures.portrait(Gaussian(), normal(300, 2), normal(300, 2))
    assert picture.mode == "RGB"
    assert pictures.snapshot(Gaussian(), normal(300, 2)).tobytes() == picture.tobytes()


def test_what_a_model_makes_of_real_points_again(monkeypatch):
    class Doubler(Gaussian):
        draws_when_concluded = True

        def _encode(self, vectors, condition, noise):
            return 2 * vectors

    shown, data = {}, normal(50, 2)

    def plane(real, made, density, names, what):
        shown[what] = made
        return figure(1, 1)

    monkeypatch.setattr(plots, "plane", plane)
    pictures.snapshot(Doubler(), data)
    pictures.snapshot(Gaussian(), data)
    assert list(shown) == ["reconstructed", "generated"]
    torch.testing.assert_close(shown["reconstructed"], 2 * data.images)


def test_no_density_no_panel():
    class Sampler(Gaussian):
        _log_prob = Model._log_prob

    whole = plots.sheet(Gaussian(), normal(50, 2)).width
    assert plots.sheet(Sampler(), normal(50, 2)).width == pytest.approx(whole * 2 / 3, abs=2)
    assert plots.sheet(Gaussian(classes=("a", "b")), normal(50, 2)).width == pytest.approx(whole * 2 / 3, abs=2)


@pytest.mark.parametrize(("features", "side"), [(1, 1), (3, 3), (7, 4)])
def test_tables_are_shown_by_their_first_columns(features, side):
    names = ("größe", "体重", "_c", "d$", "e", "f", "g")[:features]
    real, made = normal(100, features).images, torch.zeros(5, features)
    drawn = plots.matrix(real, made, names)
    assert len(drawn.axes) == side**2
    for place, panel in enumerate(drawn.axes):
        row, column = divmod(place, side)
        if row == column:
            assert len(panel.patches) == 2
        else:
            assert len(panel.collections[0].get_offsets()) == (100 if row > column else 5)
    assert [panel.get_xlabel() for panel in drawn.axes[-side:]] == [name.replace("$", r"\$") for name in names[:side]]
    assert plots.sheet(Gaussian(features), normal(100, features, columns=names)).width > 0


def test_a_column_far_off_the_others_gets_a_scale_of_its_own():
    points = normal(200, 2).images * torch.tensor([1e-3, 1e6]) + torch.tensor([5, -3e7])
    window = plots._window(points)
    inside = ((points >= window[0]) & (points <= window[1])).all(1)
    assert inside.float().mean() > 0.98
    torch.testing.assert_close(window[1] - window[0], torch.tensor([7e-3, 7e6]), rtol=0.3, atol=0)


def test_points_of_a_model_are_shown_with_its_density_or_in_pairs(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "picture", lambda figure: shown.append(figure))
    plots.drawn(Gaussian(), torch.randn(20, 2))
    assert [panel.get_title() for panel in shown[0].axes] == ["generated", "density"]
    three = SimpleNamespace(space=SimpleNamespace(columns=("a", "b", "c")), capabilities=frozenset, condition=None)
    plots.drawn(three, torch.randn(20, 3))
    assert len(shown[1].axes) == 9
    assert [panel.get_xlabel() for panel in shown[1].axes[-3:]] == ["a", "b", "c"]


@pytest.mark.parametrize(("features", "panels"), [(1, 1), (2, 1), (3, 2), (6, 3)])
def test_models_beside_each_other_share_their_window(monkeypatch, features, panels):
    figures = []
    monkeypatch.setattr(plots, "picture", figures.append)
    near, far = torch.rand(50, features), 9 + torch.rand(50, features)
    plots.beside([("near", "energy\n0.1", near), ("far $_1", "", far)], "samples")
    (drawn,) = figures
    axes = drawn.axes
    assert len(axes) == 2 * panels
    assert [axes[0].get_title(), axes[1].get_title()] == ["near", r"far \$_1"]
    assert axes[2 * panels - 2].get_xlabel() == "energy\n0.1"
    low, high = axes[0].get_xlim()
    assert low < near[:, 0].min()
    assert high > far[:, 0].max()
    assert axes[1].get_xlim() == (low, high)
    for place, panel in enumerate(axes if features > 1 else []):
        row, model = divmod(place, 2)
        expected = (near, far)[model][:, [0, row + 1]]
        assert torch.allclose(torch.tensor(panel.collections[0].get_offsets().data).float(), expected)

"""Pictures of vectors, read pixel by pixel."""

from dataclasses import dataclass

import pytest
import torch
from torchvision.transforms.functional import pil_to_tensor

from zoo.data.dataset import TensorDataset
from zoo.model import Model
from zoo.reports import pictures, plots
from zoo.reports.plots import GAP, PANEL, TEXT
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    features: int = 2
    classes: tuple[str, ...] = ()


class Gaussian(Model):
    """Standard normal vectors."""

    log_prob_kind = "exact"

    def __init__(self, features=2, classes=()):
        super().__init__(Config(features, classes))
        self.space, self.latent_shape = of_shape((features,)), (features,)

    def _decode(self, z, condition):
        return z

    def _log_prob(self, vectors, condition, noise):
        return -0.5 * vectors.square().sum(1)


def normal(n, features, **names):
    points = torch.randn(n, features, generator=torch.Generator().manual_seed(0))
    return TensorDataset("normal", "test", points, **names)


def ink(picture):
    """How dark each pixel is, (height, width) from 0 to 1."""
    return 1 - pil_to_tensor(picture.convert("L"))[0] / 255


def test_a_point_is_drawn_where_it_lies():
    window = torch.tensor([[0.0, 10], [1, 20]])
    drawn = ink(plots.scatter(torch.tensor([[0.9, 11.0], [5, 15], [0.5, 30]]), window))
    rows, columns = drawn.nonzero().T
    # To the right and low down; the two outside of the window nowhere.
    assert columns.float().mean() / PANEL == pytest.approx(0.9, abs=0.02)
    assert rows.float().mean() / PANEL == pytest.approx(0.9, abs=0.02)
    assert len(rows) == 4


def test_more_points_are_darker():
    window = torch.tensor([[0.0, 0], [1, 1]])
    one, many = (ink(plots.scatter(torch.full((n, 2), 0.5), window)).max() for n in (1, 5))
    assert 0.3 < one < many


def test_the_heat_is_the_root_of_the_density():
    drawn = ink(plots.heat(Gaussian(), torch.tensor([[-3.0, -1], [3, 5]])))
    row, column = divmod(int(drawn.argmax()), PANEL)
    assert (column / PANEL, row / PANEL) == (pytest.approx(0.5, abs=0.02), pytest.approx(5 / 6, abs=0.02))
    at = drawn[row, PANEL // 2 + PANEL // 6] / drawn.max()  # one deviation to the right of the mean
    assert at == pytest.approx(torch.exp(torch.tensor(-0.25)).item(), abs=0.01)


def test_histograms_are_high_where_there_is_much():
    drawn = ink(plots.histogram(torch.tensor([0.1] * 3 + [0.9]), torch.tensor([0.5]), torch.tensor([0.0, 1])))
    heights = [(drawn[:, int(x * PANEL)] > 0).sum() for x in (0.11, 0.3, 0.9)]
    assert heights[0] > 2.5 * heights[2] > 100 * heights[1] / PANEL
    assert drawn[:, PANEL // 2].max() > 0.5  # the line of what was made


def test_the_plane_is_shown_as_points_points_and_density():
    picture = pictures.portrait(Gaussian(), normal(300, 2), normal(300, 2))
    assert picture.width == GAP + 3 * (PANEL + GAP)
    real, made, density = (ink(picture)[GAP + TEXT :, GAP + i * (PANEL + GAP) :][:PANEL, :PANEL] for i in range(3))
    assert 0 < (real > 0).float().mean() < (made > 0).float().mean() < (density > 0).float().mean()
    assert pictures.snapshot(Gaussian(), normal(300, 2)).tobytes() == picture.tobytes()


def test_no_density_no_panel():
    class Sampler(Gaussian):
        _log_prob = Model._log_prob

    assert plots.sheet(Sampler(), normal(50, 2)).width == GAP + 2 * (PANEL + GAP)
    labelled = plots.sheet(Gaussian(classes=("a", "b")), normal(50, 2))
    assert labelled.width == GAP + 2 * (PANEL + GAP)


@pytest.mark.parametrize(("features", "side"), [(1, 1), (3, 3), (7, 4)])
def test_tables_are_shown_by_their_first_columns(features, side):
    names = ("größe", "体重", "c", "d", "e", "f", "g")[:features]
    picture = plots.sheet(Gaussian(features), normal(100, features, columns=names))
    assert picture.width == GAP + side * (PANEL + GAP)
    assert picture.height == GAP + side * (TEXT + PANEL + GAP) + TEXT + GAP


def test_a_column_far_off_the_others_gets_a_scale_of_its_own():
    points = normal(200, 2).images * torch.tensor([1e-3, 1e6]) + torch.tensor([5, -3e7])
    drawn = ink(plots.scatter(points, plots._window(points)))
    assert (drawn > 0).sum() > 400

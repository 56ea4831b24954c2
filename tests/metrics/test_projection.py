"""Pictures in two dimensions: the two numbers by hand, the methods, and which are taken of what."""

import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, DataError, InvalidInput, MissingExtra, UnknownName
from zoo.metrics import projection
from zoo.metrics.projection import check_methods, knn_accuracy, project, reduced, trustworthiness
from zoo.model import Model
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    size: int = 2


class First(Model):
    """Its code are the first numbers of a sample."""

    def __init__(self, size=2, shape=(1, 3, 3)):
        super().__init__(Config(size))
        self.space, self.latent_shape = of_shape(shape), (size,)

    def _encode(self, x, condition, noise):
        return x.flatten(1)[:, : self.config.size]


def dark_and_bright(n=60, labels=True):
    """Dark images of class 0 and bright ones of class 1, in turn."""
    kinds = torch.arange(n) % 2
    pixels = torch.randint(0, 60, (n, 1, 3, 3), generator=torch.Generator().manual_seed(0)) + 190 * kinds.view(
        -1, 1, 1, 1
    )
    known = {"labels": kinds, "classes": ("dark", "bright")} if labels else {}
    return TensorDataset("shades", "test", pixels.to(torch.uint8), **known)


# The two numbers -----------------------------------------------------------------------------------------------------


def test_accuracy_of_neighbours_by_hand():
    """On a line, of class 0 at 0 … 5 and of class 1 at 100 … 105, and one of class 1 among the former."""
    places = torch.tensor([*range(6), *range(100, 106), 2.5])
    labels = torch.tensor([0] * 6 + [1] * 7)
    points = torch.stack([places, torch.zeros(13)], 1)
    assert knn_accuracy(points, labels) == 12 / 13


def test_of_as_many_neighbours_the_nearer_ones_tell():
    """Three of class 2 side by side each see two of it, two of class 1 farther off, and one of class 0; the latter
    three see three of class 2. Six of class 3 are among themselves."""
    near = torch.tensor([[0.0, 0], [0.1, 0], [0, 0.1], [10, 0], [0, 10], [20, 0]])
    far = torch.tensor([[1000.0 + i, 0] for i in range(6)])
    assert knn_accuracy(torch.cat([near, far]), torch.tensor([2, 2, 2, 1, 1, 0, *[3] * 6])) == (3 + 6) / 12


def test_what_is_not_labelled_takes_no_part():
    points, labels = torch.arange(14.0)[:, None] * torch.tensor([1.0, 0]), torch.tensor([0, -1] * 7)
    assert knn_accuracy(points, labels) == 1.0
    assert knn_accuracy(points[:11], labels[:11]) == 1.0
    assert knn_accuracy(points[:10], labels[:10]) is None, "five labelled ones have but four others"
    assert knn_accuracy(points, None) is None


def test_trustworthiness_is_one_of_a_copy_and_less_of_a_shuffle():
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    assert trustworthiness(points, points) == 1.0
    assert trustworthiness(points, 3 - 2 * points) == 1.0
    assert trustworthiness(points, points[torch.randperm(50, generator=torch.Generator().manual_seed(1))]) < 0.7


# Methods -------------------------------------------------------------------------------------------------------------


def test_up_to_two_numbers_are_shown_as_they_are():
    values = torch.tensor([[1.0, 2], [3, 4]])
    assert reduced(values, "").equal(values)
    assert reduced(values[:, :1], "").equal(torch.tensor([[1.0, 0], [3, 0]]))


def test_pca_is_the_way_of_most_variance():
    values = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10, 0.1])
    points = reduced(values, "pca")
    correlation = np.corrcoef(points[:, 0].numpy(), values[:, 1].numpy())[0, 1]
    assert abs(correlation) > 0.999


@pytest.mark.parametrize("method", ["pca", "nmf", "tsne"])
def test_the_same_call_gives_the_same_picture(method):
    values = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    points = reduced(values, method, 3)
    assert points.shape == (40, 2)
    assert points.isfinite().all()
    assert points.equal(reduced(values, method, 3))


def test_nmf_of_negative_numbers():
    with pytest.raises(InvalidInput, match=r"codes of 3 numbers have some. Leave nmf out"):
        reduced(-torch.ones(4, 3), "nmf", what="codes of 3 numbers")


def test_umap_is_asked_for_two_dimensions_by_its_own_package(monkeypatch):
    asked = {}

    class UMAP:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, values):
            return values[:, :2] + 1

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    check_methods(["umap"])
    assert reduced(torch.zeros(20, 4), "umap", 7).equal(torch.ones(20, 2))
    assert (asked["n_components"], asked["random_state"]) == (2, 7)


def test_methods_that_are_not_there(monkeypatch):
    with pytest.raises(UnknownName, match=r"no method is called 'tnse'. Did you mean 'tsne'"):
        check_methods(["pca", "tnse"])
    monkeypatch.setitem(sys.modules, "umap", None)
    check_methods(["pca"])
    with pytest.raises(MissingExtra, match=r"UMAP needs umap-learn. Install it with: pip install umap-learn"):
        check_methods(["umap"])
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(MissingExtra, match=r"need scikit-learn. Install it with: pip install 'generative-zoo"):
        check_methods(["pca"])


# What is shown -------------------------------------------------------------------------------------------------------


def test_a_code_of_two_numbers_beside_methods_of_the_pixels():
    told = []
    data = dark_and_bright()
    found = project(First(), data, ["pca", "nmf"], seed=4, tell=told.append)
    assert [panel.title for panel in found.panels] == ["codes of 2 numbers", "PCA of pixels", "NMF of pixels"]
    assert (found.dataset, found.n, found.seed, found.code, found.classes) == ("shades", 60, 4, 2, ("dark", "bright"))
    code, pca, _ = found.panels
    assert code.points.equal(data.floats(slice(None)).flatten(1)[:, :2]), "all samples, in their order"
    assert [panel.knn for panel in found.panels] == [1.0] * 3
    assert pca.trustworthiness == trustworthiness(data.floats(slice(None)).flatten(1), pca.points)
    assert told == ["codes of First", "codes of 2 numbers", "PCA of pixels", "NMF of pixels"]


def test_larger_codes_are_reduced_as_asked():
    data, model = dark_and_bright(), First(4)
    assert [panel.title for panel in project(model, data).panels] == ["PCA of codes of 4 numbers"]
    both = project(model, data, codes_by=("tsne", "pca")).panels
    assert [panel.title for panel in both] == ["t-SNE of codes of 4 numbers", "PCA of codes of 4 numbers"]
    assert both[1].points.equal(reduced(data.floats(slice(None)).flatten(1)[:, :4], "pca", 0))


def test_samples_are_drawn_by_seed_and_bounded(monkeypatch):
    data = dark_and_bright()
    first, again, other = (project(First(), data, n=20, seed=seed) for seed in (1, 1, 2))
    assert first.n == 20
    assert first.panels[0].points.equal(again.panels[0].points)
    assert not first.panels[0].points.equal(other.panels[0].points)
    monkeypatch.setattr(projection, "MOST", 15)
    assert project(First(), data).n == 15
    monkeypatch.setattr(First, "encodes_by", "optimisation")
    monkeypatch.setattr(projection, "SEARCHED", 12)
    assert project(First(), data).n == 12


def test_without_labels_nothing_is_said_of_classes():
    found = project(First(), dark_and_bright(labels=False), ["pca"])
    assert found.labels is None
    assert [panel.knn for panel in found.panels] == [None, None]
    shown = found.to_dict()
    assert shown["panels"][1] == {
        "of": "pixels",
        "by": "pca",
        "trustworthiness": found.panels[1].trustworthiness,
        "knn": None,
    }
    assert {key: shown[key] for key in ("n", "seed", "code", "k")} == {"n": 60, "seed": 0, "code": 2, "k": 5}


def test_units_of_columns_do_not_matter():
    values = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    one, other = (
        project(First(2, (3,)), TensorDataset("rows", "test", values * units), ["pca"]).panels[1]
        for units in (1, torch.tensor([1.0, 1000, 0.001]))
    )
    assert one.of == "columns"
    torch.testing.assert_close(one.points, other.points, rtol=0, atol=1e-4)


def test_what_makes_no_picture():
    for count in (10, 61):  # fewer than were asked for would be taken for as many
        with pytest.raises(DataError, match=f"n={count}; shades allows 11 to 60: fewer make no picture"):
            project(First(), dark_and_bright(), n=count)
    few = TensorDataset("few", "test", torch.zeros(10, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(DataError, match="of few 10 are held out, and a picture takes 11 or more"):
        project(First(), few)
    with pytest.raises(InvalidInput, match="n=0"):
        project(First(), dark_and_bright(), n=0)
    told = First()
    told.condition = Labels(("dark", "bright"))
    with pytest.raises(CapabilityError, match="leave out the label"):
        project(told, dark_and_bright())

    class Mute(First):
        _encode = Model._encode

    with pytest.raises(CapabilityError, match="has no encode"):
        project(Mute(), dark_and_bright())

"""The picture of samples in two dimensions: what stands in its panels."""

from dataclasses import replace

import pytest
import torch
from matplotlib.colors import to_rgba

from zoo.metrics.projection import Panel, Projection
from zoo.reports.figures import GREY, colours
from zoo.reports.projection import page, sheet


def found(labels, panels=2, classes=("a", "$b$", "c")):
    points = torch.arange(12.0).view(6, 2)
    made = [Panel(f"codes {i}", "", points + i, 0.5 + i / 10, None if labels is None else 0.25) for i in range(panels)]
    labels = None if labels is None else torch.tensor(labels)
    return Projection("vae-shapes", "shapes", 6, 0, 2, "pixels", classes, labels, made)


def test_each_class_has_its_points_and_its_colour():
    figure = page(found([0, 2, 0, -1, 2, 2]))
    panel = figure.axes[1]
    drawn = {dots.get_label(): dots for dots in panel.collections}
    assert list(drawn) == ["_", "a", "c"]
    assert drawn["a"].get_offsets().tolist() == [[1, 2], [5, 6]]
    assert drawn["c"].get_offsets().tolist() == [[3, 4], [9, 10], [11, 12]]
    assert drawn["_"].get_offsets().tolist() == [[7, 8]]
    shades = [tuple(dots.get_facecolor()[0][:3]) for dots in drawn.values()]
    assert shades == [to_rgba(GREY)[:3], *[colour[:3] for colour in colours(2)]]
    assert panel.get_title() == "codes 1"
    assert panel.get_xlabel() == "trustworthiness 0.600\n5-NN accuracy 0.250"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "c"]
    assert figure.get_suptitle() == "6 samples of shapes, held out; codes of vae-shapes"


def test_without_labels_all_is_grey():
    figure = page(found(None))
    (dots,) = figure.axes[0].collections
    assert len(dots.get_offsets()) == 6
    assert tuple(dots.get_facecolor()[0][:3]) == to_rgba(GREY)[:3]
    assert figure.axes[0].get_xlabel() == "trustworthiness 0.500"
    assert not figure.legends


@pytest.mark.parametrize(("panels", "places"), [(1, 1), (3, 3), (4, 6)])
def test_panels_stand_in_rows_of_three(panels, places):
    figure = page(found([0] * 6, panels))
    assert len(figure.axes) == places
    assert [axes.axison for axes in figure.axes] == [True] * panels + [False] * (places - panels)


def test_many_classes_are_not_named():
    many = found(list(range(6)), 1, tuple(map(str, range(30))))
    assert page(many).legends
    many = replace(many, n=30, labels=torch.arange(30), panels=[replace(many.panels[0], points=torch.rand(30, 2))])
    assert not page(many).legends
    assert len(set(colours(30))) == 30


def test_the_same_pixels_each_time():
    assert sheet(found([0, 1, 2, 0, 1, 2])).tobytes() == sheet(found([0, 1, 2, 0, 1, 2])).tobytes()

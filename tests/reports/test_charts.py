"""The picture of a run: what stands in its charts."""

import math

import pytest
from PIL import Image

from zoo.reports import charts
from zoo.reports.charts import Chart
from zoo.reports.diagnosis import Diagnosis, Finding
from zoo.reports.figures import figure
from zoo.reports.history import COVERAGE, History, Line


def plotted(curve, last=100, **chart):
    axes = figure(3, 2).subplots()
    charts.plot(axes, Chart("c", {"curve": curve}, **chart), last)
    return axes


def test_a_curve_goes_through_its_points_over_all_steps():
    axes = plotted([(0, 0.0), (50, 1.0)])
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[0, 0], [50, 1]]
    assert line.get_marker() == "."  # few points are marked
    assert axes.get_xlim() == (0, 100)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["curve"]
    assert plotted([(i, 0.0) for i in range(100)]).lines[0].get_marker() == ""


def test_a_logarithmic_axis_is_one_and_leaves_gaps_where_nothing_is_positive():
    axes = plotted([(0, 1e-6), (50, 0.0), (100, 1.0)], log=True)
    assert axes.get_yscale() == "log"
    assert [math.isnan(y) for y in axes.lines[0].get_ydata()] == [False, True, False]
    assert plotted([(0, 1.0)]).get_yscale() == "linear"
    assert plotted([(0, 0.0)], log=True).get_yscale() == "linear"  # nothing is positive


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_cannot_be_drawn_is_a_gap(bad):
    axes = plotted([(0, 0.5), (40, bad), (100, 0.5)])
    assert [math.isnan(y) for y in axes.lines[0].get_ydata()] == [False, True, False]
    assert all(map(math.isfinite, axes.get_ylim()))
    charts.picture(plotted([(1, bad)], last=0).figure)


def test_a_log_of_nothing_but_steps_and_one_of_a_single_huge_loss_can_be_drawn(tmp_path):
    for losses in ({}, {"a": 1e20}):
        picture = charts.draw(Diagnosis(History(tmp_path, (Line(50, losses),)), (), ()))
        assert min(picture.size) > 100


def test_the_reference_is_marked():
    _, reference = plotted([(0, 0.0)], reference=0.5).lines
    assert (list(reference.get_ydata()), reference.get_linestyle()) == ([0.5, 0.5], ":")
    assert len(plotted([(0, 0.0)]).lines) == 1


def test_the_axis_reaches_as_far_as_it_is_asked_to_and_no_less_than_the_curve():
    assert plotted([(0, 1.0)], low=0.0, high=4.0).get_ylim() == (0, 4)
    low, high = plotted([(0, -1.0), (9, 5.0)], low=0.0, high=4.0).get_ylim()
    assert low < -1
    assert high > 5


@pytest.fixture
def samples(tmp_path):
    """Pictures of a run that get brighter with each of nine."""
    paths = []
    for i in range(1, 10):
        paths.append(tmp_path / f"{i:06d}.png")
        Image.new("RGB", (40, 40), (28 * i,) * 3).save(paths[-1])
    return paths


def levels(samples):
    return [(step, picture.getpixel((0, 0))[0]) for step, picture in charts.opened(samples)]


def test_samples_are_shown_from_first_to_last_as_many_as_fit(samples):
    assert levels(samples) == [(1, 28), (3, 84), (5, 140), (7, 196), (9, 252)]
    assert levels(samples[:2]) == [(1, 28), (2, 56)]
    assert levels([]) == []


def test_a_torn_picture_is_left_out(samples):
    for path in samples[0], samples[-1]:
        path.write_bytes(path.read_bytes()[:40])
    assert [step for step, _ in levels(samples)] == [3, 5, 7]


def page(lines, findings=(), samples=()):
    return charts.page(Diagnosis(History("run", tuple(lines), samples=tuple(samples)), tuple(findings), ()))


def shown(figure):
    """The titles of all axes, and the text below."""
    return [axes.get_title() for axes in figure.axes if axes.axison], figure.subfigs[-1].texts[0].get_text()


def test_a_page_has_what_the_log_has(samples):
    losses = {"generator": 1.0, "discriminator": 2.0}
    old = [Line(50 * i, losses) for i in (1, 2)]
    new = [Line(50 * i, losses, losses, {"real": 0.6, "fake": 0.4}, {COVERAGE: 0.5}, "probability") for i in (1, 2)]
    assert shown(page(old)) == (["losses"], "step 100\nNothing wrong was found in what there is to judge by.")
    titles, _ = shown(page(new))
    assert (titles[0], titles[2:]) == ("losses", ["gradient norms", "coverage of the data, coarsely"])
    with_samples = page(new, samples=samples)
    assert len(with_samples.axes) == 4 + 5
    assert page(old).get_figheight() < page(new).get_figheight() < with_samples.get_figheight()
    warned = page(new, [Finding("a", "many $words$ " * 40, "more words")])
    assert r"many \$words\$" in shown(warned)[1]
    assert warned.get_figheight() > page(new).get_figheight()
    charts.picture(warned)


@pytest.mark.parametrize(("kind", "upwards"), [("score", True), ("energy", False)])
def test_of_a_critic_the_gap_is_drawn_so_that_more_is_better(kind, upwards):
    outputs = [{"real": float(i), "fake": 0.0} for i in range(1, 4)]
    lines = [Line(i, outputs=each, kind=kind) for i, each in enumerate(outputs)]
    (chart,) = [chart for chart in charts.of(lines) if chart.curves]
    assert [value > 0 for _, value in chart.curves["gap"]] == [upwards] * 3
    assert chart.reference == 0


def test_modes_and_classes_are_drawn_as_shares():
    lines = [Line(10, coverage={COVERAGE: 0.5, "modes": 2, "modes_of": 8, "classes": 5, "classes_of": 10}), Line(20)]
    (chart,) = [chart for chart in charts.of(lines) if chart.curves]
    assert chart.curves == {COVERAGE: [(10, 0.5)], "modes (share)": [(10, 0.25)], "classes (share)": [(10, 0.5)]}
    assert shown(page(lines))[0] == ["coverage of the data, coarsely"]

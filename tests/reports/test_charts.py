"""The picture of a run, read pixel by pixel."""

import math

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from zoo.reports import charts
from zoo.reports.charts import COLOURS, HEIGHT, LEFT, WIDTH, Chart
from zoo.reports.diagnosis import Diagnosis, Finding
from zoo.reports.history import History, Line


def places(picture, colour):
    """Rows and columns (2, n) of the pixels of a colour below the legend."""
    same = (pil_to_tensor(picture) == torch.tensor(colour)[:, None, None]).all(0)
    rows, columns = same[18:].nonzero().T
    return rows + 18, columns


def drawn(curve, colour=COLOURS[1], **chart):
    """Where a curve goes that is the second of two, of which the first is at 0 and 1."""
    frame = [(0, 0.0), (0, 1.0)]
    return places(charts.plot(Chart("c", {"frame": frame, "curve": curve}, **chart), 100), colour)


def test_a_curve_goes_up_from_left_to_right():
    rows, columns = drawn([(0, 0.0), (100, 1.0)])
    assert columns.min() == pytest.approx(LEFT, abs=3)
    assert columns.max() == pytest.approx(WIDTH - 10, abs=3)
    assert torch.corrcoef(torch.stack((rows, columns)).float())[0, 1] < -0.99
    left, right = rows[columns < LEFT + 5].float().mean(), rows[columns > WIDTH - 15].float().mean()
    assert left - right > 0.7 * HEIGHT


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors():
    chart = Chart("c", {"frame": [(0, 1e-6), (0, 1.0)], "curve": [(50, 1e-3)]}, log=True)
    rows, columns = places(charts.plot(chart, 100), COLOURS[1])
    assert rows.float().mean().item() == pytest.approx((HEIGHT - 14 - 4 + 28 - 4) / 2, abs=4)
    assert columns.float().mean().item() == pytest.approx((LEFT + WIDTH - 10) / 2, abs=3)


def test_what_cannot_be_drawn_is_a_gap():
    _, columns = drawn([(0, 0.5), (20, 0.5), (40, math.nan), (60, 0.5), (100, 0.5)])
    beyond = columns - LEFT
    assert not ((beyond > 80) & (beyond < 190)).any()
    assert (beyond < 60).any()
    assert (beyond > 220).any()
    nothing = charts.plot(Chart("c", {"curve": [(1, math.nan)]}), 0)
    assert len(places(nothing, COLOURS[0])[0]) < 200  # the numbers of the axis


def test_a_log_of_nothing_but_steps_and_one_of_a_single_huge_loss_can_be_drawn(tmp_path):
    for losses in ({}, {"a": 1e20}):
        picture = charts.draw(Diagnosis(History(tmp_path, (Line(50, losses),)), (), ()))
        assert picture.width > WIDTH
        assert picture.height > HEIGHT


def test_the_reference_is_marked():
    black, _ = drawn([(0, 0.0)], (0, 0, 0), reference=0.5)
    none, _ = drawn([(0, 0.0)], (0, 0, 0))
    assert len(none) == 0
    assert len(black) > 100
    assert black.float().std() < 1


def test_the_axis_reaches_as_far_as_it_is_told():
    flat = Chart("c", {"curve": [(0, 1.0), (100, 1.0)]})
    wide = Chart("c", {"curve": [(0, 1.0), (100, 1.0)]}, low=0.0, high=4.0)
    heights = [places(charts.plot(chart, 100), COLOURS[0])[0].float().median() for chart in (flat, wide)]
    assert heights[1] > heights[0] + 20


@pytest.fixture
def samples(tmp_path):
    """Pictures of a run that get brighter with each of nine."""
    paths = []
    for i in range(1, 10):
        paths.append(tmp_path / f"{i:06d}.png")
        Image.new("RGB", (40, 40), (28 * i,) * 3).save(paths[-1])
    return paths


def test_samples_are_shown_from_first_to_last(samples):
    rows = pil_to_tensor(charts.strip(samples))[0, charts.TEXT + 20]
    shown = [int(level) for level in rows.unique_consecutive() if level < 255]
    assert (shown[0], shown[-1]) == (28, 252)
    assert shown == sorted(shown)
    assert len(shown) == (charts.STRIP + charts.GAP) // (charts.HIGH + charts.GAP)
    few = pil_to_tensor(charts.strip(samples[:2]))[0, charts.TEXT + 20]
    assert [int(level) for level in few.unique_consecutive() if level < 255] == [28, 56]


def test_a_torn_picture_is_left_out(samples):
    for path in samples[0], samples[-1]:
        path.write_bytes(path.read_bytes()[:40])
    assert charts.strip(samples).size == (charts.STRIP, charts.HIGH + charts.TEXT)


def page(lines, findings=(), samples=()):
    return charts.draw(Diagnosis(History("run", tuple(lines), samples=tuple(samples)), tuple(findings), ()))


def test_a_page_has_what_the_log_has(samples):
    losses = {"generator": 1.0, "discriminator": 2.0}
    old = [Line(50 * i, losses) for i in (1, 2)]
    new = [Line(50 * i, losses, losses, {"real": 0.6, "fake": 0.4}, {"coverage": 0.5}, "probability") for i in (1, 2)]
    assert page(old).width < page(new).width
    assert page(old).height < page(new).height < page(new, samples=samples).height
    warned = [Finding("a", "many words " * 40, "more words")]
    assert page(new, warned).height > page(new).height


@pytest.mark.parametrize(("kind", "upwards"), [("score", True), ("energy", False)])
def test_of_a_critic_the_gap_is_drawn_so_that_more_is_better(kind, upwards):
    outputs = [{"real": float(i), "fake": 0.0} for i in range(1, 4)]
    lines = [Line(i, outputs=each, kind=kind) for i, each in enumerate(outputs)]
    (chart,) = [chart for chart in charts._charts(lines) if chart.curves]
    assert [value > 0 for _, value in chart.curves["gap"]] == [upwards] * 3
    assert chart.reference == 0


def test_modes_and_classes_are_drawn_as_shares():
    lines = [Line(10, coverage={"coverage": 0.5, "modes": 2, "modes_of": 8, "classes": 5, "classes_of": 10}), Line(20)]
    (chart,) = [chart for chart in charts._charts(lines) if chart.curves]
    assert chart.curves == {"coverage": [(10, 0.5)], "modes (share)": [(10, 0.25)], "classes (share)": [(10, 0.5)]}
    assert page(lines).width > 0

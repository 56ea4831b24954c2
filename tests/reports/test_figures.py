"""Figures as pictures, without pyplot and without any state but their own."""

import itertools
import subprocess
import sys
import warnings

import pytest

from zoo.errors import MissingExtra
from zoo.reports.figures import figure, picture, plain


def test_a_picture_has_the_size_of_the_figure_and_is_the_same_each_time():
    def drawn():
        made = figure(3, 2)
        made.subplots().plot([1, 2], [3, 1], label=plain("$a"))
        return picture(made)

    assert drawn().size == (300, 200)
    assert drawn().mode == "RGB"
    assert drawn().tobytes() == drawn().tobytes()


def test_a_legend_that_takes_long_warns_nobody(monkeypatch):
    seconds = itertools.count(0, 2)
    monkeypatch.setattr("matplotlib.legend.time.perf_counter", lambda: next(seconds))
    made = figure(3, 2)
    axes = made.subplots()
    axes.plot([1, 2], [3, 1], label="a")
    axes.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture(made)


def test_pyplot_knows_nothing_of_it_and_no_backend_is_chosen():
    code = """
import matplotlib
from matplotlib._pylab_helpers import Gcf
before = dict(matplotlib.rcParams)
from zoo.reports.figures import figure, picture
picture(figure(1, 1))
assert dict(matplotlib.rcParams) == before
assert not Gcf.figs  # those that pyplot keeps
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "zoo.reports.figures")
    with pytest.raises(MissingExtra, match=r"plots need matplotlib.*generative-zoo\[train\]"):
        import zoo.reports.figures  # noqa: F401

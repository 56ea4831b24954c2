"""The picture of a run: losses, a discriminator's outputs, gradient norms, coverage and samples over time."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from zoo.reports.diagnosis import Diagnosis
from zoo.reports.figures import Axes, Figure, figure, picture, plain
from zoo.reports.history import COVERAGE, PRECISION, Line, names, series

WIDTH, HEIGHT = 4.1, 2.3  # of a chart, in inches
SAMPLES_HEIGHT = 1.6  # of the row of samples over time
LINE_HEIGHT = 0.17  # of text below
LETTERS = 130  # in such a line
FEW = 50  # points of a curve, each of which is marked

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Chart:
    """Curves by name over the steps. low, high: what the axis reaches at least; reference: a value that is marked; log:
    whether the axis is logarithmic."""

    title: str
    curves: dict[str, Curve]
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    log: bool = False


def draw(diagnosis: Diagnosis) -> Image.Image:
    """One picture of the run, with what was found in words below; what the log lacks is left out. Raises MissingExtra
    without matplotlib."""
    return picture(page(diagnosis))


def page(diagnosis: Diagnosis) -> Figure:
    """The figure of the run: two charts in each row, samples, words."""
    lines = diagnosis.history.lines
    known = of(lines)
    charts = [chart for chart in known if chart.curves] or known[:1]  # of a log of nothing but steps, an empty one
    findings = [str(finding) for finding in diagnosis.findings] or [diagnosis.all_clear]
    texts = [f"step {lines[-1].step}"]
    texts += [part for text in (*findings, *diagnosis.notes) for part in textwrap.wrap(text, LETTERS)]
    heights = [HEIGHT] * math.ceil(len(charts) / 2)
    pictures = opened(diagnosis.history.samples)
    heights += [SAMPLES_HEIGHT] if pictures else []
    heights += [LINE_HEIGHT * (len(texts) + 1)]
    drawn = figure(2 * WIDTH, sum(heights))
    rows = drawn.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for start, row in zip(range(0, len(charts), 2), rows, strict=False):
        for axes, chart in zip(row.subplots(1, 2), [*charts[start : start + 2], None], strict=False):
            if chart is None:
                axes.set_axis_off()
            else:
                plot(axes, chart, lines[-1].step)
    if pictures:
        rows[-2].suptitle("samples, from one seed", fontsize="medium")
        for axes, (step, sample) in zip(rows[-2].subplots(1, len(pictures), squeeze=False)[0], pictures, strict=True):
            axes.imshow(sample)
            axes.set_title(f"{step:,}", fontsize="small")
            axes.set_axis_off()
    rows[-1].text(0.01, 0.95, plain("\n".join(texts)), va="top", fontsize="small")
    return drawn


def plot(axes: Axes, chart: Chart, last: int) -> None:
    """`chart` over steps 0 … `last`. Values that are not finite, or not positive on a logarithmic axis, are gaps."""
    axes.set_title(plain(chart.title), fontsize="medium")
    axes.set_xlim(0, max(last, 1))
    axes.set_xlabel("step")
    axes.grid(alpha=0.4)
    positive = False
    for name, curve in chart.curves.items():
        values = [value if math.isfinite(value) and (value > 0 or not chart.log) else math.nan for _, value in curve]
        positive |= any(value > 0 for value in values)
        steps = [step for step, _ in curve]
        axes.plot(steps, values, marker="." if len(curve) < FEW else "", label=plain(name))
    if chart.log and positive:
        axes.set_yscale("log")
    if chart.reference is not None:
        axes.axhline(chart.reference, color="black", linestyle=":")
    low, high = axes.get_ylim()
    axes.set_ylim(
        low if chart.low is None else min(low, chart.low), high if chart.high is None else max(high, chart.high)
    )
    if chart.curves:
        axes.legend(fontsize="small")


def opened(samples: Sequence[Path]) -> list[tuple[int, Image.Image]]:
    """Some of the pictures from first to last, as many as fit beside each other, with their steps; those that cannot be
    read are left out."""
    newest = next(filter(None, map(readable, reversed(samples))), None)
    if newest is None:
        return []
    fit = max(1, int(2 * WIDTH / SAMPLES_HEIGHT * newest.height / newest.width))
    last, count = len(samples) - 1, min(len(samples), fit)
    chosen = [samples[round(i * last / max(count - 1, 1))] for i in range(count - 1)] + [samples[-1]]
    return [(int(path.stem), found) for path in chosen if (found := readable(path))]


def of(lines: Sequence[Line]) -> list[Chart]:
    """What a log has to show, chart after chart; one without curves where it lacks them."""

    def curves(group: str, *wanted: str) -> dict[str, Curve]:
        return {name: series(lines, group, name) for name in names(lines, group) if not wanted or name in wanted}

    outputs = curves("outputs", "real", "fake")
    kind = next((line.kind for line in lines if line.kind), "")
    if kind in ("score", "energy") and len(outputs) == 2:
        sign = 1 if kind == "score" else -1  # energy is low on what is real
        fake = dict(outputs["fake"])
        gap = [(step, sign * (value - fake[step])) for step, value in outputs["real"] if step in fake]
        watched = Chart(f"{kind}: gap between real and generated", {"gap": gap}, reference=0.0)
    else:
        watched = Chart("discriminator's outputs; dotted: 1/2, when it cannot tell", outputs, 0.0, 1.0, 0.5)
    covered = curves("coverage", COVERAGE, PRECISION, "high_quality")
    for name in ("modes", "classes"):
        share = [
            (line.step, line.coverage[name] / line.coverage[f"{name}_of"])
            for line in lines
            if line.coverage.get(f"{name}_of")
        ]
        covered |= {f"{name} (share)": share} if share else {}
    return [
        Chart("losses", curves("losses")),
        watched,
        Chart("gradient norms", curves("gradients"), log=True),
        Chart("coverage of the data, coarsely", covered, 0.0, 1.0),
    ]


def readable(path: Path) -> Image.Image | None:
    """None for a picture that is damaged, or still being written."""
    try:
        with Image.open(path) as found:
            return found.convert("RGB")
    except (OSError, SyntaxError):  # what PIL raises for a broken PNG
        return None

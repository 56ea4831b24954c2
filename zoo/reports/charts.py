"""The picture of a run: losses, a discriminator's outputs, gradient norms, coverage and samples over time."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from zoo.reports.diagnosis import Diagnosis
from zoo.reports.history import Line, names, series
from zoo.reports.plots import GAP, GREY, INK, PAPER, TEXT, lay_out, plain

WIDTH, HEIGHT = 400, 200  # of a chart, in pixels
LEFT = 52  # of it for the numbers of the axis
COLOURS = (INK, (206, 80, 32), (40, 130, 84), (140, 80, 160), (120, 120, 120))
STRIP = 2 * WIDTH + GAP  # width of the samples over time
HIGH = 132  # their height
LETTERS = 130  # in a line of text below

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
    """One picture of the run, with what was found in words below; what the log lacks is left out."""
    lines = diagnosis.history.lines
    known = _charts(lines)
    charts = [chart for chart in known if chart.curves] or known[:1]  # of a log of nothing but steps, an empty one
    panels = [(chart.title, plot(chart, lines[-1].step)) for chart in charts]
    rows = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    if samples := diagnosis.history.samples:
        rows.append([("samples, from one seed", strip(samples))])
    said = [str(finding) for finding in diagnosis.findings] or ["Nothing wrong was found."]
    words = [part for text in (*said, *diagnosis.notes) for part in textwrap.wrap(text, LETTERS)]
    return lay_out(rows, [f"step {lines[-1].step}", *words])


def plot(chart: Chart, last: int) -> Image.Image:
    """A panel of `chart` over steps 0 … `last`. Values that are not finite, or not positive on a logarithmic axis, are
    gaps."""
    panel = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(panel)
    shown = {name: [_scaled(chart, value) for _, value in curve] for name, curve in chart.curves.items()}
    marks = [_scaled(chart, value) for value in (chart.low, chart.high, chart.reference) if value is not None]
    finite = [y for y in (*marks, *(y for ys in shown.values() for y in ys)) if math.isfinite(y)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if high == low:
        margin = max(0.5, abs(low) / 1000)  # half of 1 is nothing beside a loss of 1e20
        low, high = low - margin, high + margin

    def place(step: float, y: float) -> tuple[float, float]:
        across, up = step / max(last, 1), (y - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - 10), HEIGHT - TEXT - 4 - up * (HEIGHT - 3 * TEXT)

    for tick in (low, (low + high) / 2, high):
        x, y = place(0, tick)
        pen.line((x, y, WIDTH - 10, y), fill=GREY)
        pen.text((4, y - TEXT // 2), f"{10**tick if chart.log else tick:.3g}", fill=INK)
    if chart.reference is not None:
        (x, y), reach = place(0, _scaled(chart, chart.reference)), WIDTH - 10
        for start in range(int(x), reach, 8):
            pen.line((start, y, min(start + 4, reach), y), fill=(0, 0, 0))
    pen.text((LEFT, HEIGHT - TEXT), "0", fill=INK)
    pen.text((WIDTH - 10, HEIGHT - TEXT), f"{last:,}", fill=INK, anchor="ra")
    x = float(LEFT)
    for (name, curve), colour in zip(chart.curves.items(), COLOURS, strict=False):
        parts: list[list[tuple[float, float]]] = [[]]
        for (step, _), y in zip(curve, shown[name], strict=True):
            if math.isfinite(y):
                parts[-1].append(place(step, y))
            elif parts[-1]:
                parts.append([])
        for points in parts:
            pen.line(points, fill=colour, width=2)
            if len(curve) < WIDTH // 8:
                for left, top in points:
                    pen.ellipse((left - 2, top - 2, left + 2, top + 2), fill=colour)
        pen.text((x, 2), plain(name), fill=colour)
        x += pen.textlength(plain(name)) + 2 * GAP
    return panel


def strip(pictures: Sequence[Path]) -> Image.Image:
    """Some of the pictures from first to last, as many as fit beside each other, each under its step; one that cannot
    be read is left out."""
    panel = Image.new("RGB", (STRIP, HIGH + TEXT), PAPER)
    first = _opened(pictures[-1])
    shape = first.size if first else (1, 1)
    width = max(1, min(STRIP, round(HIGH * shape[0] / shape[1])))
    fit = min(len(pictures), max(1, (STRIP + GAP) // (width + GAP)))
    chosen = [pictures[round(i * (len(pictures) - 1) / max(fit - 1, 1))] for i in range(fit - 1)] + [pictures[-1]]
    pen = ImageDraw.Draw(panel)
    for i, path in enumerate(chosen):
        if picture := _opened(path):
            panel.paste(picture.resize((width, HIGH), Image.Resampling.LANCZOS), (i * (width + GAP), TEXT))
        pen.text((i * (width + GAP), 0), f"{int(path.stem):,}", fill=INK)
    return panel


def _charts(lines: Sequence[Line]) -> list[Chart]:
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
    covered = curves("coverage", "coverage", "precision", "high_quality")
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
        Chart("coverage of the data", covered, 0.0, 1.0),
    ]


def _scaled(chart: Chart, value: float) -> float:
    if not chart.log:
        return value
    return math.log10(value) if value > 0 else math.nan


def _opened(path: Path) -> Image.Image | None:
    """None for a picture that is damaged, or still being written."""
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError):  # what PIL raises for a broken PNG
        return None

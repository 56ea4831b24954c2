"""The film of a run: its samples, the field of a discriminator of the plane, and the curves of its log, on a page on
which they are gone through step by step."""

from __future__ import annotations

import html
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo._util.paths import real_path
from zoo.reports import charts
from zoo.reports.charts import Chart, Curve
from zoo.reports.diagnosis import Diagnosis, diagnose
from zoo.reports.gallery import folders, pages
from zoo.reports.history import FIELDS, SAMPLES

HERE = Path(__file__).parent
SCRIPT = "film.js"  # by which a film is known that may be replaced
HALL = folders.HALL
MOST = 120  # pictures; of more, as many from first to last
WIDTH, HEIGHT = 640, 200  # of a chart
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 26  # of which its margins take
DIGITS = 4  # of values


@dataclass(frozen=True)
class Film:
    """A page: its folder, bytes of all files, lines of the log, and pictures."""

    folder: Path
    size: int
    lines: int
    pictures: int


def write(run: str | Path, folder: Path, *, force: bool = False, home: str = "") -> Film:
    """Write the film of `run`, a folder that training wrote or is writing, into `folder`: plain files, which may be
    opened as they are. home: the page of a gallery that it belongs to. Raises InvalidInput for a folder that holds
    something else, or a film unless `force` is set, and as `zoo.reports.history.read` does."""
    folder = folders.checked(folder, SCRIPT, "film", force=force)
    diagnosis = diagnose(run)
    with folders.anew(folder) as site:
        samples, fields = (_copied(found, site) for found in (diagnosis.history.samples, diagnosis.history.fields))
        for path in (HERE / "templates" / SCRIPT, HERE / "site" / "style.css"):
            shutil.copyfile(path, site / path.name)
        (site / HALL).write_text(page(diagnosis, samples, fields, home), encoding="utf-8")
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    return Film(folder, size, len(diagnosis.history.lines), len(samples) + len(fields))


def page(diagnosis: Diagnosis, samples: list[Path], fields: list[Path], home: str = "") -> str:
    """The page of a run whose pictures are `samples` and `fields`, beside it in folders of these names."""
    history = diagnosis.history
    last = history.lines[-1].step
    shown = [chart for chart in charts.of(history.lines) if chart.curves]
    folder = real_path(history.folder)
    name = folder.parent.name if folder.name == "run" else folder.name
    about = {
        "last": last,
        "steps": sorted({line.step for line in history.lines} | {int(path.stem) for path in (*samples, *fields)}),
        "samples": [[int(path.stem), f"{SAMPLES}/{path.name}"] for path in samples],
        "fields": [[int(path.stem), f"{FIELDS}/{path.name}"] for path in fields],
        "frame": [LEFT, WIDTH - LEFT - RIGHT, WIDTH],
        "charts": [{name: _rounded(curve) for name, curve in chart.curves.items()} for chart in shown],
    }
    told = [("notice", str(finding)) for finding in diagnosis.findings] or [("told", diagnosis.all_clear)]
    told += [("small", note) for note in diagnosis.notes]
    return pages.filled(
        "film.html",
        name=html.escape(name),
        home=f'<nav><a href="{html.escape(home)}">← All models</a></nav>' if home else "",
        count=f"{last:,}",
        told="\n".join(f'<p class="{kind}">{html.escape(text)}</p>' for kind, text in told),
        charts="\n".join(_figure(chart, last) for chart in shown),
        about=pages.embedded(about),
    )


def draw(chart: Chart, last: int) -> str:
    """`chart` over steps 0 … `last` as SVG. Values that are not finite, or not positive on a logarithmic axis, are
    gaps."""
    low, high = _range(chart)
    across, down = (WIDTH - LEFT - RIGHT) / max(last, 1), (HEIGHT - TOP - BOTTOM) / (high - low)

    def place(step: float, value: float) -> tuple[float, float]:
        return LEFT + across * step, HEIGHT - BOTTOM - down * (value - low)

    parts = []
    for tick in _ticks(low, high, chart.log):
        _, y = place(0, tick)
        words = f"{10**tick:g}" if chart.log else f"{tick:g}"
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    for step, anchor in ((0, "start"), (last, "end")):
        where = f'x="{place(step, low)[0]:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}"'
        parts.append(f'<text class="tick" {where}>{step:,}</text>')
    if chart.reference is not None:
        _, y = place(0, chart.reference)
        parts.append(f'<path class="reference" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
    for i, curve in enumerate(chart.curves.values()):
        parts.append(f'<path class="curve c{i % 6}" d="{_path(curve, chart.log, place)}"/>')
    parts.append(f'<path class="cursor" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}"/>')
    title = html.escape(chart.title)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _figure(chart: Chart, last: int) -> str:
    """A chart with its title, and below it the names of its curves, with places for their values."""
    names = "".join(
        f'<span><i class="c{i % 6}"></i>{html.escape(name.replace("_", " "))} <output></output></span>'
        for i, name in enumerate(chart.curves)
    )
    title = html.escape(chart.title)
    return f'<figure class="chart"><h3>{title}</h3>{draw(chart, last)}<figcaption>{names}</figcaption></figure>'


def _path(curve: Curve, log: bool, place: Callable[[float, float], tuple[float, float]]) -> str:
    """Through the points of a curve, anew after each gap; a point alone is a short stroke."""
    path, down = list[str](), False
    for step, value in curve:
        if known := _known(value, log):
            x, y = place(step, math.log10(value) if log else value)
            path.append(f"L{x:.1f} {y:.1f}" if down else f"M{x:.1f} {y:.1f}h.1")
        down = known
    return "".join(path)


def _known(value: float, log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not log)


def _range(chart: Chart) -> tuple[float, float]:
    """From the least to the greatest value, of a logarithmic axis their powers of ten; as far as the chart asks."""
    values = [value for curve in chart.curves.values() for _, value in curve if _known(value, chart.log)]
    values = [math.log10(value) for value in values] if chart.log else values
    values += [edge for edge in (chart.low, chart.high, chart.reference) if edge is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - max(abs(low), 1) / 10, high + max(abs(high), 1) / 10)


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Round numbers from `low` to `high`, about four; of a logarithmic axis whole powers of ten, if there are any."""
    unit = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(unit * k for k in (1, 2, 5, 10) if (high - low) / (unit * k) <= 4.5)
    if log:
        step = max(1.0, math.ceil(step))
    ticks = [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return ticks or [low, high]


def _rounded(curve: Curve) -> list[list[float | None]]:
    return [[step, float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None] for step, value in curve]


def _copied(found: Sequence[Path], site: Path) -> list[Path]:
    """Copy those that can be read, of many some, into a folder of the site called as theirs is; which those are."""
    readable = [path for path in _some(found) if charts.readable(path)]
    for path in readable:
        (site / path.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(path, site / path.parent.name / path.name)
    return readable


def _some(samples: Sequence[Path]) -> list[Path]:
    """Of pictures `MOST` at most, first and last among them."""
    if len(samples) <= MOST:
        return list(samples)
    return [samples[round(i * (len(samples) - 1) / (MOST - 1))] for i in range(MOST)]

"""Figures of matplotlib as pictures. Drawn by Agg and never by way of pyplot, so that no global state is touched."""

from __future__ import annotations

import warnings

from PIL import Image

from zoo.errors import MissingExtra

try:
    from matplotlib import colormaps
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra(
        f"plots need {error.name or 'matplotlib'}. Install it with: pip install 'generative-zoo[train]'"
    ) from error

__all__ = ["GREY", "INK", "Axes", "Figure", "colours", "figure", "picture", "plain"]

DPI = 100
INK, GREY = "#183884", "#c4cad4"


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, whose axes are laid out so that no text overlaps."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def picture(drawn: Figure) -> Image.Image:
    """`drawn` in RGB; the same pixels for the same figure."""
    canvas = FigureCanvasAgg(drawn)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # letters that matplotlib's font lacks are boxes
        warnings.filterwarnings("ignore", "Creating legend")  # that it took longer than a second, as on a busy machine
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return Image.frombuffer("RGBA", canvas.get_width_height(), pixels).convert("RGB")


def colours(count: int) -> list[tuple[float, ...]]:
    """So many colours that are told apart, as well as that many can be."""
    known = colormaps["tab10" if count <= 10 else "tab20" if count <= 20 else "hsv"]
    return [known(i if count <= 20 else i / count) for i in range(count)]


def plain(text: str) -> str:
    """`text` to be shown as it is, and not as a formula."""
    return text.replace("$", r"\$")

"""The reference of zoo's Python: pages that pdoc makes of the docstrings of all public modules."""

from __future__ import annotations

import html.parser
import importlib
import re
import warnings
from pathlib import Path

from zoo.errors import MissingExtra
from zoo.reports.gallery import folders

MODULES = (
    "zoo",
    "zoo.model",
    "zoo.plugin",
    "zoo.errors",
    "zoo.images",
    "zoo.latent",
    "zoo.nn.losses",
    "zoo.tables",
    "zoo.spaces",
    "zoo.conditions",
    "zoo.export",
    "zoo.sklearn",
    "zoo.testing",
    "zoo.metrics",
)
MARK = "zoo.html"  # in every reference


def write(folder: Path, *, force: bool = False) -> int:
    """Write the reference into `folder`, in one step, and return its number of pages. Raises MissingExtra without pdoc,
    and InvalidInput for a folder that holds something else, or a reference unless `force` is set."""
    check_extra()
    import pdoc

    folder = folders.checked(folder, MARK, "reference", force=force)
    for module in map(importlib.import_module, MODULES):
        for name in getattr(module, "__all__", ()):  # pdoc looks at what is there, and not at what can be asked for
            vars(module).setdefault(name, getattr(module, name))
    pdoc.render.configure(docformat="markdown", show_source=False, search=False, favicon="data:,")
    with folders.anew(folder) as site, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of annotations, which pdoc shows as they are written where it cannot
        pdoc.pdoc(*MODULES, "!zoo.model.", output_directory=site)  # whose parts are not public
        for path in site.rglob("*.html"):
            path.write_text(_unlinked(path.read_text(encoding="utf-8")), encoding="utf-8")
        return len(list(site.rglob("*.html")))


def check_extra() -> None:
    """Raise MissingExtra without pdoc."""
    try:
        import pdoc  # noqa: F401
    except ImportError as error:
        how = "Install it with: pip install 'generative-zoo[docs]'"
        raise MissingExtra(f"the reference is made by pdoc. {how}") from error


def _unlinked(text: str) -> str:
    """A page without the links that pdoc makes to inherited members as if they stood below the class itself."""
    there = _Page(text).anchors
    return re.sub(r'<a href="#([^"]+)">(.*?)</a>', lambda link: link[0] if link[1] in there else link[2], text)


class _Page(html.parser.HTMLParser):
    """What in a page can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.anchors |= {value for name, value in attrs if value and name == "id"}

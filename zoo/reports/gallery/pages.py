"""The pages of a gallery, from releases and their cards: what stands in them needs no script to be read."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from zoo._util.version import __version__
from zoo.releases import Release
from zoo.releases.cards import BEGIN, END
from zoo.releases.record import number
from zoo.reports.comparison import headline

TEMPLATES = Path(__file__).parent / "templates"
REFERENCE = "reference"  # the folder of its pages
FAMILIES = {
    "autoencoders": "Autoencoders",
    "flows": "Normalizing flows",
    "gans": "GANs",
    "translation": "Image to image",
}
SHOWN = (
    "Numbers",
    "Limits",
    "What it cannot do",
)  # parts of a card that are open from the start; and those on its licence, and on papers

_HEADING = re.compile(r"^## +(.*)$", re.MULTILINE)


def hall(
    releases: Mapping[str, Release],
    extents: Mapping[str, str],
    films: Mapping[str, str] | None = None,
    *,
    with_reference: bool = False,
) -> str:
    """The page of all releases: links to the room of each, to `films` of runs, pictures by their folders, and to the
    reference, if there is one. extents: by release, how large a sample is, in words."""
    link = f'<a href="{REFERENCE}/zoo.html">Reference of its Python</a>. ' if with_reference else ""
    families = sorted({release.architecture.family for release in releases.values()}, key=_place)
    datasets = sorted({release.outline.dataset for release in releases.values()})
    return filled(
        "hall.html",
        families=_options((family, family_name(family)) for family in families),
        datasets=_options((name, name) for name in datasets),
        count=len(releases),
        reference=link,
        cards="\n".join(_card(name, release, extents[name]) for name, release in releases.items()),
        films=_films(films or {}),
    )


def room(name: str, release: Release, about: dict[str, Any], others: Mapping[str, Release]) -> str:
    """The page of a release, with what the room's script is to know of it, `about`; links to `others` lead to rooms."""
    card, architecture = release.card, release.architecture
    facts = {
        "family": family_name(architecture.family),
        "data": str(card.zoo["data"].get("description") or card.dataset),
        "sample": about["extent"],
        "parameters": f"{card.weights['parameters']:,}" if card.weights.get("parameters") else "",
        "weights": megabytes(card.weights.get("bytes")),
        "licence": str(card.front.get("license_name", card.license)),
    }
    shown = ((key, html.escape(value)) for key, value in facts.items() if value)
    paper = f'<a href="{html.escape(architecture.paper)}">paper</a>' if architecture.paper.startswith("http") else ""
    return filled(
        "room.html",
        name=html.escape(name),
        summary=html.escape(architecture.summary),
        paper=paper,
        facts="".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in shown),
        parts=_parts(card.body, set(others)),
        about=embedded(about),
    )


def place(name: str) -> str:
    """The folder of a release's room: its name, but for letters that have a meaning in paths or addresses."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "room"


def family_name(family: str) -> str:
    """As people call it."""
    return FAMILIES.get(family, family.replace("-", " ").capitalize())


def megabytes(count: int | None) -> str:
    """Bytes for people; empty where nobody knows."""
    return "" if count is None else f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def _card(name: str, release: Release, extent: str) -> str:
    architecture, outline, card = release.architecture, release.outline, release.card
    licence, first = outline.license_name or outline.license, headline(release)
    shown = (name, architecture.summary, family_name(architecture.family), outline.dataset, extent, licence)
    told = (str(card.zoo["data"].get("description", "")), str(card.front.get("pipeline_tag", "")))
    words = " ".join((*shown, *told))
    return Template(
        '<li data-family="$family" data-dataset="$dataset" data-words="$words"><a href="$place/">'
        '<img src="$place/picture.webp" width="320" height="160" loading="lazy" alt="Samples of $name">'
        "<h2>$name</h2><p>$summary</p>"
        '<p class="small">$kind · $dataset · $extent</p><p class="small">$bytes · $licence</p>'
        '<p class="small number">$headline</p></a></li>'
    ).substitute(
        family=html.escape(architecture.family),
        dataset=html.escape(outline.dataset),
        summary=html.escape(architecture.summary),
        kind=html.escape(family_name(architecture.family)),
        extent=html.escape(extent),
        bytes=html.escape(megabytes(outline.bytes)),
        name=html.escape(name),
        place=html.escape(place(name)),
        words=html.escape(words.casefold()),
        licence=html.escape(licence),
        headline=html.escape(f"{first.name.partition(' (')[0]} {number(first.value)}" if first else "not measured"),
    )


def _films(films: Mapping[str, str]) -> str:
    if not films:
        return ""
    links = "".join(
        f'<li><a href="{html.escape(folder)}/"><img src="{html.escape(folder)}/{html.escape(picture)}" width="288" '
        f'height="288" loading="lazy" alt=""><h3>{html.escape(folder.rpartition("/")[2])}</h3></a></li>'
        for folder, picture in films.items()
    )
    words = "Runs of two GANs on eight Gaussians, step by step, with what zoo diagnose says of them."
    title = '<h2 id="films-title">How training goes</h2>'
    return f'<section aria-labelledby="films-title">{title}<p>{words}</p><ul class="films">{links}</ul></section>'


def _parts(body: str, rooms: set[str]) -> str:
    """The text of a card: its parts, each of which can be opened."""
    _, *rest = _HEADING.split(body)
    made = []
    for title, text in zip(rest[::2], rest[1::2], strict=True):
        state = " open" if title in SHOWN or "licence" in title or title.startswith("How it differs") else ""
        inside = _rendered(text.replace(BEGIN, "").replace(END, ""), rooms)
        made.append(f"<details{state}><summary><h2>{html.escape(title)}</h2></summary>{inside}</details>")
    return "\n".join(made)


def _rendered(text: str, rooms: set[str]) -> str:
    """Markdown as HTML. Links to cards of other releases lead to their rooms, those to other files nowhere; and
    pictures, which lie elsewhere, are left out."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.attrs.pop("style", None):  # of columns; the page allows styles of its own alone
            token.attrSet("class", "number")
        token.children = list(_linked(token.children or [], rooms)) if token.children is not None else None
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _linked(tokens: Iterable[Token], rooms: set[str]) -> Iterable[Token]:
    dropped = False
    for token in tokens:
        if token.type == "link_open":
            target = str(token.attrGet("href"))
            other = re.fullmatch(r"\.\./([^/]+)/README\.md(#.*)?", target)
            dropped = not (target.startswith(("https://", "http://")) or (other and other[1] in rooms))
            if other:
                token.attrSet("href", f"../{place(other[1])}/")
        if token.type == "image" or (dropped and token.type in ("link_open", "link_close")):
            continue
        yield token


def _options(values: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<option value="{html.escape(value)}">{html.escape(shown)}</option>' for value, shown in values)


def _place(family: str) -> tuple[int, str]:
    names = list(FAMILIES)
    return (names.index(family) if family in names else len(names), family)


def embedded(about: dict[str, Any]) -> str:
    """What a script is to know, as JSON that can stand in a page."""
    return json.dumps(about, ensure_ascii=False).replace("<", "\\u003c")


def filled(template: str, **values: object) -> str:
    """A template with `values` in its places, which are HTML already."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return Template(text).substitute({"version": __version__, **values})

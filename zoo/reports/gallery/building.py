"""Building a gallery: a folder of plain files, which appears whole or not at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo import building
from zoo._util.progress import showing
from zoo.conditions import Labels, Texts, attributes
from zoo.data.attributes import directions_of
from zoo.errors import CardError, InvalidInput
from zoo.export.graphs import Graph
from zoo.model import Model
from zoo.releases import Release
from zoo.reports.gallery import codes, films, folders, graphs, latents, pages, pictures, reference, runtime, widgets
from zoo.spaces import Images, Vectors

SITE = Path(__file__).parent / "site"  # what is copied as it is
HALL = folders.HALL
RUNS, FILMS = Path(__file__).parent / "runs", "films"  # of two GANs; where their films are in a gallery
MARK = "runtime"  # in every gallery; by the notice in it one is known that may be replaced


@dataclass(frozen=True)
class Built:
    """A site: its folder, bytes of all files, of the hall with all its pictures, and of models by release; and, by
    release, what could not be exported, in sentences."""

    folder: Path
    size: int
    hall: int
    models: dict[str, int]
    refused: dict[str, list[str]]


def build(
    releases: Mapping[str, Release],
    folder: Path,
    *,
    source: Path | None = None,
    data: Mapping[str, Path] | None = None,
    with_reference: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> Built:
    """Write the gallery of `releases`, by name, into `folder`, with onnxruntime-web from the folder `source` or
    `runtime.fetched`. data: where data sets lie, by the names that cards have for them, of which rooms show codes.
    with_reference: with the pages of `reference`, to which the hall leads.

    Raises InvalidInput for a folder that holds something else, or a gallery unless `force` is set, and for data of
    which there is no release, MissingExtra without the packages of the extra "export", or "docs", and what loading a
    release, or its data, raises.
    """
    data = data or {}
    _check(releases, data)
    if with_reference:
        reference.check_extra()  # not after minutes of work
    folder = folders.checked(folder, f"{MARK}/{runtime.LICENCE}", "gallery", force=force)
    places = _places(releases)
    models, refused = dict[str, int](), dict[str, list[str]]()
    with folders.anew(folder) as site:
        runtime.copy(site / MARK, source)
        shutil.copytree(SITE, site, dirs_exist_ok=True)
        abouts = _rooms(releases, site, places, data, quiet=quiet)
        for name, about in abouts.items():
            models[name] = sum(graph["bytes"] for graph in about["graphs"].values())
            if about["refused"]:
                refused[name] = about["refused"]
            about["beside"] = list(_beside(name, abouts, places))
            page = pages.room(name, releases[name], about, releases)
            (site / places[name] / HALL).write_text(page, encoding="utf-8")
        if with_reference:
            reference.write(site / pages.REFERENCE)
        shown = {f"{FILMS}/{run.name}": _film(run, site) for run in sorted(RUNS.iterdir()) if run.is_dir()}
        extents = {name: about["extent"] for name, about in abouts.items()}
        text = pages.hall(releases, extents, shown, with_reference=with_reference)
        (site / HALL).write_text(text, encoding="utf-8")
        hall = [site / HALL, *site.glob("*.css"), site / "hall.js", *site.glob("*/picture.webp")]
        hall += [site / folder / picture for folder, picture in shown.items()]
        size, of_hall = sum(map(_bytes, site.rglob("*"))), sum(map(_bytes, hall))
    return Built(folder, size, of_hall, models, refused)


def _rooms(
    releases: Mapping[str, Release], site: Path, places: Mapping[str, str], data: Mapping[str, Path], *, quiet: bool
) -> dict[str, dict[str, Any]]:
    """What is to be known of each room, whose pictures and graphs are written."""
    abouts: dict[str, dict[str, Any]] = {}
    with showing("rooms", len(releases), quiet=quiet) as course:
        # Those that read data come first, so that what is wrong with these is not told after minutes of work.
        for name in sorted(releases, key=lambda name: releases[name].outline.dataset not in data):
            course.say(name)
            room = site / places[name]
            room.mkdir()
            abouts[name] = _room(name, releases[name], room, data.get(releases[name].outline.dataset))
            course.advance()
    return abouts


def _check(releases: Mapping[str, Release], data: Mapping[str, Path]) -> None:
    known = sorted({release.outline.dataset for release in releases.values()})
    if strange := sorted(set(data) - set(known)):
        raise InvalidInput(f"no release here is of {strange[0]!r}. Its data are of {', '.join(known)}.")


def _places(releases: Mapping[str, Release]) -> dict[str, str]:
    """The folder of each release's room. Raises InvalidInput where two would have one, or the site's own."""
    own = (MARK, HALL, FILMS, pages.REFERENCE, *(path.name for path in SITE.iterdir()))
    taken = dict.fromkeys(own, "the site itself")
    places = {name: pages.place(name) for name in releases}
    for name, place in places.items():
        if place.casefold() in taken:
            other = taken[place.casefold()]
            raise InvalidInput(f"{name} and {other} would have one folder, {place!r}. Rename the release's folder.")
        taken[place.casefold()] = name
    return places


def _film(run: Path, site: Path) -> str:
    """Write the film of a run into the site; its last picture, by which the hall shows it."""
    film = films.write(run, site / FILMS / run.name, home=f"../../{HALL}")
    return max(path.relative_to(film.folder).as_posix() for path in film.folder.glob("*/*.png"))


def _beside(name: str, abouts: Mapping[str, dict[str, Any]], places: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Other rooms with codes of the same data, and what they say of these."""
    for other, about in abouts.items():
        if other != name and about["codes"] and abouts[name]["codes"] and about["data"] == abouts[name]["data"]:
            yield {"name": other, "place": places[other], **about["codes"]}


def _room(name: str, release: Release, folder: Path, data: Path | None) -> dict[str, Any]:
    """Write what the room of a release needs into `folder`; what its script is to know."""
    model = building.load(release)
    with model.evaluating() as still:
        pictures.write_picture(release, still, folder / "picture.webp")
        made, refused = graphs.write(release, still, folder)
        bank = _bank(release, still, made, refused)
        if mapped := "sliders" in bank.about and len(bank.tensors["mean"]) == 2 and still.condition.name is None:
            units = [slider["unit"] for slider in bank.about["sliders"]]
            pictures.write_map(still, bank.tensors["mean"], units, folder / "map.webp")
        examples = pictures.write_examples(release, still, folder) if still.domains or "sources" in _taken(made) else {}
        brought, failed = widgets.write(still, folder)
        encodes, coded = codes.wanted(still, bank), None
        if encodes and data is not None:
            coded = codes.found(release, still, bank, data)
            (folder / "codes.bin").write_bytes(_packed(coded.rows))
    about = {
        "name": name,
        "load": name if release.origin or release.portable_name else f"./{name}",  # what zoo.load takes
        "space": _space(still),
        "extent": f"{still.space.extent}{' pixels' if isinstance(still.space, Images) else ''}",
        "latent": list(still.latent_shape),
        "spherical": still.spherical,
        "condition": _condition(still, release.card.body),
        "text": _text(still, release.card.body, bank.about.get("lines", [])),
        "graphs": made,
        "refused": refused + failed,
        "widgets": brought,
        "data": release.outline.dataset,
        "encodes": encodes,
        "codes": coded.about if coded else None,
        "examples": examples,
        "enlargement": still.enlargement,
        "map": mapped,
        "layers": still.style_layers,
        "resolutions": [
            size for size in still.resolutions if f"decode-{size}" in made or size == still.resolutions[-1]
        ],
        **bank.about,
    }
    return about | {"tensors": _write(bank.tensors, folder / "tensors.bin")}


def _bank(release: Release, model: Model, made: dict[str, dict[str, Any]], refused: list[str]) -> latents.Bank:
    """What the room draws from; what is wrong with the directions on its card is added to `refused`."""
    if model.space.spoken:
        return latents.spoken(model, made)
    if "decode" in made:
        named = dict[str, torch.Tensor]()
        try:
            named = directions_of(release.card, model)
        except CardError as error:
            refused.append(str(error))
        return latents.bank(model, named)
    for graph in made.values():
        if any(port["kind"] == "noise" for port in graph["inputs"]):
            return latents.drawn(Graph(model, graph["method"], {}))
    return latents.Bank()


def _taken(made: dict[str, dict[str, Any]]) -> set[str]:
    return {port["name"] for graph in made.values() for port in graph["inputs"]}


def _space(model: Model) -> dict[str, Any]:
    space = model.space
    kind = "image" if isinstance(space, Images) else "row" if isinstance(space, Vectors) else ""
    return {"kind": "text" if space.spoken else kind, "shape": list(space.shape)}


def _condition(model: Model, body: str) -> dict[str, Any]:
    """What conditions there are; of texts the first that a call in the `body` of the card draws, as an example."""
    condition = model.condition
    if isinstance(condition, Labels):
        return {"kind": "label", "classes": condition.classes, "attributes": attributes(condition.classes)}
    if isinstance(condition, Texts):
        shown = re.findall(r'condition="([^"…]+)"', body) or condition.example(1)
        return {"kind": "text", "longest": condition.longest, "example": shown[0]}
    return {"kind": condition.name}


def _text(model: Model, body: str, lines: list[str]) -> str:
    """A text to begin with where a room takes one: the first that the `body` of the card hands to the model, or that is
    drawn."""
    shown = re.findall(r'(?:log_prob|translate)\(\[?"([^"…]+)"', body)
    return next(iter((*shown, *lines)), "") if model.space.spoken else ""


def _write(tensors: dict[str, torch.Tensor], path: Path) -> dict[str, Any]:
    """Write float32 tensors one after another; where each begins, in numbers, and its shape."""
    places, count = dict[str, Any](), 0
    with path.open("wb") as file:
        for name, tensor in tensors.items():
            places[name] = {"offset": count, "shape": list(tensor.shape)}
            count += tensor.numel()
            file.write(_packed(tensor))
    return places


def _packed(tensor: torch.Tensor) -> bytes:
    packed: bytes = tensor.contiguous().numpy().astype("<f4").tobytes()
    return packed


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0

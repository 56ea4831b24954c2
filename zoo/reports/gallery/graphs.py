"""The graphs of a release that its room runs, as ONNX files, which are made once and kept."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import export
from zoo._util.atomic import replacing
from zoo._util.home import GRAPHS, state_folder
from zoo._util.version import __version__
from zoo.errors import ExportError
from zoo.export.onnx_files import check_extra
from zoo.model import Model
from zoo.releases import Release, files
from zoo.releases.cards import GOLDEN
from zoo.releases.integrity import hash_file
from zoo.spaces import Images, Vectors

SPOKEN = ("generate", "decode", "translate", "log_prob")  # of a room of texts


@dataclass(frozen=True)
class Wanted:
    """A method with its options, under a name of the room's own. place: of the domain, of a model of two, or the size
    that is drawn."""

    key: str
    method: str
    options: dict[str, Any]
    place: int = 0

    @property
    def stem(self) -> str:
        """Of its file, into which no name of a card goes."""
        return f"{self.method}-{self.place}" if self.options else self.method


def wanted(model: Model) -> Iterator[Wanted]:
    """What a room of `model` can use: what draws, what takes a picture or a text, and the density where it can be
    shown."""
    able, space = model.capabilities(), model.space
    if "written" in space.explained:
        yield from (Wanted(method, method, {}) for method in SPOKEN if method in able)
    if not isinstance(space, Images | Vectors):
        return
    for method in ("decode", "generate"):
        if method in able:
            yield Wanted(method, method, {})
            break
    if "decode" in able:
        for size in model.resolutions[:-1]:
            yield Wanted(f"decode-{size}", "decode", {"resolution": size}, size)
    if "encode" in able and "decode" in able and model.encodes_by != "optimisation" and isinstance(space, Images):
        yield Wanted("encode", "encode", {})
    if "translate" in able:
        if not model.domains:
            yield Wanted("translate", "translate", {})
        for place, to in reversed(list(enumerate(model.domains))):  # first what it translates to unless told
            yield Wanted(f"translate-{to}", "translate", {"to": to}, place)
    if "log_prob" in able and model.log_prob_kind == "exact" and space.shape == (2,):
        yield Wanted("log_prob", "log_prob", {})


def write(release: Release, model: Model, folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Write the graphs that are `wanted` into `folder`: of each what its metadata say, with `file` and `bytes`; and why
    others cannot be, a sentence for each."""
    check_extra()
    made, refused = dict[str, dict[str, Any]](), list[str]()
    for each in wanted(model):
        path = folder / f"{each.stem}.onnx"
        try:
            ports = _kept(release, model, each, path)
        except ExportError as error:
            refused.append(str(error))
            continue
        made[each.key] = {**ports, "method": each.method, "file": path.name, "bytes": path.stat().st_size}
    return made, refused


def _kept(release: Release, model: Model, each: Wanted, path: Path) -> dict[str, Any]:
    """Write a graph to `path`, from the cache if the same weights were exported by this zoo before; its ports."""
    sha256 = model.provenance.sha256
    kept = state_folder() / GRAPHS / __version__ / f"{sha256}-{each.stem}.onnx" if sha256 else None
    if kept and (ports := _found(kept, path)) is not None:
        return ports
    golden, license = files.optional_file(release, GOLDEN), str(release.card.front.get("license", ""))
    done = export.write(model, path, each.method, options=each.options, golden=golden, license=license)
    ports = {"inputs": [port.to_dict() for port in done.inputs], "output": done.output.to_dict()}
    if kept:
        _keep(path, ports, kept)
    return ports


def _found(kept: Path, path: Path) -> dict[str, Any] | None:
    """Copy the graph that was kept to `path`; its ports, or None when it is not there, or not as it was written."""
    try:
        about = json.loads(kept.with_suffix(".json").read_text(encoding="utf-8"))
        shutil.copyfile(kept, path)
        ports: dict[str, Any] = about["ports"]
        return ports if hash_file(path) == about["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _keep(path: Path, ports: dict[str, Any], kept: Path) -> None:
    """Best effort: on a read-only or full disk the graph is simply made again next time."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as temporary:
            shutil.copyfile(path, temporary)
        with replacing(kept.with_suffix(".json")) as temporary:  # last, since what has it is whole
            about = {"sha256": hash_file(path), "ports": ports}
            temporary.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")

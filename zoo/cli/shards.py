"""Work on samples in parts, each in files of its own: processes share it, and a later run goes on with it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo._util.atomic import replacing
from zoo._util.processes import is_of_this_launch, is_restarted, is_shared, mine
from zoo.cli.output import plural
from zoo.cli.targets import Target, refuse
from zoo.errors import DataError, InvalidInput

KINDS = ("npy", "safetensors", "parquet", "tar")
SIZE = 1024  # samples of a part
MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest

Kind = Annotated[
    str | None,
    typer.Option(
        "--shards", metavar="KIND", help=f"Into the folder --out in files of {SIZE:,} each: {', '.join(KINDS)}."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what is in the folder --out, if anything is.")]


@dataclasses.dataclass(frozen=True)
class Shards:
    """`n` samples in parts of `size`, in `folder`. made_by: what decides what they are, besides their number, such as
    the model and its options. files: those of the samples in a range. resume: whether what is there is left; force:
    whether it is written over, instead of refused."""

    folder: Path
    n: int
    size: int
    made_by: dict[str, Any]
    files: Callable[[range], Sequence[Path]]
    resume: bool = False
    force: bool = False

    def manifest(self) -> dict[str, Any]:
        """What the folder says of itself: that, and which samples are in which file; of a file for each sample, which
        their names tell, in all of them."""
        parts = [(rows, self.files(rows)) for rows in self._ranges()]
        shards = [
            {"file": paths[0].name, "first": rows.start, "count": len(rows)} for rows, paths in parts if not paths[1:]
        ]
        names = [path.name for _, paths in parts for path in paths]
        whole = [{"file": f"{names[0]} … {names[-1]}", "first": 0, "count": self.n}]
        about = {"format": FORMAT, **self.made_by, "n": self.n, "shards": shards or whole}
        return dict(json.loads(json.dumps(about)))  # as it will be read

    def to_do(self) -> Iterator[tuple[range, Sequence[Path]]]:
        """This process's parts that are not there: the samples, and the files to write. Raises InvalidInput, before the
        first, for files that are there and are to be neither left nor written over, or are of other work."""
        parts = [(rows, self.files(rows)) for rows in mine(self._ranges())]
        self.folder.mkdir(parents=True, exist_ok=True)
        path, plan = self.folder / MANIFEST, self.manifest()
        there = _read(path)
        if self.force:
            self._clear(there)
        elif there is not None and there != plan:
            differs = ", ".join(key for key in {**there, **plan} if there.get(key) != plan.get(key))
            raise InvalidInput(
                f"{self.folder} holds the shards of other work, which differs in {differs}. Choose another --out, or "
                "write over them (--force)."
            )
        if not is_restarted() and not (self.resume and there is not None):
            every = (each for _, paths in parts for each in paths)
            refuse(every, force=self.force, hint="go on with what was begun so (--resume), ")
        if there != plan:
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(plan, indent=1, ensure_ascii=False), encoding="utf-8")
        for rows, paths in parts:
            if not all(map(self._is_done, paths)):
                yield rows, paths

    def told(self) -> str:
        """What this process has written, in words."""
        return f"{plural(len(mine(self._ranges())), 'part')} of {plural(self.n, 'sample')} in {self.folder}"

    def _ranges(self) -> list[range]:
        return [range(first, min(first + self.size, self.n)) for first in range(0, self.n, self.size)]

    def _is_done(self, path: Path) -> bool:
        return path.exists() if self.resume else is_restarted() and is_of_this_launch(path)

    def _clear(self, former: Any) -> None:
        """Remove what was there before this launch, of which half, left among what is made now, would be taken for a
        part of that."""
        names = {self.folder / shard["file"] for shard in (former or {}).get("shards", ())}
        for path in {path for rows in self._ranges() for path in self.files(rows)} | names:
            if not (is_shared() and is_of_this_launch(path)):
                path.unlink(missing_ok=True)


def _read(path: Path) -> Any:
    """The manifest there, None if there is none. Raises DataError for a file that is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(f"{path} is no manifest of shards. Remove it, or choose another --out.") from error


def check(target: Target | None, kind: str | None, *, resume: bool, what: str = "samples") -> bool:
    """Whether the work goes into a folder in parts, as it does where shards are asked for, what is there is to be left,
    or processes share it. Raises InvalidInput for options that do not go together."""
    if kind is not None and kind not in KINDS:
        raise InvalidInput(f"--shards {kind} is unknown; expected {', '.join(KINDS)}.")
    if kind is None and not resume:
        return False
    if target is None or target.kind != "folder":
        raise InvalidInput(f"--{'shards' if kind else 'resume'} is for {what} in a folder. Name it: --out DIR/.")
    if resume and target.force:
        raise InvalidInput("--resume keeps what is there already, --force writes over it; choose one of them.")
    return True


def of(labels: Sequence[Any] | None, rows: range) -> Sequence[Any] | None:
    """Of the conditions of all samples those of a range, where it is not one for all."""
    return labels[rows.start : rows.stop] if labels and len(labels) > 1 else labels


def named(folder: Path, stem: str, kind: str) -> Callable[[range], Sequence[Path]]:
    """The file of the samples in a range: STEM-FIRST.KIND."""
    return lambda rows: [folder / f"{stem}-{rows.start:09d}.{kind}"]

"""Work on samples in parts, each in files of its own: processes share it, and a later run goes on with it."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo._util import shortage
from zoo._util.atomic import replacing, sweep
from zoo._util.processes import is_of_this_launch, is_restarted, is_shared, mine
from zoo.cli.output import plural
from zoo.cli.targets import Target, any_seed, refuse
from zoo.errors import DataError, InvalidInput, MissingExtra
from zoo.registry.packages import DISTRIBUTION

KINDS = ("npy", "safetensors", "parquet", "tar")
SIZE = 1024  # samples of a part
MANIFEST = "manifest.json"
FILES = "files"  # the kind of single files, in a manifest
FORMAT = 1  # of the manifest
KEYS = {"format", "command", "kind", "n", "shards"}  # that every manifest has, of any format
PARQUET = "Parquet needs the package pyarrow. Install it with: pip install 'generative-zoo[data]'"

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
    the model and its options. files: those of the samples in a range. own: `own` of them. single: whether each sample
    has a file, and not each part. resume: whether what is there is left; force: whether it is written over, instead of
    refused. made: the parts that were written."""

    folder: Path
    n: int
    size: int
    made_by: dict[str, Any]
    files: Callable[[range], Sequence[Path]]
    own: re.Pattern[str]
    single: bool = False
    resume: bool = False
    force: bool = False
    made: list[range] = dataclasses.field(default_factory=list)

    def manifest(self) -> dict[str, Any]:
        """What the folder says of itself: that, and which samples are in which file; of a file for each sample, which
        their names tell, in all of them."""
        ranges = [range(self.n)] if self.single else self._ranges()
        shards = []
        for rows in ranges:
            ends = dict.fromkeys(self.files(part)[0].name for part in (rows[:1], rows[-1:])) if self.single else None
            file = " … ".join(ends or [self.files(rows)[0].name])
            shards.append({"file": file, "first": rows.start, "count": len(rows)})
        about = {"format": FORMAT, **self.made_by, "n": self.n, "shards": shards}
        return dict(json.loads(json.dumps(about)))  # as it will be read

    def check_room(self, size: int) -> None:
        """Raise InvalidInput where what is not there yet, of so many bytes a sample, is more than the disk takes."""
        n = sum(len(rows) for rows in self._ranges() if not all(map(self._is_done, self.files(rows))))
        shortage.check_room(self.folder, n * size, shortage.many(n, "sample"), files=n if self.single else 0)

    def to_do(self) -> Iterator[tuple[range, Sequence[Path]]]:
        """This process's parts that are not there: the samples, and the files to write, within `writing`. Raises
        InvalidInput, before the first, for files that are there and are to be neither left nor written over, or are of
        other work; DataError for a manifest that is none."""
        parts = [(rows, self.files(rows)) for rows in mine(self._ranges())]
        there, plan = read(self.folder / MANIFEST), self.manifest()
        if not self.force and there is not None:
            check_same(self.folder, there, plan)
        if not (self.force or is_restarted() or (self.resume and there is not None)):
            _refuse([each for _, paths in parts for each in paths], resume=self.resume)
        own = (each.name for _, paths in parts for made in paths for each in (made, _note(made)))
        sweep(self.folder, {MANIFEST, *own})
        for rows, paths in parts:
            if not all(map(self._is_done, paths)):
                yield rows, paths

    @contextlib.contextmanager
    def writing(self, rows: range) -> Iterator[None]:
        """Around the writing of a part that has been computed. Before the first, the manifest is written, and what is
        to be written over is removed; where an error leaves none of the files, no manifest stays either."""
        made = [] if self.made else self._begin()
        try:
            yield
        except BaseException:
            for path in self.files(rows):
                _note(path).unlink(missing_ok=True)
            files = (path for part in self._ranges() for path in self.files(part))
            if made and not is_shared() and not any(map(Path.exists, files)):
                (self.folder / MANIFEST).unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # of what is not empty
                    for folder in made[1:]:
                        folder.rmdir()
            raise
        self.made.append(rows)

    def _begin(self) -> list[Path]:
        """What is made: the manifest, if it is not there, and folders, from the innermost on."""
        made = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.force:
            # Half of it, left among what is made now, would be taken for a part of that.
            for former in _former(self.folder, self.own):
                former.unlink(missing_ok=True)
        plan = self.manifest()
        if not self.force and read(self.folder / MANIFEST) == plan:
            return []
        return [write(self.folder, plan), *made]

    def told(self) -> str:
        """What this process has written, in words."""
        there = len(mine(self._ranges())) - len(self.made)
        made = f"{plural(len(self.made), 'part')} of {plural(self.n, 'sample')} in {self.folder}"
        return made + f" ({there} {'was' if there == 1 else 'were'} there)" * bool(there)

    def left_out(self) -> list[str]:
        """What `leave_out` has written of this process's parts, now or in an earlier run."""
        notes = [_note(path) for rows in mine(self._ranges()) for path in self.files(rows)]
        return [each for note in notes if note.exists() for each in json.loads(note.read_text(encoding="utf-8"))]

    def _ranges(self) -> list[range]:
        return [range(first, min(first + self.size, self.n)) for first in range(0, self.n, self.size)]

    def _is_done(self, path: Path) -> bool:
        return path.exists() if self.resume else is_restarted() and is_of_this_launch(path)


def check_same(folder: Path, there: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    """Raise InvalidInput for a manifest of other work than is planned."""
    if differs := ", ".join(key for key in {**there, **plan} if there.get(key) != plan.get(key)):
        raise InvalidInput(
            f"{folder} holds the shards of other work, which differs in {differs}. Choose another --out, or write over "
            "them (--force)."
        )


def write(folder: Path, plan: Mapping[str, Any]) -> Path:
    """The manifest, written."""
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(plan, indent=1, ensure_ascii=False), encoding="utf-8")
    return folder / MANIFEST


def leave_out(path: Path, sentences: Sequence[str]) -> None:
    """Keep beside a shard, which is to be written after that, what is left out of it, a sentence each."""
    if sentences:
        with replacing(_note(path)) as temporary:
            temporary.write_text(json.dumps(list(sentences), indent=1, ensure_ascii=False), encoding="utf-8")


def _note(path: Path) -> Path:
    return path.with_suffix(".bad.json")


def read(path: Path) -> dict[str, Any] | None:
    """The manifest there, None if there is none. Raises DataError for a file that is none, or of a later format."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= KEYS or not isinstance(found["format"], int):
        raise DataError(f"{path} is no manifest of shards. Remove it, or choose another --out.")
    if found["format"] > FORMAT:
        raise DataError(
            f"{path} is of format {found['format']}, this version of zoo knows up to {FORMAT}. Get a later one: "
            f"pip install --upgrade {DISTRIBUTION}"
        )
    return found


def _former(folder: Path, own: re.Pattern[str]) -> list[Path]:
    """What lay in the folder, of such names, before this launch."""
    there = [path for path in folder.iterdir() if own.fullmatch(path.name)] if folder.is_dir() else []
    launched = is_shared() or is_restarted()
    return sorted(path for path in there if not (launched and is_of_this_launch(path)))


def _refuse(files: Sequence[Path], *, resume: bool) -> None:
    """Raise InvalidInput for files that are there, with no manifest that `resume` could go by."""
    there = [path for path in files if os.path.lexists(path)]
    if resume and there:
        raise InvalidInput(
            f"{there[0]} is there, and no {MANIFEST} that tells of what work it is, by which --resume could go on. "
            "Write over it (--force instead of --resume), or choose another --out."
        )
    refuse(there, force=False, hint="go on with what was begun so (--resume), ")


def check(target: Target | None, kind: str | None, *, resume: bool, what: str = "samples", single: bool = True) -> bool:
    """Whether the work goes into a folder in parts, as it does where shards are asked for, or what is there is to be
    left. single: whether the parts may be of single files. Raises InvalidInput for options that do not go together,
    MissingExtra for shards that cannot be written."""
    if kind is not None and kind not in KINDS:
        raise InvalidInput(f"--shards {kind} is unknown; expected {', '.join(KINDS)}.")
    if kind is None and not resume:
        return False
    if target is None or target.kind != "folder":
        raise InvalidInput(f"--{'shards' if kind else 'resume'} is for {what} in a folder. Name it: --out DIR/.")
    if resume and target.force:
        raise InvalidInput("--resume keeps what is there already, --force writes over it; choose one of them.")
    if kind is None and not single:
        raise InvalidInput(f"--resume goes on with shards. Pass --shards {KINDS[0]} as well, as when it began.")
    if kind == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra(PARQUET)
    return True


def check_place(target: Target, stem: str, *, resume: bool) -> None:
    """Raise what `Shards.to_do` does of files called by `stem`, as far as it can be told before a model is loaded."""
    there = read(target.path / MANIFEST)
    if not target.force and not is_restarted() and not (resume and there is not None):
        _refuse(_former(target.path, own(stem)), resume=resume)


def forget(folder: Path) -> None:
    """Remove the manifest of single files in parts, which others, drawn at once, are to take the place of."""
    path = folder / MANIFEST
    with contextlib.suppress(DataError):  # somebody's own
        if (read(path) or {}).get("kind") == FILES:
            path.unlink(missing_ok=True)


def of(labels: Sequence[Any] | None, rows: range) -> Sequence[Any] | None:
    """Of the conditions of all samples those of a range, where it is not one for all."""
    return labels[rows.start : rows.stop] if labels and len(labels) > 1 else labels


def named(folder: Path, stem: str, kind: str) -> Callable[[range], Sequence[Path]]:
    """The file of the samples in a range: STEM-FIRST.KIND."""
    return lambda rows: [folder / f"{stem}-{rows.start:09d}.{kind}"]


def own(stem: str) -> re.Pattern[str]:
    """What files are called that a command makes in parts of one model, by any seed: shards of any kind, what is kept
    beside them, and single files."""
    return re.compile(rf"{any_seed(stem)}-(\d{{9}}\.({'|'.join(KINDS)}|bad\.json)|\d{{4,}}\.png)")

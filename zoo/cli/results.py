"""Where the translation of each image goes, and what tells a result of the same run from any other file there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo._util.atomic import replacing
from zoo.cli.targets import refuse
from zoo.errors import DataError, InvalidInput
from zoo.files import decoding

if TYPE_CHECKING:
    from PIL import Image

NOTE = "zoo-translate"  # the text in a result that says what it was made from, and how
END = b"\0\0\0\0IEND\xaeB`\x82"  # of every whole PNG


@dataclasses.dataclass(frozen=True)
class Job:
    """A picture to be made, into `result`, of the image in `source`, or of one of its frames."""

    source: Path
    result: Path
    frame: int | None = None

    def note(self, made_by: dict[str, Any]) -> dict[str, Any]:
        """What the result says of itself: `made_by` this model with these options, of these very bytes. Raises
        DataError for a source that cannot be read."""
        return {**made_by, "source": decoding.digest(self.source), "frame": self.frame or 0}

    def is_done(self, note: dict[str, Any]) -> bool:
        """Whether the result is there, whole, and says `note` of itself. Raises DataError for any other file there but
        an empty one or one that broke off after it, so that nobody's work is taken for done, or replaced."""
        if not self.result.exists() or not self.result.stat().st_size:
            return False
        try:
            with decoding.opened(self.result) as picture:
                found = json.loads(str(picture.info.get(NOTE)))
        except (DataError, ValueError):
            found = None
        if found != note:
            raise DataError(
                f"{self.result} is there, and is not what this command makes of {self.source}; it was left as it is. "
                "Remove it, or choose another --out."
            )
        with self.result.open("rb") as file:
            file.seek(-min(len(END), self.result.stat().st_size), 2)
            return file.read() == END

    def write(self, picture: Image.Image, note: dict[str, Any]) -> None:
        """Write the picture, at once, as a PNG that says that it is sRGB and `note`."""
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add(b"sRGB", b"\0")
        info.add_text(NOTE, json.dumps(note))
        self.result.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.result) as temporary:
            picture.save(temporary, format="PNG", pnginfo=info)


def made_by(model: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What decides, besides the source, what a result is: the model's weights and the options."""
    provenance = model.provenance
    known = provenance.sha256 or hashlib.sha256(repr(provenance.config).encode()).hexdigest()
    return {"model": f"{provenance.architecture} {known}", "dtype": str(model.dtype), "options": options}


def plan(
    files: Sequence[tuple[Path, Path]], out: Path, *, all_frames: bool, resume: bool, force: bool = False
) -> list[Job]:
    """A job for each of `files`, which come with their names below the folder they were found in, or for each of their
    frames; results keep folders and names, and, where two would be one, suffixes too.

    Raises InvalidInput for two files with one result, and for results that are there already, unless it is to resume or
    to write over them.
    """
    jobs = []
    for (source, _), name in zip(files, _names([name for _, name in files]), strict=True):
        count = count_frames(source) if all_frames else 1
        frames = [None] if count == 1 else range(count)
        for frame in frames:
            ending = "" if frame is None else f"-{frame:04d}"
            jobs.append(Job(source, out / f"{name}{ending}.png", frame))
    sources: dict[Path, Path] = {}
    for job in jobs:
        if job.result in sources:
            both = f"{sources[job.result]} and {job.source} would both become {job.result}"
            raise InvalidInput(f"{both}. Translate them one at a time.")
        sources[job.result] = job.source
        if job.result.exists() and job.source.exists() and job.result.samefile(job.source):
            raise InvalidInput(f"{job.source} would be replaced by its own translation. Choose another --out.")
    if not resume:
        refuse((job.result for job in jobs), force=force, hint="make only what is missing (--resume), ")
    return jobs


def _names(paths: Sequence[Path]) -> list[Path]:
    """What the results of `paths` are called, but for .png at the end: as they are without suffix, if no other one is.
    Two that are alike with it keep that name, for the caller to refuse."""
    names = [path.with_suffix("") for path in paths]
    for _ in paths:
        counts = Counter(names)
        longer = [
            path if counts[name] > 1 and paths.count(path) == 1 else name
            for path, name in zip(paths, names, strict=True)
        ]
        if longer == names:
            break
        names = longer
    return names


def count_frames(source: Path) -> int:
    """How many frames a picture has; 1 if it cannot be read."""
    try:
        with decoding.opened(source) as picture:
            return decoding.frames(picture)
    except DataError:  # which is told when it is to be translated
        return 1

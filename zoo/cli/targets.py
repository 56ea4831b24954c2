"""Places to write to: what --out means, and what it is refused for before anything is computed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo._util import shortage
from zoo._util.paths import real_path, user_path
from zoo.cli.output import plural
from zoo.errors import InvalidInput
from zoo.files import decoding

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from zoo.spaces import Space

MOVING = (".gif", ".webp", ".apng")
FILMS = (".mp4", ".mov", ".avi", ".mkv", ".webm")
FRAME = 128  # pixels of the side of a sample in an animation, at least, where samples are smaller
EXAMPLES = {
    "samples": "faces.png or points.csv",
    "animation": "walk.gif",
    "picture": "faces.png",
    "folder": "faces/",
    "array": "codes.npy",
    "table": "points.csv",
}
BLOCK = 4096  # bytes that a file takes at least


def refuse(taken: Iterable[Path], *, force: bool, option: str = "--out", hint: str = "") -> None:
    """Raise InvalidInput when any of the files that are to be written is there, unless they may be written over: the
    rule of every command that writes. hint: what else can be done."""
    there = [] if force else [path for path in taken if os.path.lexists(path)]
    if there:
        others = f" (and {len(there) - 1} more of these files)" if there[1:] else ""
        raise InvalidInput(
            f"{there[0]} is there already{others}. Write over it (--force), {hint}or choose another {option}."
        )


def default_name(*parts: object) -> str:
    """A file's name without suffix: what tells it from others, such as a release, a seed and a number, in letters that
    every file system takes."""
    return "-".join(re.sub(r"[^\w.+]+", "-", str(part)).strip("-")[:60] for part in parts)


def any_seed(stem: str) -> str:
    """A regular expression of what begins with `stem`, by whatever seed."""
    return re.sub(r"(?<=-seed)\d+$", r"\\d+", re.escape(stem))


@dataclass(frozen=True)
class Target:
    """Where output goes. `kind` is "samples", a file of what the model makes; "picture"; "animation", which shows one
    column of samples after the other; "array", a NumPy array; "table"; or "folder", of a file for each sample. force:
    whether what is there may be written over."""

    path: Path
    kind: str
    force: bool = False

    @classmethod
    def parse(cls, word: str, *, kinds: Sequence[str], force: bool = False, option: str = "--out") -> Target:
        """Read an `option` and make sure, before anything is computed, that it can be written and takes the place
        of nothing, unless `force` is set. Missing folders are made when it is. Raises InvalidInput."""
        path = user_path(word)
        suffix = path.suffix.lower()
        if "folder" in kinds and (word.endswith(("/", os.sep)) or path.is_dir()):
            kind, folder = "folder", path
        else:
            known = {".npy": "array", ".csv": "table"}
            if suffix not in known and "picture" in kinds and suffix in decoding.written():
                known[suffix] = "picture"
            if "animation" in kinds:
                known |= dict.fromkeys(MOVING, "animation")
                if suffix in FILMS:
                    raise InvalidInput(f"{option} {word} is a film; what moves is written as {', '.join(MOVING)}.")
            kind, folder = known.get(suffix, ""), path.parent
            if kind not in kinds and suffix and "samples" in kinds:
                kind = "samples"
        if kind not in kinds:
            came = f"ends in {suffix!r}" if suffix else "has no suffix"
            examples = " or ".join(EXAMPLES[k] for k in kinds)
            raise InvalidInput(f"{option} {word} {came}; expected a name such as {examples}.")
        if path.is_dir() and kind != "folder":
            raise InvalidInput(f"{option} {word} is a folder; expected the name of a file.")
        if kind != "folder":
            refuse([path], force=force, option=option)
        check_folder(folder, word, option)
        return cls(path, kind, force)

    @classmethod
    def picture(
        cls, word: str | None, *parts: object, kinds: Sequence[str] = ("picture",), force: bool = False
    ) -> Target:
        """`parse` of an --out option or, without one, a picture that has its `default_name`."""
        return cls.parse(word or f"{default_name(*parts)}.png", kinds=kinds, force=force)

    def check(self, space: Space, n: int, *, columns: int | None = None) -> None:
        """Raise InvalidInput when `n` samples of `space` cannot go there, would not fit, or would come among others."""
        endings = "a name that ends in " + " or ".join(dict.fromkeys((*space.suffixes[:2], ".npy")))
        if self.kind == "samples" and self.path.suffix.lower() not in space.suffixes:
            raise InvalidInput(f"{self.path} is no file of {space.noun}s, which this model makes; expected {endings}.")
        if self.kind == "folder" and not space.scattered:
            raise InvalidInput(f"{self.path} is a folder, and {space.noun}s go into one file; expected {endings}.")
        if self.kind == "folder":
            self.keep_apart(space)
            shortage.check_room(self.path, n * max(BLOCK, space.dimensions), shortage.many(n, "file"), files=n)
        elif self.kind == "animation" and space.noun != "image":
            raise InvalidInput(f"{self.path}: animations are of images, and this is a model of {space.name}.")
        elif self.kind == "array":
            what = f"an array of {shortage.many(n, space.noun)}"
            shortage.check_room(self.path.parent, n * space.dimensions * 4, what)
        else:
            space.check_count(n, self.path, columns=columns)

    def write(
        self,
        parts: Iterable[Tensor],
        n: int,
        stem: str,
        space: Space,
        *,
        columns: int | None = None,
        captions: Sequence[str] = (),
    ) -> str:
        """Write `n` samples of `space` that come in parts: one file of all, STEM-0000 and so on in a folder, an array,
        or an animation of the columns, there and back, or of one sample after the other. captions: of each image of a
        picture or an animation. Returns what it did, in words."""
        if self.kind == "array":
            return self.write_array(parts, n)
        (self.path if self.kind == "folder" else self.path.parent).mkdir(parents=True, exist_ok=True)
        if self.kind == "animation":
            return self._animate(parts, n, space, columns, captions)
        if self.kind != "folder" and captions:
            from zoo import images

            images.write(images.captioned(_joined(parts), captions, columns=columns), self.path)
            return f"{self.path} ({plural(n, space.noun)})"
        if self.kind != "folder":
            return space.write_parts(parts, n, self.path, columns=columns)
        for path in self._former(stem, space.suffixes[0]):
            path.unlink(missing_ok=True)
        paths = self.places(space, n, stem, range(n))
        for path, row in zip(paths, (row for part in parts for row in part), strict=True):
            space.write(row[None], path)
        return f"{plural(n, 'file')} {paths[0]} …"

    def places(self, space: Space, n: int, stem: str, rows: Iterable[int]) -> list[Path]:
        """The files in the folder of these rows of `n` samples."""
        digits = max(4, len(str(n - 1)))
        return [self.path / f"{stem}-{row:0{digits}d}{space.suffixes[0]}" for row in rows]

    def check_captions(self, space: Space, asked: bool = True) -> None:
        """Raise InvalidInput where captions are asked for and none can stand."""
        if not asked:
            return
        if space.noun != "image" or self.kind not in ("samples", "picture", "animation"):
            raise InvalidInput(f"{self.path} is no picture of images, below which --captions could be. Leave it out.")

    def _animate(
        self, parts: Iterable[Tensor], n: int, space: Space, columns: int | None, captions: Sequence[str]
    ) -> str:
        """Each of the columns as a frame, or each sample."""
        from zoo import images

        samples, count = _joined(parts), columns or n
        if captions:
            frames = [
                images.captioned(samples[place::count], captions[place::count], columns=1) for place in range(count)
            ]
            tall = max(frame.height for frame in frames)
            frames = [images.padded(frame, tall) for frame in frames]
        else:
            factor = FRAME // max(space.shape)
            frames = [
                images.enlarged(space.preview(samples[place::count], columns=1), factor) for place in range(count)
            ]
        images.animate(frames, self.path, back=columns is not None)
        return f"{self.path} ({plural(count, 'frame')} of {plural(n // count, space.noun)})"

    def write_frames(self, frames: Sequence[Image.Image], stem: str) -> str:
        """Write pictures of one size, of what goes one way: an animation, or STEM-0000.png and so on in a folder.
        Returns what it did, in words. Raises InvalidInput for files that are there, unless `force` is set."""
        from zoo import images

        if self.kind != "folder":
            images.animate(frames, self.path, seconds=0.4, back=False)
            return f"{self.path} ({plural(len(frames), 'frame')})"
        paths = [self.path / f"{stem}-{place:04d}.png" for place in range(len(frames))]
        refuse(paths, force=self.force)
        for frame, path in zip(frames, paths, strict=True):
            images.write(frame, path)
        return f"{plural(len(frames), 'file')} {paths[0]} …"

    def write_array(self, parts: Iterable[Tensor], n: int) -> str:
        """Write tensors, of `n` rows together, as .npy or, vectors, as .csv. Returns what was written, in words."""
        from zoo import tables

        self.path.parent.mkdir(parents=True, exist_ok=True)
        return f"{self.path} ({tables.save_parts(parts, n, self.path)})"

    def keep_apart(self, space: Space, own: re.Pattern[str] | None = None) -> None:
        """Raise InvalidInput for a folder of samples, among which these would be lost, unless `force` is set. own: of
        names of files that are not counted."""
        among = [] if self.force or not self.path.is_dir() else self.path.iterdir()
        others = [path for path in among if space.takes(path) and not (own and own.fullmatch(path.name))]
        there, more = sorted(path.name for path in others), f"more {space.noun}"
        if there:
            raise InvalidInput(
                f"{self.path} already holds {there[0]}{f' and {plural(len(there) - 1, more)}' * bool(there[1:])}. "
                "Choose another --out, or write among them, in place of what was drawn there from this model before "
                "(--force)."
            )

    def _former(self, stem: str, suffix: str) -> list[Path]:
        """What earlier commands drew into the folder from the same model, by any seed: half of it, left among what is
        drawn now, would be taken for a part of that."""
        own = re.compile(rf"{any_seed(stem)}-\d{{4,}}{re.escape(suffix)}")
        return [path for path in self.path.iterdir() if own.fullmatch(path.name)]


def framed(sheet: Tensor, captions: Sequence[str], *, columns: int | None = None) -> Image.Image:
    """A batch as a frame of an animation: each image with its caption, or, without captions, enlarged to be seen."""
    from zoo import images

    if captions:
        return images.captioned(sheet, captions, columns=columns)
    return images.enlarged(images.grid(sheet, columns=columns), FRAME // max(sheet.shape[2:]))


def _joined(parts: Iterable[Tensor]) -> Tensor:
    import torch

    return torch.cat([part.cpu() for part in parts])


def check_folder(folder: Path, word: str, option: str = "--out") -> None:
    """Raise InvalidInput for a folder that cannot be made, or written to."""
    there = shortage.existing(folder)
    if not there.is_dir():
        raise InvalidInput(f"{option} {word}: {folder} cannot be made: {there} is no folder. Choose another place.")
    if not os.access(there, os.W_OK):
        raise InvalidInput(
            f"{option} {word}: the folder {real_path(there)} may not be written to. Choose another place, or change "
            "its permissions."
        )


def translating(name: str, space: Space | type[Space]) -> str:
    """The command that makes samples of `space` from others; those that are lines are printed."""
    out = "DIR" if space.noun == "image" else f"NAME{space.suffixes[0]}"
    return f"zoo translate {name} FILES" + f" --out {out}" * (not space.spoken)

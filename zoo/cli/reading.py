"""Files as samples of a model, of which some may be bad: read, told and left out."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from zoo._util.processes import is_shared
from zoo.cli.arguments import sample_files
from zoo.cli.output import note, plural
from zoo.errors import DataError, InvalidInput, LeftOut

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

SHOWN = 8  # files that are named


def read_samples(
    model: Model, files: Sequence[Path], most: int | None = None, bad: list[str] | None = None
) -> tuple[list[str], Tensor]:
    """Samples of the model's space in files and folders of files, the first `most` of these, and a name for each.

    bad: a list, if files that cannot be read are to be left out; a sentence for each is added to it. Raises
    InvalidInput for what the model does not take, and DataError naming all that is missing or damaged, or when nothing
    is left.
    """
    space = model.space
    paths = [path for path, _ in sample_files(files, space.takes, space.noun)[:most]]
    try:
        return space.read(paths)
    except DataError:
        if bad is None:
            raise
    good = []
    for path in paths:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of one; what there is to say of all will be
                space.read([path])
        except DataError as error:
            bad.append(str(error))
        else:
            good.append(path)
    if not good:
        raise DataError(" ".join(bad))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOut)  # which the attempt before has told
        return space.read(good)


def read_parts(
    model: Model, files: Sequence[Path], bad: list[str] | None
) -> tuple[list[str], str, Callable[[range], tuple[list[int], Tensor]]]:
    """What each of the samples in files and folders is called; what tells the files, as they are now, from others; and
    what reads a range of the samples: which of them could be read, counted from its first, and all of them, the others
    being 0. Images are read a range at a time, all else at once. bad, and what is raised: as of `read_samples`."""
    import torch

    from zoo.spaces import Images

    space = model.space
    paths = [path for path, _ in sample_files(files, space.takes, space.noun)]
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    state = hashlib.sha256(repr(facts).encode()).hexdigest()
    if not isinstance(space, Images):
        names, samples = read_samples(model, paths, bad=bad)
        return names, state, lambda rows: (list(range(len(rows))), samples[rows.start : rows.stop])

    def read(rows: range) -> tuple[list[int], Tensor]:
        part, whole = paths[rows.start : rows.stop], torch.zeros(len(rows), *space.shape)
        try:
            names, found = read_samples(model, part, bad=bad)
        except DataError:
            if bad is None:
                raise
            return [], whole
        kept = set(names)
        good = [row for row, path in enumerate(part) if str(path) in kept]
        whole[good] = found
        return good, whole

    return list(map(str, paths)), state, read


def finite(
    model: Model,
    names: Sequence[str],
    results: Tensor,
    bad: list[str] | None,
    *,
    skips: bool = True,
    part: bool = False,
) -> list[int]:
    """The rows of `results` without NaN. Of the others, which were computed of what is called `names`, a sentence is
    added to `bad`; without such a list, or if no row is left, they are an error that names them. skips: whether the
    command can be told to go on without them. part: whether there are other rows, so that none of these need stay."""
    off = results.isnan().reshape(len(results), -1).any(1).tolist()
    spoilt = [name for name, lost in zip(names, off, strict=True) if lost]
    if spoilt:
        model.check_weights(", ".join(spoilt[:SHOWN]))
        if bad is None or (len(spoilt) == len(names) and not part):
            some = ", ".join(spoilt[:SHOWN]) + f" and {len(spoilt) - SHOWN} more" * (len(spoilt) > SHOWN)
            raise InvalidInput(
                f"{model.name} computed NaN of {some}: too far from what it was trained on. Leave "
                f"{'it' if len(spoilt) == 1 else 'them'} out{', or pass --skip-bad to go on without' * skips}."
            )
        bad += [f"{name}: {model.name} computed NaN; it is too far from what that was trained on." for name in spoilt]
    return [row for row, lost in enumerate(off) if not lost]


def end(bad: list[str] | None, what: str = "file", done: str = "read") -> None:
    """List what went wrong, if anything did, and leave with status 1. Not of several processes: the others, which may
    not be done, would be ended by torchrun."""
    if bad:
        note(f"{plural(len(bad), what)} could not be {done}:")
        for sentence in bad:
            note(f"  {sentence}")
        if not is_shared():
            raise typer.Exit(1)

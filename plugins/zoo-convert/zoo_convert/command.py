"""What `zoo convert` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import typer
import yaml

from zoo.plugin import adopt, errors
from zoo_convert.converting import convert as converted
from zoo_convert.layouts import LAYOUTS

REPORTED = (
    "Its authors report {}. The numbers below are of the one protocol of all cards: over features of small networks "
    "that ship with zoo, of other images and of fewer, so that none compares with a paper's. `zoo evaluate --features "
    "inception-fid` measures an FID, which is near to theirs as far as data, resizing and number of images are alike."
)


def say_list() -> None:
    """Print the known layouts."""
    for layout in LAYOUTS.values():
        typer.echo(f"{layout.name}  ({layout.architecture})")
        typer.echo(f"    {layout.summary}")
        typer.echo(f"    {layout.repository}")
        if len(layout.files) > 1:
            typer.echo(f"    files: {', then '.join(layout.files)}")
        for name, what in layout.asks.items():
            typer.echo(f"    --set {name}=…: {what}")


def convert(
    words: Sequence[str],
    out: Path | None,
    settings: Sequence[str],
    shown: Sequence[Path],
    reported: str | None = None,
    entries: Sequence[str] = (),
    *,
    force: bool,
) -> None:
    """Convert the files that `words` name, the first of which may be a layout instead, into the folder `out`.

    reported: what its authors say of it, for the card.
    """
    if out is None:
        raise errors.InvalidInput("no folder came. Say where the release is to be: --out FOLDER")
    known = LAYOUTS.keys() | {layout.architecture for layout in LAYOUTS.values()}
    first = words[0] if words else ""
    source = first if first in known or (len(words) > 1 and not Path(first).exists()) else None
    made = converted(
        [Path(os.path.expanduser(word)) for word in words[source is not None :]], source, _fields(settings), entries
    )
    summary = made.summary if reported is None else f"{made.summary}\n\n{REPORTED.format(reported)}"
    adopt(made.model, out, origin=made.origin, summary=summary, sources=shown, force=force)
    typer.echo(f"{made.fit.layout.name}: {made.origin['tensors']} tensors, {made.model!r}")
    typer.echo(f"Wrote {out}. Next: say on its card what it was trained on and under which licence it may be used.")
    typer.echo(f"What is missing: zoo card {out} --check")


def _fields(settings: Sequence[str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for word in settings:
        name, equals, text = word.partition("=")
        if not equals:
            raise errors.InvalidInput(f"{word!r} is no setting; expected FIELD=VALUE, such as image_shape=[3,64,64].")
        try:
            fields[name.removeprefix("config.")] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: of a date that there is not
            raise errors.InvalidInput(f"the value of {word!r} is no YAML; expected such as [3,64,64].") from error
    return fields

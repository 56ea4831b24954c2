"""Models that leave Python: `zoo export`. It imports torch when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo import releases
from zoo.cli.arguments import settings
from zoo.cli.options import Force, Name, Options, Quiet
from zoo.cli.output import number, say, size, table
from zoo.cli.targets import check_folder, refuse
from zoo.releases import files
from zoo.releases.cards import GOLDEN

if TYPE_CHECKING:
    from zoo.export import Port


def export(
    name: Name,
    to: Annotated[Path, typer.Option(metavar="FILE", help="model.onnx, or model.pt2, which torch.export.load reads.")],
    method: Annotated[
        str | None,
        typer.Option(
            help="generate, translate, decode, encode, classify or log_prob. Default: the first that the model has."
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Of the weights in the file: float16, half the size, or float32. Default, of ONNX: float16 if that "
            "moves pixels by less than half an 8-bit level."
        ),
    ] = None,
    option: Options = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a method of a model as ONNX, or as a program.

    A program is one of torch.export. Any number of samples may go in; noise, condition and temperature are inputs, of
    which the file's metadata tell all. The file is run before it is kept, and must give what torch gives.
    """
    options = settings(option)
    refuse([to], force=force, option="--to")
    check_folder(to.parent, str(to), "--to")
    release = releases.find(name)
    from zoo import building
    from zoo._util.progress import showing
    from zoo.export import write

    model = building.load(release)
    golden, license = files.optional_file(release, GOLDEN), str(release.card.front.get("license", ""))
    with showing("exporting", quiet=quiet):
        made = write(model, to, method, dtype=dtype, options=options, golden=golden, license=license)
    rows = [_row("in", port) for port in made.inputs] + [_row("out", made.output)]
    table(("", "name", "kind", "type", "shape", "range"), rows)
    tried = ", ".join(f"{number(value)} ({what})" for what, value in made.differences.items())
    say(f"Wrote {made.path}, {made.method} of {model.name}: {size(made.size)}, weights in {made.dtype}.")
    say(f"Largest differences from torch: {tried}.")


COMMANDS = {"export": export}


def _row(way: str, port: Port) -> tuple[str, ...]:
    low, high = port.about.get("range", (None, None))
    ends = f"{low} … {'' if high is None else high}".rstrip() if low is not None else port.about.get("distribution", "")
    return way, port.name, port.kind, port.dtype, "×".join(map(str, port.shape)) or "one number", str(ends)

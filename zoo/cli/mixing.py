"""Mixing the styles of samples: `zoo mix`. It imports torch when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

import zoo
from zoo.cli import latents
from zoo.cli.arguments import settings, stem_of
from zoo.cli.options import BatchSize, Captions, Device, Force, Name, Options, Quiet, Temperature, Truncation
from zoo.cli.output import say
from zoo.cli.sampling import plain_options, watching
from zoo.cli.targets import Target, default_name, framed
from zoo.errors import CapabilityError, InvalidInput

if TYPE_CHECKING:
    from zoo.model import Model

Coarse = Annotated[
    list[str],
    typer.Option(
        help="Where pose and shape come from: a seed, its sample 7:3, or an image file; repeatable, commas allowed."
    ),
]
Layer = Annotated[
    int | None, typer.Option(help="The first layer with the fine styles; default: the one in the middle.")
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="The picture; mix.gif, .webp or .apng, or a folder mix/: the fine styles coming in layer by layer, "
        "frame after frame. Default: NAME-mix-COARSE-FINE-COUNT.png.",
    ),
]


def mix(
    name: Name,
    coarse: Coarse,
    fine: Annotated[list[str], typer.Option(help="Where colours and textures come from; as --coarse.")],
    layer: Layer = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    out: Out = None,
    captions: Captions = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Mix the styles of samples.

    \b
    zoo mix stylegan-lite-celeba --coarse 1 --fine 2            both, and the first with the second's fine styles
    zoo mix stylegan-lite-celeba --coarse 1,2,3 --fine 4,5,6,7  all pairs: a row for each coarse, a column for each fine

    All are drawn without noise inputs, or with --option noise=SEED with the same ones.
    """
    from zoo import latent

    stem, options = stem_of(name), plain_options(settings(option), "mix")
    rows, columns = ([word for text in given for word in latents.listed(text)] for given in (coarse, fine))
    count = 3 if len(rows) == len(columns) == 1 else (1 + len(rows)) * (1 + len(columns))
    named = (stem, "mix", latents.in_name(rows), latents.in_name(columns))
    target = Target.picture(out, *named, count, kinds=("picture", "array", "animation", "folder"), force=force)
    model: Model = zoo.load(name, device=device)
    cut = _cut(name, layers := model.style_layers, layer)
    latents.check(model, [*rows, *columns])
    if target.kind == "folder":
        target.check(model.space, layers + 1 - cut)
    target.check_captions(model.space, captions)
    of_encode, of_decode = latents.split_options(model, options, [*rows, *columns])
    with watching("made", quiet=quiet):
        a, b = (latents.read(model, words, None, of_encode, temperature, truncation) for words in (rows, columns))
        moves = target.kind in ("animation", "folder")
        cuts = range(layers, cut - 1, -1) if moves else [cut]
        sheets = [latent.mixtures(model, a, b, each, batch_size=batch_size, **of_decode).cpu() for each in cuts]
    below, wide = _captions(rows, columns) if captions else [], 1 + len(b)
    if len(a) == len(b) == 1:  # three in a row: coarse, fine, mixed
        sheets, below, wide = [sheet[[2, 1, 3]] for sheet in sheets], [below[i] for i in (2, 1, 3) if below], 3
    if moves:
        written = target.write_frames([framed(sheet, below, columns=wide) for sheet in sheets], default_name(*named))
    else:
        written = target.write(sheets, len(sheets[0]), stem, model.space, columns=wide, captions=below)
    say(f"Wrote {written}, coarse of {', '.join(rows)}, fine of {', '.join(columns)} from layer {cut} of {layers} on.")


def _cut(name: str, layers: int, layer: int | None) -> int:
    """The first layer with the fine styles, of `layers`, or what speaks against it."""
    if not layers:
        raise CapabilityError(f"{name} has no styles, one for each layer, to mix. Try zoo mix stylegan-lite-celeba.")
    cut = layers // 2 if layer is None else layer
    if not 1 <= cut < layers:
        raise InvalidInput(f"--layer {cut}; expected one between 1 and {layers - 1}, where coarse and fine both count.")
    return cut


def _captions(rows: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Of a table of all pairs, below whose first row and beside whose first column what is mixed stands."""
    below = ["", *(f"fine {word}" for word in columns)]
    for word in rows:
        below += [f"coarse {word}", *(f"{word} with {other}" for other in columns)]
    return below


COMMANDS = {"mix": mix}

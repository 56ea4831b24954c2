"""Mixing the styles of samples: `zoo mix`. It imports torch when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

import zoo
from zoo.cli import latents
from zoo.cli.arguments import settings, stem_of
from zoo.cli.options import BatchSize, Device, Force, Name, Options, Quiet, Temperature, Truncation
from zoo.cli.output import say
from zoo.cli.sampling import plain_options, watching
from zoo.cli.targets import Target
from zoo.errors import CapabilityError, InvalidInput

Coarse = Annotated[
    list[str],
    typer.Option(
        help="Where pose and shape come from: a seed, its sample 7:3, or an image file; repeatable, commas allowed."
    ),
]
Layer = Annotated[
    int | None, typer.Option(help="The first layer with the fine styles; default: the one in the middle.")
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
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="The picture. Default: NAME-mix-COARSE-FINE-COUNT.png.")
    ] = None,
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
    from zoo.model import Model

    stem, options = stem_of(name), plain_options(settings(option), "mix")
    rows, columns = ([word for text in given for word in latents.listed(text)] for given in (coarse, fine))
    count = 3 if len(rows) == len(columns) == 1 else (1 + len(rows)) * (1 + len(columns))
    named = (stem, "mix", latents.in_name(rows), latents.in_name(columns), count)
    target = Target.picture(out, *named, kinds=("picture", "array"), force=force)
    model: Model = zoo.load(name, device=device)
    layers = model.style_layers
    if not layers:
        raise CapabilityError(f"{name} has no styles, one for each layer, to mix. Try zoo mix stylegan-lite-celeba.")
    cut = layers // 2 if layer is None else layer
    if not 1 <= cut < layers:
        raise InvalidInput(f"--layer {cut}; expected one between 1 and {layers - 1}, where coarse and fine both count.")
    latents.check(model, [*rows, *columns])
    of_encode, of_decode = latents.split_options(model, options, [*rows, *columns])
    with watching("made", quiet=quiet):
        a, b = (latents.read(model, words, None, of_encode, temperature, truncation) for words in (rows, columns))
        sheet, wide = latent.mixtures(model, a, b, cut, batch_size=batch_size, **of_decode).cpu(), 1 + len(b)
    if len(a) == len(b) == 1:
        sheet, wide = sheet[[2, 1, 3]], 3  # three in a row: coarse, fine, mixed
    origin = f"coarse of {', '.join(rows)}, fine of {', '.join(columns)} from layer {cut} of {layers} on"
    say(f"Wrote {target.write([sheet], len(sheet), stem, model.space, columns=wide)}, {origin}.")


COMMANDS = {"mix": mix}

"""What densities of an autoencoder's codes draw: `zoo densities`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from zoo import releases
from zoo.cli import completing
from zoo.cli.arguments import listed, stem_of
from zoo.cli.options import Data, Device, Download, Force, Json, Quiet
from zoo.cli.output import number, say, say_json, table
from zoo.cli.sampling import watching
from zoo.cli.targets import Target

Kinds = Annotated[
    str, typer.Option(help="Densities, with commas: normal, N(0, I); own, what generate draws; gaussian, gmm, flow.")
]
Count = Annotated[
    int | None, typer.Option("--n", "-n", min=1, help="Images drawn of each; default: as held out, at most 10,000.")
]


def densities(
    name: Annotated[str, completing.release("A release or a release folder, of an autoencoder.")],
    data: Data = None,
    kinds: Kinds = "normal,gaussian,gmm,flow,own",
    components: Annotated[int, typer.Option(min=1, help="Gaussians of gmm.")] = 10,
    n: Count = None,
    seed: Annotated[int, typer.Option(min=0, help="Of draws and fits.")] = 0,
    download: Download = False,
    device: Device = "auto",
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="The picture. Default: NAME-densities-seedSEED.png.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw from densities of a model's codes, side by side.

    An autoencoder was never told where codes lie, and decodes noise to nothing. Densities fitted to the codes of
    training samples mend that: of each a row of samples, their Fréchet distance from training images, and the nats of
    held-out codes.
    """
    target = Target.picture(out, stem_of(name), "densities", f"seed{seed}", force=force)
    chosen = listed(kinds, "normal,gmm")
    release = releases.find(name)
    from zoo import building, images
    from zoo.metrics.evaluate import splits
    from zoo.nn import features as networks
    from zoo.reports.densities import sheet
    from zoo.training.ex_post import check, compare

    model = building.load(release, device=device)
    check(model, chosen)
    train, held_out = splits(release.card, data, download=download)
    network = networks.load(networks.default(model.space.shape[0]))
    with watching("drawn", quiet=quiet) as course:
        choices: Any = {"components": components, "n": n, "seed": seed, "tell": course.say}
        found = compare(model, network, train, held_out, chosen, **choices)
    rows = [(each.title, f"Fréchet {number(each.frechet)}", each.images) for each in found]
    images.write(sheet(rows, f"Codes of {model.name}, drawn from"), target.path)
    if as_json:
        shown = [{"kind": each.kind, "frechet": each.frechet, "nats": each.nats} for each in found]
        say_json({"release": model.name, "features": network.name, "densities": shown, "picture": str(target.path)})
        return
    headers = ("codes from", f"Fréchet distance ({network.name})", "nats of held-out codes")
    table(headers, [(each.title, number(each.frechet), number(each.nats)) for each in found], right=headers[1:])
    say(f"Wrote {target.path}.")


COMMANDS = {"densities": densities}

"""Samples in two dimensions, by a model's codes and by other methods: `zoo embed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoo import releases
from zoo.cli import completing
from zoo.cli.arguments import listed, stem_of
from zoo.cli.options import Data, Device, Download, Force, Json, Quiet
from zoo.cli.output import number, plural, say, say_json, table
from zoo.cli.sampling import watching
from zoo.cli.targets import Target

if TYPE_CHECKING:
    from zoo.metrics.projection import Projection


Against = Annotated[
    str, typer.Option(help="Methods for the pixels, with commas: pca, nmf, tsne, umap (needs umap-learn).")
]
CodesBy = Annotated[
    str, typer.Option(help="Methods for codes of more than two numbers. By pca nothing is seen that codes do not have.")
]
Count = Annotated[
    int | None,
    typer.Option("--n", "-n", min=1, help="Held-out samples; default: 2,000, or 200 if codes are sought."),
]


def project(
    name: Annotated[str, completing.release("A release or a release folder.")],
    data: Data = None,
    against: Against = "pca,tsne",
    codes_by: CodesBy = "pca",
    n: Count = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples, and of what is random in methods.")] = 0,
    download: Download = False,
    device: Device = "auto",
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="The picture. Default: NAME-embedding-seedSEED.png.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw held-out samples in two dimensions.

    By the codes of the model, and by other methods applied to the pixels, in the colours of their classes. Below each
    picture, and here, stands how far its neighbours are neighbours in pixels (trustworthiness, at most 1), and how well
    the five nearest points tell a point's class.
    """
    target = Target.picture(out, stem_of(name), "embedding", f"seed{seed}", force=force)
    methods, codes_methods = listed(against, "pca,tsne"), listed(codes_by, "pca,tsne")
    release = releases.find(name)
    from zoo import building, images
    from zoo.metrics import projection
    from zoo.metrics.evaluate import splits
    from zoo.reports.projection import sheet

    projection.check_methods([*methods, *codes_methods])
    model = building.load(release, device=device)
    model.require("encode")
    _, held_out = splits(release.card, data, download=download)
    with watching("embedded", quiet=quiet) as course:
        found = projection.project(model, held_out, methods, codes_by=codes_methods, n=n, seed=seed, tell=course.say)
    images.write(sheet(found), target.path)
    if as_json:
        say_json({**found.to_dict(), "picture": str(target.path)})
    else:
        _say(found)
        say(f"Wrote {target.path}.")


COMMANDS = {"embed": project}


def _say(found: Projection) -> None:
    from zoo.metrics.projection import TITLES, K

    headers = ("picture", "trustworthiness", *[f"{K}-NN accuracy"] * (found.labels is not None))
    rows = [
        (panel.title, number(panel.trustworthiness), *[number(panel.knn)] * (found.labels is not None))
        for panel in found.panels
    ]
    table(headers, rows, right=headers[1:])
    if found.labels is None:
        say(f"{found.dataset} has no labels: there are no colours, and no accuracy of neighbours.")
    ways = dict.fromkeys(TITLES[panel.by] for panel in found.panels if panel.of != found.seen and panel.by)
    how = f"reduced to two by {' and by '.join(ways)}" if ways else "shown as they are"
    say(
        f"{plural(found.n, 'held-out sample')}, seed {found.seed}; codes of {plural(found.code, 'number')}, {how}; "
        f"trustworthiness is of the {found.seen}."
    )

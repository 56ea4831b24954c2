"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import completing
from zoo.cli.arguments import check_files

Name = Annotated[
    str,
    typer.Argument(
        help="A release, an architecture with a default one, a folder, or hf:org/repo@revision.",
        autocompletion=completing.releases_or_folders,
    ),
]


def files_there(paths: list[Path]) -> list[Path]:
    """The files that were named. Raises DataError, before anything is imported to read them, unless all are there."""
    return check_files(paths)


Files = Annotated[
    list[Path],
    typer.Argument(
        help="Image files, or folders of them; for models of vectors .csv or .npy tables.", callback=files_there
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Go on without files that cannot be read; they are listed, and the status is 1."),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        "-c",
        help="Class name or index; repeat it or separate with commas. Or a text, if the model takes texts; repeatable.",
    ),
]
Captions = Annotated[
    bool, typer.Option("--captions", help="Write below each image of a picture or an animation what it was made from.")
]
Temperature = Annotated[float, typer.Option(help="Below 1: more typical, less varied.")]
Truncation = Annotated[
    float | None,
    typer.Option(
        help="Of GANs: cut the latents' distribution off at this many standard deviations, such as 1.5 (near 0 all are "
        "alike, and as none was in training); of those with styles, keep this share of the way from the mean, such as "
        "0.7."
    ),
]
BatchSize = Annotated[int | None, typer.Option(min=1, help="How many images are computed at once.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="An option of the model's own; repeatable.")
]
Device = Annotated[str, typer.Option(help="auto, which is a GPU if there is one, or cpu, cuda, cuda:1 …")]
Data = Annotated[Path | None, typer.Option(help="Folder or file of the data set that the release was trained on.")]
Download = Annotated[bool, typer.Option("--download", help="Fetch the data set if it is missing.")]
Cache = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        help="Decode many images once, into ZOO_HOME; or whenever they are needed, for a disk with little room.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there already.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing of how far it is.")]

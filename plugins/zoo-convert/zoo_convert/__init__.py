"""Checkpoints of other repositories for zoo: the command `zoo convert`."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.plugin import hookimpl


@hookimpl
def zoo_register_commands(cli: typer.Typer) -> None:
    @cli.command("convert")
    def convert(
        words: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="[SOURCE] FILE…",
                help="A known layout, or an architecture, unless the file's keys tell which; then the checkpoint, "
                "or its files in the order that --list says.",
            ),
        ] = None,
        out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The release folder to write.")] = None,
        settings: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="FIELD=VALUE", help="A field of the Config that shapes do not tell."),
        ] = None,
        entries: Annotated[
            list[str] | None,
            typer.Option(
                "--entry",
                metavar="NAME",
                help="Of a file with several networks, the one that is meant; once for each file, or twice for a "
                "layout of two in one.",
            ),
        ] = None,
        sources: Annotated[
            list[Path] | None, typer.Option("--show", metavar="IMAGE", help="What a translator is shown with.")
        ] = None,
        reported: Annotated[
            str | None,
            typer.Option(metavar="TEXT", help="What its authors report, such as 'FID 2.84', for its card."),
        ] = None,
        show_list: Annotated[bool, typer.Option("--list", help="List the known layouts and stop.")] = False,
        force: Annotated[bool, typer.Option("--force", help="Write over a release in the folder.")] = False,
    ) -> None:
        """Make a release of a checkpoint from elsewhere.

        Nothing in the file is run: pickles of any name are read by torch.load(weights_only=True), .safetensors as such,
        of .onnx the initialisers. Every tensor is used once, or nothing is written.
        """
        from zoo_convert import command

        if show_list:
            command.say_list()
        else:
            command.convert(words or [], out, settings or [], sources or [], reported, entries or [], force=force)

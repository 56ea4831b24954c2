"""A site on which models are played with: `zoo gallery`. It imports torch when it runs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo import releases
from zoo._util.paths import real_path, user_path
from zoo.cli import completing
from zoo.cli.options import Force, Quiet
from zoo.cli.output import note, plural, say, size
from zoo.cli.targets import check_folder
from zoo.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer


Reference = Annotated[
    bool | None,
    typer.Option(
        "--reference/--no-reference", help="With what zoo reference writes; default: where pdoc is installed."
    ),
]


def gallery(
    names: Annotated[list[str] | None, completing.release("Releases; default: all.", metavar="[NAME]…")] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="The film of a run instead, a folder that zoo train wrote or is writing."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the site.")] = Path("site"),
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where onnxruntime-web lies, its folder dist; default: it is fetched from npm, once."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="NAME=DIR",
            help="Where a data set lies, of which rooms show codes, such as mnist=DIR; may be repeated.",
        ),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the site on this machine; one that is there, as it is.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="To serve at; 0: any that is free.")] = 8000,
    reference: Reference = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a site on which every model runs in the browser.

    It is plain files, which ask no other host for anything: for any web server, or a classroom without network. Opened
    as files most browsers run none of it; --serve is a server. With --run it is the film of a run instead: its samples
    and curves, gone through step by step.
    """
    folder = user_path(out)
    said = reference is not None
    if run is not None and (names or runtime or data or said):
        raise InvalidInput(
            "--run makes the film of a run, and takes neither releases nor --runtime, --data or --reference. Drop one."
        )
    places = _places(data or ())
    with _server(folder, port) if serve else nullcontext() as server:  # before minutes of work, in case it cannot be
        if run is not None:
            _film(run, folder, force)
        elif names or runtime or data or said or force or not serve or not (folder / "index.html").is_file():
            _build(names, folder, force, reference, source=runtime, data=places, quiet=quiet)
        if server is not None:
            say(f"Serving {folder} at http://127.0.0.1:{server.server_port}/ until interrupted.")
            server.serve_forever()


COMMANDS = {"gallery": gallery}


def _places(given: Iterable[str]) -> dict[str, Path]:
    """Where data sets lie, by name, of words such as mnist=DIR. Raises InvalidInput."""
    places = dict[str, Path]()
    for word in given:
        name, equals, path = word.partition("=")
        if not (name and equals and path):
            raise InvalidInput(f"--data {word}; expected a data set and where it lies, such as mnist=DIR.")
        places[name] = user_path(path)
        if not places[name].exists():  # not after minutes of work
            raise InvalidInput(f"--data {word}: there is no {places[name]}.")
    return places


def _build(names: list[str] | None, folder: Path, force: bool, reference: bool | None, **choices: Any) -> None:
    chosen = _chosen(names) if names else releases.select()
    check_folder(folder, str(folder))
    from zoo.reports.gallery import building

    built = building.build(chosen, folder, force=force, with_reference=_with_reference(reference), **choices)
    for name, reasons in built.refused.items():
        for reason in reasons:
            note(f"{name}: {reason}")
    say(f"Wrote {folder}: {plural(len(chosen), 'room')}, {size(built.size)}; the hall is {size(built.hall)}.")


def _with_reference(chosen: bool | None) -> bool:
    """Whether the site has the reference: unless it is said, if what makes it is installed."""
    from zoo.reports.gallery import reference

    if chosen is None:
        try:
            reference.check_extra()
        except MissingExtra as error:
            note(f"The site is without the reference of zoo's Python: {error}")
            return False
    return chosen is not False


def _chosen(names: list[str]) -> dict[str, releases.Release]:
    """The releases of these names, by the names that their rooms have. Raises InvalidInput where two have one name."""
    chosen = dict[str, releases.Release]()
    for release in map(releases.find, names):
        name = release.portable_name or release.name
        if real_path((other := chosen.setdefault(name, release)).folder) != real_path(release.folder):
            raise InvalidInput(f"{other.folder} and {release.folder} are both called {name}. Rename one of them.")
    return chosen


def _film(run: Path, folder: Path, force: bool) -> None:
    check_folder(folder, str(folder))
    from zoo.reports.gallery import films

    film = films.write(run, folder, force=force)
    parts = (plural(film.lines, "line"), plural(film.pictures, "picture"), size(film.size))
    say(f"Wrote {folder}: {parts[0]} of the log, {parts[1]}, {parts[2]}.")


def _server(folder: Path, port: int) -> ThreadingHTTPServer:
    from zoo.reports.gallery import serving

    return serving.server(folder, port)

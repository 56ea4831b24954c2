"""Turning image files into others: `zoo translate`. It imports torch when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo import decoding, releases
from zoo._util.atomic import replacing
from zoo.cli.arguments import sample_files, settings
from zoo.cli.output import plural, say
from zoo.cli.sampling import Device, Name, Options, Temperature, end, plain_options
from zoo.errors import CapabilityError, DataError, InvalidInput, WeightsError

if TYPE_CHECKING:
    from zoo.models._translator import Translator

SHOWN = 30  # letters of a file's name beside the bar


def translate(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The folder that a PNG of each image is written to.")],
    to: Annotated[str | None, typer.Option(help="Of models that translate both ways: what kind to make.")] = None,
    seed: Annotated[int, typer.Option(help="Fixes what is random in a translation; the same for every image.")] = 0,
    temperature: Temperature = 1.0,
    tile: Annotated[
        int | None,
        typer.Option(help="Side, in pixels, of the tiles that large images are cut into; 0 does not cut."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Leave out images whose result is there already.")] = False,
    option: Options = None,
    device: Device = "cpu",
    dtype: Annotated[
        str, typer.Option(help="bfloat16 is faster where the processor has instructions for it, and less exact.")
    ] = "float32",
) -> None:
    """Make an image from each image.

    Results have the images' names. What cannot be made is listed at the end, and the status is 1; the others are made
    all the same, each written at once, so that a run that was interrupted goes on with --resume.
    """
    options = settings(option)
    paths = [path for path, _ in sample_files(files, decoding.is_named, "image", without=out)]
    results = _results(paths, out, resume)
    model = zoo.load(name, device=device, dtype=dtype)
    translator = _translator(model)
    options = plain_options(options, "translate", "to", "tile") | {"temperature": temperature}
    options |= {key: value for key, value in (("to", to), ("tile", tile)) if value is not None}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {out} cannot be made a folder: {error.strerror}. Choose another place.") from error
    todo = [(path, result) for path, result in zip(paths, results, strict=True) if not (resume and result.exists())]
    failures = _translate(translator, todo, seed, options)
    there = f", {len(paths) - len(todo)} there already" if resume else ""
    say(f"Wrote {plural(len(todo) - len(failures), 'image')} to {out}{there}.")
    end(failures, "image", "translated")


def _results(paths: Sequence[Path], out: Path, resume: bool) -> list[Path]:
    """Where the result of each of `paths` goes, or InvalidInput: two to one place, or a place that is taken."""
    results = [out / f"{path.stem}.png" for path in paths]
    sources: dict[Path, Path] = {}
    for path, result in zip(paths, results, strict=True):
        if result in sources:
            both = f"{sources[result]} and {path} would both become {result}"
            raise InvalidInput(f"{both}. Translate them one at a time.")
        sources[result] = path
        if result.exists() and path.exists() and result.samefile(path):
            raise InvalidInput(f"{path} would be replaced by its own translation. Choose another --out.")
    taken = [result for result in results if result.exists()]
    if taken and not resume:
        raise InvalidInput(
            f"{out} already holds {taken[0].name}{f' and {len(taken) - 1} more of these' if taken[1:] else ''}. Pass "
            "--resume to make only what is missing, or choose another --out."
        )
    return results


def _translator(model: Any) -> Translator:
    """`model`, if it makes images from images, or CapabilityError naming those that do."""
    from zoo.models._translator import Translator

    if not isinstance(model, Translator):
        able = ", ".join(releases.list_releases(capability="translate"))
        name = model.provenance.release or model.provenance.architecture
        hint = f"Models that do: {able}." if able else "Train one: zoo train pix2pix --data DIR --out FOLDER."
        raise CapabilityError(f"{name} does not translate images. {hint}")
    return model


def _translate(model: Translator, todo: Sequence[tuple[Path, Path]], seed: int, options: dict[str, Any]) -> list[str]:
    """Make every result that can be made, with a bar; returns what went wrong, a sentence for each file."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    failures = []
    text = TextColumn("{task.fields[text]}", markup=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), text)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("translating", total=len(todo), text="")
        for path, result in todo:
            bar.update(task, text=path.name[:SHOWN])
            try:
                picture = model.picture(path, seed=seed, **options)
                with replacing(result) as temporary:
                    picture.save(temporary, format="PNG")
            except CapabilityError:
                raise
            except DataError as error:
                failures.append(str(error))
            except (WeightsError, OSError, RuntimeError, MemoryError) as error:
                failures.append(f"{path}: {' '.join(str(error).split()) or 'there is not enough memory'}")
            bar.advance(task)
    return failures


COMMANDS = {"translate": translate}

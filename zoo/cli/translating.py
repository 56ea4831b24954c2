"""Turning image files into others, or sentences: `zoo translate`. It imports torch when it runs."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo import releases
from zoo._util import shortage
from zoo._util.atomic import sweep
from zoo._util.printable import printable
from zoo._util.processes import is_shared, mine
from zoo.cli import shards
from zoo.cli.arguments import sample_files, settings, stem_of
from zoo.cli.options import Device, Force, Name, Options, Quiet, Temperature, files_there
from zoo.cli.output import plural, say
from zoo.cli.reading import end
from zoo.cli.results import Job, count_frames, made_by, plan
from zoo.cli.sampling import fitting, plain_options
from zoo.cli.targets import Target, check_folder
from zoo.errors import CapabilityError, Converted, DataError, InvalidInput, LeftOut, WeightsError
from zoo.files import decoding
from zoo.registry.entries import Architecture

if TYPE_CHECKING:
    from PIL import Image

    from zoo.model import Model

PAIRED = 64  # bytes for each pixel of a result beside its source, which are computed with whole, as float32
SHOWN = 30  # letters of a file's name beside the bar
ADVICE = "Pass a smaller --tile, or close other programs."


Tile = Annotated[
    int | None, typer.Option(help="Side, in pixels, of the tiles that large images are cut into; 0 does not cut.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="The folder for a PNG of each image; of sentences a file, and without one they are printed."
    ),
]


def translate(
    name: Name,
    files: Annotated[
        list[Path],
        typer.Argument(help="Image files, or folders of them; or files of sentences.", callback=files_there),
    ],
    out: Out = None,
    to: Annotated[str | None, typer.Option(help="Of models that translate both ways: what kind to make.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes what is random; the same for every image.")] = 0,
    temperature: Temperature = 1.0,
    tile: Tile = None,
    all_frames: Annotated[
        bool, typer.Option("--all-frames", help="Of an animation or pages every frame: NAME-0000.png and so on.")
    ] = False,
    captions: Annotated[
        bool, typer.Option("--captions", help="Show each result beside what it was made from, before and after.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Leave out images whose result is there already.")] = False,
    force: Force = False,
    quiet: Quiet = False,
    option: Options = None,
    device: Device = "auto",
    dtype: Annotated[
        str, typer.Option(help="bfloat16 is faster where the processor has instructions for it, and less exact.")
    ] = "float32",
) -> None:
    """Make images from images, sentences from sentences.

    Images become PNG in sRGB. Results have the images' names, in folders like theirs. What cannot be made is listed at
    the end, and the status is 1; the others are made all the same, each written at once, so that a run that was
    interrupted goes on with --resume, which tells its own results from others by what is noted in them.
    """
    options = settings(option)
    if not _of_images(name):
        given = {"--to": to is not None, "--tile": tile is not None, "--all-frames": all_frames}
        _refuse(given | {"--captions": captions, "--resume": resume, "--force without --out": force and out is None})
        options = plain_options(options, "translate") | {"seed": seed, "temperature": temperature}
        _translate_samples(name, files, out, options, force=force, device=device, dtype=dtype)
        return
    out = _check_folder(out, resume=resume, force=force)
    found = sample_files(files, decoding.is_named, "image", without=out)
    every = plan(found, out, all_frames=all_frames, resume=resume or is_shared(), force=force)
    model = zoo.load(name, device=device, dtype=dtype)
    model.require("translate")
    options = plain_options(options, "translate", "to", "tile") | {"temperature": temperature, "seed": seed}
    options |= {key: value for key, value in (("to", to), ("tile", tile)) if value is not None}
    told = functools.partial(_tell, out, every, shared=resume or is_shared(), force=force)
    failures, made, there = _translate(model, mine(every), options, told, captions=captions, force=force, quiet=quiet)
    say(f"Wrote {plural(made, 'sRGB image')} to {out}{f', {there} there already' * resume}.")
    end(failures, "image", "translated")


def _of_images(name: str) -> bool:
    """Whether a model makes images, as far as is known without loading it."""
    found = releases.describe(name)
    return (found.space if isinstance(found, Architecture) else found.card.space).endswith("images")


def _refuse(given: dict[str, bool]) -> None:
    """Raise InvalidInput for options that are for images, if some are given."""
    if idle := [name for name, is_given in given.items() if is_given]:
        raise InvalidInput(f"{', '.join(idle)}: this model makes no images, which that is for. Leave it out.")


def _check_folder(out: Path | None, *, resume: bool, force: bool) -> Path:
    """The folder that images are written to. Raises InvalidInput for none, and for options that do not go together."""
    if resume and force:
        raise InvalidInput("--resume keeps what is there already, --force writes over it; choose one of them.")
    if out is None:
        raise InvalidInput("images are written to a folder, and none is named. Name it: --out DIR.")
    if out.suffix.lower() in decoding.written() and not out.is_dir():
        raise InvalidInput(f"--out {out} names a file; results keep the images' names. Name the folder they go into.")
    check_folder(out, str(out))
    return out


def _translate_samples(
    name: str,
    files: Sequence[Path],
    out: Path | None,
    options: dict[str, Any],
    *,
    force: bool,
    device: str,
    dtype: str,
) -> None:
    """Make a sample from each in the files, or, where one of them cannot be read, none; print what lines can say where
    no file is named."""
    target = None if out is None else Target.parse(str(out), kinds=("samples", "array"), force=force)
    model = zoo.load(name, device=device, dtype=dtype)
    model.require("translate")
    given = model.source_space.read([path for path, _ in sample_files(files, model.source_space.takes, "sentence")])[1]
    if target is not None:
        target.check(model.space, len(given))
    made = model.translate(given, **options)
    if target is None and model.space.spoken:
        for line in model.space.lines(made):
            say(line)
        return
    target = fitting(target, model, len(made), stem_of(name), force=force)
    say(f"Wrote {target.write([made], len(made), stem_of(name), model.space)}.")


def _tell(out: Path, jobs: Sequence[Job], by: dict[str, Any], *, shared: bool, force: bool) -> Callable[[], object]:
    """What writes, once there is a result, the manifest of what several processes or runs make. Raises InvalidInput
    for one of other work, but for the images, of which there may be others by now; DataError for one that is none."""
    if not shared:
        return functools.partial(shards.forget, out) if force else lambda: None
    about = {"format": shards.FORMAT, "command": "translate", "kind": shards.FILES, **json.loads(json.dumps(by))}
    if (there := shards.read(out / shards.MANIFEST)) is not None and not force:
        shards.check_same(out, {key: there.get(key) for key in about}, about)
    each = [{"file": str(job.result.relative_to(out)), "first": k, "count": 1} for k, job in enumerate(jobs)]
    return functools.partial(shards.write, out, {**about, "n": len(jobs), "shards": each})


def _translate(
    model: Model,
    jobs: Sequence[Job],
    options: dict[str, Any],
    told: Callable[[dict[str, Any]], Callable[[], object]],
    *,
    captions: bool,
    force: bool,
    quiet: bool,
) -> tuple[list[str], int, int]:
    """Make every result that can be made, until the disk is full; returns what went wrong, a sentence for each, and how
    many were made and were there already. told: given what decides what they are, returns what is called of one."""
    from zoo._util.progress import showing
    from zoo.files.reading import Reader, tell_frames

    reader, taken, by = Reader(), _taken(model), made_by(model, options | ({"captions": True} if captions else {}))
    failures, several, made, there, tell = list[str](), list[str](), 0, 0, told(by)
    for folder in {job.result.parent for job in jobs}:
        sweep(folder, {job.result.name for job in jobs} | {shards.MANIFEST})
    with showing("translated", len(jobs), quiet=quiet) as course:
        for place, job in enumerate(jobs, 1):
            course.say(printable(job.source.name[:SHOWN]))
            try:
                note = job.note(by)
                if not force and job.is_done(note):
                    there += 1
                else:
                    job.write(_made(model, job, options, captions=captions), note)
                    made += 1
                    if job.frame is None and (count := count_frames(job.source)) > 1:
                        several.append(f"{job.source} ({count})")
                    if taken != (3,):
                        reader.look(job.source, taken, job.frame or 0)
                if made + there == 1:
                    tell()
            except CapabilityError:
                raise
            except DataError as error:
                reason = str(error)
                failures.append(reason if str(job.source) in reason else f"{job.source}: {reason}")
            except (WeightsError, OSError, RuntimeError, MemoryError) as error:
                failures.append(f"{job.source}: {shortage.explain(error, ADVICE) or ' '.join(str(error).split())}")
                if shortage.is_full(error):
                    if left := len(jobs) - place:
                        failures[-1] += f" {left} more not tried: go on with --resume."
                    break
            course.advance()
    reader.tell(taken)
    tell_frames(several, made, "--all-frames makes an image of each.")
    return failures, made, there


def _made(model: Model, job: Job, options: dict[str, Any], *, captions: bool) -> Image.Image:
    with warnings.catch_warnings():
        for kind in (Converted, LeftOut):  # which are told of all at the end
            warnings.simplefilter("ignore", kind)
        source = _source(model, job)
        picture = model.picture(source, **options)
        return _pair(model, source, picture) if captions else picture


def _source(model: Model, job: Job) -> Any:
    """The image, or the one frame of it, in a form that the model takes."""
    from zoo.images import Reader, to_pil

    if job.frame is None:
        return job.source
    taken = _taken(model)
    pixels = Reader().frame(job.source, taken[0], job.frame) / 255
    return pixels if len(taken) == 1 else to_pil(pixels[None])[0]


def _pair(model: Model, source: Any, made: Image.Image) -> Image.Image:
    """What the model was given, on white where it is transparent, as large as what it made of it, and that. Raises
    DataError where there is no memory for both at once."""
    import torch
    from torch.nn import functional as F

    from zoo import images

    if PAIRED * made.width * made.height > shortage.memory():
        raise DataError(
            f"there is no memory for {made.width} × {made.height} pixels beside what they were made from. Leave out "
            "--captions."
        )
    after = images.whole(made, 3)[None] / 255
    given = model.check_sources(source, 1).float().cpu()
    colours = given[:, : 1 + 2 * (given.shape[1] > 2)]
    if given.shape[1] > colours.shape[1]:
        colours = 1 - given[:, -1:] * (1 - colours)
    before = F.interpolate(colours, size=after.shape[2:], mode="nearest").expand_as(after)
    return images.captioned(torch.cat([before, after]), ["before", "after"], columns=2)


def _taken(model: Model) -> tuple[int, ...]:
    """The channels, or the whole shape, of the images that `model` takes."""
    from zoo.conditions import Images

    return (model.condition.channels,) if isinstance(model.condition, Images) else model.space.shape


COMMANDS = {"translate": translate}

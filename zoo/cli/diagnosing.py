"""Is a run training well? `zoo diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo._util.processes import is_first
from zoo._util.progress import showing
from zoo.cli.options import Force, Json
from zoo.cli.output import note, number, say, say_json, table
from zoo.cli.targets import Target
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from zoo.reports.diagnosis import Diagnosis
    from zoo.reports.history import History

PICTURE = "diagnosis.png"  # in the run's folder


def diagnose(
    run: Annotated[Path, typer.Argument(help="A folder that zoo train wrote or is writing, or its run/.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="The picture to write; of run.gif, .webp or .apng, and of a folder run/, its samples over time, frame "
            "after frame. Default: diagnosis.png in the run, each time anew.",
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Say whether a GAN trains well.

    Draws its losses, outputs, gradients, coverage and samples.
    """
    target = None if out is None else Target.parse(out, kinds=("picture", "animation", "folder"), force=force)
    from zoo.reports.diagnosis import diagnose as judge

    diagnosis = judge(run)
    path = target.path if target else diagnosis.history.folder / PICTURE
    written = str(path)
    if target and target.kind != "picture":
        written = _film(diagnosis.history, target)
    else:
        _draw(diagnosis, path)
    if as_json:
        say_json({**diagnosis.to_dict(), "picture": str(path)})
        return
    _say_course(diagnosis.history)
    for finding in diagnosis.findings:
        say(f"Warning: {finding}")
    for remark in diagnosis.notes:
        say(f"Note: {remark}")
    if not diagnosis.findings:
        say(diagnosis.all_clear)
    say(f"Wrote {written}.")


def conclude(release: Path, *, quiet: bool = False) -> None:
    """What there is to say at the end of a training: of an adversarial objective, write the picture into `release`/run
    and say each warning. quiet: do not say how far the picture is."""
    from zoo.reports.diagnosis import diagnose as judge
    from zoo.reports.history import LOG

    # Of several processes one has the log.
    if not is_first() or not (release / "run" / LOG).is_file():
        return
    try:
        diagnosis = judge(release)
        if any(line.kind for line in diagnosis.history.lines):
            _draw(diagnosis, diagnosis.history.folder / PICTURE, quiet=quiet)
    except InvalidInput as error:  # the release is made; a log that cannot be judged must not make that a failure
        note(f"No diagnosis: {error}")
        return
    if any(line.kind for line in diagnosis.history.lines):
        for finding in diagnosis.findings:
            say(f"Warning: {finding}")


def _draw(diagnosis: Diagnosis, path: Path, *, quiet: bool = False) -> None:
    from zoo import images
    from zoo.reports.charts import draw

    with showing("drawing the diagnosis", quiet=quiet):
        images.write(draw(diagnosis), path)


def _film(history: History, target: Target) -> str:
    """Write the run's samples over time, with the step below each; what was written, in words."""
    from zoo import images
    from zoo.reports.charts import readable

    found = [(int(path.stem), picture) for path in history.samples if (picture := readable(path))]
    if not found:
        raise InvalidInput(f"{history.folder} holds no pictures of samples; the first comes with the first checkpoint.")
    last = found[-1][1].size
    frames = [images.titled(picture.resize(last), f"step {step:,}") for step, picture in found]
    return target.write_frames(frames, "step")


COMMANDS = {"diagnose": diagnose}


def _say_course(history: History) -> None:
    """A table of every number of the log, at the first line that has it, half way and at the last."""
    from zoo.reports.history import GROUPS, names, series

    titles = {"losses": "loss", "gradients": "gradient norm", "outputs": "output on", "coverage": ""}
    rows = []
    for group in GROUPS:
        for name in names(history.lines, group):
            if name.endswith("_of"):
                continue
            course = [value for _, value in series(history.lines, group, name)]
            whole = dict(series(history.lines, group, f"{name}_of"))
            of = f" of {number(next(iter(whole.values())))}" if whole else ""
            shown = [number(value) for value in (course[0], course[len(course) // 2], course[-1])]
            rows.append([f"{titles[group]} {name.replace('_', ' ')}".strip() + of, *shown])
    last = history.lines[-1].step
    table(("measure", "first", "half way", f"step {last:,}"), rows, right=("first", "half way", f"step {last:,}"))

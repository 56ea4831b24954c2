"""Where a run goes, what it is of and where its data lie: what is refused before torch is imported for it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo import registry, releases
from zoo._util.config import settings
from zoo._util.paths import real_path, user_path
from zoo._util.processes import is_first, is_of_this_launch, is_restarted
from zoo.data.finding import check_there, some
from zoo.errors import ConfigError, DuplicateName, TrainingError, UnknownName
from zoo.recipe import Recipe
from zoo.registry.entries import Architecture
from zoo.registry.names import pick
from zoo.releases.cards import CARD, FILES, RUN, WEIGHTS
from zoo.training import lock

CHECKPOINT = "checkpoint.safetensors"  # in the run's folder
# What some settings are called elsewhere. An epoch is no number of steps, but those are what is meant.
SYNONYMS = {"lr": "learning_rate", "batch": "batch_size", "bs": "batch_size", "epochs": "steps", "iterations": "steps"}


def check(
    name: str,
    data: Any,
    out: str | os.PathLike[str] | None,
    changes: dict[str, Any],
    log: str | Iterable[str] = (),
    *,
    resume: bool = False,
    force: bool = False,
    download: bool = False,
) -> None:
    """Raise what training is refused for, so far as it shows without torch: UnknownName, ConfigError for settings of
    the recipe, DataError for data of which nothing is there, and TrainingError as `check_out`. All else is checked by
    training itself, and this once more."""
    found = meant(name)
    _check_settings(releases.describe(name), changes)
    for logger in [log] if isinstance(log, (str, os.PathLike)) else log:
        pick(logger, registry.list_entries("loggers"), "logger")
    if isinstance(named := changes.get("dataset"), str):
        pick(named, registry.list_entries("data sets"), "data set")
    if start := changes.get("start"):
        releases.find(str(start))
    if out is not None:
        check_out(name, user_path(out), **going_on({"resume": resume, "force": force}, out))
    dataset = changes.get("dataset") or (
        "" if isinstance(found, Architecture) else found.card.training.get("dataset", "")
    )
    check_there(data, str(dataset), download=download)


def _check_settings(found: releases.Release | Architecture, changes: dict[str, Any]) -> None:
    """Raise ConfigError for a value that is none of the recipe's, and for a name that is none and near to one."""
    own = settings(Recipe)
    Recipe().override({key: value for key, value in changes.items() if key in own})
    known = [*own, "objective.learning_rate"]
    if not isinstance(found, Architecture):
        card = found.card
        known += [f"config.{name}" for name in card.config]
        known += [f"objective.{name}" for name in card.training.get("objective", {}) if name != "learning_rate"]
    check_names((key for key in changes if "." not in key and key != "lr"), known)


def check_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for a setting that is elsewhere among those `known`, by their full names, has another name, or
    was nearly named; others are told where they are read."""
    known = list(known)
    places = [full.rpartition(".")[2] for full in known]
    for key in (name for name in names if name not in known):
        name = key.rpartition(".")[2]
        wanted = [SYNONYMS.get(name, name)]
        if key == name and wanted[0] not in places:
            close = difflib.get_close_matches(name, [*places, *SYNONYMS], 1, 0.75)
            wanted = [SYNONYMS.get(each, each) for each in close]
        meant = [full for full, place in zip(known, places, strict=True) if place in wanted]
        if meant:
            raise ConfigError(f"there is no setting {key!r}. Did you mean {' or '.join(meant)}?")


def check_out(name: str, out: Path, *, resume: bool, force: bool) -> bool:
    """Whether a run in `out` is to be gone on with. Raises TrainingError where one can be neither begun nor resumed."""
    if is_first():
        there = next(each for each in (out / RUN, *(out / RUN).parents) if each.exists())
        if not there.is_dir():
            raise TrainingError(f"{out} cannot be made: {there} is no folder. Choose another place (--out).")
        if not os.access(there, os.W_OK):
            raise TrainingError(
                f"{out} cannot be made: the folder {real_path(there)} may not be written to. Choose another place "
                "(--out), or change its permissions."
            )
        lock.check(out / RUN)
    going = resume and (out / RUN / CHECKPOINT).exists()
    if not going:
        refuse_taken(name, out, force=force)
    return going


def going_on(choices: dict[str, Any], out: str | os.PathLike[str]) -> dict[str, Any]:
    """The choices, and to go on with the run where torchrun has begun it before and begins it again."""
    saved = user_path(out) / RUN / CHECKPOINT
    begun = is_restarted() and (is_of_this_launch(saved) or not saved.exists())
    return {**choices, "resume": True, "force": False} if begun else choices


def files_in(folder: Path) -> list[str]:
    """Which files of a release there are in a folder."""
    return [name for name in FILES if (folder / name).exists()]


def refuse_foreign(folder: Path, *, force: bool) -> None:
    """Raise TrainingError where a release would be written among what is somebody else's: what lies in a folder that
    holds neither a release nor a run, hidden things apart."""
    if force or files_in(folder) or (folder / RUN).exists() or not folder.is_dir():
        return
    if names := sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")):
        raise TrainingError(
            f"{folder} holds {some(names)}, of which nothing is a release. Choose another folder (--out), or write one "
            "beside them (--force)."
        )


def refuse_taken(name: str, out: Path, *, force: bool) -> None:
    """Raise TrainingError when a run begun in `out` would write over what is there, or beside what is somebody else's,
    unless `force` is set."""
    refuse_foreign(out, force=force)
    there = files_in(out)
    going = (out / RUN / CHECKPOINT).exists()
    if force or not (there or going) or (there == [CARD] and not going and awaits_weights(meant(name), out)):
        return
    on = "Go on with that run (--resume), write" if going else "Write"
    raise TrainingError(
        f"{out} already holds {', '.join([*there, *[RUN] * going])}. {on} over it (--force), or choose another folder "
        "(--out)."
    )


def meant(name: str) -> releases.Release | Architecture:
    """What is to be trained: the name of an architecture means itself and not, as elsewhere, its default release."""
    found = releases.describe(name)
    if isinstance(found, Architecture) or not isinstance(name, str):
        return found
    try:
        return registry.find_architecture(name)
    except (UnknownName, DuplicateName):
        return found


def awaited(name: str) -> Path | None:
    """The folder of the release `name` if that is where its weights are awaited: it is a card alone, of a checkout or
    an editable install, which somebody is about to make a release of. None for all else.

    Raises UnknownName and the like.
    """
    found = meant(name)
    if isinstance(found, Architecture) or not awaits_weights(found, found.folder):
        return None
    # What lies among installed packages goes with the next update, and so would the weights.
    lasting = not {"site-packages", "dist-packages"} & set(real_path(found.folder).parts)
    return found.folder if lasting and os.access(found.folder, os.W_OK) else None


def awaits_weights(found: releases.Release | Architecture, folder: Path) -> bool:
    """Whether `folder` is that of the release `found`, which is a card so far that knows of no weights."""
    if isinstance(found, Architecture) or found.origin is not None or found.card.weights:
        return False
    return real_path(found.folder) == real_path(folder) and not (folder / WEIGHTS).exists()

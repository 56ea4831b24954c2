"""From a name and a folder of data to a release folder: what `zoo train` does around the loop."""
# Long because what there is to refuse, to tell and to write is in the order in which a run comes to it.

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from zoo import building, golden, images, registry, releases
from zoo._util import inputs
from zoo._util.atomic import renewing
from zoo._util.defaults import CHECKPOINT_EVERY, LOG_EVERY
from zoo._util.paths import real_path, user_path
from zoo._util.processes import is_first, say
from zoo._util.progress import showing
from zoo._util.version import __version__
from zoo._util.wording import in_python
from zoo.data import loading
from zoo.data.dataset import Dataset
from zoo.data.memory import at_hand, is_path
from zoo.errors import BegunAnew, DataError, Interrupted, InvalidInput, LeftOut, TrainingError, Widened, outside
from zoo.images import Reader
from zoo.model import Model
from zoo.recipe import STORAGES, Recipe
from zoo.releases.cards import BUDGETS, CARD, GOLDEN, RUN, SAMPLES, WEIGHTS, Card
from zoo.reports.pictures import portrait
from zoo.training import lock, logs, places, planning, starting
from zoo.training.logs import Listener


def train(name: str, *, out: str | os.PathLike[str], **choices: Any) -> Path:
    """Train as `_run` does and write a release folder; returns it."""
    _run(name, out=out, **places.going_on(choices, out))
    return user_path(out)


@in_python()
def trained(name: str, *, out: str | os.PathLike[str] | None = None, **choices: Any) -> Model:
    """Train as `_run` does and return the model: that of the release, its weights rounded, if one is written. Errors
    speak of arguments."""
    model = _run(name, out=out, **(choices if out is None else places.going_on(choices, out)))
    return model if out is None or not is_first() else building.load(releases.find(user_path(out)))


def _run(
    name: str,
    *,
    data: Any,
    out: str | os.PathLike[str] | None = None,
    changes: dict[str, Any] | None = None,
    resume: bool = False,
    download: bool = False,
    accelerator: str = "auto",
    bad: list[str] | None = None,
    force: bool = False,
    checkpoint_every: int = CHECKPOINT_EVERY,
    log_every: int = LOG_EVERY,
    log: Sequence[str] = (),
    on_log: Listener | None = None,
    progress: bool = True,
    cache: bool = True,
    workers: int = 0,
) -> Model:
    """As `zoo.train` says; `changes` are recipe fields to replace, `objective.NAME` and `config.NAME` included. bad: a
    list, if images that cannot be read are to be left out; a sentence for each is added. All is checked before the
    first step: raises UnknownName, ConfigError, DataError, TrainingError when `out` holds a release or a run without
    `resume` or `force`, or another process trains into it, and InvalidInput for choices that do not go together."""
    _check_choices(out, on_log, log_every, checkpoint_every, workers, resume=resume, force=force)
    place = None if out is None else user_path(out)
    data = at_hand(data)
    card = planning.plan(name, place or Path(str(name)), dict(changes or {}), data, download=download)
    recipe = Recipe.parse(card.training)
    loggers, own = logs.chosen(log, place), [on_log] if on_log else []
    if place is not None:
        resume = _check_place(name, place, data, recipe, resume=resume, force=force)
    architecture = registry.find_architecture(card.architecture)
    blank = planning.blank(architecture, card.config)
    writes = place is not None and is_first()
    train_set, pictured = _read(recipe, data, blank, writes, bad, cache, download=download, progress=progress)
    card = planning.fit_data(card, architecture, blank.space, train_set)
    recipe, card = _of_fewer(recipe, card, train_set, fewer=bool(bad) and "batch_size" not in (changes or {}))
    run: Any = {"progress": progress, "resume": resume, "workers": workers, "log_every": log_every}
    make = functools.partial(starting.create, architecture, card.config, recipe)
    if place is None:
        return _finished(_fit(make, train_set, recipe, listeners=own, accelerator=accelerator, **run), card)
    with lock.holding(place / RUN) if writes else nullcontext():
        if writes and not resume:  # another process may have been here since
            places.refuse_taken(name, place, force=force)
        with logs.opened(loggers if writes else [], place / RUN, card) as listeners:
            run |= {"checkpoint_every": checkpoint_every, "locked": True, "listeners": [*listeners, *own]}
            model = _fit(make, train_set, recipe, place / RUN, accelerator=accelerator, **run)
        if writes:
            _write_trained(model, card, pictured, train_set, progress)
    return model


def _check_place(name: str, place: Path, data: Any, recipe: Recipe, *, resume: bool, force: bool) -> bool:
    """Whether a run in `place` goes on, which is warned of where one was asked for and there is none. Raises as
    `places.check_out` and `_check_apart`."""
    goes_on = places.check_out(name, place, resume=resume, force=force)
    if not goes_on and (resume or ((place / RUN).exists() and not force)):
        warnings.warn(f"{place / RUN} holds no checkpoint; the run begins anew.", BegunAnew, stacklevel=outside())
    _check_apart(place, data, recipe)
    return goes_on


def _write_trained(model: Model, card: Card, pictured: Dataset, train_set: Dataset, progress: bool) -> None:
    searched = "encode" in model.capabilities() and model.encodes_by == "optimisation"
    search = ", for which latents of real images are searched," if searched else ""
    _say(f"Trained. Drawing {SAMPLES}{search} and writing the release.", progress)
    try:
        with showing("writing the release", quiet=not progress):
            write(model.cpu(), card, pictured, train_set)
    except KeyboardInterrupt as asked:
        number = asked.number if isinstance(asked, Interrupted) else signal.SIGINT
        text = f"The steps are done and saved in {card.folder / RUN}; write the release by --resume."
        raise Interrupted(text, number) from asked


def _read(
    recipe: Recipe,
    data: Any,
    model: Model,
    shown: bool,
    bad: list[str] | None,
    cache: bool,
    *,
    download: bool,
    progress: bool,
) -> tuple[Dataset, Dataset]:
    """What is trained on, and what is pictured, if it is to be `shown`. Says what was understood of the data, and
    warns (Converted) of images that were changed where nothing else is said."""
    from zoo.training.loop import fit  # noqa: F401  # what it lacks is told now, and not after minutes of reading

    reading: Any = {"skip_bad": bad is not None, "bad": [] if bad is None else bad}
    reading |= {"store": "disk" if cache else "none", "say": say}
    reader, shape = Reader(recipe.fit, exclude=recipe.exclude, **reading), model.space.shape
    holdout, by = recipe.holdout, recipe.holdout_seed
    load = functools.partial(
        loading.load, recipe.dataset, data, shape=shape, model=model, holdout=holdout, holdout_seed=by
    )
    with showing("reading the data", quiet=not progress):
        try:
            train_set = load("train", download=download, reader=reader)
        except DataError as error:
            raise DataError(" ".join([str(error), *_bad_held_out(load, reader)])) from error
        changed = reader.summary(shape)
        pictured = _pictured(load, train_set, reader) if shown else train_set
    for line in filter(None, (_with_bad(train_set.summary, len(reader.bad)), changed)):
        _say(line, progress)
    if not progress and is_first():  # images are never changed in silence
        reader.tell(shape)
    return train_set, pictured


def _with_bad(summary: str, count: int) -> str:
    """What was understood of the data, and how many of the files counted in it are skipped."""
    if not count:
        return summary
    told = f"{count} of these files cannot be read and {'is' if count == 1 else 'are'} skipped."
    return f"{summary} {told.replace('these', 'the', not summary)}".strip()


def _of_fewer(recipe: Recipe, card: Card, train_set: Dataset, *, fewer: bool) -> tuple[Recipe, Card]:
    """Recipe and card, if `fewer` files could be read than there are, with a batch of no more. Raises DataError where
    there can be no batch."""
    if fewer and len(train_set) < recipe.batch_size:
        recipe = dataclasses.replace(recipe, batch_size=len(train_set))
        card = card.replace(training={**card.training, "batch_size": len(train_set)})
    train_set.batch(0, recipe.batch_size, seed=recipe.seed, flip=recipe.flip)
    return recipe, card


def _bad_held_out(load: Callable[..., Dataset], reader: Reader) -> list[str]:
    """What is wrong with files that are held out, to be told with what is wrong with the others."""
    apart = dataclasses.replace(reader, skip_bad=True, bad=[], changes=Counter(), store="memory")
    with contextlib.suppress(DataError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load("test", reader=apart)
    return apart.bad


def _finished(model: Model, card: Card) -> Model:
    """A model of which there is no release, told what its card would say of it."""
    told: Any = {"dataset": card.dataset, "columns": card.columns, "training": card.training}
    model.provenance = dataclasses.replace(model.provenance, source="trained, not loaded", **told)
    model.space = model.space.with_data({**card.zoo["data"], "fit": card.training["fit"]})
    return model.cpu().fuse()


def _fit(*arguments: Any, **choices: Any) -> Model:
    """`loop.fit`. Lightning Fabric is an extra, needed from here on only."""
    from zoo.training.loop import fit

    return fit(*arguments, **choices)


def _check_choices(
    out: Any, on_log: Any, log_every: int, checkpoint_every: int, workers: int, *, resume: bool, force: bool
) -> None:
    for option, steps, least in (
        ("log_every", log_every, 1),
        ("checkpoint_every", checkpoint_every, 1),
        ("workers", workers, 0),
    ):
        inputs.integer(option, steps, least)
    if on_log is not None and not callable(on_log):
        raise InvalidInput(f"on_log={on_log!r} cannot be called; expected a function of a log's line and the model.")
    if resume and force:
        raise InvalidInput("resume goes on with a run, force begins anew in its place; choose one of them.")
    choices = {"resume": resume, "force": force, "checkpoint_every": checkpoint_every != CHECKPOINT_EVERY}
    given = [name for name, value in choices.items() if value]
    if out is None and given:
        raise InvalidInput(f"{given[0]} is of the folder of a run, and none is written. Pass one: out='./folder'.")


def _check_apart(out: Path, data: Any, recipe: Recipe) -> None:
    if data is None or not is_path(data) or recipe.dataset != "image-folder":
        return
    if real_path(out).is_relative_to(real_path(user_path(data))):
        raise TrainingError(f"{out} lies among the images of {data} and would join them. Choose another --out.")


def write(model: Model, card: Card, pictured: Dataset, train_set: Dataset) -> None:
    """Write weights, stored as the recipe says, golden tensors, samples and card of `model` to the card's folder.

    Where that type loses too much (`zoo.golden.lost`), the next wider is taken, and that is said (Widened). Golden
    tensors and samples are made by the weights as they were rounded. Numbers measured on former weights are
    dropped from the card. pictured: the data set whose images are shown reconstructed, or whose vectors are drawn, in
    samples.png. train_set: the one it was trained on.
    """
    with writing(card.folder) as folder:
        path = folder / WEIGHTS
        recipe = Recipe.parse(card.training)
        released, storage, sha256 = _store(model, path, recipe.storage)
        golden.write(released, folder / GOLDEN)
        picture = portrait(released, pictured, train_set, seen=recipe.steps * recipe.batch_size)
        write_picture(picture, folder / SAMPLES)
        block = weights_block(released, path, sha256, storage, images=len(train_set))
        card.replace(weights=block, model_index=[]).write(folder)


def writing(folder: Path) -> AbstractContextManager[Path]:
    """A temporary folder to write a release to, whose files become those of `folder` together, the card last: a release
    that was there is as it was until the new one is whole (see `renewing`)."""
    return renewing(folder, (GOLDEN, SAMPLES, WEIGHTS, CARD))


def weights_block(model: Model, path: Path, sha256: str, storage: str, **more: Any) -> dict[str, Any]:
    """The block `weights` of a card, of a file that is not on the Hub yet."""
    return {
        "repo": None,
        "revision": None,
        "sha256": sha256,
        "bytes": path.stat().st_size,
        "dtype": storage,
        "parameters": sum(p.numel() for p in model.parameters()),
        **more,
        "made_with": f"zoo {__version__}, torch {torch.__version__.partition('+')[0]}",
    }


def _store(model: Model, path: Path, storage: str) -> tuple[Model, str, str]:
    """Write the weights as `storage`, or as the first wider type that loses no more than is tolerated; the model as it
    is read again, the type, and the file's sha256."""
    wider = list(STORAGES[STORAGES.index(storage) :])
    for kind in wider:
        sha256 = model.save(path, dtype=getattr(torch, kind))
        released = building.read(path)
        shares = golden.lost(model, released)
        worst = max(shares, key=lambda method: shares[method], default="")
        if kind == STORAGES[-1] or not worst or shares[worst] <= 1:
            break
        warnings.warn(
            f"weights in {kind} would cost {worst} {shares[worst]:.3g} times what is tolerated; they are stored in a "
            "wider type.",
            Widened,
            stacklevel=outside(),
        )
    return released, kind, sha256


def _say(text: str, progress: bool) -> None:
    if progress:
        say(text)


def _pictured(load: Callable[..., Dataset], train_set: Dataset, reader: Reader) -> Dataset:
    """The held-out split where there is one; pictures of images the model has seen would flatter it. Raises DataError
    for files in it that cannot be read, unless they are skipped."""
    # All are looked at, even where decoding is put off, in which case those that are bad are told when they are met.
    own = dataclasses.replace(reader, skip_bad=reader.store != "none", bad=[], changes=Counter())
    found = train_set
    with contextlib.suppress(DataError), warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOut)  # which was told of all files
        found = load("test", reader=own)
    if own.bad and not reader.skip_bad:
        raise DataError(f"{len(own.bad)} of the images held out are of no use. {' '.join(own.bad)}")
    reader.bad.extend(sentence for sentence in own.bad if sentence not in reader.bad)
    return found


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write the picture on a card, in as many colours as its budget allows."""
    if len({band.tobytes() for band in picture.split()}) == 1:  # grey, in three channels
        picture = picture.convert("L")
    images.write(picture, path, optimize=True)
    # A palette of 256 colours, which few will miss, shrinks photographs to a third; fewer are for what is over the
    # budget even so. The tensors themselves are in golden.safetensors.
    budget = BUDGETS[SAMPLES]
    for colours, most in ((256, budget // 2), (128, budget), (64, budget)):
        if path.stat().st_size > most:
            images.write(picture.quantize(colours), path, optimize=True)

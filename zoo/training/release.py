"""From a name and a folder of data to a release folder: what `zoo train` does around the loop."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

import zoo
from zoo import building, golden, images, registry, releases, tables
from zoo.data import loading
from zoo.data.dataset import Dataset
from zoo.errors import (
    BegunAnew,
    ConfigError,
    DataError,
    DuplicateName,
    TrainingError,
    UnknownName,
    WholeNumbers,
    Widened,
    outside,
)
from zoo.images import Reader
from zoo.model import Model
from zoo.recipe import STORAGES, Recipe
from zoo.registry.entries import Architecture
from zoo.releases.cards import BUDGETS, CARD, FORMAT, GOLDEN, SAMPLES, WEIGHTS, Card
from zoo.releases.hub_card import task
from zoo.reports.pictures import portrait
from zoo.spaces import Space
from zoo.texts import vocabulary, words
from zoo.training import lock, starting
from zoo.training.checkpoint import CHECKPOINT

RUN = "run"  # where in the release folder the run's checkpoint, log and pictures are


def train(
    name: str,
    *,
    data: str | Path | None,
    out: str | Path,
    changes: dict[str, Any] | None = None,
    resume: bool = False,
    download: bool = False,
    accelerator: str = "auto",
    bad: list[str] | None = None,
    force: bool = False,
    checkpoint_every: int = 1000,
    progress: bool = True,
) -> Path:
    """Train `name` on the data set in `data` and write a release folder to `out`; returns `out`.

    name: a release, trained by its card's recipe, or an architecture, trained by its own recipe. data: the folder of
    the data set or of your images; a .csv or .npy file, on whose rows an architecture of vectors is trained, the last
    tenth of them held out unless `changes` say how many; None for a data set that is made from a seed. changes: recipe
    fields to replace, `objective.NAME` and `config.NAME` included; with `start`, the release whose weights training
    starts from, data are read as the architecture reads its user's own, whatever `name` was trained on. resume: go on
    from the checkpoint in `out`/run, or, with a warning (BegunAnew), begin where there is none yet. bad: a list, if
    image files that cannot be read are to be left out; a sentence for each is added to it. force: write over a release
    or a run that `out` holds. checkpoint_every: steps between checkpoints. progress: whether to say on stderr how far
    it is.

    Everything is checked before the first step: raises UnknownName, ConfigError, DataError, or TrainingError when `out`
    already holds a release, or a run with a checkpoint, and neither `resume` nor `force` is set, or when another
    process trains into `out`. The very card of the release `name` may lie there, if it has no weights yet.
    """
    out = Path(out).expanduser()
    card = _plan(name, out, dict(changes or {}), data)
    recipe = Recipe.parse(card.training)
    first = int(os.environ.get("RANK", "0")) == 0  # of several processes, the one that writes
    if first:
        lock.check(out / RUN)
    resume = _check_place(name, out, resume=resume, force=force)
    _check_apart(out, data, recipe)
    architecture = registry.find_architecture(card.architecture)
    space = _blank(architecture, card.config).space
    reader = Reader(recipe.fit, skip_bad=bad is not None, bad=[] if bad is None else bad)
    train_set = loading.load(
        recipe.dataset, data, "train", shape=space.shape, holdout=recipe.holdout, download=download, reader=reader
    )
    card = _fit_data(card, architecture, space, train_set)
    train_set.batch(0, recipe.batch_size, seed=recipe.seed, flip=recipe.flip)  # raises where there can be none

    # Lightning Fabric is an extra, needed from here on only.
    from zoo.training.loop import fit

    with lock.holding(out / RUN) if first else nullcontext():
        if first and not resume:  # another process may have been here since
            _refuse(name, out, force=force)
        model = fit(
            lambda: starting.create(architecture, card.config, recipe),
            train_set,
            recipe,
            out / RUN,
            progress=progress,
            accelerator=accelerator,
            resume=resume,
            checkpoint_every=checkpoint_every,
            locked=True,
        )
        if first:
            if progress:
                print(f"Trained. Drawing {SAMPLES} and writing the release.", file=sys.stderr, flush=True)
            write(model.cpu(), card, _pictured(recipe, data, space.shape, train_set, reader), train_set)
    return out


def _check_place(name: str, out: Path, *, resume: bool, force: bool) -> bool:
    """Whether a run in `out` is to be gone on with. Raises TrainingError where one can be neither begun nor resumed."""
    if resume and (out / RUN / CHECKPOINT).exists():
        return True
    _refuse(name, out, force=force)
    if resume or ((out / RUN).exists() and not force):
        warnings.warn(f"{out / RUN} holds no checkpoint; the run begins anew.", BegunAnew, stacklevel=outside())
    return False


def _refuse(name: str, out: Path, *, force: bool) -> None:
    """Raise TrainingError when a run begun in `out` would write over what is there, unless `force` is set."""
    there = [file for file in (CARD, WEIGHTS, GOLDEN, SAMPLES) if (out / file).exists()]
    going = (out / RUN / CHECKPOINT).exists()
    if force or not (there or going) or (there == [CARD] and not going and _awaits_weights(_meant(name), out)):
        return
    on = "Go on with that run (--resume), write" if going else "Write"
    raise TrainingError(
        f"{out} already holds {', '.join([*there, *[RUN] * going])}. {on} over it (--force), or choose another folder "
        "(--out)."
    )


def _check_apart(out: Path, data: str | Path | None, recipe: Recipe) -> None:
    place = Path(data).expanduser().resolve() if data is not None and recipe.dataset == "image-folder" else None
    if place is not None and out.resolve().is_relative_to(place):
        raise TrainingError(f"{out} lies among the images of {data} and would join them. Choose another --out.")


def awaited(name: str) -> Path | None:
    """The folder of the release `name` if that is where its weights are awaited: it is a card alone, of a checkout or
    an editable install, which somebody is about to make a release of. None for all else.

    Raises UnknownName and the like.
    """
    found = _meant(name)
    if isinstance(found, Architecture) or not _awaits_weights(found, found.folder):
        return None
    # What lies among installed packages goes with the next update, and so would the weights.
    lasting = not {"site-packages", "dist-packages"} & set(found.folder.resolve().parts)
    return found.folder if lasting and os.access(found.folder, os.W_OK) else None


def write(model: Model, card: Card, pictured: Dataset, train_set: Dataset) -> None:
    """Write weights, stored as the recipe says, golden tensors, samples and card of `model` to the card's folder.

    Where that type loses too much (`zoo.golden.lost`), the next wider is taken, and that is said (Widened). Golden
    tensors and samples are made by the weights as they were rounded. Numbers measured on former weights are
    dropped from the card. pictured: the data set whose images are shown reconstructed, or whose vectors are drawn, in
    samples.png. train_set: the one it was trained on.
    """
    folder = card.folder
    path = folder / WEIGHTS
    released, storage, sha256 = _store(model, path, Recipe.parse(card.training).storage)
    golden.write(released, folder / GOLDEN)
    _write_samples(released, pictured, train_set, folder / SAMPLES)
    block = {
        "repo": None,
        "revision": None,
        "sha256": sha256,
        "bytes": path.stat().st_size,
        "dtype": storage,
        "parameters": sum(p.numel() for p in released.parameters()),
        "images": len(train_set),
        "made_with": f"zoo {zoo.__version__}, torch {torch.__version__.partition('+')[0]}",
    }
    card.replace(weights=block, model_index=[]).write()


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


def _plan(name: str, out: Path, changes: dict[str, Any], data: str | Path | None) -> Card:
    """The card of the release to be made, with all changes applied."""
    found = _meant(name)
    if isinstance(found, releases.Release):
        architecture = found.architecture
        card = dataclasses.replace(found.card, folder=out).replace(config=building.current_config(found))
    else:
        architecture = found
        card = _fresh_card(architecture, out)
        if data is not None and Path(data).suffix.lower() in tables.SUFFIXES:
            changes = {**_fit_table(architecture, Path(data).expanduser()), **changes}
    if changes.get("start"):  # on data of one's own, read as the architecture reads them
        source = starting.check(architecture, str(changes["start"]))
        card = starting.started(_fresh_card(architecture, out), source, card.training)
    config = {**card.config, **{k.removeprefix("config."): v for k, v in changes.items() if k.startswith("config.")}}
    recipe = Recipe.parse(card.training).override({k: v for k, v in changes.items() if not k.startswith("config.")})
    config = dataclasses.asdict(building.configure(architecture, config))
    version = building.resolve(architecture).version
    numbers = {"format": FORMAT} | ({"version": version} if version else {})
    training = {key: value for key, value in dataclasses.asdict(recipe).items() if key != "start" or value}
    return card.replace(config=_plain(config), training=_plain(training), **numbers)


def _meant(name: str) -> releases.Release | Architecture:
    """What is to be trained: the name of an architecture means itself and not, as elsewhere, its default release."""
    found = releases.describe(name)
    if isinstance(found, Architecture) or not isinstance(name, str):
        return found
    try:
        return registry.find_architecture(name)
    except (UnknownName, DuplicateName):
        return found


def _awaits_weights(found: releases.Release | Architecture, folder: Path) -> bool:
    """Whether `folder` is that of the release `found`, which is a card so far that knows of no weights."""
    if isinstance(found, Architecture) or found.origin is not None or found.card.weights:
        return False
    return found.folder.resolve() == folder.resolve() and not (folder / WEIGHTS).exists()


def _fit_table(architecture: Architecture, path: Path) -> dict[str, Any]:
    """The changes that fit an architecture's recipe and config to the table in `path`."""
    rows, features = tables.load(path).values.shape
    try:
        building.configure(architecture, {"image_shape": [features]})
    except ConfigError as error:
        size, other = (f"{features} columns", "flow-2d") if features > 1 else ("1 column", "planar")
        what = f"{architecture.name} cannot be trained on {path}, a table of {size}"
        raise ConfigError(f"{what}: {error} For such a table there is {other}.") from error
    if rows < 2:
        raise DataError(f"{path} holds a single row, which has no density. Pass a table of many rows.")
    holdout = rows // 10
    batch_size = min(building.resolve(architecture).recipe.batch_size, rows - holdout)
    return {"dataset": "table", "holdout": holdout, "batch_size": batch_size, "config.image_shape": [features]}


def _fresh_card(architecture: Architecture, out: Path) -> Card:
    front = {
        "license": "unknown",
        "library_name": "generative-zoo",
        "pipeline_tag": task(architecture.space, architecture.condition),
        "tags": ["zoo", architecture.family, architecture.name],
        "datasets": [],
        "zoo": {
            "format": FORMAT,
            "architecture": architecture.qualified,
            "config": dataclasses.asdict(building.configure(architecture, {})),
            "data": {"name": "unknown", "license": "unknown", "shape": []},
            "training": dataclasses.asdict(building.resolve(architecture).recipe),
        },
    }
    title = out.resolve().name
    place = out if out.is_absolute() else f"./{out}"  # without the point it would be the name of a release
    call = "samples = model.generate(16, seed=0)"
    if architecture.condition == "image":
        call = 'made = model.translate("photo.jpg", seed=0)'
    elif architecture.condition == "text":
        call = 'samples = model.generate(8, condition="…", seed=0)'
    body = (
        f"# {title}\n\n{architecture.summary} ({architecture.paper})\n\n"
        f'    model = zoo.load("{place}")\n    {call}\n\n![samples](samples.png)\n\n'
        "## Numbers\n\n<!-- zoo:measured -->\n<!-- /zoo:measured -->\n\n"
        "## Data and licence\n\nSay here what the model was trained on, and under which licence it may be used; "
        "then replace `unknown` above.\n"
    )
    return Card(out, front, body)


def _fit_data(card: Card, architecture: Architecture, space: Space, data: Dataset) -> Card:
    """The card with the data's name, space, shape, names of classes or columns, and the vocabulary and longest of
    captions, or DataError when a conditional model gets no labels or captions."""
    config = dict(card.config)
    if architecture.condition == "label":
        if data.labels is None:
            raise DataError(
                f"{architecture.name} is conditioned on a label, but {data.name} has none. "
                "Sort the images into one subfolder for each class."
            )
        config["classes"] = list(data.classes)
    if architecture.condition == "text":
        if not data.captions:
            raise DataError(
                f"{architecture.name} is conditioned on a text, but {data.name} has no captions. Choose a data set "
                "that has: --set dataset=captioned-images."
            )
        texts = [text for captions in data.captions for text in captions]
        known = vocabulary(texts)
        if not known:
            raise DataError(f"the captions of {data.name} have no word, so that there is nothing to learn from them.")
        config |= {"vocabulary": list(known), "words": max(len(words(text)) for text in texts)}
    block = dict(card.zoo["data"])
    if block["name"] == "unknown":
        block["name"] = data.name
        card = dataclasses.replace(card, front={**card.front, "pipeline_tag": task(space.name, architecture.condition)})
    block["shape"] = list(data.images.shape[1:])
    _tell_whole(data)
    if data.columns:
        block["columns"] = list(data.columns)
    if space.name not in ("images", "vectors"):  # which the shape tells apart
        block["space"] = space.name
    return card.replace(config=config, data=block)


def _tell_whole(data: Dataset) -> None:
    """Warn of columns of whole numbers."""
    if not data.vectors:
        return
    rows = data.images[:]
    whole = (rows == rows.round()).all(0).nonzero().flatten().tolist()
    if whole:
        named = ", ".join(repr(data.columns[i]) if data.columns else str(i + 1) for i in whole)
        warnings.warn(
            f"{data.name}: whole numbers only are in the columns {named}. A density of what is counted is not to be "
            "trusted: it can rise without end at each number. Samples: Model.rounded(…), or zoo generate --round.",
            WholeNumbers,
            stacklevel=outside(),
        )


def _pictured(
    recipe: Recipe, root: str | Path | None, shape: tuple[int, ...], train_set: Dataset, reader: Reader
) -> Dataset:
    """The held-out split where there is one; pictures of images the model has seen would flatter it."""
    try:
        return loading.load(recipe.dataset, root, "test", shape=shape, holdout=recipe.holdout, reader=reader)
    except DataError:
        return train_set


def _write_samples(model: Model, pictured: Dataset, train_set: Dataset, path: Path) -> None:
    picture = portrait(model, pictured, train_set)
    if len({band.tobytes() for band in picture.split()}) == 1:  # grey, in three channels
        picture = picture.convert("L")
    images.write(picture, path, optimize=True)
    # A palette of 256 colours, which few will miss, shrinks photographs to a third; fewer are for what is over the
    # budget even so. The tensors themselves are in golden.safetensors.
    budget = BUDGETS[SAMPLES]
    for colours, most in ((256, budget // 2), (128, budget), (64, budget)):
        if path.stat().st_size > most:
            images.write(picture.quantize(colours), path, optimize=True)


def _blank(architecture: Architecture, config: dict[str, Any]) -> Model:
    with torch.device("meta"):
        return building.create(architecture, config)


def _plain(value: Any) -> Any:
    """Tuples as lists, as YAML reads them back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value

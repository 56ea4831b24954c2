"""What the folders in a folder of images mean: splits, classes, or nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from zoo._util import matching
from zoo._util.paths import no_folder
from zoo.data import splitting
from zoo.data.dataset import UNLABELLED
from zoo.data.finding import basename, inside, look, parent, some, tell
from zoo.errors import DataError, UnknownName
from zoo.files import decoding
from zoo.images import Reader

T = TypeVar("T")

YOURS = "the folder with your images"
# Names of folders that are splits, in small letters, and what each is for.
ROLES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
ROLES |= {"test": "test", "testing": "test"}
# The words in names such as train-set, seg_test or trainset by which whole folders are likely to be splits.
WORD = re.compile(r"(?<![a-z])(train|val|valid|test)(?:ing|idation)?(?:set)?(?![a-z])")


@dataclass(frozen=True)
class Layout:
    """What was understood of the folder `root`: the files for training and for test, of each the place of its class in
    `classes`, or −1, and how that is told, in a line, to people."""

    root: Path
    training: Sequence[str]
    test: Sequence[str]
    classes: tuple[str, ...]
    labels: tuple[Sequence[int], Sequence[int]]  # of the files for training, and for test
    summary: str

    def part(self, split: str) -> tuple[Sequence[str], Sequence[int]]:
        """The files of a split, "train" or "test", and their labels."""
        return (self.training, self.labels[0]) if split == "train" else (self.test, self.labels[1])

    def name(self, file: str) -> str:
        """What a file is called in the folder."""
        return _name(file, self.root)

    @property
    def division(self) -> str:
        """What tells its splits from others."""
        return splitting.digest(map(self.name, self.training), map(self.name, self.test))


def understand(root: Path, holdout: int, seed: int | None, reader: Reader) -> Layout:
    """The layout of the folder `root`, as `zoo.data.folders.image_folder` says; what `reader` leaves out takes part in
    all but the counts.

    Warns (LeftOut) of files that are left out, and why. Raises DataError where folders may be splits or classes, where
    each class has splits, and for a class without training images.
    """
    if not root.is_dir():
        raise DataError(f"{no_folder(root, 'is no folder and holds no images')}. Pass --data {YOURS}.")
    files, reasons = look(root, decoding.is_named, "image", f"Pass --data {YOURS}.")
    files.sort(key=basename)  # so that the last ones by name have images of every class
    base = _unwrapped(root, _folders(files))
    roles = _roles(base, files)
    within = {role: _within(files, folder) for role, folder in roles.items()}
    training, top = within.get("train", [] if roles else files), roles.get("train", base)
    classes = tuple(sorted({_class(folder, top) for folder in _folders(training)} - {""}))
    _check_no_splits(training, top, classes)
    labels = _labels(training, top, classes)
    # As long as there was no seed, test came first.
    kept = [role for role in (("test", "val") if seed is None else ("val", "test")) if role in roles]
    if kept:
        test, how = (
            within[kept[0]],
            f"from {roles[kept[0]].name}/" + f" (holdout={holdout} takes no part)" * bool(holdout),
        )
        of_test = _labels(test, roles[kept[0]], classes)
        reasons.update({f"in {roles[role].name}/, which is kept for you": len(within[role]) for role in kept[1:]})
    else:
        held = _held(root, training, holdout, seed, [classes[k] if k >= 0 else "" for k in labels])
        (training, test), (labels, of_test) = _parted(training, held), _parted(labels, held)
        how = "as the last by name" if seed is None else f"by seed {seed}"
    if roles and (stray := _beside(files, base)):
        reasons[f"beside {some([f'{folder.name}/' for folder in roles.values()])} ({some(stray)})"] += len(stray)
    tell(root, len(training) + len(test), reasons)
    facts = [f"{len(classes)} class{'es' * (len(classes) > 1)}" if classes else "no classes"]
    if not roles and (named := [name for name in classes if name.casefold() in ROLES]):
        facts[0] += f" ({named[0]}/ is one)"
    facts.append(splitting.summary(reader.count(training), reader.count(test), seed, how=how))
    if bare := _bare([*training, *test], [*labels, *of_test]) if classes else []:
        facts.append(f"{len(bare)} without a class ({some(bare)})")
    if count := reasons.total():
        facts.append(f"{count} file{'s' * (count > 1)} left out")
    if empty := _empty(top, classes):
        facts.append(f"no images in {some(empty)}")
    return Layout(root, training, test, classes, (labels, of_test), f"{root}: {', '.join(facts)}.")


def of_training(root: Path, files: Sequence[str]) -> tuple[Sequence[str], bool]:
    """Those of the `files` in the folder `root` that are for training as far as folders say so, and whether they say
    which are not. Raises DataError where that is not plain."""
    roles = _roles(_unwrapped(root, _folders(files)), files)
    training = _within(files, roles["train"]) if "train" in roles else files
    return training, bool(roles.keys() & {"val", "test"})


def _folders(files: Sequence[str]) -> list[Path]:
    """The folders that files lie in, each once: there are fewer of them by far, and what is asked is asked of them."""
    return [Path(folder) for folder in dict.fromkeys(map(parent, files))]


def _within(files: Sequence[str], folder: Path) -> list[str]:
    """The files in `folder`, at any depth."""
    inner = {str(each) for each in _folders(files) if each == folder or folder in each.parents}
    return [file for file in files if parent(file) in inner]


def _beside(files: Sequence[str], folder: Path) -> list[str]:
    """The names of the files that lie in `folder` itself."""
    place = parent(str(folder / "_"))
    return [basename(file) for file in files if parent(file) == place]


def _name(file: str, root: Path) -> str:
    return inside(file, str(root)).replace(os.sep, "/")


def _parted(whole: Sequence[T], held: Sequence[bool]) -> tuple[list[T], list[T]]:
    """What is not held out, and what is."""
    kept, out = ([each for each, so in zip(whole, held, strict=True) if so == part] for part in (False, True))
    return kept, out


def _bare(files: Sequence[str], labels: Sequence[int]) -> list[str]:
    """The names of the files without a class, in order of their names."""
    bare = [file for file, label in zip(files, labels, strict=True) if label == UNLABELLED]
    return sorted(map(basename, bare))


def _class(folder: Path, base: Path) -> str:
    """The folder in `base` that `folder` is or lies in, or "" if it is `base`."""
    return (*folder.relative_to(base).parts, "")[0]


def _empty(top: Path, classes: Sequence[str]) -> list[str]:
    """The folders beside those of `classes` in `top` that hold no image, and would be classes if they did."""
    places = sorted(top.iterdir()) if classes else []
    names = [place.name for place in places if not place.name.startswith(".") and place.is_dir()]
    return [f"{name}/" for name in names if name not in classes and name.casefold() not in ROLES]


def _unwrapped(root: Path, folders: Sequence[Path]) -> Path:
    """`root`, or the only folder in it if that holds nothing but folders; `folders` are those with files."""
    names = {_class(folder, root) for folder in folders}
    inner = root / next(iter(names))
    if len(names) > 1 or inner.name.casefold() in ROLES or inner in folders:
        return root
    return _unwrapped(inner, folders)


def _roles(base: Path, files: Sequence[str]) -> dict[str, Path]:
    """The folders in `base` that are splits, by what they are for; none where all are classes, or there are none.
    Raises DataError where that is not plain."""
    places = _folders(files)
    folders = sorted({_class(place, base) for place in places} - {""})
    named = [name for name in folders if name.casefold() in ROLES]
    roles = dict[str, Path]()
    for name in named:
        first = roles.setdefault(ROLES[name.casefold()], base / name).name
        if first != name:
            raise DataError(f"{base} holds {first}/ and {name}/, which mean the same split. Put them together.")
    others = [f"{name}/" for name in folders if name not in named]
    # A picture or two beside all splits are left out, but many beside one folder may be what is meant.
    others += _beside(files, base) if len(roles) == 1 else []
    if not roles or not others:
        return roles
    # One class among several may be called train, as in vehicles.
    level = all(len(place.relative_to(base).parts) == 1 for place in places)
    if roles.keys() == {"train"} and level and len(others) > 1:
        return {}
    splits = some([f"{name}/" for name in named])
    raise DataError(
        f"{base} holds {splits} beside {some(others)}, so that {splits} may be a split or a class. Put all training "
        f"images into {base / 'train'}, in one folder for each class, and those held out into {base / 'val'}; or "
        f"rename {splits}."
    )


def _check_no_splits(files: Sequence[str], top: Path, classes: Sequence[str]) -> None:
    """Raise DataError where the classes of the training `files`, or the folders within one, are called as splits are:
    what is meant for test would be trained on."""
    advice = "Put all training images into train/, in one folder for each class, and those held out into val/"
    found = [WORD.search(name.casefold()) for name in classes]
    if len({word and word[1] for word in found}) > 1 and all(found):
        shown = some([f"{name}/" for name in classes])
        raise DataError(f"{top} holds {shown}, which may be splits or classes. {advice}; or rename them.")
    within = dict[Path, set[str]]()
    for place in _folders(files):
        folders = place.relative_to(top).parts
        for depth, name in enumerate(folders):
            if depth and (role := ROLES.get(name.casefold())):
                within.setdefault(top.joinpath(*folders[:depth]), set()).add(role)
    if split := sorted(folder for folder, roles in within.items() if len(roles) > 1):
        raise DataError(f"{split[0]} lies in a class and holds splits of its own. {advice}.")


def _labels(files: Sequence[str], top: Path, classes: tuple[str, ...]) -> list[int]:
    """The class of each file, by the folder in `top` that it lies in, or −1. Raises DataError for one that is none of
    `classes`, those of the training images."""
    found = {"": UNLABELLED}
    folders = {str(folder): _class(folder, top) for folder in _folders(files)} if classes else {}
    for name in dict.fromkeys(folders.values()):
        try:
            found.setdefault(name, matching.find(name, classes, "") if name else UNLABELLED)
        except UnknownName as error:
            raise DataError(
                f"the class {name!r} of {top} has no training images; there are {some(classes)}. Add some, or leave "
                "it out."
            ) from error
    of_folder = {folder or os.curdir: found[name] for folder, name in folders.items()}
    return [of_folder.get(parent(file) or os.curdir, UNLABELLED) for file in files]


def _held(root: Path, files: Sequence[str], holdout: int, seed: int | None, classes: Sequence[str]) -> Sequence[bool]:
    """Which of the `files` are the `holdout` for test: drawn by `seed` within each class, or the last ones without."""
    if seed is not None:
        names = [_name(file, root) for file in files]
        return splitting.draw(names, holdout, seed, classes=classes if any(classes) else ())
    held = [place >= len(files) - holdout for place in range(len(files))]
    if lacking := sorted(set(classes) - {name for name, out in zip(classes, held, strict=True) if not out} - {""}):
        raise DataError(
            f"the class {lacking[0]!r} has no training images, since the last {holdout} files by name are held "
            "out. Draw them within each class: --set holdout_seed=0."
        )
    return held

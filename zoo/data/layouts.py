"""What the folders in a folder of images mean: splits, classes, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo._util import matching
from zoo._util.paths import no_folder
from zoo.data import splitting
from zoo.data.dataset import UNLABELLED
from zoo.data.finding import look, tell
from zoo.errors import DataError, UnknownName
from zoo.files import decoding
from zoo.images import Reader

YOURS = "the folder with your images"
# Names of folders that are splits, in small letters, and what each is for.
ROLES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
ROLES |= {"test": "test", "testing": "test"}
# The words in names such as train-set, seg_test or trainset by which whole folders are likely to be splits.
WORD = re.compile(r"(?<![a-z])(train|val|valid|test)(?:ing|idation)?(?:set)?(?![a-z])")
SHOWN = 3  # files or folders that are named of many


@dataclass(frozen=True)
class Layout:
    """What was understood of the folder `root`: the files for training and for test, the place in `classes` of each, or
    −1, and how that is told, in a line, to people."""

    root: Path
    training: list[Path]
    test: list[Path]
    classes: tuple[str, ...]
    labels: dict[Path, int]
    summary: str

    def name(self, file: Path) -> str:
        """What a file is called in the folder."""
        return file.relative_to(self.root).as_posix()

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
    files.sort(key=lambda path: (path.name, path))  # so that the last ones by name have images of every class
    base = _unwrapped(root, files)
    roles = _roles(base, files)
    within = {role: [file for file in files if folder in file.parents] for role, folder in roles.items()}
    training, top = within.get("train", [] if roles else files), roles.get("train", base)
    classes = tuple(sorted({_folder(file, top) for file in training} - {""}))
    _check_no_splits(training, top, classes)
    labels = _labels(training, top, classes)
    # As long as there was no seed, test came first.
    kept = [role for role in (("test", "val") if seed is None else ("val", "test")) if role in roles]
    if kept:
        test, how = (
            within[kept[0]],
            f"from {roles[kept[0]].name}/" + f" (holdout={holdout} takes no part)" * bool(holdout),
        )
        labels |= _labels(test, roles[kept[0]], classes)
        reasons.update({f"in {roles[role].name}/, which is kept for you": len(within[role]) for role in kept[1:]})
    else:
        training, test = _divided(
            root, training, holdout, seed, [classes[k] if k >= 0 else "" for k in labels.values()]
        )
        how = "as the last by name" if seed is None else f"by seed {seed}"
    if roles and (stray := [file.name for file in files if file.parent == base]):
        reasons[f"beside {some([f'{folder.name}/' for folder in roles.values()])} ({some(stray)})"] += len(stray)
    tell(root, len(training) + len(test), reasons)
    facts = [f"{len(classes)} class{'es' * (len(classes) > 1)}" if classes else "no classes"]
    if not roles and (named := [name for name in classes if name.casefold() in ROLES]):
        facts[0] += f" ({named[0]}/ is one)"
    facts.append(splitting.summary(reader.count(training), reader.count(test), seed, how=how))
    if bare := [file.name for file, label in labels.items() if classes and label == UNLABELLED]:
        facts.append(f"{len(bare)} without a class ({some(bare)})")
    if count := reasons.total():
        facts.append(f"{count} file{'s' * (count > 1)} left out")
    if empty := _empty(top, classes):
        facts.append(f"no images in {some(empty)}")
    return Layout(root, training, test, classes, labels, f"{root}: {', '.join(facts)}.")


def of_training(root: Path, files: Sequence[Path]) -> tuple[Sequence[Path], bool]:
    """Those of the `files` in the folder `root` that are for training as far as folders say so, and whether they say
    which are not. Raises DataError where that is not plain."""
    base = _unwrapped(root, files)
    roles = _roles(base, files)
    training = [file for file in files if roles["train"] in file.parents] if "train" in roles else files
    return training, bool(roles.keys() & {"val", "test"})


def some(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _folder(file: Path, base: Path) -> str:
    """The folder in `base` in which a file lies, at any depth, or "" if it lies there itself."""
    first, *rest = file.relative_to(base).parts
    return first if rest else ""


def _empty(top: Path, classes: Sequence[str]) -> list[str]:
    """The folders beside those of `classes` in `top` that hold no image, and would be classes if they did."""
    places = sorted(top.iterdir()) if classes else []
    names = [place.name for place in places if not place.name.startswith(".") and place.is_dir()]
    return [f"{name}/" for name in names if name not in classes and name.casefold() not in ROLES]


def _unwrapped(root: Path, files: Sequence[Path]) -> Path:
    """`root`, or the only folder in it if that holds nothing but folders."""
    folders = {_folder(file, root) for file in files}
    inner = root / next(iter(folders))
    if len(folders) > 1 or inner.name.casefold() in ROLES or any(file.parent == inner for file in files):
        return root
    return _unwrapped(inner, files)


def _roles(base: Path, files: Sequence[Path]) -> dict[str, Path]:
    """The folders in `base` that are splits, by what they are for; none where all are classes, or there are none.
    Raises DataError where that is not plain."""
    folders = sorted({_folder(file, base) for file in files} - {""})
    named = [name for name in folders if name.casefold() in ROLES]
    roles = dict[str, Path]()
    for name in named:
        first = roles.setdefault(ROLES[name.casefold()], base / name).name
        if first != name:
            raise DataError(f"{base} holds {first}/ and {name}/, which mean the same split. Put them together.")
    others = [f"{name}/" for name in folders if name not in named]
    # A picture or two beside all splits are left out, but many beside one folder may be what is meant.
    others += [file.name for file in files if file.parent == base] if len(roles) == 1 else []
    if not roles or not others:
        return roles
    # One class among several may be called train, as in vehicles.
    level = all(len(file.relative_to(base).parts) == 2 for file in files)
    if roles.keys() == {"train"} and level and len(others) > 1:
        return {}
    splits = some([f"{name}/" for name in named])
    raise DataError(
        f"{base} holds {splits} beside {some(others)}, so that {splits} may be a split or a class. Put all training "
        f"images into {base / 'train'}, in one folder for each class, and those held out into {base / 'val'}; or "
        f"rename {splits}."
    )


def _check_no_splits(files: Sequence[Path], top: Path, classes: Sequence[str]) -> None:
    """Raise DataError where the classes of the training `files`, or the folders within one, are called as splits are:
    what is meant for test would be trained on."""
    advice = "Put all training images into train/, in one folder for each class, and those held out into val/"
    found = [WORD.search(name.casefold()) for name in classes]
    if len({word and word[1] for word in found}) > 1 and all(found):
        shown = some([f"{name}/" for name in classes])
        raise DataError(f"{top} holds {shown}, which may be splits or classes. {advice}; or rename them.")
    within = dict[Path, set[str]]()
    for file in files:
        *folders, _ = file.relative_to(top).parts
        for depth, name in enumerate(folders):
            if depth and (role := ROLES.get(name.casefold())):
                within.setdefault(top.joinpath(*folders[:depth]), set()).add(role)
    if split := sorted(folder for folder, roles in within.items() if len(roles) > 1):
        raise DataError(f"{split[0]} lies in a class and holds splits of its own. {advice}.")


def _labels(files: Sequence[Path], top: Path, classes: tuple[str, ...]) -> dict[Path, int]:
    """The class of each file, by the folder in `top` that it lies in, or −1. Raises DataError for one that is none of
    `classes`, those of the training images."""
    found = {"": UNLABELLED}
    for name in dict.fromkeys(_folder(file, top) for file in files if classes):
        try:
            found.setdefault(name, matching.find(name, classes, "") if name else UNLABELLED)
        except UnknownName as error:
            raise DataError(
                f"the class {name!r} of {top} has no training images; there are {some(classes)}. Add some, or leave "
                "it out."
            ) from error
    return {file: found.get(_folder(file, top), UNLABELLED) for file in files}


def _divided(
    root: Path, files: Sequence[Path], holdout: int, seed: int | None, classes: Sequence[str]
) -> tuple[list[Path], list[Path]]:
    """`files` for training, and `holdout` for test: drawn by `seed` within each class, or the last ones without."""
    if seed is None:
        held = [place >= len(files) - holdout for place in range(len(files))]
        if lacking := sorted(set(classes) - {name for name, out in zip(classes, held, strict=True) if not out} - {""}):
            raise DataError(
                f"the class {lacking[0]!r} has no training images, since the last {holdout} files by name are held "
                "out. Draw them within each class: --set holdout_seed=0."
            )
    else:
        names = [file.relative_to(root).as_posix() for file in files]
        held = splitting.draw(names, holdout, seed, classes=classes if any(classes) else ())
    training, test = ([file for file, out in zip(files, held, strict=True) if out == part] for part in (False, True))
    return training, test

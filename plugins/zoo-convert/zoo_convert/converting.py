"""From files to a model: which layout they are of, and every tensor in its place."""

from __future__ import annotations

import hashlib
import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo.plugin import Model, errors
from zoo_convert import reading
from zoo_convert.layout import Fit, Layout, Unlike, fit, named
from zoo_convert.layouts import LAYOUTS
from zoo_convert.reading import Weights

COUNTER = "num_batches_tracked"  # of batch norms, which torch has counted since 0.4.1; nothing here reads it

Made = tuple[Model[Any], Fit, Sequence[Weights]]
Held = Sequence[Sequence[Weights]]  # the state dicts of each file
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Converted:
    """A model made of a checkpoint. weights: the state dicts that were taken, one of each file or entry."""

    model: Model[Any]
    fit: Fit
    files: list[tuple[str, str]]
    weights: Sequence[Weights]

    @property
    def entries(self) -> list[str]:
        """Where they were; none if the files hold nothing else."""
        return list(dict.fromkeys(each.entry for each in self.weights if each.entry))

    @property
    def unused(self) -> list[str]:
        """What else the files hold, such as an optimizer's state."""
        return list(dict.fromkeys(other for path in self.paths for other in self._apart(path)[1]))

    @property
    def paths(self) -> list[Path]:
        """The files, each once."""
        return list(dict.fromkeys(each.path for each in self.weights))

    def _apart(self, path: Path) -> tuple[list[str], list[str]]:
        """Of one file, what was taken, and what was not."""
        weights = [each for each in self.weights if each.path == path]
        taken = list(dict.fromkeys(each.entry for each in weights if each.entry))
        others = dict.fromkeys(other for each in weights for other in each.others)
        return taken, [other for other in others if not any(f"{each}.".startswith(f"{other}.") for each in taken)]

    @property
    def origin(self) -> dict[str, Any]:
        """Where it is from, for the card."""
        layout = self.fit.layout
        return {
            "layout": layout.name,
            "repository": layout.repository,
            "commit": layout.commit,
            "files": [{"name": name, "sha256": sha256} for name, sha256 in self.files],
            "entry": ", ".join(self.entries) or None,
            "tensors": sum(len(theirs) for _, theirs in self.fit.uses.values()),
            "unneeded": sorted(self.fit.unneeded),
        }

    @property
    def summary(self) -> str:
        """The same for people."""
        layout = self.fit.layout
        files = "\n".join(f"- `{name}`, sha256 `{sha256}`" for name, sha256 in self.files)
        words = [
            f"Converted by zoo-convert from the layout `{layout.name}`: {layout.summary} ([code]({layout.repository}), "
            f"compared at commit `{layout.commit[:12]}`).\n\n{files}"
        ]
        for path in self.paths:
            taken, others = (", ".join(f"`{each}`" for each in keys) for keys in self._apart(path))
            if others:
                file = f"`{path.name}`" if len(self.paths) > 1 else "the file"
                words.append(f"Of {file}, {taken + ' was' if taken else 'tensors were'} taken, and not {others}.")
        for why in dict.fromkeys(self.fit.unneeded.values()):
            keys = [key for key, reason in self.fit.unneeded.items() if reason == why]
            words.append(f"Left out: {named(f'`{key}`' for key in keys)}. {why}")
        if layout.differs:
            words.append(layout.differs)
        return "\n\n".join(words)


def convert(
    files: Sequence[Path],
    source: str | None = None,
    given: Mapping[str, Any] | None = None,
    entries: Sequence[str] = (),
) -> Converted:
    """The model of a checkpoint, in eval mode. source: the name of a layout, or of an architecture; guessed from the
    keys unless given. given: fields of its Config. entries: which of the state dicts of a file are meant, in the
    layout's order; of several files, one for each, or one that all have. Raises DataError for a file that cannot be
    read, UnknownName for one without the entry, and WeightsMismatch for one of no layout or of several, or with a
    tensor too many or too few."""
    if not files:
        raise errors.InvalidInput("no file came. Pass a checkpoint: zoo convert [SOURCE] FILE --out FOLDER")
    files, settings = reading.unfolded(files)
    held: Held = [reading.read(path) for path in files]
    if entries:
        held = _chosen(held, entries)
    layouts = candidates(source)
    build = _made if len(layouts) == 1 else _guessed
    model, fitted, weights = build(layouts, held, given or {}, settings)
    taken = dict.fromkeys(each.path for each in weights)
    return Converted(model, fitted, [(path.name, _sha256(path)) for path in taken], weights)


def _chosen(held: Held, entries: Sequence[str]) -> Held:
    """The state dicts of these names: of one file all of them, of several files one of each. Raises UnknownName for a
    file without its entry."""
    if len(held) > 1 and len(entries) not in (1, len(held)):
        raise errors.InvalidInput(
            f"{len(entries)} entries came for {len(held)} files. Pass one that all files have, or one for each, in "
            "order."
        )
    parts = held if len(held) > 1 else [held[0]] * len(entries)
    names = entries if len(entries) > 1 else [entries[0]] * len(held)
    return [_entry(part, name) for part, name in zip(parts, names, strict=True)]


def _entry(part: Sequence[Weights], name: str) -> list[Weights]:
    """The state dicts of this name in a file. Raises UnknownName if there is none."""
    found = [each for each in part if each.entry == name]
    if not found:
        there = ", ".join(each.entry for each in part if each.entry)
        raise errors.UnknownName(f"{part[0].path} has no entry {name!r}. There are: {there or 'none'}.")
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:  # never in memory as a whole, beside its tensors
        return hashlib.file_digest(file, "sha256").hexdigest()


def candidates(source: str | None) -> list[Layout]:
    """The layouts that a name may mean. Raises UnknownName."""
    found = [each for each in LAYOUTS.values() if source in (None, each.name, each.architecture)]
    if not found:
        raise errors.UnknownName(f"no layout is called {source!r}. There are: {', '.join(LAYOUTS)}.")
    return found


def _guessed(layouts: Sequence[Layout], held: Held, given: Fields, settings: Fields) -> Made:
    """The only layout that fits."""
    fitting: dict[str, Made] = {}
    asked: dict[str, errors.ConfigError | errors.InvalidInput] = {}
    for layout in layouts:
        try:
            fitting[layout.name] = _made([layout], held, given, settings)
        except (errors.ConfigError, errors.InvalidInput) as error:
            asked[layout.name] = error
        except (errors.WeightsMismatch, errors.DataError):
            continue
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if not fitting and len(asked) == 1:
        raise next(iter(asked.values()))
    several = ", ".join(fitting or asked)
    if several:
        raise errors.WeightsMismatch(f"{several} all fit. Say which it is: zoo convert SOURCE FILE --out FOLDER")
    keys = [key for part in held for key in part[0].state]
    raise errors.WeightsMismatch(
        f"no known layout has these keys: {named(keys)}. zoo convert --list has all; zoo convert SOURCE FILE says what "
        "does not fit in one."
    )


def _made(layouts: Sequence[Layout], held: Held, given: Fields, settings: Fields) -> Made:
    """The model of the one layout, of the state dict of each file that fits. Raises WeightsMismatch if none does, and
    InvalidInput if several do of which the layout does not say which comes first."""
    (layout,) = layouts
    if len(held) > len(layout.files):
        raise errors.WeightsMismatch(f"{len(held)} files came; {layout.name} has at most {len(layout.files)}.")
    known = {entry: place for place, entry in enumerate(("", *layout.within))}
    parts = [sorted(part, key=lambda each: known.get(each.entry, len(known))) for part in held]
    fitting: list[Made] = []
    failed: list[errors.WeightsMismatch] = []
    for weights in itertools.product(*parts):
        try:
            fitting.append(_of(layout, weights, given, settings))
        except errors.WeightsMismatch as error:
            failed.append(error)
            continue
        if all(each.entry in known for each in weights):
            return fitting[-1]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise next((error for error in failed if not isinstance(error, Unlike)), failed[0])
    several = [" with ".join(each.entry for each in weights) for *_, weights in fitting]
    how = " ".join(f"--entry {shlex.quote(each.entry)}" for each in fitting[0][-1])
    raise errors.InvalidInput(f"{' and '.join(several)} are all weights of {layout.name}. Say which is meant: {how}")


def _of(layout: Layout, weights: Sequence[Weights], given: Fields, settings: Fields) -> Made:
    """The model of these state dicts."""
    state: dict[str, Tensor] = {}
    for number, each in enumerate(weights):
        first = f"{number}/" if len(layout.files) > 1 else ""
        state |= {first + key: tensor for key, tensor in each.state.items()}
    fitted = fit(layout, {key: tuple(tensor.shape) for key, tensor in state.items()}, given, settings)
    return _filled(fitted, state), fitted, weights


def _created(fitted: Fit, device: str) -> Model[Any]:
    """The model, its weights drawn, to be replaced, unless the device is "meta". Raises PluginError if a plugin has it
    that is not there."""
    layout = fitted.layout
    try:
        with torch.random.fork_rng(devices=[]), torch.device(device):
            return zoo.create(layout.architecture, **fitted.config)
    except errors.UnknownName as error:
        if not layout.package:
            raise
        how = f"pip install ./plugins/{layout.package}, in the repository"
        raise errors.PluginError(f"{layout.name} is of {layout.architecture}, of {layout.package}: {how}.") from error


def _filled(fitted: Fit, state: Mapping[str, Tensor]) -> Model[Any]:
    """The model with the tensors. Raises WeightsMismatch for one that is missing, or of another shape."""
    # Shapes are compared before there is a model of them: one that is odd may be of one that no memory holds.
    made, expected = fitted.state(state), _created(fitted, "meta").state_dict()
    fixed = fitted.layout.fixed(fitted.config)
    filled = {key for key in expected.keys() - made.keys() if key.endswith(COUNTER) or key in fixed}
    missing, extra = expected.keys() - made.keys() - filled, made.keys() - expected.keys()
    if missing or extra:
        lacks = f"lacks {named(missing)}" if missing else ""
        has = f"has {named(fitted.uses[key][1][0] for key in extra)} too many" if extra else ""
        raise errors.WeightsMismatch(
            f"the file {' and '.join(filter(None, (lacks, has)))} for the {fitted.layout.architecture} of its shapes. "
            "Nothing was converted."
        )
    for key, tensor in made.items():
        if tensor.shape != expected[key].shape:
            theirs = ", ".join(fitted.uses[key][1])
            raise errors.WeightsMismatch(
                f"{theirs} is {tuple(tensor.shape)}; expected {tuple(expected[key].shape)}. Nothing was converted."
            )
    model = _created(fitted, "cpu")
    filling = {key: torch.full_like(model.state_dict()[key], fixed.get(key, 0)) for key in filled}
    model.load_state_dict(made | filling)
    fitted.layout.finish(model.eval())
    return model

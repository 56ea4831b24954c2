"""A layout: what another repository calls the tensors of one of zoo's architectures, as a table of rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import Model, errors

Shapes = Mapping[str, tuple[int, ...]]
SOME = 5  # keys that a message names

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Row:
    """Which tensor of theirs is which of ours.

    theirs: a key, in which {i} stands for a number and {NAME}, in capitals, for one word; or several, whose tensors go
    into `made` together. ours: the key here, with the same fields, or "" for what is not needed, as `why` says.
    numbers: what a number of theirs is here, by the name of its field: a dictionary, or an amount to add. made: our
    tensor from theirs, of float32 or more precise; joined in dimension 0, unless given.
    """

    theirs: str | tuple[str, ...]
    ours: str
    numbers: Mapping[str, Mapping[int, int] | int] = field(default_factory=dict)
    made: Callable[..., Tensor] = lambda *tensors: tensors[0] if len(tensors) == 1 else torch.cat(tensors)
    why: str = ""

    @property
    def patterns(self) -> tuple[str, ...]:
        return (self.theirs,) if isinstance(self.theirs, str) else self.theirs

    def uses(self, keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Our keys, or, of what is not needed, theirs; with the keys of theirs that each is made of."""
        found: dict[str, dict[int, str]] = {}
        for place, pattern in enumerate(self.patterns):
            expression = re.compile(_expression(pattern))
            for key in keys:
                if (match := expression.fullmatch(key)) and (here := self._here(match.groupdict())) is not None:
                    found.setdefault(here or key, {})[place] = key
        return {
            ours: tuple(parts[i] for i in range(len(parts)))
            for ours, parts in found.items()
            if len(parts) == len(self.patterns)
        }

    def _here(self, fields: dict[str, str]) -> str | None:
        """Our key for these fields; None where a number is none that the row knows."""
        for name, known in self.numbers.items():
            number = int(fields[name])
            if isinstance(known, int):
                fields[name] = str(number + known)
            elif number in known:
                fields[name] = str(known[number])
            else:
                return None
        return self.ours.format(**fields)


def _expression(pattern: str) -> str:
    """The regular expression of a row's key."""
    parts = _FIELD.split(re.sub(r"\.", r"\\.", pattern))
    seen: set[str] = set()
    for i in range(1, len(parts), 2):
        name = parts[i]
        kind = r"[A-Za-z_]\w*" if name.isupper() else r"\d+"
        parts[i] = f"(?P={name})" if name in seen else f"(?P<{name}>{kind})"
        seen.add(name)
    return "".join(parts)


@dataclass(frozen=True)
class Layout:
    """What a repository's checkpoints look like. config: fields of the architecture's Config from the shapes; raises
    KeyError or ValueError for shapes that are none of this layout. rows: the table, of this config. files: how many
    files a checkpoint may be, each key then begins with the file's number and a slash; what each of them is. within:
    entries of a checkpoint of which, if several hold such tensors, the first one there is taken. asks: fields that
    shapes do not tell, with what they are. told: fields from the settings in a folder that holds such a checkpoint;
    raises ValueError for settings of another model. fixed: tensors of ours of which theirs say nothing, with the number
    that each is full of, of this config. finish: called with the model of the tensors, to work out from them what no
    file of the layout has. package: whose architecture it is, if not zoo's own."""

    name: str
    architecture: str
    repository: str
    commit: str
    summary: str
    config: Callable[[Shapes], dict[str, Any]]
    rows: Callable[[Mapping[str, Any]], list[Row]]
    files: tuple[str, ...] = ("",)
    within: tuple[str, ...] = ("state_dict", "model_state_dict", "model", "net")
    asks: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""
    told: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    fixed: Callable[[Mapping[str, Any]], dict[str, float]] = lambda config: {}
    finish: Callable[[Model[Any]], None] = lambda model: None
    package: str = ""


class Unlike(errors.WeightsMismatch):
    """Shapes are none of a layout at all."""


@dataclass(frozen=True)
class Fit:
    """A layout that fits: the whole config, and of each tensor of ours which of theirs it is made of, by which row."""

    layout: Layout
    config: dict[str, Any]
    uses: dict[str, tuple[Row, tuple[str, ...]]]
    unneeded: dict[str, str]

    def state(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state dict of their tensors. Raises WeightsMismatch for some that do not go together."""
        made: dict[str, Tensor] = {}
        for key, (row, theirs) in self.uses.items():
            try:  # of float16 nothing is computed in float16
                made[key] = row.made(*(_widened(tensors[one]) for one in theirs))
            except (RuntimeError, IndexError) as error:  # torch's, of their shapes
                shapes = ", ".join(f"{one} of {tuple(tensors[one].shape)}" for one in theirs)
                raise errors.WeightsMismatch(f"{shapes} do not make one tensor. Nothing was converted.") from error
        return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in made.items()}


def _widened(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32)) if tensor.is_floating_point() else tensor


def fit(layout: Layout, shapes: Shapes, given: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> Fit:
    """How tensors of these shapes are those of the layout; `given` are fields of the Config, `settings` what is said
    of a folder's model. Raises WeightsMismatch for a tensor that is left over or twice used; whether ours all have one
    is seen when they are made."""
    try:
        config = {**layout.config(shapes), **(layout.told(settings) if layout.told and settings else {}), **given}
    except (KeyError, ValueError, IndexError) as error:
        detail = f"{error.args[0]!r} is not there" if isinstance(error, KeyError) else str(error)
        raise Unlike(f"this is no checkpoint of {layout.name}: {detail}. zoo convert --list") from error
    if missing := [f"{name} ({what})" for name, what in layout.asks.items() if name not in config]:
        raise errors.ConfigError(f"shapes do not tell {', '.join(missing)}. Say it: --set {next(iter(layout.asks))}=…")
    uses: dict[str, tuple[Row, tuple[str, ...]]] = {}
    unneeded: dict[str, str] = {}
    used: dict[str, int] = dict.fromkeys(shapes, 0)
    for row in layout.rows(config):
        for ours, theirs in row.uses(shapes).items():
            for key in theirs:
                used[key] += 1
            if not row.ours:
                unneeded[ours] = row.why
            elif ours in uses:
                used[theirs[0]] += 1
            else:
                uses[ours] = row, theirs
    if over := [key for key, times in used.items() if times != 1]:
        raise errors.WeightsMismatch(
            f"{named(over)} {'is' if len(over) == 1 else 'are'} no part of {layout.name}, or used twice. Nothing was "
            "converted."
        )
    return Fit(layout, config, uses, unneeded)


def named(keys: Iterable[str]) -> str:
    """Some of the keys, and how many more there are."""
    listed = sorted(keys)
    more = f" and {len(listed) - SOME} more" if len(listed) > SOME else ""
    return ", ".join(listed[:SOME]) + more


def same(theirs: str, ours: str, **numbers: Mapping[int, int] | int) -> Row:
    """A tensor that is the same here."""
    return Row(theirs, ours, numbers)


def by_place(tensor: Tensor) -> Tensor:
    """The channels of torch's pixel shuffle, four places of one channel after another, as those of ours, all channels
    of one place after another."""
    return tensor.reshape(-1, 4, *tensor.shape[1:]).transpose(0, 1).flatten(0, 1)


def unneeded(theirs: str, why: str) -> Row:
    """A tensor that inference here has no use for."""
    return Row(theirs, "", why=why)

"""Every hook a plugin may implement.

A hook is a function marked `@zoo.hookimpl` in the module or object that the plugin's entry point in group `zoo` names.
Each is handed a callback to call once for every thing it adds. Registering must be cheap: give targets as strings
("package.module:Name"), which are imported only when used, so that listing never waits for torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("zoo")


@hookspec
def zoo_register_architectures(register: Callable[..., None]) -> None:
    """Add architectures: `register(name, target, *, family, capabilities, condition=None, space="images",
    log_prob=None, summary="", paper="", default=None)`. `target` is "module:Class", a `zoo.Model`; `family` one of
    autoencoders, flows, gans, translation or your own; `capabilities` names of capabilities, such as generate, encode,
    decode, log_prob; `condition` None or the name of a condition, such as "label"; `space` the name of a space, that of
    what its releases make unless their cards say otherwise; `log_prob` the kind of density, "exact", "lower-bound" or
    "estimate"; `default` the release that the bare architecture name loads."""


@hookspec
def zoo_register_cards(register: Callable[..., None]) -> None:
    """Add releases: `register(folder)`, an absolute path whose subfolders are release folders, each with a README.md
    (the card) and usually a model.safetensors beside it. The subfolder's name is the release's name."""


@hookspec
def zoo_register_aliases(register: Callable[..., None]) -> None:
    """Add other names for releases and architectures: `register(alias, name, *, renamed=False)`. `name` is what the
    alias stands for, in the same plugin first, or "plugin:name", and no alias itself. With `renamed` the alias is
    a former name, and whoever uses it is told the new one, once; in cards and weights files it is understood silently.
    A real name is never hidden by an alias."""


@hookspec
def zoo_register_sources(register: Callable[..., None]) -> None:
    """Add weight sources, such as a mirror or an object store: `register(name, target, *, summary="")`. `target` is
    "module:function", called as `function(repo, revision, filename, *, offline)` with a repository of the Hub,
    "org/name", a full commit, a file of the release there and whether downloading is forbidden. It returns the
    `pathlib.Path` of a file of that name, on a share or where it was downloaded to, or None if it has none. Sources are
    asked in the order of the plugins for what is neither beside the card nor in the Hub's cache, and the Hub after
    them. What they give is verified like a download and never changed; one that raises is passed over with a warning.
    """


@hookspec
def zoo_register_datasets(register: Callable[..., None]) -> None:
    """Add data sets: `register(name, target, *, source="folder", summary="")`. `target` is "module:function", called as
    `function(root, split, *, shape, holdout, download)` with the path that `source` says ("folder", "file", or "none"
    for data that are made up, which ignore it), "train" or "test", the (channels, height, width) or (features,) wanted,
    how many files or rows, usually the last, are held out for test, and whether it may fetch what is missing. It
    returns a `zoo.data.dataset.Dataset` of uint8 images or float32 vectors in memory, or raises
    `zoo.errors.DataError`."""


@hookspec
def zoo_register_metrics(register: Callable[..., None]) -> None:
    """Add metrics to `zoo evaluate`: `register(name, target, *, needs, summary="", default=True, columns=(),
    protocol=(), machine=(), references=None)`. `target` is "module:function", called as `function(subject)` with a
    `zoo.metrics.evaluate.Subject` (model, real images, generated images, features, seed) and returning a list of
    `zoo.releases.record.Record`, made by `subject.record`, which may be empty; `needs` is a list of the capabilities a
    model must have for it, and of its space if it makes sense of one only. With `default=False` it is measured only
    when named (`--metric NAME`), as what depends on the machine should be. `columns` are `zoo.plugin.Column`s: how
    `zoo list` and `zoo compare` show its numbers, by the type of the record. `protocol` are names of the args, beyond
    those of every record, that must be the same where two numbers are compared, `machine` of those that say on what
    machine a speed was measured; `references` says, by the name of an arg, of what else it holds the number."""


@hookspec
def zoo_register_features(register: Callable[..., None]) -> None:
    """Add feature networks for the metrics: `register(name, target, *, summary="")`. `target` is "module:function",
    called without arguments and returning a `zoo.nn.features.FeatureNetwork`: images (n, c, h, w) in [0, 1] to
    features (n, d). Any timm model is there already under the name `timm:<model>`."""


@hookspec
def zoo_register_spaces(register: Callable[..., None]) -> None:
    """Add spaces, kinds of samples: `register(name, target, *, task=None, checks="", summary="")`. `target` is
    "module:Class", a `zoo.spaces.Space` of that name; `task` what the Hub calls the task of models that make such
    samples from noise, if it has a name for it; `checks` as of capabilities. Cards name the space of a release under
    `zoo.data`, metrics what they need. The names of spaces, conditions and capabilities stand alone: a plugin is set
    aside if zoo or an earlier one has one of them already."""


@hookspec
def zoo_register_conditions(register: Callable[..., None]) -> None:
    """Add conditions, what samples are made from besides noise: `register(name, target, *, task=None, checks="",
    summary="")`. `target` is "module:Class", a `zoo.conditions.Condition` of that name; `task` what the Hub calls the
    task of models with it, if that is another than without; `checks` as of capabilities."""


@hookspec
def zoo_register_capabilities(register: Callable[..., None]) -> None:
    """Add capabilities, what models can do: `register(name, target, *, checks="", summary="")`. `target` is
    "module:Class.method", the public method of that name, which says in its docstring what is promised. `checks` is
    "module:function", called with a model that has the capability, which gives the checks that prove it: functions of a
    model, called `check_…`, that raise `zoo.errors.ContractError`."""


@hookspec
def zoo_register_commands(cli: Any) -> None:
    """Add commands to the `zoo` command line: `cli` is the `typer.Typer` application; decorate functions with
    `@cli.command()`. Import heavy packages inside the command, not at the top of the module."""

"""Every hook a plugin may implement. plugins/README.md tells more of each.

A hook is a function marked `@zoo.hookimpl` in the module or object that the plugin's entry point in group `zoo` names.
Each is handed a callback to call once for every thing it adds. Registering must be cheap: give targets as strings
("package.module:Name"), which are imported only when used, so that listing never waits for torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def zoo_register_architectures(register: Callable[..., None]) -> None:
    """Add architectures: `register(name, target, *, family, capabilities, summary="", condition=None, space="images",
    log_prob=None, paper="", default=None, presets=())`. `target` is a `zoo.Model`; `family` autoencoders, flows, gans,
    translation or your own; `capabilities`, `condition` and `space` are registered names, the space that of what its
    releases make unless their cards say otherwise; `log_prob` is the kind of density, "exact", "lower-bound" or
    "estimate"; `default` the release that the bare name of the architecture loads; `presets` the names of those of its
    class."""


def zoo_register_cards(register: Callable[..., None]) -> None:
    """Add releases: `register(folder)`, an absolute path whose subfolders are release folders, each with a README.md
    (the card) and usually a model.safetensors beside it. The subfolder's name is the release's name."""


def zoo_register_aliases(register: Callable[..., None]) -> None:
    """Add other names for releases and architectures: `register(name, target, *, renamed=False)`. `target` is what
    `name` stands for, in the same plugin first, or "plugin:name", and no alias itself. With `renamed` it is a former
    name, and whoever uses it is told the new one, once. A real name is never hidden."""


def zoo_register_sources(register: Callable[..., None]) -> None:
    """Add weight sources, such as a mirror or an object store: `register(name, target, *, summary="")`. `target` is
    called as `function(repo, revision, filename, *, offline)` with a full commit of a repository of the Hub and returns
    the `pathlib.Path` of a file of that name, or None. Sources are asked in the order of the plugins, after the Hub's
    cache and before the Hub; one that raises is passed over with a warning."""


def zoo_register_datasets(register: Callable[..., None]) -> None:
    """Add data sets: `register(name, target, *, summary="", source="folder", files=(), count="")`. `target` is called
    as `function(root, split, *, shape, holdout, download)` with the path that `source` says ("folder", "file", "path"
    for either of both, "none", or "memory" for whatever object is handed over in Python),
    "train" or "test", the shape of a sample wanted, how many are held out for test and whether it may fetch what is
    missing; and, if it has parameters of these names, with `holdout_seed`, by which those are drawn, None being for the
    last ones, `reader`, the `zoo.images.Reader` by which image files are to be read, `bad`, of data that are no images:
    a list, if files that cannot be read are to be left out, to which a sentence for each is added, else None, and
    `model`, that which the data are for, maybe without values. `files` are patterns of what its folder is known by,
    such as "MNIST/raw/*": where none of them is, an architecture is trained on the images. `count` is
    "module:function", called with the path, which gives how many samples there are for training and whether test has
    its own: if not, `zoo train` of an architecture holds a tenth out. It returns a `zoo.plugin.Dataset` of uint8 images
    or float32 vectors, or raises `zoo.errors.DataError`."""


def zoo_register_metrics(register: Callable[..., None]) -> None:
    """Add metrics to `zoo evaluate`: `register(name, target, *, needs, summary="", default=True, columns=(),
    protocol=(), machine=(), references=None)`. `target` is called as `function(subject)` with a `zoo.plugin.Subject`
    and returns a list of `zoo.plugin.Record`, made by `subject.record`. `needs` are the capabilities that a model must
    have, and its space. With `default=False` it is measured only when named. `columns` are `zoo.plugin.Column`s, how
    its numbers are shown. `protocol` are names of the args that must be the same where two numbers are compared,
    `machine` of those that say on what machine a speed was measured; `references` says, by the name of an arg, of what
    else it holds the number."""


def zoo_register_loggers(register: Callable[..., None]) -> None:
    """Add loggers, to which a training reports: `register(name, target, *, summary="")`. `target` is called as
    `function(folder, *, settings)` with the folder of the run and all that was set, by name. It is a context manager
    that gives a function, called with each line of the log, numbers by name, and the model as it then is. A line takes
    the place of all former ones from its step on."""


def zoo_register_features(register: Callable[..., None]) -> None:
    """Add feature networks for the metrics: `register(name, target, *, summary="")`. `target` is called without
    arguments and returns a `zoo.plugin.FeatureNetwork`: images (n, c, h, w) in [0, 1] to features (n, d)."""


def zoo_register_spaces(register: Callable[..., None]) -> None:
    """Add spaces, kinds of samples: `register(name, target, *, summary="", checks="", task=None)`. `target` is a
    `zoo.plugin.Space` of that name; `task` what the Hub calls the task of models that draw such samples; `checks` as of
    capabilities. The names of spaces, conditions and capabilities stand alone: a plugin is set aside if zoo or an
    earlier one has one of them already."""


def zoo_register_conditions(register: Callable[..., None]) -> None:
    """Add conditions, what samples are made from besides noise: `register(name, target, *, summary="", checks="",
    task=None)`. `target` is a `zoo.plugin.Condition` of that name; `task` what the Hub calls the task of models with
    it, if that is another than without; `checks` as of capabilities."""


def zoo_register_capabilities(register: Callable[..., None]) -> None:
    """Add capabilities, what models can do: `register(name, target, *, summary="", checks="")`. `target` is
    "module:Class.method", the public method of that name. `checks` is "module:function", called with a model that has
    the capability, which gives the checks that prove it: functions of a model, called `check_…`, that raise
    `zoo.errors.ContractError`."""


def zoo_register_widgets(register: Callable[..., None]) -> None:
    """Add widgets to the rooms of `zoo gallery`: `register(name, target, *, summary="")`. `target` is called for every
    room as `function(model, folder)` with the model and an empty folder of the site. It writes a module for browsers
    into it, `widget.js`, with what else that needs, and returns a heading; or None where it has nothing for such a
    model. One that raises is left out, and the room says so."""


def zoo_register_commands(cli: Any) -> None:
    """Add commands to the `zoo` command line: `cli` is a `typer.Typer` of the plugin's own; decorate functions with
    `@cli.command()`. Import heavy packages inside the command, not at the top of the module."""

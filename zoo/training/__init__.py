"""Training: the loop, checkpoints, logs, and the release folder that it ends with. The built-in loggers are here."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.plugins import hookimpl


@hookimpl
def zoo_register_loggers(register: Callable[..., None]) -> None:
    register("csv", "zoo.training.logs:table", summary="log.csv, a row for each line")
    register("tensorboard", "zoo.training.logs:tensorboard", summary="tensorboard/, for TensorBoard")

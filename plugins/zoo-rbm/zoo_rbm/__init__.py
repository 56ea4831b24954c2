"""The restricted Boltzmann machine for zoo: the architecture `rbm`, its releases, data set, metric and widget."""

from collections.abc import Callable
from pathlib import Path

from zoo.plugin import hookimpl


@hookimpl
def zoo_register_architectures(register: Callable[..., None]) -> None:
    register(
        "rbm",
        "zoo_rbm.rbm:RBM",
        family="energy",
        capabilities=("generate", "encode", "decode", "log_prob"),
        space="binary-images",
        log_prob="estimate",
        summary="restricted Boltzmann machine of binary pixels",
        paper="Hinton 2002; Salakhutdinov, Murray 2008",
        default="rbm-mnist",
    )


@hookimpl
def zoo_register_cards(register: Callable[..., None]) -> None:
    register(Path(__file__).parent / "cards")


@hookimpl
def zoo_register_datasets(register: Callable[..., None]) -> None:
    register(
        "binarised-mnist",
        "zoo_rbm.data:binarised_mnist",
        summary="MNIST with each pixel drawn black or white, its grey value the probability",
        files=["MNIST/raw/*ubyte*"],
    )


@hookimpl
def zoo_register_metrics(register: Callable[..., None]) -> None:
    register(
        "partition",
        "zoo_rbm.metrics:partition",
        needs=["log_prob", "images"],
        summary="ln Z of a Boltzmann machine, with its standard error",
    )


@hookimpl
def zoo_register_widgets(register: Callable[..., None]) -> None:
    register("chain", "zoo_rbm.widget:chain", summary="the Gibbs chain of a Boltzmann machine, step by step")

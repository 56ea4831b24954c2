"""Diffusion models for zoo: the architecture `ddpm` and its releases."""

from collections.abc import Callable
from pathlib import Path

from zoo.plugin import hookimpl


@hookimpl
def zoo_register_architectures(register: Callable[..., None]) -> None:
    register(
        "ddpm",
        "zoo_diffusion.ddpm:DDPM",
        family="diffusion",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="lower-bound",
        summary="denoising diffusion probabilistic model, with DDIM sampling",
        paper="Ho, Jain, Abbeel 2020, arXiv:2006.11239",
        default="ddpm-fashion-mnist",
        presets=("paper",),
    )


@hookimpl
def zoo_register_cards(register: Callable[..., None]) -> None:
    register(Path(__file__).parent / "cards")

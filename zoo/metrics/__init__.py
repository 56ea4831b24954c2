"""Metrics: one protocol for every card's numbers. The built-in metrics and feature networks are listed here."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.plugins import hookimpl


@hookimpl
def zoo_register_metrics(register: Callable[..., None]) -> None:
    pictures = ["generate", "images"]
    register("frechet", "zoo.metrics.frechet:frechet", needs=pictures, summary="Fréchet distance between features")
    register("agreement", "zoo.metrics.agreement:agreement", needs=pictures, summary="are requested classes drawn?")
    register("retrieval", "zoo.metrics.retrieval:retrieval", needs=pictures, summary="is the right caption told?")
    register("neighbours", "zoo.metrics.neighbours:neighbours", needs=pictures, summary="nearest training images")
    register("likelihood", "zoo.metrics.likelihood:likelihood", needs=["log_prob"], summary="bits per dimension, nats")
    register(
        "reconstruction",
        "zoo.metrics.reconstruction:reconstruct",
        needs=["encode", "decode", "images"],
        summary="MSE, PSNR",
    )
    register("energy", "zoo.metrics.energy:energy", needs=["generate", "vectors"], summary="distance of distributions")
    register("modes", "zoo.metrics.modes:modes", needs=["generate", "vectors"], summary="modes covered, where known")
    register(
        "coverage", "zoo.metrics.coverage:coverage", needs=["generate"], summary="precision, recall, density, coverage"
    )
    register(
        "codes", "zoo.metrics.codes:codes", needs=["encode", "images"], summary="do unsupervised codes find classes?"
    )
    register(
        "translation",
        "zoo.metrics.translation:translation",
        needs=["translate", "images"],
        summary="Fréchet distance, errors of pairs, cycle error",
    )
    register(
        "super-resolution",
        "zoo.metrics.super_resolution:super_resolution",
        needs=["translate", "images"],
        summary="PSNR and SSIM of luma, beside bicubic",
    )
    register(
        "throughput",
        "zoo.metrics.throughput:throughput",
        needs=["generate"],
        summary="images per second, on this machine",
        default=False,
    )


@hookimpl
def zoo_register_features(register: Callable[..., None]) -> None:
    register("grey28", "zoo.nn.classifier:grey28", summary="28×28 grey: digits and clothes")
    register("colour64", "zoo.nn.classifier:colour64", summary="32 to 64 pixels colour: objects and faces")

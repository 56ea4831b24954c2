"""Metrics: one protocol for every card's numbers. The built-in metrics and feature networks are listed here."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.entries import Column
from zoo.registry.plugins import hookimpl

FRECHET = Column(
    "frechet-distance", "Fréchet distance", 0, lower_is_better=True, leading=True, headline=True, short="Fréchet"
)
ENLARGED = (
    Column("psnr-y-set5", "PSNR Set5", 0, leading=True, headline=True, short="PSNR"),
    Column("ssim-y-set5", "SSIM Set5", 1),
    Column("psnr-y-set14", "PSNR Set14", 2),
    Column("ssim-y-set14", "SSIM Set14", 3),
)


@hookimpl
def zoo_register_metrics(register: Callable[..., None]) -> None:
    pictures = ["generate", "images"]
    register(
        "frechet",
        "zoo.metrics.frechet:frechet",
        needs=pictures,
        summary="Fréchet distance between features",
        columns=[FRECHET],
    )
    register(
        "agreement",
        "zoo.metrics.agreement:agreement",
        needs=pictures,
        summary="are requested classes drawn?",
        columns=[Column("class-agreement", "class agreement", 20, headline=True)],
        protocol=["classes"],
    )
    register(
        "retrieval",
        "zoo.metrics.retrieval:retrieval",
        needs=pictures,
        summary="is the right caption found among ten?",
    )
    register("neighbours", "zoo.metrics.neighbours:neighbours", needs=pictures, summary="nearest training images")
    register(
        "likelihood",
        "zoo.metrics.likelihood:likelihood",
        needs=["log_prob"],
        summary="bits per dimension, nats",
        columns=[
            Column("bits-per-dimension", headline=True, short="bits/dim"),
            Column(
                "negative-log-likelihood",
                "nats",
                20,
                lower_is_better=True,
                headline=True,
                short="nats",
                space="vectors",
            ),
        ],
    )
    register(
        "reconstruction",
        "zoo.metrics.reconstruction:reconstruct",
        needs=["encode", "decode", "images"],
        summary="MSE, PSNR",
    )
    register(
        "energy",
        "zoo.metrics.energy:energy",
        needs=["generate", "vectors"],
        summary="distance of distributions",
        columns=[
            Column("energy-distance", "energy distance", 0, lower_is_better=True, leading=True, headline=True),
        ],
    )
    register("modes", "zoo.metrics.modes:modes", needs=["generate", "vectors"], summary="modes covered, where known")
    register(
        "coverage",
        "zoo.metrics.coverage:coverage",
        needs=["generate"],
        summary="precision, recall, density, coverage",
        columns=[Column(name, name, 10) for name in ("precision", "recall", "density", "coverage")],
        protocol=["k"],
    )
    register(
        "codes", "zoo.metrics.codes:codes", needs=["encode", "images"], summary="do unsupervised codes find classes?"
    )
    register(
        "translation",
        "zoo.metrics.translation:translation",
        needs=["translate", "images"],
        summary="Fréchet distance, errors of pairs, cycle error",
        columns=[FRECHET, Column("psnr", "PSNR", 10), Column("psnr-hole", "PSNR in the hole", 10, headline=True)],
        references={"unchanged": "sources as they are"},
    )
    register(
        "super-resolution",
        "zoo.metrics.super_resolution:super_resolution",
        needs=["translate", "images"],
        summary="PSNR and SSIM of luma, beside bicubic",
        columns=ENLARGED,
        protocol=["scale", "border"],
        references={"bicubic": "bicubic interpolation"},
    )
    register(
        "throughput",
        "zoo.metrics.throughput:throughput",
        needs=["generate"],
        summary="images per second, on this machine",
        default=False,
        columns=[
            Column("images-per-second", "images/s", 30, space="images"),
            Column("rows-per-second", "rows/s", 30, space="vectors"),
        ],
        machine=["device", "threads", "batch", "dtype"],
    )


@hookimpl
def zoo_register_features(register: Callable[..., None]) -> None:
    register("grey28", "zoo.nn.classifier:grey28", summary="28×28 grey: digits and clothes")
    register("colour64", "zoo.nn.classifier:colour64", summary="32 to 64 pixels colour: objects and faces")

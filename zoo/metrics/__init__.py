"""Metrics: one protocol for every card's numbers. The built-in metrics and feature networks are listed here.

What `zoo.evaluate` takes: a name as `zoo.load` does. data: the folder or file of its data set, or, of a release that
was trained on samples at hand, these. metrics: names of some, default all that it can be measured by. features: the
feature network. n: how many images are compared, default as many as are held out, at most 10,000. seed: of all that is
drawn. cache: as of `zoo.train`. again: releases by the same recipe with other seeds, for the spread. `zoo evaluate NAME
--write` puts the numbers on the card.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any

from zoo._util.lazy import attribute
from zoo.registry.entries import Column
from zoo.registry.plugins import hookimpl

FRECHET = Column(
    "frechet-distance", "Fréchet distance", 0, lower_is_better=True, leading=True, headline=True, short="Fréchet"
)
# In features of a network that everybody can get, and whose weights are the same wherever they come from.
WIDELY_KNOWN = Column(
    "frechet-distance-tf_efficientnet_lite0.in1k", "Fréchet distance (EfficientNet-Lite0)", 1, lower_is_better=True
)
PICTURES = ("generate", "images")

# Name, target in zoo.metrics, what a model must have for it, and what else the hook takes.
METRICS: tuple[tuple[str, str, tuple[str, ...], dict[str, Any]], ...] = (
    (
        "frechet",
        "frechet:frechet",
        PICTURES,
        {"summary": "Fréchet distance between features", "columns": [FRECHET, WIDELY_KNOWN]},
    ),
    (
        "agreement",
        "agreement:agreement",
        PICTURES,
        {
            "summary": "are requested classes drawn?",
            "columns": [Column("class-agreement", "class agreement", 20, headline=True)],
            "protocol": ["classes"],
        },
    ),
    ("retrieval", "retrieval:retrieval", PICTURES, {"summary": "is the right caption found among ten?"}),
    ("neighbours", "neighbours:neighbours", PICTURES, {"summary": "nearest training images"}),
    (
        "likelihood",
        "likelihood:likelihood",
        ("log_prob",),
        {
            "summary": "bits per dimension, nats",
            "columns": [
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
        },
    ),
    (
        "reconstruction",
        "reconstruction:reconstruct",
        ("encode", "decode", "images"),
        {
            "summary": "MSE, PSNR",
            "columns": [
                Column("mse", "MSE", 0, lower_is_better=True, by="mse"),
                Column("mse", "MSE of PCA", -2, by="mse", arg="pca"),
                Column("mse", "numbers in a code", -1, by="mse", arg="code"),
            ],
            "protocol": ["encoder"],
        },
    ),
    (
        "latent-use",
        "latent_use:latent_use",
        ("encode", "decode", "images"),
        {"summary": "latents used, active units, steepness"},
    ),
    ("denoising", "denoising:denoising", ("translate", "encode", "images"), {"summary": "PSNR of noisy images"}),
    (
        "energy",
        "energy:energy",
        ("generate", "vectors"),
        {
            "summary": "distance of distributions",
            "columns": [
                Column(
                    "energy-distance",
                    "energy distance",
                    0,
                    short="energy",
                    lower_is_better=True,
                    leading=True,
                    headline=True,
                )
            ],
        },
    ),
    ("modes", "modes:modes", ("generate", "vectors"), {"summary": "modes covered, where known"}),
    (
        "coverage",
        "coverage:coverage",
        ("generate",),
        {
            "summary": "precision, recall, density, coverage",
            "columns": [Column(name, name, 10) for name in ("precision", "recall", "density", "coverage")],
            "protocol": ["k"],
        },
    ),
    (
        "disentanglement",
        "disentanglement:disentanglement",
        ("encode", "images"),
        {"summary": "is each factor of data that are drawn by some in a latent of its own?"},
    ),
    ("codes", "codes:codes", ("encode", "images"), {"summary": "do unsupervised codes find classes?"}),
    (
        "few-labels",
        "few_labels:few_labels",
        ("encode", "images"),
        {
            "summary": "classes told from 100, 500, 1,000 and all labels",
            "columns": [
                Column("accuracy-codes-100-labels", "100 labels, codes", 1, by="mse"),
                Column("accuracy-fine-tuned-100-labels", "100 labels, fine-tuned", 2, by="mse"),
            ],
            "protocol": ["runs", "tuning_steps", "tuning_batch"],
            "references": {"pixels": "pixels, without a model"},
        },
    ),
    (
        "translation",
        "translation:translation",
        ("translate", "images"),
        {
            "summary": "Fréchet distance, errors of pairs, cycle error",
            "columns": [
                FRECHET,
                Column("psnr", "PSNR", 10),
                Column("psnr-hole", "PSNR in the hole", 10, headline=True),
            ],
            "references": {"unchanged": "sources as they are"},
        },
    ),
    (
        "super-resolution",
        "super_resolution:super_resolution",
        ("translate", "images"),
        {
            "summary": "PSNR and SSIM of luma, beside bicubic",
            "columns": [
                Column("psnr-y-set5", "PSNR Set5", 0, leading=True, headline=True, short="PSNR"),
                Column("ssim-y-set5", "SSIM Set5", 1),
                Column("psnr-y-set14", "PSNR Set14", 2),
                Column("ssim-y-set14", "SSIM Set14", 3),
            ],
            "protocol": ["scale", "border"],
            "references": {"bicubic": "bicubic interpolation"},
        },
    ),
    (
        "throughput",
        "throughput:throughput",
        ("generate",),
        {
            "summary": "images per second, on this machine",
            "default": False,
            "columns": [
                Column("images-per-second", "images/s", 30, space="images"),
                Column("rows-per-second", "rows/s", 30, space="vectors"),
            ],
            "machine": ["device", "threads", "batch", "dtype"],
        },
    ),
)


@hookimpl
def zoo_register_metrics(register: Callable[..., None]) -> None:
    for name, target, needs, rest in METRICS:
        register(name, f"zoo.metrics.{target}", needs=needs, **rest)


def __getattr__(name: str) -> Any:
    return attribute(__name__, {each.name: f"zoo.metrics.{each.name}" for each in pkgutil.iter_modules(__path__)}, name)


@hookimpl
def zoo_register_features(register: Callable[..., None]) -> None:
    register("grey28", "zoo.nn.classifier:grey28", summary="28×28 grey: digits and clothes")
    register("colour64", "zoo.nn.classifier:colour64", summary="32 to 64 pixels colour: objects and faces")
    register("inception-fid", "zoo.nn.inception:inception_fid", summary="the network of FID, by torch-fidelity")

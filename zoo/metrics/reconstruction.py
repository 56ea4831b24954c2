"""Reconstruction: what is lost on the way through the latent space and back."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.noise import put_back, seed_generators
from zoo.releases.record import Record

INVERTED = 32  # test images: without an encoder it takes hundreds of passes for each
WIDE = 4096  # values of a sample, from which on components are found by random projections


def reconstruct(subject: Subject) -> list[Record]:
    """Mean squared error and PSNR of decode(encode(x)) on test images in [0, 1].

    PSNR is −10 log₁₀ MSE in decibels, of each image, then averaged. Where the encoder is no network, but the generator
    is inverted, which is slow, fewer are taken. No record for a model with an exact density: a flow is a bijection.
    The floor of both, a perfect copy, needs no measuring; `pca` is the MSE of as many principal components as the code
    has numbers, which an encoder should beat.
    """
    model = subject.model
    if model.log_prob_kind == "exact":
        return []
    n = subject.n if model.encodes_by == "network" else min(INVERTED, subject.n)
    condition = None if subject.condition is None else subject.condition[:n]
    images = floats(subject.held_out[:n])
    copies = model.reconstruct(images, condition=condition).float().cpu()
    error = (copies - images).double().square().flatten(1).mean(1)
    args: dict[str, Any] = {"split": "test", "n_real": n, "encoder": model.encodes_by}
    best: dict[str, Any] = {}
    if model.encodes_by == "network" and (size := math.prod(model.latent_shape)) < model.space.dimensions:
        best = {"code": size, "pca": components_error(floats(subject.reference), images, size)}
    return [
        subject.record("mse", "reconstruction MSE", float(error.mean()), **args, **best),
        subject.record("psnr", "reconstruction PSNR (dB)", float(psnr(error).mean()), **args),
    ]


def components_error(train: Tensor, images: Tensor, count: int) -> float:
    """Mean squared error of a pixel of `images` (n, …), each given back by the mean of `train` and its projection on
    the first `count` principal components of that."""
    mean, ways = principal_components(train, count)
    y = images.flatten(1) - mean
    return float((y - (y @ ways) @ ways.T).double().square().mean())


def principal_components(train: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean (d,) of samples (n, …) of d values, and their first `count` principal components as columns (d, count)
    of length 1."""
    x = train.flatten(1)
    mean = x.mean(0)
    x = x - mean
    if x.shape[1] > WIDE:
        with put_back(x.device):
            seed_generators(0, x.device)
            ways = torch.svd_lowrank(x, q=min(count + 20, *x.shape), niter=6)[2][:, :count]
    else:
        ways = torch.linalg.eigh(x.T.double() @ x.double())[1][:, -count:].to(x)
    return mean, ways


def psnr(error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in decibels of mean squared errors of images in [0, 1]; at most 120, for a copy."""
    return -10 * error.clamp_min(1e-12).log10()

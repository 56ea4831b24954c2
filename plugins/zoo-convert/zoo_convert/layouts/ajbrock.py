"""BigGAN of ajbrock/BigGAN-PyTorch: the generator of BigGAN.py with shared embeddings and hierarchical latents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from zoo_convert.layout import Layout, Row, Shapes, same, unneeded

REPOSITORY, COMMIT = "https://github.com/ajbrock/BigGAN-PyTorch", "98459431a5d618d644d54cd1e9fceb1e5045648d"
FOUND = "The largest singular value is computed anew, as the repository does at every step."


def config(shapes: Shapes) -> dict[str, Any]:
    classes, embedding_dim = shapes["shared.weight"]
    bottom, part = shapes["linear.weight"]
    condition = shapes["blocks.0.0.bn1.gain.weight"][1]
    if condition != embedding_dim + part:
        raise ValueError("its latents are not hierarchical (--hier)")
    blocks = len({key.split(".")[1] for key in shapes if key.startswith("blocks.")})
    wide = [bottom // 16, *(shapes[f"blocks.{block}.0.conv1.weight"][0] for block in range(blocks))]
    attends = [block for block in range(blocks) if f"blocks.{block}.1.gamma" in shapes]
    if len(attends) > 1:
        raise ValueError(f"it has self-attention at {len(attends)} sizes, where one was expected")
    width = math.gcd(*wide)
    return {
        "image_size": 4 << blocks,
        "channels": shapes["output_layer.2.weight"][0],
        "latent_dim": part * (blocks + 1),
        "width": width,
        "embedding_dim": embedding_dim,
        "classes": [str(label) for label in range(classes)],
        "multipliers": [each // width for each in wide],
        "hierarchical": True,
        "attention": 8 << attends[0] if attends else 0,
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    block, ours = "blocks.{b}.0.", "generator.blocks.{b}."
    found = [
        same("shared.weight", "generator.embedding.weight"),
        *_normed("linear", "generator.project.0"),
        *_normed("output_layer.2", "generator.to_rgb.2"),
        same("output_layer.0.gain", "generator.to_rgb.0.weight"),
        same("output_layer.0.bias", "generator.to_rgb.0.bias"),
        same("output_layer.0.stored_mean", "generator.to_rgb.0.running_mean"),
        same("output_layer.0.stored_var", "generator.to_rgb.0.running_var"),
        *_normed(block + "conv_sc", ours + "shortcut"),
    ]
    for number in (1, 2):
        found += _normed(block + f"conv{number}", ours + f"conv{number}")
        for name in ("gain", "bias"):
            found += _normed(f"{block}bn{number}.{name}", f"{ours}norm{number}.{name}")
        for their, our in (("stored_mean", "running_mean"), ("stored_var", "running_var")):
            found.append(same(f"{block}bn{number}.{their}", f"{ours}norm{number}.norm.{our}"))
    for their, our in (("theta", "query"), ("phi", "key"), ("g", "value"), ("o", "out")):
        found += _normed("blocks.{b}.1." + their, f"generator.attention.{our}", biased=False)
    return [*found, same("blocks.{b}.1.gamma", "generator.attention.gain")]


def _normed(theirs: str, ours: str, *, biased: bool = True) -> list[Row]:
    """A layer with spectral normalisation, which is folded into its weights."""
    found = [
        Row((theirs + ".weight", theirs + ".u0"), ours + ".weight", made=_folded),
        unneeded(theirs + ".sv0", FOUND),
    ]
    return [*found, same(theirs + ".bias", ours + ".bias")] if biased else found


def _folded(weight: Tensor, u: Tensor) -> Tensor:
    """The weights over the largest singular value, by one more step of the power method from `u` (1, outputs)."""
    matrix = weight.flatten(1)
    v = F.normalize(u @ matrix, eps=1e-12)
    u = F.normalize(v @ matrix.T, eps=1e-12)
    return weight / (v @ matrix.T @ u.T).squeeze()


LAYOUTS = [
    Layout(
        "ajbrock-biggan",
        "biggan-lite",
        REPOSITORY,
        COMMIT,
        "BigGAN.py's generator with --G_shared --hier and its spectral normalisation: G.pth or G_ema.pth",
        config,
        rows,
        differs="Classes are named by their numbers: --set classes=[…] names them. Spectral normalisation is in the "
        "weights. Statistics are the running ones, not those that sample.py gathers with --accumulate_stats.",
    )
]

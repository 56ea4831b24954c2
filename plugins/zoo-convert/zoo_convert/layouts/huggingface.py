"""BigGAN-deep of huggingface/pytorch-pretrained-BigGAN: the generators that DeepMind released, in torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes, same

REPOSITORY, COMMIT = (
    "https://github.com/huggingface/pytorch-pretrained-BigGAN",
    "1e18aed2dff75db51428f13b940c38b923eb4a3d",
)
COLOURS = 3  # of the channels that the last convolution makes


def config(shapes: Shapes) -> dict[str, Any]:
    embedding_dim, classes = shapes["embeddings.weight"]
    blocks, attends = _blocks(shapes), _attends(shapes)
    wide = [shapes[f"generator.layers.{block}.conv_0.weight_orig"][1] for block in blocks[::2]]
    width = shapes["generator.bn.weight"][0]
    return {
        "channels": COLOURS,
        "latent_dim": shapes["generator.gen_z.weight_orig"][1] - embedding_dim,
        "embedding_dim": embedding_dim,
        "width": width,
        "multipliers": [each // width for each in (*wide, width)],
        "classes": [str(label) for label in range(classes)],
        "attention": 4 << attends // 2 if attends else 0,
        "levels": shapes["generator.bn.running_means"][0],
    }


def _blocks(shapes: Shapes) -> list[int]:
    """Places of the blocks among the layers, in which self-attention has one too."""
    return sorted(int(key.split(".")[2]) for key in shapes if key.endswith("conv_0.bias"))


def _attends(shapes: Shapes) -> int:
    found = [int(key.split(".")[2]) for key in shapes if key.endswith(".gamma")]
    if len(found) > 1 or any(place % 2 for place in found):
        raise ValueError(f"it has self-attention before the layers {found}, where one with an even number was expected")
    return found[0] if found else 0


def rows(config: Mapping[str, Any]) -> list[Row]:
    count = 2 * len(config["multipliers"]) - 2
    sizes = [4 << stage for stage in range(len(config["multipliers"]))]
    attends = 2 * sizes.index(config["attention"]) if config["attention"] else count
    places = {place + (place >= attends): place for place in range(count)}
    layer, block, by = "generator.layers.{i}.", "generator.blocks.{i}.", {"i": places}
    found = [
        Row("embeddings.weight", "generator.embedding.weight", made=lambda weight: weight.t()),
        Row(_normed("generator.gen_z"), "generator.project.0.weight", made=_first),
        Row("generator.gen_z.bias", "generator.project.0.bias", made=_channels_first),
        same("generator.bn.running_means", "generator.norm.mean"),
        same("generator.bn.running_vars", "generator.norm.variance"),
        same("generator.bn.weight", "generator.gain"),
        same("generator.bn.bias", "generator.bias"),
        Row(_normed("generator.conv_to_rgb"), "generator.to_rgb.weight", made=_last),
        Row("generator.conv_to_rgb.bias", "generator.to_rgb.bias", made=lambda bias: bias[:COLOURS]),
        Row(layer + "bn_{k}.running_means", block + "norms.{k}.norm.mean", by),
        Row(layer + "bn_{k}.running_vars", block + "norms.{k}.norm.variance", by),
        Row(_normed(layer + "bn_{k}.scale"), block + "norms.{k}.gain.weight", by, _folded),
        Row(_normed(layer + "bn_{k}.offset"), block + "norms.{k}.bias.weight", by, _folded),
        Row(_normed(layer + "conv_{k}"), block + "convs.{k}.weight", by, _folded),
        Row(layer + "conv_{k}.bias", block + "convs.{k}.bias", by),
        Row(layer + "gamma", "generator.attention.gain", made=lambda gamma: gamma[0]),
    ]
    for theirs, ours in (("theta", "query"), ("phi", "key"), ("g", "value"), ("o_conv", "out")):
        found.append(Row(_normed(f"{layer}snconv1x1_{theirs}"), f"generator.attention.{ours}.weight", made=_folded))
    return found


def _normed(layer: str) -> tuple[str, str, str]:
    """The tensors of a layer with torch's spectral normalisation."""
    return f"{layer}.weight_orig", f"{layer}.weight_u", f"{layer}.weight_v"


def _folded(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The weights over their largest singular value, as they are in eval mode."""
    return weight / (u @ weight.flatten(1) @ v)


def _channels_first(rows: Tensor) -> Tensor:
    """Of the first layer, whose outputs are 4 × 4 places of all channels."""
    return rows.view(16, -1, *rows.shape[1:]).transpose(0, 1).flatten(0, 1)


def _first(*normed: Tensor) -> Tensor:
    return _channels_first(_folded(*normed))


def _last(*normed: Tensor) -> Tensor:
    return _folded(*normed)[:COLOURS]


LAYOUTS = [
    Layout(
        "huggingface-biggan",
        "biggan-deep",
        REPOSITORY,
        COMMIT,
        "biggan-deep-128, -256 and -512: pytorch_model.bin",
        config,
        rows,
        differs="Classes are named by ImageNet's numbers: --set classes=[…] names them. Between two of the 51 "
        "truncations statistics are interpolated; the repository has the shares of the two the other way round. "
        "Of the channels of the last convolution only those of the three colours are kept.",
    )
]

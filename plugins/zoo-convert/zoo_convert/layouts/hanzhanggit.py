"""StackGAN-Pytorch of hanzhanggit, one of the paper's authors: both stages, or the first alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo_convert.layout import Layout, Row, Shapes, same

REPOSITORY = "https://github.com/hanzhanggit/StackGAN-Pytorch"
COMMIT = "e72ef88446e7bcd84a7b88060053edad72fecf6a"
FIRST = "STAGE1_G."  # before the names of stage I's layers in a file of stage II


def config(shapes: Shapes) -> dict[str, Any]:
    both = f"{FIRST}fc.0.weight" in shapes
    first = FIRST if both else ""
    moments, text_dim = shapes[f"{first}ca_net.fc.weight"]
    return {
        "channels": shapes[f"{first}img.0.weight"][0],
        "text_dim": text_dim,
        "condition_dim": moments // 2,
        "latent_dim": shapes[f"{first}fc.0.weight"][1] - moments // 2,
        "width": shapes[f"{first}upsample1.1.weight"][1] // 8,
        "residual": len([key for key in shapes if key.startswith("residual.") and key.endswith(".block.0.weight")]),
        "stages": 2 if both else 1,
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    first, found = (FIRST, _second()) if config["stages"] == 2 else ("", [])
    ours = "generator.draw.0.network."
    found += [
        same(f"{first}ca_net.fc.{{T}}", "generator.augment.0.moments.{T}"),
        same(f"{first}fc.{{i}}.{{T}}", ours + "{i}.{T}"),
        same(f"{first}img.0.weight", ours + "20.weight"),
    ]
    return found + _growing(first, ours, 4)


def _second() -> list[Row]:
    ours = "generator.draw.1."
    return [
        same("ca_net.fc.{T}", "generator.augment.1.moments.{T}"),
        same("encoder.{i}.{T}", ours + "down.{i}.{T}"),
        same("hr_joint.{i}.{T}", ours + "joint.{i}.{T}"),
        same("residual.{i}.block.{k}.{T}", ours + "residual.{i}.change.{k}.{T}"),
        same("img.0.weight", ours + "grow.16.weight"),
        *_growing("", ours + "grow.", 0),
    ]


def _growing(theirs: str, ours: str, place: int) -> list[Row]:
    """The four doublings, whose layers lie here one after another from `place`."""
    return [
        same(f"{theirs}upsample{k + 1}.{{i}}.{{T}}", f"{ours}{{i}}.{{T}}", i={i: place + 4 * k + i for i in (1, 2)})
        for k in range(4)
    ]


LAYOUTS = [
    Layout(
        "hanzhanggit-stackgan",
        "stackgan-v1",
        REPOSITORY,
        COMMIT,
        "netG_epoch_N.pth of stage II, or of stage I alone; texts come as embeddings of Reed et al.'s char-CNN-RNN",
        config,
        rows,
        differs="Noise of the conditioning augmentation is a part of the latents. samples.png is drawn under random "
        "numbers, embeddings of no text.",
    )
]

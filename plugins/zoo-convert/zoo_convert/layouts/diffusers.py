"""The U-Net of DDPM in diffusers, as of google/ddpm-cifar10-32: UNet2DModel with the settings of the authors' code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes, same

REPOSITORY, COMMIT = "https://github.com/huggingface/diffusers", "v0.42.1"

# What config.json must say, or, where it says nothing, diffusers takes for granted: (expected, taken).
EXPECTED: dict[str, tuple[Any, Any]] = {
    "_class_name": ("UNet2DModel", None),
    "act_fn": ("silu", "silu"),
    "add_attention": (True, True),
    "attention_head_dim": (None, 8),
    "attn_norm_num_groups": (None, None),
    "center_input_sample": (False, False),
    "class_embed_type": (None, None),
    "downsample_padding": (0, 1),
    "downsample_type": ("conv", "conv"),
    "flip_sin_to_cos": (False, True),
    "freq_shift": (1, 0),
    "mid_block_scale_factor": (1, 1),
    "norm_eps": (1e-6, 1e-5),
    "num_class_embeds": (None, None),
    "resnet_time_scale_shift": ("default", "default"),
    "time_embedding_type": ("positional", "positional"),
    "upsample_type": ("conv", "conv"),
}
SCHEDULED: dict[str, tuple[Any, Any]] = {
    "beta_schedule": ("linear", "linear"),
    "prediction_type": ("epsilon", "epsilon"),
    "trained_betas": (None, None),
}


def told(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that a folder's config.json and scheduler_config.json tell."""
    scheduler = settings.get("scheduler", {})
    for held, expected in ((settings, EXPECTED), (scheduler, SCHEDULED)):
        for name, (value, taken) in expected.items():
            if held.get(name, taken) != value:
                raise ValueError(f"its {name} is {held.get(name, taken)!r}, where {value!r} was expected")
    fields = {"image_size": settings.get("sample_size"), "groups": settings.get("norm_num_groups", 32)}
    names = {"num_train_timesteps": "timesteps", "beta_start": "first_beta", "beta_end": "last_beta"}
    fields |= {ours: scheduler[theirs] for theirs, ours in names.items() if theirs in scheduler}
    return {name: value for name, value in fields.items() if value is not None}


def config(shapes: Shapes) -> dict[str, Any]:
    width, channels, *_ = shapes["conv_in.weight"]
    levels = len({key.split(".")[1] for key in shapes if key.startswith("down_blocks.")})
    wide = [shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(levels)]
    attends = [level for level in range(levels) if f"down_blocks.{level}.attentions.0.group_norm.weight" in shapes]
    if len(attends) > 1:
        raise ValueError(f"it has self-attention at {len(attends)} levels, where one was expected")
    if any(each % width for each in wide):
        raise ValueError(f"its levels have {wide} channels, which are not all multiples of {width}")
    return {
        "channels": channels,
        "width": width,
        "multipliers": [each // width for each in wide],
        "attention": attends[0] if attends else levels,
        "blocks": len({key.split(".")[3] for key in shapes if key.startswith("down_blocks.0.resnets.")}),
        "groups": 32,
        "network": "published",
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    levels, blocks = len(config["multipliers"]), config["blocks"]
    found = [
        same("time_embedding.linear_1.{TENSOR}", "network.time.0.{TENSOR}"),
        same("time_embedding.linear_2.{TENSOR}", "network.time.2.{TENSOR}"),
        same("conv_in.{TENSOR}", "network.conv_in.{TENSOR}"),
        same("conv_norm_out.{TENSOR}", "network.conv_out.0.{TENSOR}"),
        same("conv_out.{TENSOR}", "network.conv_out.2.{TENSOR}"),
        same("down_blocks.{i}.downsamplers.0.conv.{TENSOR}", "network.downsample.{i}.1.{TENSOR}"),
        same("up_blocks.{i}.upsamplers.0.conv.{TENSOR}", "network.upsample.{i}.{TENSOR}"),
        *_residual("mid_block.resnets.0.", "network.middle.residual."),
        *_attention("mid_block.attentions.0.", "network.middle.attention."),
        *_residual("mid_block.resnets.1.", "network.middle_last."),
    ]
    for way, count in (("down", blocks), ("up", blocks + 1)):
        for level in range(levels):
            for block in range(count):
                ours = f"network.{way}.{level * count + block}."
                found += _residual(f"{way}_blocks.{level}.resnets.{block}.", ours + "residual.")
                found += _attention(f"{way}_blocks.{level}.attentions.{block}.", ours + "attention.")
    return found


def _residual(theirs: str, ours: str) -> list[Row]:
    parts = {
        "norm1": "first.0",
        "conv1": "first.2",
        "time_emb_proj": "time",
        "norm2": "second.0",
        "conv2": "second.2",
        "conv_shortcut": "skip",
    }
    return [same(f"{theirs}{their}." + "{TENSOR}", f"{ours}{our}." + "{TENSOR}") for their, our in parts.items()]


def _attention(theirs: str, ours: str) -> list[Row]:
    """Of names since diffusers 0.13, and of those before."""
    found = [same(theirs + "group_norm.{TENSOR}", ours + "norm.{TENSOR}")]
    for *seen, out in (("to_q", "to_k", "to_v", "to_out.0"), ("query", "key", "value", "proj_attn")):
        parts = tuple(f"{theirs}{name}." + "{TENSOR}" for name in seen)
        found.append(Row(parts, ours + "to_qkv.{TENSOR}", made=_convolution))
        found.append(Row(f"{theirs}{out}." + "{TENSOR}", ours + "proj_out.{TENSOR}", made=_convolution))
    return found


def _convolution(*parts: Tensor) -> Tensor:
    """Linear layers' tensors, one after another, as those of one 1 × 1 convolution."""
    joined = torch.cat(parts)
    return joined if joined.ndim == 1 else joined[:, :, None, None]


LAYOUTS = [
    Layout(
        "diffusers-ddpm",
        "ddpm",
        REPOSITORY,
        COMMIT,
        "UNet2DModel as of google/ddpm-cifar10-32; the folder, or diffusion_pytorch_model.… of it. Needs zoo-diffusion",
        config,
        rows,
        asks={"image_size": "the side of its images, 32 for CIFAR-10, unless a folder's config.json says it"},
        told=told,
        differs="Sampling is that of zoo's `ddpm`: DDIM's steps, or with `steps=1000, eta=1` the paper's with the "
        "smaller variance, and x_0 is not clipped on the way.",
        package="zoo-diffusion",
    )
]

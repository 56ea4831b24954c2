"""MAF of kamenbliznashki/normalizing_flows: Gaussian layers, orders in turn, batch normalisation, its defaults."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import errors
from zoo_convert.layout import Layout, Row, Shapes, same, unneeded

REPOSITORY = "https://github.com/kamenbliznashki/normalizing_flows"
COMMIT = "97a73a01bcee3ac8015dfeeb3cffb035ec39a1f2"
CONSTANT = "It is the same in every file."


def config(shapes: Shapes) -> dict[str, Any]:
    width, features = shapes["net.0.net_input.weight"]
    if "net.0.net_input.cond_weight" in shapes:
        raise ValueError("it is conditional, as maf is not")
    if "net.1.log_gamma" not in shapes:
        raise ValueError("it has no batch normalisation (--no_batch_norm)")
    if shapes[f"net.0.net.{2 * _hidden(shapes) - 1}.weight"][0] != 2 * features:
        raise ValueError("its layers are mixtures")
    return {
        "image_shape": [features],
        "layers": sum(key.endswith("net_input.weight") for key in shapes),
        "hidden": [width] * _hidden(shapes),
        "bound": 2.0**20,
        "dequantisation": "uniform",
        "norm": "batch",
    }


def _hidden(shapes: Shapes) -> int:
    """How many hidden layers each network has."""
    return sum(key.startswith("net.0.net.") and key.endswith(".weight") for key in shapes)


def rows(config: Mapping[str, Any]) -> list[Row]:
    (features,), (width, *_), last = config["image_shape"], config["hidden"], len(config["hidden"])
    values = torch.arange(features)
    units = torch.arange(width) % max(features - 1, 1)
    # Units are sorted here by how many values they see.
    kept, order = values, units.argsort(stable=True)
    found = [
        unneeded(prefix + name, CONSTANT) for prefix in ("", "net.{i}.") for name in ("base_dist_mean", "base_dist_var")
    ]
    for layer in range(config["layers"]):
        theirs, ours = f"net.{2 * layer}.", f"bijection.layers.{1 + 2 * layer}.network."
        degrees = values.flip(0) if layer % 2 else values
        # What each layer sees, and what sees it.
        places = [
            ("net_input", "hidden.0", units[:, None] >= degrees, order, kept),
            *((f"net.{2 * i - 1}", f"hidden.{i}", units[:, None] >= units, order, order) for i in range(1, last)),
            (f"net.{2 * last - 1}", "last", (degrees[:, None] > units).repeat(2, 1), torch.arange(2 * features), order),
        ]
        for their, our, mask, after, before in places:
            weight, bias = functools.partial(_weight, mask, after, before), functools.partial(_bias, after)
            found.append(Row((f"{theirs}{their}.weight", f"{theirs}{their}.mask"), f"{ours}{our}.weight", made=weight))
            found.append(Row(f"{theirs}{their}.bias", f"{ours}{our}.bias", made=bias))
    for their, our in (
        ("log_gamma", "log_scale"),
        ("beta", "shift"),
        ("running_mean", "mean"),
        ("running_var", "variance"),
    ):
        found.append(same("net.{i}." + their, "bijection.layers.{i}." + our, i=1))
    return found


def _weight(expected: Tensor, after: Tensor, before: Tensor, weight: Tensor, mask: Tensor) -> Tensor:
    if not torch.equal(mask.bool(), expected):
        raise errors.WeightsMismatch("its masks are those of a random order (--input_order), which maf has not.")
    return (weight * mask)[after][:, before]


def _bias(after: Tensor, bias: Tensor) -> Tensor:
    return bias[after]


LAYOUTS = [
    Layout(
        "kamenbliznashki-maf",
        "maf",
        REPOSITORY,
        COMMIT,
        "maf.py --model maf, best_model_checkpoint.pt: tables, or images as vectors of their logits",
        config,
        rows,
        within=("model_state",),
        fixed=lambda config: {"standard.location": 0, "standard.scale": 1, "standard.whole": False},
        differs="Its networks have ReLUs; those of --activation_fn tanh have the same tensors and would be wrong. "
        "Vectors are of the repository's own standardised columns.",
    )
]

"""Checks of models conditioned on an image: that it matters, in every form and size, and what is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from zoo.model import Model
from zoo.models._translator import Translator
from zoo.testing.contract import (
    SAME_IMAGE,
    Check,
    expect,
    gap,
    refused,
    told,
)
from zoo.testing.examples import (
    generate,
    in_range,
    sources,
)


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that is conditioned on images."""
    yield check_source_matters
    yield check_source_forms
    if isinstance(model, Translator):
        yield check_source_sizes
    yield check_wrong_sources_refused


def check_source_matters(model: Model) -> None:
    """Different images as conditions give different images."""
    x = sources(model, 1)
    one, other = generate(model, 1, condition=x), generate(model, 1, condition=1 - x)
    expect(
        not torch.equal(one, other),
        "Different conditions give different images.",
        f"An image and its negative both gave the same {told(one)}.",
        "Use the argument `condition` of _generate, images of shape (n, source_channels, height, width).",
    )


def check_source_forms(model: Model) -> None:
    """An image as a tensor, with or without a batch dimension, as a PIL image, a file or one for each sample means the
    same."""
    from torchvision.transforms.functional import to_pil_image

    x = sources(model, 1)
    usual = generate(model, 2, condition=x)
    forms: dict[str, Any] = {"a tensor without a batch dimension": x[0], "a tensor for each sample": torch.cat([x, x])}
    with tempfile.TemporaryDirectory() as folder:
        if model.source_channels <= 4:  # otherwise no picture has them
            picture, path = to_pil_image((255 * x[0]).round().byte()), Path(folder) / "source.png"
            picture.save(path)
            forms |= {"a PIL image": picture, "a path": path, "a list of both": [str(path), picture]}
        for what, condition in forms.items():
            got = generate(model, 2, condition=condition)
            largest = gap(got, usual) if got.shape == usual.shape else float("inf")
            seen = f"A tensor (1, …) gave {told(usual)}; {what} gave {told(got)}, up to {largest:.3g} away."
            change = "Leave the reading of conditions to Model.check_condition."
            expect(largest <= SAME_IMAGE, "The same image in any form means the same.", seen, change)


def check_source_sizes(model: Model) -> None:
    """A Translator takes images of any size, and gives images `scale` times as large in [0, 1]."""
    assert isinstance(model, Translator)
    x = sources(model, 1)
    for height, width in ((1, 1), (5, 3), (x.shape[2] + 1, x.shape[3] - 1)):
        source = torch.cat([x, x], 2)[:, :, :height, :width]
        got, expected = generate(model, 1, condition=source), (model.scale * height, model.scale * width)
        expect(
            tuple(got.shape[2:]) == expected and in_range(model, got),
            "Images of any size are translated, to `scale` times that size, into [0, 1].",
            f"From {told(source)} came {told(got)}, not {(1, model.image_shape[0], *expected)}.",
            "Set multiple, smallest and scale to what the network takes and gives, and leave padding to Translator.",
        )


def check_wrong_sources_refused(model: Model) -> None:
    """Conditions that are no images in [0, 1] with the model's channels, or not one for each sample, are refused."""
    x = sources(model, 2)
    nan = x.clone()
    nan.view(-1)[0] = float("nan")
    wrong: dict[str, Any] = {
        "None": None, "NaN": nan, "integers": (255 * x).long(), "an empty batch": x[:0], "lists": x.tolist(),
        "an array": x[0].numpy(), "a list of tensors": list(x), "a class index": 0, "an empty list": [],
        "one channel more": torch.cat([x, x[:, :1]], 1), "a matrix": x[0, 0], "no pixels": x[:, :, :0],
        "pixels below 0": x - 1, "pixels up to 255": 255 * x, "pixels of 1.01": x - x.max() + 1.01,
        "three images for two samples": torch.cat([x, x[:1]]),
    }  # fmt: skip
    calls = {f"generate(2) of {what}": partial(generate, model, 2, condition=bad) for what, bad in wrong.items()}
    refused("Wrong conditions are refused, never rescaled.", calls)

"""Checks of translate: that the image matters, in every form and size, and what is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from zoo.golden import translates_images
from zoo.model import Model
from zoo.models._translator import Translator
from zoo.testing.contract import (
    SAME_IMAGE,
    Check,
    described,
    expect,
    gap,
    refused,
)
from zoo.testing.examples import result_shape, samples, sources, translate


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that makes images from images, or samples from others."""
    yield check_translations
    yield check_translate_seeded
    if not translates_images(model):
        yield check_wrong_counts_refused
        return
    yield check_source_matters
    yield check_source_forms
    if isinstance(model, Translator):
        yield check_source_sizes
    yield check_wrong_sources_refused


def check_translations(model: Model) -> None:
    """translate returns floats in [0, 1] in the model's dtype, on its device, of the size that follows from the
    image's; or samples of another space."""
    got, expected = translate(model, sources(model, 3)), (3, *result_shape(model))
    kind = samples(model, 1).dtype
    kind = model.dtype if kind.is_floating_point else kind
    expect(
        tuple(got.shape) == expected and got.dtype == kind and model.space.contains(got),
        "Translations are images in [0, 1] of the size that follows from what they are made from.",
        f"Of {expected} expected pixels came {described(got)}.",
        "Correct what _translate returns, or the shape of self.space, and map the network's range to [0, 1].",
    )


def check_translate_seeded(model: Model) -> None:
    """What translate draws follows from the seed and the number of the sample; what is said to be deterministic draws
    nothing."""
    x = torch.cat([sources(model, 1)] * 2)
    usual = translate(model, x)
    ways: dict[str, dict[str, Any]] = {"batch_size=1": {"batch_size": 1}, "the same call again": {}}
    if model.deterministic:
        ways |= {"seed=1": {"seed": 1}, "temperature=0": {"temperature": 0.0}}
    for what, arguments in ways.items():
        largest = gap(translate(model, x, **arguments), usual)
        expect(
            largest <= SAME_IMAGE,
            "Translations follow from image and seed, those of a deterministic model from the image alone.",
            f"translate(x, seed=0) gave {described(usual)}; {what} differs by up to {largest:.3g}.",
            "Draw from `noise` only, and nothing where deterministic = True.",
        )
    differ = model.deterministic or not torch.equal(usual[0], usual[1])
    expect(
        differ,
        "A model that is not deterministic makes different images of one.",
        f"Samples 0 and 1 of one image are equal, {described(usual)}.",
        "Use `noise`, or set deterministic = True in the class.",
    )


def check_wrong_counts_refused(model: Model) -> None:
    """As many sources come as samples are wanted, or one."""
    x = sources(model, 2)
    calls = {
        "translate of 2 sources, n=3": partial(translate, model, x, n=3),
        "of none": partial(translate, model, x[:0]),
    }
    refused("Sources of another number than the samples are refused.", calls)


def check_source_matters(model: Model) -> None:
    """Different images as conditions give different images."""
    x = sources(model, 1)
    one, other = translate(model, x), translate(model, 1 - x)
    expect(
        not torch.equal(one, other),
        "Different conditions give different images.",
        f"An image and its negative both gave the same {described(one)}.",
        "Use the argument `images` of _translate, of shape (n, channels, height, width).",
    )


def check_source_forms(model: Model) -> None:
    """An image as a tensor, with or without a batch dimension, as a PIL image, a file or one for each sample means the
    same."""
    from torchvision.transforms.functional import to_pil_image

    x = sources(model, 1)
    usual = translate(model, torch.cat([x, x]))
    forms: dict[str, Any] = {"a tensor without a batch dimension": x[0], "one image": x}
    with tempfile.TemporaryDirectory() as folder:
        if x.shape[1] <= 4:  # otherwise no picture has them
            picture, path = to_pil_image((255 * x[0]).round().byte()), Path(folder) / "source.png"
            picture.save(path)
            forms |= {"a PIL image": picture, "a path": path, "a list of both": [str(path), picture]}
        for what, condition in forms.items():
            got = translate(model, condition)
            largest = gap(got, usual[: len(got)]) if got.shape[1:] == usual.shape[1:] else float("inf")
            seen = f"A tensor (2, …) gave {described(usual)}; {what} gave {described(got)}, up to {largest:.3g} away."
            change = "Leave the reading of conditions to Model.check_condition."
            expect(largest <= SAME_IMAGE, "The same image in any form means the same.", seen, change)


def check_source_sizes(model: Model) -> None:
    """A Translator takes images of any size, and gives images `scale` times as large in [0, 1]."""
    assert isinstance(model, Translator)
    x = sources(model, 1)
    for height, width in ((1, 1), (5, 3), (x.shape[2] + 1, x.shape[3] - 1)):
        source = torch.cat([x, x], 2)[:, :, :height, :width]
        got, expected = translate(model, source)[:1], (model.enlargement * height, model.enlargement * width)
        expect(
            tuple(got.shape[2:]) == expected and model.space.contains(got),
            "Images of any size are translated, to `scale` times that size, into [0, 1].",
            f"From {described(source)} came {described(got)}, not {(1, model.space.shape[0], *expected)}.",
            "Set multiple, smallest and scale to what the network takes and gives, and leave padding to Translator.",
        )


def check_wrong_sources_refused(model: Model) -> None:
    """What is no images in [0, 1] with the model's channels is refused."""
    x = sources(model, 2)
    nan = x.clone()
    nan.view(-1)[0] = float("nan")
    wrong: dict[str, Any] = {
        "None": None, "NaN": nan, "integers": (255 * x).long(), "an empty batch": x[:0], "lists": x.tolist(),
        "an array of levels": 255 * x.numpy(), "a list of levels": list(255 * x), "an index": 0, "an empty list": [],
        "one channel more": torch.cat([x, x[:, :1]], 1), "a matrix": x[0, 0], "no pixels": x[:, :, :0],
        "pixels below 0": x - 1, "pixels up to 255": 255 * x, "pixels of 1.01": x - x.max() + 1.01,
    }  # fmt: skip
    calls = {f"translate of {what}": partial(translate, model, bad) for what, bad in wrong.items()}
    refused("Wrong images are refused, never rescaled.", calls)

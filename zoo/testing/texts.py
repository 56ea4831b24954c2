"""Checks of models conditioned on texts: that these matter, in every form, what is said of strange words, and what is
refused."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from zoo.conditions import Texts
from zoo.errors import UnknownWord
from zoo.model import Model
from zoo.testing.contract import (
    SAME_IMAGE,
    Check,
    described,
    expect,
    gap,
    refused,
)
from zoo.testing.examples import (
    generate,
    latents,
)

STRANGE = "xyzzyplugh"


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that is conditioned on texts."""
    if len(_condition(model).vocabulary) > 1:
        yield check_texts_matter
    yield check_text_forms
    yield check_unknown_words_warned
    yield check_wrong_texts_refused


def check_texts_matter(model: Model) -> None:
    """Different texts give different images of the same latents."""
    first, second = _condition(model).example(2)
    one, other = generate(model, 4, condition=first), generate(model, 4, condition=second)
    expect(
        not torch.equal(one, other),
        "Different texts give different images.",
        f"Under {first!r} and {second!r}, generate gave the same {described(one)}.",
        "Use the argument `condition` of _generate, embeddings of shape (n, text_dim).",
    )


def check_text_forms(model: Model) -> None:
    """A text, in capitals or not, one for each sample, and its embedding mean the same."""
    text = _condition(model).example(1)[0]
    usual = generate(model, 2, condition=text)
    embedding = model.embed(text)
    forms: dict[str, Any] = {
        repr(text.upper()): text.upper(),
        "one in a list": [text],
        "one for each sample": (text, text),
        "its embedding": embedding,
        "its embedding for each sample": embedding.repeat(2, 1),
    }
    for what, condition in forms.items():
        got = generate(model, 2, condition=condition)
        largest = gap(got, usual)
        seen = f"{text!r} gave {described(usual)}; {what} differs by up to {largest:.3g}."
        change = "Leave the reading of texts to Model.embed, and compute the embedding of each on its own."
        expect(largest <= SAME_IMAGE, "The same text in any form means the same.", seen, change)


def check_unknown_words_warned(model: Model) -> None:
    """A word that the model has not learned is taken for an unknown one, with a warning that names it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        generate(model, 1, condition=STRANGE)
    said = [str(each.message) for each in caught if issubclass(each.category, UnknownWord)]
    expect(
        any(STRANGE in message for message in said),
        "Unknown words are named by a warning.",
        f"Of {STRANGE!r} nothing was said.",
        "Leave the reading of texts to Model.embed.",
    )


def check_wrong_texts_refused(model: Model) -> None:
    """What is no text, one without words or with too many, too many texts and none are refused."""
    text = _condition(model).example(1)[0]
    long = " ".join([text] * (_condition(model).longest + 1))
    wide = torch.zeros(1, _condition(model).dim).repeat(1, 2)
    wrong: dict[str, Any] = {
        "none": None, "an empty text": "", "a text without words": " …", "a number": 3, "a list of numbers": [3],
        "an empty list": [], "three texts": [text] * 3, "too long a text": long,
        "too wide an embedding": wide, "labels": torch.tensor([0]),
    }  # fmt: skip
    calls = {f"condition={what}": partial(generate, model, 2, condition=bad) for what, bad in wrong.items()}
    if "decode" in model.capabilities():
        calls["decode without a condition"] = partial(model.decode, latents(model, 1))
    refused("Conditions that are no texts are refused.", calls)


def _condition(model: Model) -> Texts:
    assert isinstance(model.condition, Texts)
    return model.condition

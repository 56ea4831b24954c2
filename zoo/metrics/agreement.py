"""Class agreement: does a label-conditional model draw what it was asked for, as judged by a classifier?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo._util import matching
from zoo.conditions import Labels
from zoo.errors import UnknownName
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record


def agreement(subject: Subject) -> list[Record]:
    """Share of generated images that the feature network's classifier gives the requested class; its logits are
    restricted to the classes of the data set. The floor is here a ceiling: its accuracy on held-out images.

    Classes requested are those of the held-out images. No record for a model without classes, or when the feature
    network is no classifier of these classes.
    """
    kind = subject.model.condition
    if not isinstance(kind, Labels) or (columns := _columns(subject, kind.classes)) is None:
        return []
    requested = subject.condition
    assert requested is not None  # or there would be no labels

    def share(features: Tensor) -> float:
        predicted = subject.features.logits_of(features)[:, columns].argmax(1)
        return float(predicted.eq(requested).double().mean())

    return [
        subject.record(
            "class-agreement",
            f"class agreement ({subject.features.name})",
            share(subject.generated_features),
            features=True,
            n_generated=subject.n,
            classes=len(kind.classes),
            floor=share(subject.held_out_features),
        )
    ]


def _columns(subject: Subject, classes: Sequence[str]) -> Tensor | None:
    """The logit of each of the model's `classes`, in their order, or None when the network does not know them."""
    known = subject.features.classes
    try:
        return torch.tensor([matching.find(name, known, "no class is called") for name in classes], device="cpu")
    except UnknownName:
        return None

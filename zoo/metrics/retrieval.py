"""Retrieval: is the caption of an image, or the text that an image was drawn for, told from nine others?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.metrics.evaluate import Record, Subject
from zoo.metrics.features import CHUNK
from zoo.training.data import floats

AMONG = 10  # captions, of which one is the right one: chance is a tenth


def retrieval(subject: Subject) -> list[Record]:
    """Share of images whose own caption is the one most like them among 10, as the encoders of texts and images that
    come with the model see it: of images generated for the first captions of the held-out images, and of these held-out
    images themselves, beside which the former are to be read.

    The other nine are first captions of other held-out images, drawn by the seed, none of which is among the image's
    own. No record for models without such encoders. Raises DataError when too few captions differ.
    """
    model: Any = subject.model
    if not (model.text_shape and hasattr(model, "similarity")):
        return []
    rows = candidates(subject)

    def share(images: Tensor) -> float:
        parts = [model.similarity(floats(part), subject.condition) for part in torch.split(images, CHUNK)]
        likeness = torch.cat(parts).cpu().gather(1, rows)
        return float((likeness[:, :1] > likeness[:, 1:]).all(1).double().mean())

    return [
        subject.record(kind, name, share(images), split="test", n_real=subject.n, among=AMONG, chance=1 / AMONG)
        for kind, name, images in (
            ("retrieval-generated", "caption found among 10, generated images", subject.generated),
            ("retrieval", "caption found among 10, held-out images", subject.held_out),
        )
    ]


def candidates(subject: Subject) -> Tensor:
    """For each held-out image the places (n, 10), among the held-out images, of captions: its own, then others'."""
    captions = [subject.test.captions[row] for row in subject.held_out_rows.tolist()]
    generator = torch.Generator().manual_seed(subject.seed)
    rows = []
    for place, own in enumerate(captions):
        others = torch.tensor([other for other, theirs in enumerate(captions) if theirs[0] not in own])
        if len(others) < AMONG - 1:
            raise DataError(
                f"{subject.test.name}: {len(others)} held-out captions differ from those of an image; retrieval needs "
                f"{AMONG - 1}. Hold out more images."
            )
        drawn = others[torch.randperm(len(others), generator=generator)[: AMONG - 1]]
        rows.append(torch.cat([torch.tensor([place]), drawn]))
    return torch.stack(rows)

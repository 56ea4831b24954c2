"""Retrieval: is the caption of an image, or the text that an image was drawn for, told from nine others?"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from zoo.conditions import Texts
from zoo.data.dataset import floats
from zoo.errors import DataError
from zoo.metrics.evaluate import Subject
from zoo.nn.features import CHUNK
from zoo.releases.record import Record
from zoo.texts import words

AMONG = 10  # captions, of which one is the right one: chance is a tenth


@runtime_checkable
class Matching(Protocol):
    """A model with encoders of texts and images that say how well they match."""

    def similarity(self, images: Tensor, texts: Any) -> Tensor:
        """(n, m), of images (n, …) and m texts or their embeddings (m, text_dim)."""


def retrieval(subject: Subject) -> list[Record]:
    """Share of images whose own caption is the one most like them among 10, as the encoders of texts and images that
    come with the model see it: of images generated for the first captions of the held-out images, and of these held-out
    images themselves, beside which the former are to be read: the encoder of texts is the one that the generator hears.

    The other nine are first captions of other held-out images, drawn by the seed, of other words than each other and
    than any of the image's own, as the model reads them. novel: the share of the held-out images whose first caption no
    training image has. No record for models without `similarity(images, texts)`. Raises DataError when too few differ.
    """
    model = subject.model
    if not isinstance(model.condition, Texts) or not isinstance(model, Matching):
        return []
    rows = candidates(subject)

    def share(images: Tensor) -> float:
        parts = zip(torch.split(images, CHUNK), torch.split(rows, CHUNK), strict=True)
        similarity = torch.cat([model.similarity(floats(x), subject.condition).cpu().gather(1, k) for x, k in parts])
        return float((similarity[:, :1] > similarity[:, 1:]).all(1).double().mean())

    seen = {tuple(words(text)) for own in subject.train.captions for text in own}
    own = [tuple(words(subject.test.captions[row][0])) for row in subject.held_out_rows.tolist()]
    novel = sum(text not in seen for text in own) / len(own)
    args: dict[str, Any] = {"split": "test", "among": AMONG, "chance": 1 / AMONG, "novel": novel}
    real = share(subject.held_out)
    return [
        subject.record(
            "retrieval-generated",
            f"caption of a generated image found among {AMONG}",
            share(subject.generated),
            n_generated=subject.n,
            floor=real,
            **args,
        ),
        subject.record("retrieval", f"caption of a real image found among {AMONG}", real, n_real=subject.n, **args),
    ]


def candidates(subject: Subject) -> Tensor:
    """For each held-out image the places (n, 10), among the held-out images, of captions: its own, then others'."""
    texts = subject.model.condition
    assert isinstance(texts, Texts)
    held_out = [subject.test.captions[row] for row in subject.held_out_rows.tolist()]
    captions = [[tuple(row) for row in texts.indices(own).tolist()] for own in held_out]
    generator = torch.Generator("cpu").manual_seed(subject.seed)
    rows = []
    for place, own in enumerate(captions):
        different: dict[tuple[str, ...], int] = {}
        for other in map(int, torch.randperm(len(captions), generator=generator, device="cpu")):
            if captions[other][0] not in own:
                different.setdefault(captions[other][0], other)
            if len(different) == AMONG - 1:
                break
        else:
            raise DataError(
                f"{subject.test.name}: {len(different)} held-out captions differ from those of an image; retrieval "
                f"needs {AMONG - 1}. Hold out more images."
            )
        rows.append([place, *different.values()])
    return torch.tensor(rows, device="cpu")

"""A release folder of weights that were trained elsewhere: what `zoo train` writes, without a run."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F

from zoo import golden, registry
from zoo._util.paths import user_path
from zoo.conditions import Images as ImageCondition
from zoo.errors import GoldenTooLarge, TrainingError
from zoo.golden import source_shape
from zoo.model import Model
from zoo.noise import Noise
from zoo.releases.cards import GOLDEN, SAMPLES, WEIGHTS, Card
from zoo.releases.hub_card import task
from zoo.spaces import Images
from zoo.training.places import files_in, refuse_foreign
from zoo.training.planning import fresh_card, of_space, plain
from zoo.training.release import weights_block, write_picture, writing

DRAWN, TRANSLATED = 8, 2  # in a row of the picture: images of at most `SMALL` pixels on a side, and others
SMALL = 64


def adopt(
    model: Model,
    folder: str | Path,
    *,
    origin: dict[str, Any],
    summary: str,
    sources: Sequence[Any] = (),
    force: bool = False,
) -> Path:
    """Write the release folder of a model in eval mode whose weights come from elsewhere; returns it.

    origin: plain values that say where from, the card's block `zoo.origin`. summary: the same for people, in Markdown.
    sources: images of one size, or paths of such, that a translator is shown with; coloured clouds without any.
    Weights are stored as float32. Licence and data are unknown on the card, which `zoo card --check` insists on.
    Golden tensors are left out where one sample is beyond their budget. Raises TrainingError where the folder holds
    files of a release, or of something else, unless `force` is set.

    >>> model = zoo.create("vae", image_size=8, width=2).eval()
    >>> folder = zoo.plugin.adopt(model, "mine", origin={"url": "https://example.org"}, summary="From example.org.")
    >>> zoo.load(folder).name
    'mine'
    """
    out = user_path(folder)
    if (there := files_in(out)) and not force:
        raise TrainingError(f"{out} already holds {', '.join(there)}. Write over it (--force), or choose another.")
    refuse_foreign(out, force=force)
    picture = _picture(model, sources)  # raises for sources that are none, before anything is written
    with writing(out) as temporary:
        sha256 = model.save(temporary / WEIGHTS, dtype=torch.float32)
        with contextlib.suppress(GoldenTooLarge):
            golden.write(model, temporary / GOLDEN)
        write_picture(picture, temporary / SAMPLES)
        weights = weights_block(model, temporary / WEIGHTS, sha256, "float32")
        _card(model, out, weights, origin, summary).write(temporary)
    return out


def _card(model: Model, out: Path, weights: dict[str, Any], origin: dict[str, Any], summary: str) -> Card:
    architecture = registry.architecture_of(type(model))
    card = fresh_card(architecture, out)
    card = dataclasses.replace(
        card,
        front={**card.front, "pipeline_tag": task(model.space.name, architecture.condition)},
        body=card.body.replace("## Numbers", f"## Origin\n\n{summary}\n\n## Numbers"),
    )
    data: dict[str, Any] = {"name": "unknown", "license": "unknown", "shape": list(model.space.shape)}
    blocks: dict[str, Any] = {
        "config": plain(dataclasses.asdict(model.config)),
        "data": data | of_space(model.space),
        "training": {},
        "weights": weights,
        "origin": origin,
    }
    return card.replace(**blocks, **({"version": model.version} if model.version else {}))


def _picture(model: Model, sources: Sequence[Any]) -> Image.Image:
    """What the model draws, or sources and, below them, what it makes of them."""
    if not isinstance(model.condition, ImageCondition):
        columns = DRAWN if max(model.space.shape) <= SMALL else TRANSLATED
        count = columns * columns
        drawn = model.generate(count, condition=model.condition.usual(count), seed=0)
        return model.space.preview(drawn, columns=columns)
    if sources:
        given = model.check_sources(sources, len(sources))
    else:
        noise = Noise(0, 0, TRANSLATED, stream="sources")
        given = Images(source_shape(model, trained=True)).example(TRANSLATED, noise)
    made = model.translate(given, seed=0)
    shown = F.interpolate(given, size=made.shape[2:], mode="nearest")
    shown = shown if shown.shape == made.shape else shown[:, :1].expand_as(made)
    return model.space.preview(torch.cat([shown, made]), columns=len(made))

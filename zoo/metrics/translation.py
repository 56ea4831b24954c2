"""Translation: whether images made from others look like their kind, and how far they are from what they should be.

Test images are translated, rounded to 8 bits and compared with images of the kind they are to become. The Fréchet
distance is that of `zoo.metrics.frechet`; beside it stand its floor, that of held-out real images, and `unchanged`,
that of the sources themselves, which a model that does nothing would have. Where test images have a true result, errors
are measured besides; of an image with a hole in the hole alone, as Pathak et al. 2016 (arXiv:1604.07379, table 1) do.
Of a model that translates both ways, both are measured, and how far from itself an image comes back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo import images as imaging
from zoo.data.dataset import Rows, floats
from zoo.metrics import frechet
from zoo.metrics.evaluate import MOST, Subject, draw
from zoo.metrics.reconstruction import psnr
from zoo.releases.record import Record


def translation(subject: Subject) -> list[Record]:
    """Fréchet distances, errors of pairs, and cycle errors. No record for a model that enlarges its sources, of which
    the metric `super-resolution` tells, nor for data without sources."""
    model, train, test = subject.model, subject.train, subject.test
    if model.enlargement != 1 or train.sources is None or test.sources is None:
        return []
    rows = subject.held_out_rows if test.paired else draw(len(test.sources), subject.n, subject.seed)
    sources = test.sources[rows]
    made = _translated(subject, sources)
    records = [_distance(subject, made, sources, train.stored, subject.held_out)]
    if test.paired:
        records += _errors(subject, made, sources)
    if model.domains:
        first, second = model.domains
        back = _translated(subject, subject.held_out, to=first)
        records.append(_distance(subject, back, subject.held_out, train.sources, sources, first))
        records.append(_cycle(subject, sources, _translated(subject, made, to=first), first))
        records.append(_cycle(subject, subject.held_out, _translated(subject, back, to=second), second))
    return records


def _translated(subject: Subject, sources: Tensor, **options: Any) -> Tensor:
    """What the model makes of uint8 `sources`, as uint8."""
    made = subject.model.translate(floats(sources), seed=subject.seed, **options)
    return imaging.quantise(made.float()).cpu()


def _distance(subject: Subject, made: Tensor, sources: Tensor, train: Rows, held_out: Tensor, to: str = "") -> Record:
    """The Fréchet distance of `made` from training images; all uint8. to: the kind, where it needs to be told."""
    reference = train[draw(len(train), MOST, subject.seed)]
    real = subject.measure(reference)
    distance = frechet.between_samples(subject.measure(made), real)
    args: dict[str, Any] = {"floor": frechet.between_samples(subject.measure(held_out), real).value}
    if sources.shape[1] - made.shape[1] in (0, 1):  # of the same colours, with alpha or without
        colours = sources[:, : made.shape[1]]
        args["unchanged"] = frechet.between_samples(subject.measure(colours), real).value
    return subject.record(
        f"frechet-distance-{to}" if to else "frechet-distance",
        f"Fréchet distance{f', {to}' if to else ''} ({subject.features.name})",
        distance.value,
        features=True,
        split="train",
        n_real=len(reference),
        n_generated=len(made),
        **args,
        route=distance.route,
    )


def _errors(subject: Subject, made: Tensor, sources: Tensor) -> list[Record]:
    """Mean absolute error and PSNR of pairs, in [0, 1]; of images with a hole in the hole, of images without none."""
    wanted, place = floats(subject.held_out), ""
    counted = torch.ones_like(wanted[:, :1])
    if sources.shape[1] == made.shape[1] + 1:
        counted, place = (floats(sources[:, -1:]) < 0.5).float(), "-hole"
    pixels = made.shape[1] * counted.flatten(1).sum(1)
    some = pixels > 0
    if not some.any():
        return []
    apart = ((floats(made) - wanted) * counted).double().flatten(1)[some]
    absolute, squared = apart.abs().sum(1) / pixels[some], apart.square().sum(1) / pixels[some]
    args: dict[str, Any] = {"split": "test", "n_real": int(some.sum())}
    where = ", in the hole" if place else ""
    return [
        subject.record(f"mae{place}", f"mean absolute error{where}", float(absolute.mean()), **args),
        subject.record(f"psnr{place}", f"PSNR{where} (dB)", float(psnr(squared).mean()), **args),
    ]


def _cycle(subject: Subject, images: Tensor, again: Tensor, kind: str) -> Record:
    """‖F(G(a)) − a‖₁, the mean over pixels in [0, 1] (Zhu et al. 2017, arXiv:1703.10593, equation 2)."""
    error = float((floats(again) - floats(images)).abs().double().mean())
    return subject.record(f"cycle-error-{kind}", f"cycle error, {kind}", error, split="test", n_real=len(images))

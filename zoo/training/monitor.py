"""What a generator covers of the data while it is trained: a cheap look at it, the same one each time.

Images are compared as pixels averaged down to 8 × 8 at most, vectors by their values: enough to see whole kinds of
samples go missing, and independent of any feature network. So coverage and precision are called coarse here: those on
a release's card, which `zoo evaluate` measures, are of features, and usually far lower. What averages hide, noise and
contrast, is compared by the pixels themselves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.conditions import Labels, Texts
from zoo.data.captions import embedded
from zoo.data.dataset import Dataset
from zoo.metrics.coverage import Balls, K, compare
from zoo.metrics.modes import count
from zoo.metrics.units import standardised
from zoo.model import Model
from zoo.nn import features

SAMPLES = 1000  # real ones, and generated ones
SIDE = 8  # of an image averaged down
SEED = 0  # of the real samples, and of the generated ones
DRAWN = 0.1  # a class counts as drawn from this share of what it would have if all were equally frequent


class Monitor:
    """Compares a model, time after time, with 1,000 samples of `data`."""

    def __init__(self, data: Dataset) -> None:
        self.rows = torch.randperm(len(data), generator=torch.Generator("cpu").manual_seed(SEED), device="cpu")[
            :SAMPLES
        ]
        real = _reduced(data.floats(self.rows))
        self.data = data
        self.reference = real
        self.copies = _copies(data.floats(self.rows))
        self.look = _look(data.floats(self.rows))
        self.real = Balls.around(self._in_units(real)) if len(real) > K else None

    def measure(self, model: Model) -> dict[str, Any]:
        """What `model` covers, from as many generated samples, of a conditional one of the classes of the real samples,
        as far as it knows them, or of their captions; the global random state is left alone.

        coarse_coverage: share of the real samples that have a generated one nearer than their fifth nearest real
        neighbour (Naeem et al. 2020, arXiv:2002.09797, eq. 4); 0.97 is what real samples would score. coarse_precision:
        share of the generated samples that lie as near to real ones (Kynkäänniemi et al. 2019, arXiv:1904.06991, eq.
        2).
        spread: standard deviation of the generated samples over that of the real ones, all dimensions together.
        copies: share of the generated samples that are the same as another counted, beyond that of the real ones.
        Of images, against the real ones: contrast, the ratio of the deviations within an image; roughness, that of the
        differences between neighbouring pixels, each by its contrast; brightness, the difference of the means.
        Of data whose modes are known: modes, those covered, modes_of, all, and high_quality, as in `zoo.metrics.modes`.
        Of 28 × 28 grey images whose classes the shipped classifier knows: classes, those it sees drawn, and classes_of.
        Empty where the model cannot generate, there are too few samples, or what is generated is not finite.
        """
        if self.real is None or "generate" not in model.capabilities():
            return {}
        # Some classes may be rare. All of them equally often would leave most of the others' samples uncovered.
        condition = None
        if isinstance(model.condition, Labels) and (labels := self.data.indices(model.condition.classes)) is not None:
            condition = labels[self.rows]
            condition = condition[condition >= 0]
        elif isinstance(model.condition, Texts):
            condition = embedded(model, self.data, self.rows)
        made = model.generate(SAMPLES if condition is None else len(condition), condition=condition, seed=SEED)
        made = made.cpu()
        if not torch.isfinite(made).all():
            return {}
        points = self._in_units(_reduced(made))
        found = compare(self.real, Balls.around(points))
        values: dict[str, Any] = {
            "coarse_coverage": round(found.coverage, 4),
            "coarse_precision": round(found.precision, 4),
        }
        values["spread"] = round(_deviation(points) / (_deviation(self.real.points) or 1.0), 4)
        values["copies"] = round(max(_copies(made) - self.copies, 0.0), 4)
        if self.data.modes is not None:
            covered = count(made, self.data.modes, self.data.mode_deviation)
            values |= {"modes": covered.modes, "modes_of": covered.of}
            values["high_quality"] = round(covered.high_quality, 4)
        return values | _compared(_look(made), self.look) | self._classes(made)

    def _in_units(self, points: Tensor) -> Tensor:
        return standardised(points, self.reference) if self.data.vectors else points

    def _classes(self, made: Tensor) -> dict[str, int]:
        """How many of the data's classes the grey classifier sees in `made`; nothing where it does not know them."""
        if self.data.vectors or tuple(made.shape[1:]) != (1, 28, 28) or not self.data.classes:
            return {}
        network = features.load("grey28")
        columns = self.data.indices(network.classes)
        if columns is None:
            return {}
        known = torch.unique(columns)
        counts = torch.bincount(network.logits(made.clamp(0, 1))[:, known].argmax(1), minlength=len(known))
        return {"classes": int((counts >= DRAWN * len(made) / len(known)).sum()), "classes_of": len(known)}


def _deviation(points: Tensor) -> float:
    """The root of the total variance of points (n, d)."""
    return float(points.double().var(0).sum().sqrt())


def _copies(samples: Tensor) -> float:
    """Which share of the samples is the same as one before it; of images, averaged down and in 256 levels."""
    points = _reduced(samples) if samples.ndim == 2 else _reduced(samples).mul(255).round()
    distinct: Tensor = torch.unique(points, dim=0)
    return 1 - len(distinct) / len(points)


def _look(samples: Tensor) -> tuple[float, float, float]:
    """Of images the mean deviation within one, the mean difference of neighbouring pixels as a share of that, and the
    mean; zeros of vectors, and of images without neighbours."""
    if samples.ndim != 4 or min(samples.shape[2:]) < 2:
        return 0.0, 0.0, 0.0
    contrast = float(samples.flatten(1).std(1).mean())
    difference = sum(float(samples.diff(dim=dim).abs().mean()) for dim in (2, 3)) / 2
    return contrast, difference / contrast if contrast else 0.0, float(samples.mean())


def _compared(made: tuple[float, float, float], real: tuple[float, float, float]) -> dict[str, float]:
    """Contrast, roughness and brightness of what was made against real images; nothing where these have none."""
    if not real[0]:
        return {}
    ratios = {"contrast": made[0] / real[0], **({"roughness": made[1] / real[1]} if made[1] and real[1] else {})}
    return {name: round(value, 4) for name, value in {**ratios, "brightness": made[2] - real[2]}.items()}


def _reduced(samples: Tensor) -> Tensor:
    """Images (n, channels, height, width) averaged down, or vectors, as rows (n, d)."""
    if samples.ndim == 2:
        return samples
    height, width = (min(side, SIDE) for side in samples.shape[2:])
    return F.adaptive_avg_pool2d(samples, (height, width)).flatten(1)

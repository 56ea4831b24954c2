"""Did a categorical code that was learned without labels find the classes?"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record


def codes(subject: Subject) -> list[Record]:
    """Accuracy of the inferred code under the best assignment of its values to the classes, on the held-out images.

    For models whose latents begin with a categorical code, as `Model.code` says, of which `encode` returns the
    probabilities, as InfoGAN's does (Chen et al. 2016, arXiv:1606.03657, section 7.2); the likeliest value counts. The
    args give `chance`, the accuracy of the same codes dealt out to other images at random, with an assignment of its
    own. No record for other models, for those that were told the classes, and for data without labels;
    images that have none are left out.
    """
    categories, _ = subject.model.code
    classes = subject.test.indices(subject.test.classes)
    if not categories or subject.model.condition.name is not None or classes is None or not (classes >= 0).any():
        return []
    classes = classes[subject.held_out_rows]
    labelled = classes >= 0
    latents = subject.model.encode(floats(subject.held_out), seed=subject.seed)
    values = latents.flatten(1)[:, :categories].argmax(1).cpu()
    dealt = values[torch.randperm(subject.n, generator=torch.Generator("cpu").manual_seed(subject.seed), device="cpu")]
    return [
        subject.record(
            "code-class-agreement",
            "agreement of codes with classes",
            agreement(values[labelled], classes[labelled]),
            split="test",
            n_real=int(labelled.sum()),
            categories=categories,
            classes=len(subject.test.classes),
            chance=agreement(dealt[labelled], classes[labelled]),
        )
    ]


def agreement(values: Tensor, classes: Tensor) -> float:
    """Share of samples whose code value (n,) is assigned to their class (n,), by the one-to-one assignment for which
    that is highest (Kuhn 1955, "The Hungarian method for the assignment problem"); both are whole numbers from 0."""
    count = torch.zeros(int(values.max()) + 1, int(classes.max()) + 1, dtype=torch.int64, device="cpu")
    count.index_put_((values, classes), torch.ones_like(values), accumulate=True)
    rows, columns = linear_sum_assignment(count.numpy(), maximize=True)
    return float(count[rows, columns].sum()) / len(values)

"""Few labels, on cards: what an autoencoder's codes, first layer and weights are worth where few labels are known."""

from __future__ import annotations

from typing import Any

from zoo.errors import DataError
from zoo.metrics import fine_tuning
from zoo.metrics.evaluate import Subject
from zoo.metrics.probe import Accuracy, fitting, labels_of, probe, total
from zoo.releases.record import Record

COUNTS = (100, 500, 1000)  # of which networks are trained too; all labels come besides


def few_labels(subject: Subject) -> list[Record]:
    """The accuracies with 100, 500, 1,000 and all labels of what the encoder gives, each beside what must be beaten:
    codes and first layer beside pixels and principal components, fine-tuning beside the same network from scratch.

    For models with a `first_layer`, the autoencoders; no record for others, where there are no classes, for a count for
    which there are not enough images, and of a first layer that is the code. `…_spread` are standard deviations over
    `runs` choices of the labels; of all labels there is one, and no network is trained, for which its few steps would
    be too few.
    """
    if subject.model.first_layer() is None or subject.model.condition.name is not None:
        return []
    try:
        labels, truth = labels_of(subject)
    except DataError:
        return []
    every = total(subject)
    counts = fitting(labels, [count for count in COUNTS if count < every])
    measured = probe(subject, counts) + probe(subject, [None], networks=False)
    found = {(each.labels, each.way): each for each in measured}
    records = []
    for count in sorted({labels for labels, _ in found}):
        for way, name, others in (
            ("codes", "codes", ("pixels", "pca")),
            ("first-layer", "first layer", ("pixels",)),
            ("fine-tuned", "fine-tuned", ("scratch",)),
        ):
            if (own := found.get((count, way))) is None:
                continue
            args: dict[str, Any] = {"split": "test", "n_real": int((truth >= 0).sum()), "runs": len(own.runs)}
            args |= _spread("spread", own)
            if way == "fine-tuned":
                args |= {"tuning_steps": fine_tuning.STEPS, "tuning_batch": fine_tuning.BATCH}
            for other in others:
                if beside := found.get((count, other)):
                    args |= {other: beside.mean} | _spread(f"{other}_spread", beside)
            told = "all" if count == every else str(count)
            type, name = f"accuracy-{way}-{told}-labels", f"accuracy with {_count(count, every)} labels, {name}"
            records.append(subject.record(type, name, own.mean, **args))
    return records


def _spread(name: str, accuracy: Accuracy) -> dict[str, float]:
    """The deviation over runs under a name, where there is more than one."""
    return {} if accuracy.spread is None else {name: accuracy.spread}


def _count(labels: int, every: int) -> str:
    return f"all {labels:,}" if labels == every else f"{labels:,}"

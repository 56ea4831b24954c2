"""Few labels, on cards: what an autoencoder's codes, first layer and weights are worth where few labels are known."""

from __future__ import annotations

from typing import Any

from zoo.errors import DataError
from zoo.metrics import fine_tuning
from zoo.metrics.evaluate import Subject
from zoo.metrics.probe import fitting, labels_of, probe
from zoo.releases.record import Record


def few_labels(subject: Subject) -> list[Record]:
    """The accuracies with 100 and 1,000 labels of what the encoder gives, each beside what must be beaten: codes and
    first layer beside pixels and principal components, fine-tuning beside the same network from scratch.

    For models with a `first_layer`, the autoencoders; no record for others, where there are no classes, for a count for
    which there are not enough images, and of a first layer that is the code. `…_spread` are standard deviations over
    `runs` choices of the labels.
    """
    if subject.model.first_layer() is None or subject.model.condition.name is not None:
        return []
    try:
        labels, truth = labels_of(subject)
    except DataError:
        return []
    counts = fitting(labels, (100, 1000))
    found = {(each.labels, each.way): each for each in probe(subject, counts)}
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
            args["spread"] = own.spread
            if way == "fine-tuned":
                args |= {"tuning_steps": fine_tuning.STEPS, "tuning_batch": fine_tuning.BATCH}
            for other in others:
                if beside := found.get((count, other)):
                    args |= {other: beside.mean, f"{other}_spread": beside.spread}
            type, name = f"accuracy-{way}-{count}-labels", f"accuracy with {count:,} labels, {name}"
            records.append(subject.record(type, name, own.mean, **args))
    return records

"""How sure the likelihood of a Boltzmann machine is: ln Z, its standard error, and the ln Z that `log_prob` takes."""

from __future__ import annotations

from typing import Any

from zoo.plugin import Record, Subject
from zoo_rbm.rbm import RBM

# More runs, and through more distributions, than log_prob takes unless told otherwise.
SAMPLES, STEPS = 500, 10_000


def partition(subject: Subject) -> list[Record]:
    """ln Z in nats by `RBM.log_partition`, with 500 runs through 10,000 distributions. The args give its standard
    error, and the estimate that `log_prob` uses by default. No record for a model that is no Boltzmann machine."""
    model = subject.model
    if not isinstance(model, RBM):
        return []
    by_default, _ = model.log_partition(seed=subject.seed)
    log_z, error = model.log_partition(samples=SAMPLES, steps=STEPS, seed=subject.seed)
    args: dict[str, Any] = {"samples": SAMPLES, "steps": STEPS, "standard_error": error, "by_default": by_default}
    return [subject.record("log-partition", "ln Z", log_z, **args)]

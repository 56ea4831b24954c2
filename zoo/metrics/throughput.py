"""Speed: images per second of `generate`. It depends on the machine, so it is measured only when it is asked for."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from zoo.metrics.evaluate import Subject
from zoo.model.sharing import alone
from zoo.releases.record import Record

LEAST, MOST = 3, 30  # batches timed
ENOUGH = 5.0  # seconds after which no further batch is begun, once there are LEAST


def throughput(subject: Subject, clock: Callable[[], float] = time.perf_counter) -> list[Record]:
    """Samples per second of `generate` in batches of 64 images, or 4,096 vectors: the median over batches, after one
    that is not counted. Each is on the CPU before the clock is read again.

    The args say on what kind of device, with how many threads of the CPU, in what batches and in which floating-point
    type, not what machine it was: compare only what was measured on the same one. clock: seconds from any start.
    """
    model = subject.model
    batch, kind = model.space.chunk, f"{model.space.noun}s"
    condition = subject.condition if model.condition.required else None
    given = None if condition is None else condition[:1]

    def draw(seed: int) -> None:
        with alone():  # nothing is kept on a disk meanwhile
            model.generate(batch, condition=given, seed=seed, batch_size=batch).cpu()

    return [
        subject.record(
            f"{kind}-per-second",
            f"{kind} per second",
            batch / seconds(draw, clock),
            device=model.device.type,
            threads=torch.get_num_threads(),
            batch=batch,
            dtype=str(model.dtype).removeprefix("torch."),
        )
    ]


def seconds(work: Callable[[int], object], clock: Callable[[], float]) -> float:
    """Median duration of `work(0)`, `work(1)` …, at least three and at most thirty times, and no more than begin in
    five seconds; a first call is not counted, in which memory is allocated and kernels are chosen."""
    work(0)
    start, times = clock(), list[float]()
    while len(times) < MOST and (len(times) < LEAST or clock() - start < ENOUGH):
        before = clock()
        work(len(times))
        times.append(clock() - before)
    return statistics.median(times)

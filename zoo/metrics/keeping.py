"""Where a measurement keeps what is computed on the way, so that it goes on where it was interrupted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo._util.processes import is_first
from zoo._util.version import __version__
from zoo.model.sharing import kept

if TYPE_CHECKING:
    from zoo.metrics.evaluate import Subject


@contextmanager
def keeping(folder: Path | None, subject: Subject, metrics: Sequence[str]) -> Iterator[None]:
    """Around the `metrics` of a subject: chunks that are computed are kept in a folder within `folder`, whose name says
    of what they are, so that nothing else is ever read from there; it is removed when the block ends without an
    error. None keeps nothing. Raises OSError."""
    if folder is None:
        yield
        return
    own = folder / _digest(subject, metrics)
    own.mkdir(parents=True, exist_ok=True)
    with kept(own):
        yield
    if is_first():
        shutil.rmtree(own)
        with contextlib.suppress(OSError):  # of what is not empty
            folder.rmdir()


def _digest(subject: Subject, metrics: Sequence[str]) -> str:
    """Of all that decides what is computed: weights, data, metrics and their options, and the versions of the code."""
    model, network = subject.model, subject.network
    about: dict[str, Any] = {"zoo": __version__, "torch": torch.__version__, "metrics": list(metrics)}
    about |= {"config": repr(model.config), "dtype": str(model.dtype), "n": subject.n, "seed": subject.seed}
    about |= {"features": network and [network.name, network.sha256], "sizes": [len(subject.train), len(subject.test)]}
    known = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for tensor in (*model.state_dict().values(), subject.reference, subject.held_out):
        known.update(_bytes(tensor))
    return known.hexdigest()[:16]


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data

"""Where a measurement keeps what is computed on the way, so that it goes on where it was interrupted."""

from __future__ import annotations

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
    """Around the `metrics` of a subject: chunks that are computed are kept in a folder within `folder`, whose name
    tells weights, data and metrics, so that nothing of others is read from there; it is removed when the block ends
    without an error. None keeps nothing. Raises OSError."""
    if folder is None:
        yield
        return
    own = folder / _digest(subject, metrics)
    own.mkdir(parents=True, exist_ok=True)
    with kept(own):
        yield
    if is_first():
        shutil.rmtree(own, ignore_errors=True)  # the numbers are there, whatever stays


def _digest(subject: Subject, metrics: Sequence[str]) -> str:
    """Of all that decides what is computed but the code, of which it has the versions alone."""
    model, network, splits = subject.model, subject.network, (subject.train, subject.test)
    about: dict[str, Any] = {"zoo": __version__, "torch": torch.__version__, "metrics": list(metrics)}
    about |= {"config": repr(model.config), "dtype": str(model.dtype), "device": model.device.type}
    about |= {"n": subject.n, "seed": subject.seed, "flip": subject.flip}
    about |= {"data": [each.fingerprint() for each in splits]}
    about |= {"features": network and [network.name, network.sha256], "chunk": model.space.chunk}
    known = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    scenes = (scene for each in splits for name in sorted(each.scenes) for scene in each.scenes[name])
    for tensor in (*model.state_dict().values(), subject.reference, subject.held_out, *scenes):
        known.update(_bytes(tensor))
    return known.hexdigest()[:16]


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data

"""The oracle of SeqGAN's authors, whose weights they published with their code (https://github.com/LantaoYu/SeqGAN): by
it a model's figures stand beside those of the paper.

They are arrays in a pickle, which may hold any program: only arrays are read from it, whatever else it says is refused.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.plugin import errors

WORDS, UNITS = 5000, 32
FILES = ("target_params_py3.pkl", "target_params.pkl")  # as Python 3 writes it, and 2
URL = f"https://raw.githubusercontent.com/LantaoYu/SeqGAN/e2b52fb6309851b14765290e8a972ccac09f1bec/save/{FILES[0]}"
MD5 = "44b63e55e0e67ac363523759808d3c78"
GATE = ((UNITS, UNITS), (UNITS, UNITS), (UNITS,))  # what it does with a word, with the state, and its bias
SHAPES = ((WORDS, UNITS), *(GATE * 4), (UNITS, WORDS), (WORDS,))
ORDER = (0, 1, 3, 2)  # of the gates input, forget, output and candidate, as torch has them


def weights(root: Path, *, download: bool = False) -> dict[str, Tensor]:
    """The parameters of an Oracle by name, from the authors' file, `root` or one in it. download: fetch what is not
    there. Raises DataError."""
    file = _file(root, download)
    try:
        with file.open("rb") as stream:
            arrays = _Arrays(stream, encoding="latin1").load()
        shapes = tuple(array.shape for array in arrays)
        words, *gates, out, bias = (torch.from_numpy(np.asarray(array, np.float32)) for array in arrays)
    except Exception as error:  # a damaged pickle raises nearly anything
        raise errors.DataError(f"{file} holds no weights of an oracle, or is damaged ({error}). {_advice()}") from error
    if shapes != SHAPES:
        raise errors.DataError(f"{file} has arrays of shapes {shapes}; expected {SHAPES}. {_advice()}")
    by_word, by_state, biases = (torch.cat([gates[3 * k + part].t() for k in ORDER]) for part in range(3))
    found = {"words.weight": words, "out.weight": out.t(), "out.bias": bias, "recurrent.weight_ih_l0": by_word}
    return found | {
        "recurrent.weight_hh_l0": by_state,
        "recurrent.bias_ih_l0": biases,
        "recurrent.bias_hh_l0": torch.zeros_like(biases),
    }


def _file(root: Path, download: bool) -> Path:
    places = [root] if root.is_file() else [root / name for name in FILES]
    there = next((place for place in places if place.is_file()), None)
    if there is None and not download:
        raise errors.DataError(f"{root} has no {FILES[0]}. {_advice()}")
    return there or _fetched(root)


def _fetched(folder: Path) -> Path:
    from torchvision.datasets.utils import download_url

    try:
        download_url(URL, folder, FILES[0], MD5)
    except (OSError, RuntimeError) as error:
        raise errors.DataError(f"{URL} could not be fetched into {folder} ({error}). {_advice()}") from error
    return folder / FILES[0]


def _advice() -> str:
    return f"Pass --data a folder, with --download, or fetch {URL} yourself."


class _Arrays(pickle.Unpickler):
    """Reads arrays of numbers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        known = {"ndarray": np.ndarray, "dtype": np.dtype, "_reconstruct": np.zeros(0).__reduce__()[0]}
        if module.partition(".")[0] == "numpy" and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")

"""The oracle of SeqGAN's authors, whose weights they published with their code (https://github.com/LantaoYu/SeqGAN): by
it a model's figures stand beside those of the paper.

Their file is a pickle, which is a program. It is not run: of the one file that has their hash it is known at which
bytes the numbers lie.
"""

from __future__ import annotations

import hashlib
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.plugin import errors

WORDS, UNITS = 5000, 32  # of its LSTM, and numbers for a word
FILE = "target_params_py3.pkl"
URL = f"https://raw.githubusercontent.com/LantaoYu/SeqGAN/e2b52fb6309851b14765290e8a972ccac09f1bec/save/{FILE}"
SHA256 = "5ac794a695dd6e0eb2bb689f3dfda55e4e0053e8c0399e6242630a95f1e60e8a"
GATE = ((UNITS, UNITS), (UNITS, UNITS), (UNITS,))  # what it does with a word, with the state, and its bias
SHAPES = ((WORDS, UNITS), *(GATE * 4), (UNITS, WORDS), (WORDS,))
PLACES = (
    *(158, 640199, 644336, 648468, 648637, 652774, 656906, 657075),
    *(661212, 665344, 665513, 669650, 673782, 673952, 1313992),
)  # the first byte of each array
ORDER = (0, 1, 3, 2)  # of the gates input, forget, output and candidate, as torch has them


def weights(root: Path, *, download: bool = False) -> dict[str, Tensor]:
    """The parameters of an Oracle by name, from the authors' file, `root` or one in it. download: fetch what is not
    there. Raises DataError."""
    file = root if root.is_file() else root / FILE
    if not file.exists():
        if not download:
            raise errors.DataError(f"{root} has no {FILE}. {_advice()}")
        _fetch(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise errors.DataError(f"{file} could not be read ({error.strerror}). {_advice()}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise errors.DataError(f"{file} is not the file that the authors of SeqGAN published. {_advice()}")
    words, *gates, out, bias = (
        torch.from_numpy(np.frombuffer(content, "<f4", int(np.prod(shape)), place).reshape(shape).copy())
        for shape, place in zip(SHAPES, PLACES, strict=True)
    )
    by_word, by_state, biases = (torch.cat([gates[3 * k + part].t() for k in ORDER]) for part in range(3))
    found = {"words.weight": words, "out.weight": out.t(), "out.bias": bias, "recurrent.weight_ih_l0": by_word}
    return found | {
        "recurrent.weight_hh_l0": by_state,
        "recurrent.bias_ih_l0": biases,
        "recurrent.bias_hh_l0": torch.zeros_like(biases),
    }


def _fetch(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is there and has the hash.
        torch.hub.download_url_to_file(URL, str(file), SHA256, progress=False)
    except (OSError, HTTPException, RuntimeError) as error:
        raise errors.DataError(f"{URL} could not be fetched to {file} ({error}). {_advice()}") from error


def _advice() -> str:
    return f"Pass --data a folder, with --download, where it does not lie yet, or fetch {URL} yourself."

"""The feature network of FID: TensorFlow's Inception of 2015-12-05, with its own way of resizing.

Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter 2017, "GANs trained by a two time-scale update rule converge to a
local Nash equilibrium", arXiv:1706.08500. The network, converted to PyTorch, is that of torch-fidelity (Obukhov et al.
2020), whose weights are fetched when they are first needed. It takes images of 8 bits and resizes them to 299 × 299 as
TensorFlow 1 did.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn

from zoo.errors import ChecksumMismatch, MissingExtra, WeightsNotFound
from zoo.hub.address import is_offline
from zoo.nn.features import FeatureNetwork, hashed
from zoo.nn.named import INCEPTION
from zoo.releases.integrity import hash_file

DIMENSIONS = 2048
HASH = re.compile(r"-([0-9a-f]{8,})\.")  # in the name of a file, by torch's custom: how its sha256 begins


class Bytes(nn.Module):
    """Images (n, 3, h, w) in [0, 1], rounded to 8 bits, then `extractor` of torch-fidelity: features (n, d)."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, images: Tensor) -> Tensor:
        (features,) = self.extractor((255 * images).round().to(torch.uint8))
        return features  # type: ignore[no-any-return]


def inception_fid(*, layer: int = DIMENSIONS) -> FeatureNetwork:
    """The network, whose Fréchet distance is the FID.

    layer: the number of features that the layer has whose features are taken: 64, 192, 768, or 2048 for FID.

    Raises MissingExtra without torch-fidelity, WeightsNotFound when the weights cannot be fetched, and ChecksumMismatch
    when what is cached are not they.
    """
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as inception
    except ImportError as error:
        how = "Install it with: pip install 'generative-zoo[fid]'"
        raise MissingExtra(f"{INCEPTION} needs torch-fidelity. {how}") from error
    state = _weights(inception.URL_INCEPTION_V3)
    # torch-fidelity would unpickle whatever lies in torch's cache; it is given what was read as tensors and no more.
    given = patch.object(inception, "load_state_dict_from_url", lambda *args, **options: state)
    with given, torch.random.fork_rng(devices=[]):
        extractor = inception.FeatureExtractorInceptionV3(INCEPTION, [str(layer)])
    return FeatureNetwork(
        INCEPTION,
        hashed(extractor),
        Bytes(extractor),
        dimensions=layer,
        channels=3,
        sizes=(1, sys.maxsize),
        resizing="TensorFlow's bilinear to 299×299",
    )


def _weights(address: str) -> dict[str, Tensor]:
    """What is at the address, fetched once. Raises WeightsNotFound, or ChecksumMismatch for a file in the cache that
    has not the hash in its name."""
    name = address.rpartition("/")[2]
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    expected = HASH.search(name)[1]  # type: ignore[index]
    if file.is_file() and not (sha256 := hash_file(file)).startswith(expected):
        raise ChecksumMismatch(f"{file} has the sha256 {sha256}; expected one that begins with {expected}. Remove it.")
    if not file.is_file() and is_offline(None):
        raise WeightsNotFound(
            f"the weights of {INCEPTION} are not in {file}, and offline mode is on. Unset ZOO_OFFLINE and "
            f"HF_HUB_OFFLINE, or copy them there from {address}."
        )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return torch.hub.load_state_dict_from_url(
                address, map_location="cpu", progress=False, check_hash=True, weights_only=True
            )
    except (OSError, RuntimeError) as error:  # unreachable, or of another hash
        reason = " ".join(str(error).split())
        raise WeightsNotFound(
            f"the weights of {INCEPTION} cannot be had from {address}: {reason} Go online once, so that they are "
            "cached, or measure with another feature network, for example colour64."
        ) from error

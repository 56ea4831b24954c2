"""The feature network of FID: TensorFlow's Inception of 2015-12-05, with its own way of resizing.

Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter 2017, "GANs trained by a two time-scale update rule converge to a
local Nash equilibrium", arXiv:1706.08500. The network, converted to PyTorch, is that of torch-fidelity (Obukhov et al.
2020), whose weights are fetched when they are first needed. It takes images of 8 bits and resizes them to 299 × 299 as
TensorFlow 1 did.
"""

from __future__ import annotations

import contextlib
import io

import torch
from torch import Tensor, nn

from zoo.errors import MissingExtra, WeightsNotFound
from zoo.nn.features import FeatureNetwork, hashed

INCEPTION = "inception-fid"
DIMENSIONS = 2048
ANY = 2**15  # a side that no image has


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

    Raises MissingExtra without torch-fidelity and WeightsNotFound when the weights cannot be fetched.
    """
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as inception
    except ImportError as error:
        how = "Install it with: pip install 'generative-zoo[fid]'"
        raise MissingExtra(f"{INCEPTION} needs torch-fidelity. {how}") from error
    _fetch(inception.URL_INCEPTION_V3)
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stderr(io.StringIO()):
        extractor = inception.FeatureExtractorInceptionV3(INCEPTION, [str(layer)])
    return FeatureNetwork(
        INCEPTION,
        hashed(extractor),
        Bytes(extractor),
        dimensions=layer,
        channels=3,
        sizes=(1, ANY),
        resizing="TensorFlow's bilinear to 299×299",
    )


def _fetch(address: str) -> None:
    """Have the weights in the cache of torch, known to be tensors alone, since torch-fidelity unpickles them."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            torch.hub.load_state_dict_from_url(
                address, map_location="cpu", progress=False, check_hash=True, weights_only=True
            )
    except (OSError, RuntimeError) as error:  # unreachable, or of another hash
        reason = " ".join(str(error).split())
        raise WeightsNotFound(
            f"the weights of {INCEPTION} cannot be had from {address}: {reason} Go online once, so that they are "
            "cached, or measure with another feature network, for example colour64."
        ) from error

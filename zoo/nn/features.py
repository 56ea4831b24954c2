"""Feature networks: images in [0, 1] to feature vectors, one interface for the shipped ones, timm's and a plugin's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import inputs
from zoo._util.paths import user_path
from zoo.errors import InvalidInput, NotSafetensors, UnknownName, WeightsError, WeightsNotFound, ZooError, nearest
from zoo.nn.named import TIMM, network
from zoo.weights import read_tensors

CHUNK = 250  # images computed at once, whatever the caller passes
CPU_PIXELS = 200_000  # of images computed at once on a CPU: activations of more leave its caches, at twice the time
COUNTER = "num_batches_tracked"  # of batches, by batch normalisation
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601


class FeatureNetwork(nn.Module):
    """A frozen network under a name.

    name: as in a record. sha256: of its weights. network: prepared images (n, channels, h, w) to features
    (n, dimensions). channels: 1 or 3. sizes: the smallest and largest side that `network` takes. classes, head: for a
    classifier, the names of its logits and the module that turns features into them. layers: modules of `network` that
    give feature maps (n, c, h, w) worth comparing, from the first to the last, for `zoo.nn.perceptual`. resizing: for a
    network that resizes images itself, how, as a record states it.
    """

    def __init__(
        self,
        name: str,
        sha256: str,
        network: nn.Module,
        *,
        dimensions: int,
        channels: int,
        sizes: tuple[int, int],
        classes: Sequence[str] = (),
        head: nn.Module | None = None,
        layers: Sequence[str] = (),
        resizing: str = "none",
    ) -> None:
        super().__init__()
        self.resizing = resizing
        self.name, self.sha256, self.network, self.head = name, sha256, network, head
        self.dimensions, self.channels, self.sizes, self.classes = dimensions, channels, sizes, tuple(classes)
        self.layers = tuple(layers)
        self.float().requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FeatureNetwork:
        """A measuring instrument stays in eval mode, whatever `mode` is asked for."""
        return super().train(False)

    def features(self, images: Tensor) -> Tensor:
        """Features float32 (n, dimensions), on the CPU, of images (n, 1 or 3, h, w) in [0, 1] of any size.

        Computed in float32, in chunks of fixed size. Raises InvalidInput for a bad batch.
        """
        _check_images(images)
        device = next(self.network.parameters()).device
        with torch.no_grad():
            parts = torch.split(images, self._chunk(images, device))
            return torch.cat([self.network(self.prepare(part.to(device))).cpu() for part in parts])

    def logits(self, images: Tensor) -> Tensor:
        """Logits float32 (n, len(classes)), on the CPU. Raises InvalidInput when the network is no classifier."""
        return self.logits_of(self.features(images))

    def logits_of(self, features: Tensor) -> Tensor:
        """Logits (n, len(classes)) of features that `features` returned."""
        if self.head is None:
            raise InvalidInput(f"{self.name} has no classes. Use grey28 or colour64, or another classifier.")
        with torch.no_grad():
            return self.head(features.to(next(self.head.parameters()).device)).cpu()  # type: ignore[no-any-return]

    def prepare(self, images: Tensor) -> Tensor:
        """Images as `network` takes them: its number of channels, and resized when their sides are out of `sizes`."""
        images = match_channels(images.float(), self.channels)
        size = self._size(images.shape[-2:])
        if size is not None:
            # Bicubic interpolation overshoots at edges.
            images = F.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
        return images

    def resize(self, shape: Sequence[int]) -> str:
        """What `prepare` does to images of `shape` (channels, height, width), as a record states it."""
        size = self._size(shape[1:])
        return self.resizing if size is None else f"antialiased bicubic to {size}×{size}"

    def _chunk(self, images: Tensor, device: torch.device) -> int:
        size = self._size(images.shape[-2:])
        pixels = images.shape[-2] * images.shape[-1] if size is None else size**2
        return min(CHUNK, max(1, CPU_PIXELS // pixels)) if device.type == "cpu" else CHUNK

    def _size(self, sides: Sequence[int]) -> int | None:
        smallest, largest = self.sizes
        if max(sides) > largest:
            return largest
        return smallest if min(sides) < smallest else None


def match_channels(images: Tensor, channels: int) -> Tensor:
    """Images (n, 1 or 3, h, w) with `channels` channels: grey ones repeated, the luma of colour ones."""
    if images.shape[1] == 3 and channels == 1:
        return (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    return images.expand(-1, channels, -1, -1)


def load(name: str) -> FeatureNetwork:
    """The feature network called `name`: a registered one, `plugin:name`, `timm:<model>`, whose weights timm fetches,
    or `timm:<model>=<file>`, whose weights are in a safetensors file with timm's keys.

    Raises UnknownName or DuplicateName for the name, and ZooError when its weights cannot be had.
    """
    if (entry := network(name)) is None:
        model, _, file = name.removeprefix(TIMM).partition("=")
        return timm_network(model, file=user_path(file) if file else None)
    return entry.resolve()()  # type: ignore[no-any-return]


def default(channels: int) -> str:
    """The shipped network for images with this many channels."""
    return {1: "grey28", 3: "colour64"}[channels]


def timm_network(model: str, *, pretrained: bool = True, file: Path | None = None) -> FeatureNetwork:
    """Pooled features of the timm model `model` (for example "inception_v3.tf_in1k"), at its own size, mean and std.

    file: a safetensors file of its weights, to be taken in place of those that timm fetches. The same weights are the
    same network, with the same sha256, wherever they come from.

    Raises UnknownName when timm has no such model, WeightsError for a file that does not hold its weights, and ZooError
    when they cannot be fetched.
    """
    prepared, config = timm_model(model, pretrained=pretrained and file is None, num_classes=0)
    if file is not None:
        _fill(prepared.network, file, model)
    prepared.to(memory_format=torch.channels_last)  # half the time on a CPU
    channels, size, _ = config["input_size"]
    with torch.no_grad():
        dimensions = prepared(torch.zeros(1, channels, size, size, dtype=torch.float32, device="cpu")).shape[1]
    return FeatureNetwork(
        f"{TIMM}{model}",
        hashed(prepared.network),
        prepared,
        dimensions=dimensions,
        channels=channels,
        sizes=(size, size),
    )


def timm_model(model: str, *, pretrained: bool, **options: Any) -> tuple[Normalised, dict[str, Any]]:
    """The timm model `model`, made with `options` of `timm.create_model`, in eval mode behind its own mean and std; and
    its data config.

    Raises UnknownName when timm has no such model and ZooError when its weights cannot be fetched.
    """
    import timm
    from timm.data.config import resolve_model_data_config

    if not timm.is_model(model):
        raise UnknownName(f"timm has no model {model!r}. {nearest(model, timm.list_models(pretrained=True))}")
    try:
        with torch.random.fork_rng(devices=[]):  # building draws initial weights
            network = timm.create_model(model, pretrained=pretrained, **options)
    except (OSError, RuntimeError) as error:  # the Hub client's errors are OSErrors; timm raises RuntimeError
        if not pretrained:
            raise
        reason = " ".join(str(error).split())
        raise ZooError(
            f"the weights of {TIMM}{model} cannot be had: {reason} Connect to the Hub once so that they are "
            "cached, or take a shipped network: grey28 or colour64."
        ) from error
    config: dict[str, Any] = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    return Normalised(network.eval(), config["mean"], config["std"]), config


class Normalised(nn.Module):
    """(x − mean) / std, then `network`."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32, device="cpu")[:, None, None])
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32, device="cpu")[:, None, None])

    def forward(self, images: Tensor) -> Any:
        return self.network((images - self.mean) / self.std)


def _fill(network: nn.Module, file: Path, model: str) -> None:
    """The weights of a file into a network of timm that has lost its classifier. Raises WeightsError unless all of the
    network is there, in its shapes; what else the file has, such as the classifier, is of no use here."""
    if not file.is_file():
        raise WeightsNotFound(f"{file} is not there. Name the file of the weights of {TIMM}{model}.")
    try:
        _, tensors = read_tensors(file)
    except NotSafetensors as error:
        raise NotSafetensors(
            f"{file} is damaged, or no safetensors file, and others are not read. Save the weights of timm's "
            f"{model} by safetensors.torch.save_file."
        ) from error
    wanted = {key: value for key, value in network.state_dict().items() if not key.endswith(COUNTER)}
    if missing := sorted(wanted.keys() - tensors.keys()):
        raise WeightsError(
            f"{file} does not hold the weights of {TIMM}{model}: it lacks {missing[0]}. Save those of timm's model, "
            "under its own keys."
        )
    for key, tensor in wanted.items():
        came, expected = tensors[key], tuple(tensor.shape)
        if came.shape != expected or not came.is_floating_point():
            raise WeightsError(
                f"{file}: {key} is {came.dtype} {tuple(came.shape)}; {TIMM}{model} has floats {expected}."
            )
    # Counters of batches are its own; a file may lack them.
    network.load_state_dict({**network.state_dict(), **{key: tensors[key] for key in wanted}})


def hashed(network: nn.Module) -> str:
    """sha256 over names, dtypes, shapes and bytes of the state, in order of the names; without the counters of batch
    normalisation, which no feature depends on and not every file has."""
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        if key.endswith(COUNTER):
            continue
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check_images(images: Tensor) -> None:
    if not images.is_floating_point() or images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
        got = f"{images.dtype} {tuple(images.shape)}"
        raise InvalidInput(f"images came as {got}; expected floats (n, 1 or 3, height, width).")
    inputs.finite("images", images)
    if images.min() < 0 or images.max() > 1:
        raise InvalidInput("images hold values outside [0, 1]. Clamp or rescale them first.")

"""Feature maps of a frozen network, for losses that compare what images look like rather than their pixels.

    features = Features("timm:vgg19.tv_in1k", ["features.17", "features.26"])
    with torch.no_grad():
        wanted = features(target)
    loss = over_layers(style_loss, features(output), wanted)

The losses themselves compare one layer and live in `zoo.nn.losses`: `perceptual_loss`, `style_loss`, `contextual_loss`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo._util import inputs, shortage
from zoo.errors import ConfigError, InvalidInput, UnknownName, nearest
from zoo.nn import features as networks
from zoo.nn.features import FeatureNetwork
from zoo.nn.named import TIMM


class Features(nn.Module):
    """Images (n, 1 or 3, h, w) in [0, 1] to the maps (n, c, h', w') of some layers, by name and in the order asked for.

    network: the name of a feature network that zoo knows, such as the shipped colour64 and grey28; a FeatureNetwork; or
    "timm:<model>" for any timm model that gives maps. layers: names of modules inside it; without any, those that the
    network itself names. Of a timm model these are the ends of its stages, and no others can be had: in a VGG the
    activations before each pooling ("features.35" of vgg19 is relu5_4). pretrained=False leaves a timm model with
    random weights.

    The shipped networks normalise groups of channels and so hardly see brightness and contrast: on faces, colour64's
    perceptual loss of noise is 70 to 300 times that of a change of contrast with the same squared error, 8 to 60 times
    that of a change of brightness. Add a loss on pixels.

    Images keep their size, whatever the network was trained at; values are normalised and channels repeated or reduced
    to luma as the network expects. It is frozen and stays in eval mode, but images get their gradient. Computed in the
    dtype and on the device of the parameters.

    Raises UnknownName for the network or a layer, ConfigError when layers cannot be chosen, and ZooError when weights
    cannot be had.
    """

    def __init__(
        self, network: str | FeatureNetwork = "colour64", layers: Sequence[str] = (), *, pretrained: bool = True
    ) -> None:
        super().__init__()
        if isinstance(layers, str):
            raise ConfigError(f"layers={layers!r}; expected a list of names: [{layers!r}].")
        if isinstance(network, str) and network.startswith(TIMM):
            self.name = network
            self.network, self.layers, self.channels = _timm_maps(network, layers, pretrained)
        elif not pretrained:
            raise ConfigError(f"{network!r} has no random weights; pretrained=False is for timm's models.")
        else:
            known = networks.load(network) if isinstance(network, str) else network
            self.name, self.channels = known.name, known.channels
            modules = [name for name, _ in known.network.named_modules() if name]
            if not layers and not known.layers:
                raise ConfigError(
                    f"{known.name} names no layers of its own; pass layers, some of {', '.join(modules)}."
                )
            self.layers = _chosen(known.name, layers or known.layers, modules)
            self.network = _Tapped(known.network, self.layers)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Features:
        """A measuring instrument stays in eval mode, whatever `mode` is asked for."""
        return super().train(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Raises InvalidInput for images of the wrong shape, type or range, or of a size the network cannot take."""
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise InvalidInput(f"images came as {_shape(images)}; expected a tensor (n, 1 or 3, height, width).")
        inputs.pixels(images.detach(), tuple(images.shape[1:]))
        return self.maps(images)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """The same without a look at the values of images, for which a device would be waited for."""
        prepared = networks.match_channels(images.to(next(self.network.parameters())), self.channels)
        try:
            maps = self.network(prepared)
        except (RuntimeError, AssertionError) as error:  # torch's and timm's ways to say that a size does not fit
            if shortage.explain(error):
                raise
            size, reason = "×".join(map(str, images.shape[2:])), " ".join(str(error).split()).rstrip(".")
            raise InvalidInput(
                f"{self.name} cannot take images of {size} pixels: {reason}. Resize them to a size it takes."
            ) from error
        found = dict(zip(self.layers, maps, strict=True))
        for layer, values in found.items():
            if not isinstance(values, Tensor) or values.ndim != 4:
                raise ConfigError(
                    f"layer {layer!r} of {self.name} gives {_shape(values)}; expected maps (n, channels, height, "
                    "width). Choose another layer, or none for the network's own choice."
                )
        return found


def over_layers(
    loss: Callable[[Tensor, Tensor], Tensor],
    output: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    weights: Mapping[str, float] | None = None,
) -> Tensor:
    """Σ_l w_l · loss(output_l, target_l) over the layers l that `Features` gave of both; without weights each has 1.

    For options of the loss: `functools.partial(contextual_loss, most=1024)`. Raises InvalidInput unless output, target
    and weights have the same layers.
    """
    factors = dict.fromkeys(output, 1.0) if weights is None else weights
    for what, given in (("target has", target), ("weights are for", factors)):
        if set(given) != set(output) or not output:
            raise InvalidInput(
                f"output has the layers {list(output)}, {what} {list(given)}; expected the same, and some."
            )
    return torch.stack([factors[layer] * loss(maps, target[layer]) for layer, maps in output.items()]).sum()


class _Tapped(nn.Module):
    """Images, prepared, to the outputs of modules within `network`; None for one that is never called."""

    def __init__(self, network: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.network, self.layers = network, tuple(layers)

    def forward(self, images: Tensor) -> list[Any]:
        found: dict[str, Any] = {}
        taps = [
            self.network.get_submodule(name).register_forward_hook(partial(_keep, found, name)) for name in self.layers
        ]
        try:
            self.network(images)
        finally:
            for tap in taps:
                tap.remove()
        return [found.get(name) for name in self.layers]


def _keep(found: dict[str, Any], name: str, module: nn.Module, arguments: Any, output: Any) -> None:
    # A copy: what comes next may be an activation that works in place.
    found[name] = output.clone() if isinstance(output, Tensor) else output


class _Stages(nn.Module):
    """Images to the maps of a timm model made with features_only, in the order `picks` of its list."""

    def __init__(self, network: networks.Normalised, picks: Sequence[int]) -> None:
        super().__init__()
        self.network, self.picks = network, tuple(picks)
        # Some transformers give (n, h, w, c).
        self.channels_last = getattr(getattr(network.network, "output_fmt", None), "value", "NCHW") == "NHWC"

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.network(images)
        return [maps[i].permute(0, 3, 1, 2) if self.channels_last else maps[i] for i in self.picks]


def _timm_maps(name: str, layers: Sequence[str], pretrained: bool) -> tuple[nn.Module, tuple[str, ...], int]:
    """The maps of a timm model, the names of their layers, and its number of channels."""
    model = name.removeprefix(TIMM)
    try:
        bare, _ = networks.timm_model(model, pretrained=False, features_only=True)
    except (RuntimeError, AttributeError, AssertionError) as error:
        raise ConfigError(
            f"{name} gives no feature maps: {error}. Take another model, for example timm:vgg19."
        ) from error
    info: Any = bare.network.feature_info
    stages = [stage["module"] for stage in info.info]
    chosen = _chosen(name, layers or info.module_name(), stages)
    indices = sorted(stages.index(layer) for layer in chosen)
    network, config = networks.timm_model(model, pretrained=pretrained, features_only=True, out_indices=indices)
    picks = [indices.index(stages.index(layer)) for layer in chosen]
    return _Stages(network, picks), chosen, config["input_size"][0]


def _chosen(network: str, layers: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """`layers` without repetition. Raises UnknownName for one that is not among `known`."""
    for layer in layers:
        if layer not in known:
            raise UnknownName(f"{network} has no layer {layer!r}. {nearest(layer, known)}")
    return tuple(dict.fromkeys(layers))


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__

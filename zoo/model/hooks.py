"""`Hooks`: what a model's class says of itself and writes; `zoo.model` makes public methods of it."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol

from torch import Tensor, nn
from typing_extensions import TypeVar

from zoo._util.calls import checked
from zoo._util.wording import SYNONYMS
from zoo.conditions import Condition, Unconditional
from zoo.errors import CapabilityError, InvalidInput
from zoo.noise import Noise
from zoo.objective import Objective
from zoo.releases.provenance import Provenance
from zoo.spaces import Space

if TYPE_CHECKING:
    from PIL import Image

ConfigT = TypeVar("ConfigT", default=Any)


class Standard(Protocol):
    """What a model of vectors has of `zoo.nn.standardising.Standardise`."""

    location: Tensor
    scale: Tensor

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]: ...

    def fit(self, samples: Tensor) -> None: ...

    def rounded(self, x: Tensor) -> Tensor: ...


class Hooks(nn.Module, Generic[ConfigT]):
    """The class attributes and private hooks of a model. A hook that a subclass does not write is a capability that it
    does not have."""

    config_class: ClassVar[type]
    objective_class: ClassVar[type[Objective[Any]]]
    recipe: ClassVar[Any]  # a zoo.recipe.Recipe: how to train this architecture unless told otherwise
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # fields of the Config by a name: as the paper has them
    version: ClassVar[int] = 0  # of this class's fields and layers, counted up when one is renamed; see `migrate`
    hooks: ClassVar[Mapping[str, str]] = {  # public methods, and the private hooks without which there are none
        "generate": "_generate",
        "encode": "_encode",
        "decode": "_decode",
        "log_prob": "_log_prob",
        "translate": "_translate",
        "classify": "_classify",
    }
    log_prob_kind: ClassVar[str | None] = None  # "exact", "lower-bound" or "estimate"
    _density_hook: ClassVar[str] = "_log_prob"  # the hook that bits_per_dim calls on dequantised pixels
    dequantisation: str = "uniform"  # how bits_per_dim makes 8-bit pixels continuous; or "variational"
    deterministic: bool = False  # whether a condition or an image has one result, whatever the seed
    spherical: bool = True  # whether the way between latents goes around 0 (slerp), or is a line
    # The option `truncation` on a card's picture: where latents are cut off, and few generators bear much less; below 1
    # for models whose truncation is a share instead.
    truncated: ClassVar[float] = 1.5
    encodes_by: ClassVar[str] = "network"  # the kind of encoder: or "optimisation", or "inversion" of a sampler
    enlargement: ClassVar[int] = 1  # how many times as large on a side a translation is as what is translated
    multiple: int = 0  # sides of what it can translate are multiples of this, and 0 if they are of one size alone,
    smallest: int = 1  # and at least this

    config: ConfigT
    provenance: Provenance
    space: Space
    condition: Condition
    latent_shape: tuple[int, ...] = ()
    style_layers: int = 0  # of a model with styles: its latents are (style_layers, dim), a style for each layer
    code: tuple[int, int] = (0, 0)  # categories, one-hot, and numbers of a learned code, with which latents begin
    domains: tuple[()] | tuple[str, str] = ()  # of a model that translates both ways, by the option `to`; else none
    resolutions: tuple[int, ...] = ()  # sides of the images it can draw, if there is an option `resolution`
    trainable: bool = True  # whether its Objective takes it, as it is configured
    noise_class: type[Noise] = Noise  # what seeds draw from: that of the format of the file it was loaded from
    draws_when_concluded: bool = False  # whether `generate` has nothing to draw from before `conclude`
    compiled: ClassVar[tuple[str, ...]] = ("_decode",)  # methods and networks that `compile` gives to torch.compile
    _replaced: frozenset[str] = frozenset()  # methods of this one model that are compiled
    autocast: bool = False  # whether public methods compute in the caller's autocast; densities never do

    def __init__(self, config: ConfigT) -> None:
        super().__init__()
        self.config = config
        # Those of a capability, the nearest to a model of this provenance first: whoever loads it says.
        self.releases_with: Callable[[str, Provenance], Sequence[str]] = _nobody
        self.condition = Unconditional()
        self.standard: Standard | None = None  # of vectors: how columns become numbers around 0 of deviation 1
        self.provenance = Provenance(type(self).__name__, dataclasses.asdict(config))  # type: ignore[call-overload]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for method, hook in (*cls.hooks.items(), ("generate_chunks", "_generate"), ("latents", "_latents")):
            public = getattr(cls, method, None)
            if public is None:  # of the bases of Model
                continue
            setattr(cls, method, _with_signature(inspect.unwrap(public), _own_options(getattr(cls, hook, None))))

    @classmethod
    def capabilities(cls) -> frozenset[str]:
        """The public methods this class has the hooks for."""
        has = {m for m, hook in cls.hooks.items() if getattr(cls, hook, None) is not getattr(Hooks, hook, None)}
        return frozenset(has | {"generate"} if "decode" in has else has)

    @classmethod
    def migrate(
        cls, config: dict[str, Any], state: dict[str, Tensor], format: int, version: int
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Fields of the config and the state dict of an earlier file as this class has them now.

        A class whose fields or layers were renamed counts up its `version` and overrides it; `state` is empty where
        only the config is asked for. Called for files and cards of a zoo's `format` below
        `zoo.releases.cards.FORMAT` or of a `version` below the class's own, which is 0 where they name none.
        """
        return config, state

    @property
    def support(self) -> tuple[float, float]:
        """Outside of what, in each dimension alike, `log_prob` gives no density: the limits of the space, unless a
        model says otherwise."""
        return self.space.limits

    def filters(self, count: int) -> Tensor | None:
        """Up to `count` filters of its first layer as images of its space, for people; None for a model whose are not
        worth a look, unless it says otherwise."""
        return None

    @property
    def source_space(self) -> Space:
        """The space of what `translate` takes, but for models conditioned on images, which may be of any size."""
        return self.condition.space or self.space

    def portrait(self, data: Any) -> Image.Image | None:
        """The picture on its card, with what it makes of `data`, a `zoo.plugin.Dataset`; None for the usual one, unless
        a model says otherwise."""
        return None

    def first_layer(self) -> nn.Module | None:
        """The first layer of the encoder, with what follows it before the next, if that is a network of layers trained
        for codes: it takes samples as the encoder does. None unless a model says otherwise."""
        return None

    def conclude(self, data: Any) -> None:
        """What is left to do when training has ended on `data`, a `zoo.plugin.Dataset`. Nothing, unless a model says
        otherwise."""

    @classmethod
    def options(cls, method: str) -> list[str]:
        """Names of the keywords that a public method, such as "generate", takes for this class alone."""
        return [parameter.name for parameter in _own_options(getattr(cls, cls.hooks[method], None))]

    @classmethod
    def split_options(cls, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Of `options` those of encode and those of decode, which may share some. What neither has is among the former,
        for encode to refuse."""
        encoders, decoders = cls.options("encode"), cls.options("decode")
        of_encode = {name: value for name, value in options.items() if name in encoders or name not in decoders}
        return of_encode, {name: value for name, value in options.items() if name in decoders}

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        raise CapabilityError(f"{type(self).__name__} has no decode, so that model(z) has nothing to compute.")

    def _generate(self, noise: Noise, condition: Tensor | None, temperature: float) -> Tensor:
        return self._decode(self._latents(noise, temperature), condition)

    def _embed(self, indices: Tensor) -> Tensor:
        """Embeddings (n, text_dim) of texts given as indices of words (n, longest)."""
        raise NotImplementedError

    def _latents(self, noise: Noise, temperature: float) -> Tensor:
        """Latents (n, *latent_shape) as they are decoded at this temperature."""
        return temperature * self._draw(noise)

    def _draw(self, noise: Noise) -> Tensor:
        """Latents (n, *latent_shape) drawn from the prior: standard normal unless a model says otherwise."""
        return noise.normal(*self.latent_shape)

    def _starts(self, noise: Noise, count: int) -> Tensor:
        """Latents (n, count, *latent_shape) from which the search for those of an image starts."""
        return noise.normal(count, *self.latent_shape)

    def _improbability(self, z: Tensor) -> Tensor:
        """How far latents (n, *latent_shape) are from likely ones, (n,): what the search for those of an image weighs
        against its error."""
        return z.square().flatten(1).mean(1)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        raise NotImplementedError

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        raise NotImplementedError

    def _translate(self, images: Tensor, noise: Noise, temperature: float) -> Tensor:
        raise NotImplementedError

    def _classify(self, x: Tensor, noise: Noise) -> Tensor:
        raise NotImplementedError

    def _dequantise(self, levels: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Points y in [0, 1] of the cells of `levels` k, [k/256, (k+1)/256] of 8-bit ones, and ln q(y | k) in nats."""
        count = self.space.levels or 1
        y = (levels + noise.uniform(*self.space.shape)) / count
        return y, y.new_full((len(y),), self.space.dimensions * math.log(count))

    def _with_options(self, hook: str, options: dict[str, Any]) -> Callable[..., Tensor]:
        """The hook under this name, with `options`, of the model that is its first argument: this one, or its copy."""
        declared = [parameter.name for parameter in _own_options(getattr(self, hook))] if options else []
        for name in options:
            if name not in declared:
                known = f"its options are: {', '.join(declared)}" if declared else "it has no options of its own"
                meant = f" Did you mean {SYNONYMS[name]}=?" if name in SYNONYMS else ""
                raise InvalidInput(f"unknown option {name!r} of {hook.lstrip('_')}; {known}.{meant}")

        def call(model: Hooks[Any], *arguments: Any) -> Tensor:
            result: Tensor = getattr(model, hook)(*arguments, **options)
            return result

        return call


def _nobody(capability: str, near: Provenance) -> Sequence[str]:
    """What a model that nobody loaded knows of others."""
    return ()


def _own_options(hook: Callable[..., Any] | None) -> list[inspect.Parameter]:
    """The keyword-only parameters of a hook."""
    parameters = inspect.signature(hook).parameters.values() if hook is not None else ()
    return [parameter for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]


def _with_signature(method: Callable[..., Any], own: list[inspect.Parameter]) -> Callable[..., Any]:
    """A public method in whose signature a model's own options stand, and which says so if a name is left out."""
    made, signature = checked(method), inspect.signature(method)
    if not own:
        return made
    shared = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters = [*shared, *(p for p in own if p.name not in signature.parameters)]
    made.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return made

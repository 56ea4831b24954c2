"""`Model`: generate, encode, decode, log_prob, translate and classify over private hooks.

The public methods validate, draw noise, switch to inference and eval mode, and cut the work into chunks; the hooks a
subclass writes only compute. What a model can do follows from which hooks it has:

    _decode(z, condition) -> samples                      gives decode, and generate by decoding prior latents
    _generate(noise, condition, temperature) -> samples   gives generate when there is more to it than that
    _encode(x, condition, noise) -> z                     gives encode
    _log_prob(x, condition, noise) -> nats                gives log_prob, of the kind in `log_prob_kind`
    _translate(images, noise, temperature) -> images      gives translate
    _classify(x, noise) -> probabilities                  gives classify

`self.space` says what a sample is, `self.condition` what it is made from besides noise. The hooks of a model that is
conditioned on labels get their indices as `condition`; one of texts also writes _embed(indices of words) -> embeddings,
and its hooks get these. A plugin's capability is a row more in `hooks`, and a public method of its model's.

Where `encode` or `zoo.latent.invert` searches for latents, `_starts` and `_improbability` may say where to start and
what to keep away from.

Keyword-only parameters of a hook are the model's own options, callable through the public method, in whose signature
they stand; any other keyword is an error.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from zoo._util import inputs
from zoo.conditions import Condition, Labels, Texts, Unconditional
from zoo.conditions import Images as Sources
from zoo.errors import CapabilityError, InvalidInput, WeightsError
from zoo.noise import Noise
from zoo.releases.provenance import Provenance
from zoo.spaces import BinaryImages, Space, of_shape

ConfigT = TypeVar("ConfigT", default=Any)


class Model(nn.Module, Generic[ConfigT]):
    """Base of every model in the zoo.

    Subclasses set `config_class`, `objective_class` and `recipe`, in __init__ `space`, `latent_shape` and, unless it is
    made from noise alone, `condition`, and write hooks.

    A model is an `nn.Module`: `model(z)` decodes, or, where it cannot, translates, or encodes, without any checks, so
    that `torch.compile` and `torch.export` have something to hold. In eval mode, as loaded, public methods run under
    inference mode and in chunks, unless an input requires a gradient, which flows to it then. In train mode `encode`,
    `decode`, `log_prob`, `translate` and `classify` are plain differentiable functions of their inputs and of the
    parameters, of the whole batch at once.
    """

    config_class: ClassVar[type]
    objective_class: ClassVar[type]
    recipe: ClassVar[Any]  # a zoo.recipe.Recipe: how to train this architecture unless told otherwise
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
    deterministic: ClassVar[bool] = False  # whether a condition has one result, whatever the seed and temperature
    spherical: ClassVar[bool] = True  # whether the way between latents goes around 0 (slerp), or is a line
    truncated: ClassVar[float] = 1.5  # the option `truncation` on a card's picture; few generators bear much less
    encodes_by: ClassVar[str] = "network"  # the kind of encoder: or "optimisation", or "inversion" of a sampler
    forward_hook: ClassVar[str] = "_decode"  # what `model(x)` computes

    config: ConfigT
    provenance: Provenance
    space: Space
    condition: Condition
    latent_shape: tuple[int, ...] = ()
    style_layers: int = 0  # of a model with styles: its latents are (style_layers, dim), a style for each layer
    resolutions: tuple[int, ...] = ()  # sides of the images it can draw, if there is an option `resolution`

    def __init__(self, config: ConfigT) -> None:
        super().__init__()
        self.config = config
        self.releases_with: Callable[[str], Sequence[str]] = _nobody  # of a capability: whoever loads it says
        classes = tuple(getattr(config, "classes", ()))
        self.condition = Labels(classes) if classes else Unconditional()
        self.provenance = Provenance(type(self).__name__, dataclasses.asdict(config))  # type: ignore[call-overload]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for method, hook in cls.hooks.items():
            public = getattr(cls, method)
            plain = inspect.unwrap(public)
            if own := _own_options(getattr(cls, hook, None)):
                setattr(cls, method, _with_signature(plain, own))
            elif plain is not public:
                setattr(cls, method, plain)

    # What the model can do -------------------------------------------------------------------------------------------

    @classmethod
    def capabilities(cls) -> frozenset[str]:
        """The public methods this class has the hooks for."""
        has = {m for m, hook in cls.hooks.items() if getattr(cls, hook, None) is not getattr(Model, hook, None)}
        return frozenset(has | {"generate"} if "decode" in has else has)

    @classmethod
    def migrate(
        cls, config: dict[str, Any], state: dict[str, Tensor], format: int
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Fields of the config and the state dict of a file of an earlier `format` as this class has them now.

        A class whose fields or layers were renamed overrides it; `state` is empty where only a card is read. Called
        for files and cards of formats below `zoo.releases.cards.FORMAT`.
        """
        return config, state

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

    @property
    def device(self) -> torch.device:
        """Where the weights are; the CPU for a model without any."""
        return next((tensor.device for tensor in self._tensors()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the weights; float32 for a model without any."""
        kinds = (tensor.dtype for tensor in self._tensors() if tensor.is_floating_point())
        return next(kinds, torch.float32)

    @property
    def name(self) -> str:
        """The release it was loaded as, or else the architecture."""
        return self.provenance.release or self.provenance.architecture

    def __repr__(self) -> str:
        can = ", ".join(sorted(self.capabilities())) or "nothing"
        count = sum(parameter.numel() for parameter in self.parameters())
        return (
            f"{type(self).__name__}({self.name!r}: {self.space}, {self.condition}; can {can}; "
            f"{count:,} parameters, {str(self.dtype).removeprefix('torch.')} on {self.device})"
        )

    # Public methods --------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What `model(x)` computes, without checks or chunks: samples of latents `x`, under a `condition` that
        `check_condition` has read, where the model can decode; else what its `forward_hook` says."""
        made: Tensor = getattr(self, self.forward_hook)(x, condition)
        return made

    def generate(
        self,
        n: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        first: int = 0,
        temperature: float = 1.0,
        batch_size: int | None = None,
        **options: Any,
    ) -> Tensor:
        """Draw `n` samples of `model.space`, on the model's device: images are float (n, channels, height, width) in
        [0, 1], vectors float (n, features).

        n: as many as there are conditions, and 1 without any, unless given.
        condition: for label-conditional models a class index or name, or `n` of them; None draws labels uniformly. For
        models conditioned on a text, a text, `n` of them, or embeddings (n, text_dim) that `embed` made of texts.
        seed: an integer; the latents of sample i of a seed are the same whatever n, batch_size, device or process, and
        its image is, to rounding. None: a fresh seed. first: the first sample of the seed that is drawn.
        temperature: factor on the standard deviation of the prior; below 1 trades variety for typicality.
        batch_size: how many are computed at once. Further options are the model's own.
        Raises InvalidInput for any argument out of range and CapabilityError if the model cannot generate.
        """
        parts = self.generate_chunks(
            n, condition=condition, seed=seed, first=first, temperature=temperature, batch_size=batch_size, **options
        )
        return torch.cat(list(parts))

    def generate_chunks(
        self,
        n: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        first: int = 0,
        temperature: float = 1.0,
        batch_size: int | None = None,
        **options: Any,
    ) -> Iterator[Tensor]:
        """What `generate` draws, `batch_size` samples at a time, each chunk computed when it is asked for: a million
        samples need no more memory than a chunk of them. Raises as `generate` does, at once."""
        self.require("generate")
        n, start = inputs.whole("n", self.condition.count(condition) if n is None else n, 1), inputs.seed(seed)
        first = inputs.whole("first", first, 0)
        spread = inputs.real("temperature", temperature, 0, "0.7")
        given = self.check_condition(condition, n)
        hook = self._with_options(self._generate, options)

        def chunk(rows: slice, noise: Noise) -> Tensor:
            if given is None:
                drawn = self.condition.draw(start, first + rows.start, len(noise))
                return hook(noise, None if drawn is None else drawn.to(self.device), spread)
            return hook(noise, given[rows], spread)

        size = inputs.chunk_size(batch_size, self._at_once(given))
        return (self._join([part]) for part in self._chunks(chunk, n, size, start, first))

    def encode(
        self, x: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """Latents (n, *latent_shape) of samples `x`; deterministic.

        A GAN has no encoder: it inverts its generator by optimisation (`zoo.latent.invert`, which also reports the
        reconstruction error), for which `seed` sets the starting points.
        Raises InvalidInput for a bad batch and CapabilityError if the model cannot encode.
        """
        self.require("encode")
        return self._per_sample("_encode", self.check_samples(x), condition, seed, batch_size, options)

    def decode(
        self, latents: Tensor, *, condition: Any = None, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """Samples of `latents` (n, *latent_shape). Models conditioned on a label or a text need `condition`. Raises
        InvalidInput for a bad batch and CapabilityError if the model cannot decode."""
        self.require("decode")
        z = inputs.batch("latents", latents, self.latent_shape, "(n, *latent_shape)").to(self.device, self.dtype)
        given = self.check_condition(condition, len(z), required=True)
        hook = self._with_options(self._decode, options)
        return self._in_chunks(lambda rows, noise: hook(z[rows], _rows(given, rows)), z, given, batch_size, 0)

    def log_prob(
        self, x: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """ln p(x) in nats, shape (n,): the density of images as points of the continuous space [0, 1]^dimensions (of a
        flow, `support`, which is a little wider), or of vectors as points of ℝ^features; of binary images, the
        logarithm of a probability.

        `log_prob_kind` says whether this is exact, a lower bound or an estimate; `seed` sets the noise of the latter
        two. For 8-bit pixels use `bits_per_dim`, which dequantises. Raises InvalidInput for a bad batch or a model in
        half precision (bfloat16 shifts a likelihood in the second decimal), CapabilityError if there is no density.
        """
        self._require_density()
        checked = self.space.check_scored(x).to(self.device, self.dtype)
        # Whatever autocast the caller is in would spoil it just as half-precision weights do.
        with torch.autocast(self.device.type, enabled=False):
            return self._per_sample("_log_prob", checked, condition, seed, batch_size, options)

    def bits_per_dim(
        self, images: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """Bits per dimension of 8-bit images, shape (n,); lower is better, a uniform density gives exactly 8.

        `images` hold k/255 with integer k. They are dequantised, y = (k + u)/256 with u in [0, 1) drawn from q(u | k):
        uniform (Theis et al. 2016, arXiv:1511.01844, section 3.1) unless the model learned better (Ho et al. 2019,
        arXiv:1902.00275, section 3.1), as `dequantisation` says; ln q(y | k) − ln p(y) nats bound the code length of k
        from above. `seed` sets u. Raises as `log_prob`, InvalidInput when pixels are not multiples of 1/255, and
        CapabilityError for a space without levels, such as vectors or binary images.
        """
        self._require_density()
        if not self.space.levels:
            raise CapabilityError(
                f"{self.name} is a model of {self.space.name.replace('-', ' ')}; bits per dimension are of 8-bit "
                "pixels. Call log_prob."
            )
        images = self.check_samples(images)
        levels = images * 255
        if not torch.allclose(levels, levels.round(), atol=1e-2):
            raise InvalidInput(
                "bits_per_dim needs 8-bit pixels, multiples of 1/255; these lie between. Continuous data: log_prob."
            )
        start, parts = inputs.seed(seed), []
        with torch.autocast(self.device.type, enabled=False), torch.inference_mode(), self.evaluating():
            for i in range(0, len(levels), self.space.chunk):
                rows = levels[i : i + self.space.chunk].round()
                noise = Noise(start, i, len(rows), stream="dequantisation", device=self.device, dtype=self.dtype)
                parts.append(self._dequantise(rows, noise))
        # In float32 (255 + u)/256 may round up to 1.0, which is still inside the domain.
        y, spent = (torch.cat(part) for part in zip(*parts, strict=True))
        with torch.autocast(self.device.type, enabled=False):
            density = self._per_sample(self._density_hook, y, condition, start, batch_size, options)
        nats = spent - density
        return nats / (self.space.dimensions * math.log(2))

    def translate(
        self,
        images: Any,
        n: int | None = None,
        *,
        seed: int | None = None,
        first: int = 0,
        temperature: float = 1.0,
        batch_size: int | None = None,
        **options: Any,
    ) -> Tensor:
        """Images made from images: float (n, channels, height, width) in [0, 1], in the size of each, or a multiple.

        images: floats (n, channels, height, width) in [0, 1] of one size, whatever it is, one of them, PIL images, or
        paths. n: as many as there are images, unless given; one image serves any number. seed, first, temperature: as
        of `generate`, where the result is drawn. batch_size: how many are computed at once. Options are the model's
        own: `to`, the domain to translate into, where it goes both ways; `tile`, the side of the tiles into which large
        images are cut. Raises InvalidInput and DataError for images that cannot be used, CapabilityError if the model
        cannot translate.
        """
        self.require("translate")
        n, start = inputs.whole("n", self.condition.count(images) if n is None else n, 1), inputs.seed(seed)
        spread, first = inputs.real("temperature", temperature, 0, "0.7"), inputs.whole("first", first, 0)
        given = self.check_condition(images, n, required=True)
        assert given is not None  # or check_condition would have raised
        hook = self._with_options(self._translate, options)

        def chunk(rows: slice, noise: Noise) -> Tensor:
            return hook(given[rows], noise, spread)

        return self._in_chunks(chunk, given, given, batch_size, start, first)

    def classify(self, x: Tensor, *, seed: int = 0, batch_size: int | None = None, **options: Any) -> Tensor:
        """Probabilities (n, classes) of the classes that samples `x` may be of, each row summing to 1. Raises
        InvalidInput for a bad batch and CapabilityError if the model cannot classify."""
        self.require("classify")
        checked, hook = self.check_samples(x), self._with_options(self._classify, options)
        return self._in_chunks(
            lambda rows, noise: hook(checked[rows], noise), checked, None, batch_size, inputs.seed(seed)
        )

    def reconstruct(
        self, x: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """decode(encode(x)), of the same shape; options go to whichever of the two has them. Raises as both do."""
        of_encode, of_decode = self.split_options(options)
        z = self.encode(x, condition=condition, seed=seed, batch_size=batch_size, **of_encode)
        return self.decode(z, condition=condition, batch_size=batch_size, **of_decode)

    def latents(
        self, n: int = 1, *, seed: int | None = None, first: int = 0, temperature: float = 1.0, **options: Any
    ) -> Tensor:
        """The latents (n, *latent_shape) that `generate` decodes, of samples `first` … of a seed. options: those of
        `generate` that act on latents, such as `truncation`. Raises InvalidInput, and CapabilityError for a model that
        cannot decode."""
        self.require("decode")
        count, start = inputs.whole("n", n, 1), inputs.seed(seed)
        spread, first = inputs.real("temperature", temperature, 0, "0.7"), inputs.whole("first", first, 0)
        hook = self._with_options(self._latents, options)
        return self._join(
            list(self._chunks(lambda _, noise: hook(noise, spread), count, self.space.chunk, start, first))
        )

    def embed(self, condition: Any, n: int | None = None) -> Tensor:
        """Embeddings (n, text_dim) of texts, `n` of them or one that serves `n` samples; those that lie between two
        are conditions as well. Embeddings are given back as they are.

        Warns (UnknownWord) of words that the model has not learned. Raises InvalidInput for what is no text, and
        CapabilityError for a model that is not conditioned on texts.
        """
        if self.condition.name != "text":
            raise CapabilityError(
                f"{self.name} is not conditioned on texts. Models that are: zoo list --condition text."
            )
        count = inputs.whole("n", self.condition.count(condition) if n is None else n, 1)
        return self._read_condition(condition, count)

    def save(self, path: str | Path, *, dtype: torch.dtype = torch.float32) -> str:
        """Write the weights as safetensors whose header names architecture and config; returns the file's sha256.

        Floating-point tensors are stored as `dtype`; torch.int8 keeps matrices and convolutions in one byte a weight
        (`zoo.rounding`). Raises UnknownArchitecture when the class is not registered, InvalidInput for other types.
        """
        from zoo import weights

        return weights.write(self, Path(path), dtype=dtype)

    # Hooks: what a subclass writes -----------------------------------------------------------------------------------

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        raise NotImplementedError

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
        """Points y in [0, 1] of the cells [k/256, (k+1)/256] of 8-bit `levels` k, and ln q(y | k) in nats (n,)."""
        y = (levels + noise.uniform(*self.space.shape)) / 256
        return y, y.new_full((len(y),), self.space.dimensions * math.log(256))

    # Transition: what the space and the condition own; gone when nobody asks for it any more -------------------------

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.space.shape

    @image_shape.setter
    def image_shape(self, shape: tuple[int, ...]) -> None:
        self.space = BinaryImages(shape) if type(self).binary is True else of_shape(shape)

    @property
    def dimensions(self) -> int:
        return self.space.dimensions

    vectors = property(lambda self: self.space.name == "vectors")
    eight_bit = property(lambda self: self.space.levels is not None)
    binary = property(lambda self: self.space.name == "binary-images")
    classes = property(lambda self: getattr(self.condition, "classes", ()))
    vocabulary = property(lambda self: getattr(self.condition, "vocabulary", ()))
    text_shape = property(
        lambda self: (self.condition.dim,) if self.condition.name == "text" else (),
        lambda self, shape: setattr(self, "condition", Texts(tuple(self.config.vocabulary), 1, *shape)),
    )
    longest_text = property(
        lambda self: getattr(self.condition, "longest", 0),
        lambda self, n: setattr(self, "condition", dataclasses.replace(self.condition, longest=n)),
    )
    source_channels = property(
        lambda self: getattr(self.condition, "channels", 0), lambda self, n: setattr(self, "condition", Sources(n))
    )

    def check_images(self, images: Tensor) -> Tensor:
        return self.check_samples(images)

    def word_indices(self, texts: Any) -> Tensor:
        found: Tensor = self.condition.indices(texts).to(self.device)  # type: ignore[attr-defined]
        return found

    # Validation and chunking -----------------------------------------------------------------------------------------

    def require(self, capability: str) -> None:
        """Raise CapabilityError, naming what this model and which others can do, unless it has `capability`."""
        mine = self.capabilities()
        if capability not in mine:
            able = self.releases_with(capability)
            others = f" Models that can: {', '.join(able)}." if able else ""
            raise CapabilityError(
                f"{self.name} has no {capability}; it can {', '.join(sorted(mine)) or 'do nothing'}.{others}"
            )

    def check_samples(self, samples: Tensor) -> Tensor:
        """`samples` on the model's device and in its dtype, or InvalidInput saying what is wrong with the batch."""
        return self.space.check(samples).to(self.device, self.dtype)

    def check_condition(self, condition: Any, n: int, *, required: bool = False) -> Tensor | None:
        """What hooks get of a `condition` of `n` samples, on the model's device: class indices (n,), images
        (n, channels, height, width), or embeddings (n, text_dim) of texts; None for none, or an error that helps."""
        if condition is not None:
            return self._read_condition(condition, n)
        if self.condition.required or (required and self.condition.name is not None):
            raise self.condition.missing()
        return None

    def _read_condition(self, condition: Any, n: int) -> Tensor:
        rows = self.condition.parse(condition, n).to(self.device)
        if self.condition.embedded and not rows.is_floating_point():
            # Not in inference mode, so that the caller may go on with autograd.
            with torch.no_grad(), self.evaluating():
                rows = self._embed(rows)
        rows = rows.to(self.dtype) if rows.is_floating_point() else rows
        return rows if len(rows) == n else rows.expand(n, *rows.shape[1:])

    def _at_once(self, condition: Tensor | None) -> int:
        """How many samples are computed at once unless batch_size says otherwise."""
        return self.space.chunk

    def fuse(self) -> Self:
        """Let every layer that can, in eval mode, work out now what it computes of its weights alone, so that it need
        not at every call; the values are the same. `zoo.load` does. After a write to a weight by hand call it again;
        `train()` and `load_state_dict` undo it."""
        for module in list(self.modules())[1:]:
            fuse = getattr(module, "fuse", None)
            if callable(fuse):
                fuse()
        return self

    @contextmanager
    def evaluating(self, *, freeze: bool = False) -> Iterator[None]:
        """Eval mode for the duration, then every submodule's own mode again; `freeze` also turns off its gradients."""
        training = [module for module in self.modules() if module.training]
        grads = [(p, p.requires_grad) for p in self.parameters()] if freeze else []
        if training:
            self.eval()
        for parameter, _ in grads:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for module in training:
                module.training = True
            for parameter, grad in grads:
                parameter.requires_grad_(grad)

    def _tensors(self) -> Iterator[Tensor]:
        return itertools.chain(self.parameters(), self.buffers())

    def _per_sample(
        self, name: str, samples: Tensor, condition: Any, seed: int, batch_size: int | None, options: dict[str, Any]
    ) -> Tensor:
        given = self.check_condition(condition, len(samples), required=True)
        hook = self._with_options(getattr(self, name), options)

        def chunk(rows: slice, noise: Noise) -> Tensor:
            return hook(samples[rows], _rows(given, rows), noise)

        return self._in_chunks(chunk, samples, given, batch_size, inputs.seed(seed))

    def _require_density(self) -> None:
        self.require("log_prob")
        if self.dtype not in (torch.float32, torch.float64):
            raise InvalidInput(f"the density of a model in {self.dtype} is off in the second decimal. Call .float().")

    def _in_chunks(
        self,
        compute: Callable[[slice, Noise], Tensor],
        batch: Tensor,
        condition: Tensor | None,
        batch_size: int | None,
        seed: int,
        first: int = 0,
    ) -> Tensor:
        """`compute` of the rows of a batch, of which it knows; in train mode of all of them at once."""
        n, size = len(batch), inputs.chunk_size(batch_size, self._at_once(condition))
        if self.training:
            return compute(slice(0, n), Noise(seed, first, n, device=self.device, dtype=self.dtype))
        given = (batch,) if condition is None else (batch, condition)
        gradients = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
        return self._join(list(self._chunks(compute, n, size, seed, first, gradients=gradients)))

    def _chunks(
        self,
        compute: Callable[[slice, Noise], Tensor],
        n: int,
        size: int,
        seed: int,
        first: int = 0,
        *,
        gradients: bool = False,
    ) -> Iterator[Tensor]:
        for start in range(0, n, size):
            count = min(size, n - start)
            with torch.inference_mode(not gradients), self.evaluating():
                noise = Noise(seed, first + start, count, device=self.device, dtype=self.dtype)
                part = compute(slice(start, start + count), noise)
            yield self.check_result(part)

    def _join(self, parts: list[Tensor]) -> Tensor:
        """The chunks' results as one tensor of the caller's own, outside of inference mode, so that autograd may go on
        with it."""
        return torch.cat(parts)

    def check_result(self, result: Tensor) -> Tensor:
        """`result`, or WeightsError when there is NaN in it."""
        if result.amax().isnan():  # which passes NaN on, and takes no memory
            raise WeightsError(
                f"{self.name} computed NaN in {self.dtype}. Load it in float32; if it is, its weights are spoilt."
            )
        return result

    @staticmethod
    def _with_options(hook: Callable[..., Tensor], options: dict[str, Any]) -> Callable[..., Tensor]:
        if not options:
            return hook
        declared = [parameter.name for parameter in _own_options(hook)]
        for name in options:
            if name not in declared:
                known = f"its options are: {', '.join(declared)}" if declared else "it has no options of its own"
                raise InvalidInput(f"unknown option {name!r} of {hook.__name__.lstrip('_')}; {known}.")
        return functools.partial(hook, **options)


def _nobody(capability: str) -> Sequence[str]:
    """What a model that nobody loaded knows of others."""
    return ()


def _own_options(hook: Callable[..., Any] | None) -> list[inspect.Parameter]:
    """The keyword-only parameters of a hook."""
    parameters = inspect.signature(hook).parameters.values() if hook is not None else ()
    return [parameter for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]


def _with_signature(method: Callable[..., Any], own: list[inspect.Parameter]) -> Callable[..., Any]:
    """A public method in whose signature a model's own options stand."""

    @functools.wraps(method)
    def made(*arguments: Any, **keywords: Any) -> Any:
        return method(*arguments, **keywords)

    signature = inspect.signature(method)
    shared = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters = [*shared, *(p for p in own if p.name not in signature.parameters)]
    made.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return made


def _rows(condition: Tensor | None, rows: slice) -> Tensor | None:
    return None if condition is None else condition[rows]

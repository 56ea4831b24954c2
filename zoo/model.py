"""`Model`: generate, encode, decode and log_prob over private hooks.

The public methods validate, draw noise, switch to inference and eval mode, and cut the work into chunks; the hooks a
subclass writes only compute. What a model can do follows from which hooks it has:

    _decode(z, condition) -> images              gives decode, and generate by decoding prior latents
    _generate(noise, condition, temperature)     gives generate when there is more to it than that
    _encode(images, condition, noise) -> z       gives encode
    _log_prob(images, condition, noise) -> nats  gives log_prob, of the kind in `log_prob_kind`

A model conditioned on texts also writes _embed(indices of words) -> embeddings, and its hooks get these as `condition`;
others get indices of classes, or images. Its config has a `vocabulary` and `words`, the most in a text, which training
takes from the captions. If it has a method similarity(images, texts) -> (n, m), the metric `retrieval` uses it.

Where `encode` or `zoo.latent.invert` searches for latents, `_starts` and `_improbability` may say where to start and
what to keep away from.

Keyword-only parameters of a hook are the model's own options, callable through the public method; any other keyword
is an error.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo._util import inputs
from zoo.conditions import parse_images, parse_labels, parse_texts, word_indices
from zoo.errors import CapabilityError, InvalidInput, WeightsError
from zoo.latent import Noise
from zoo.releases.provenance import Provenance

CHUNK, VECTORS = 64, 4096  # images and vectors computed at once unless batch_size says otherwise


class Model(nn.Module):
    """Base of every model in the zoo.

    Subclasses set `config_class`, `objective_class`, `recipe`, `image_shape` and `latent_shape`, and write hooks.

    Images are float tensors (n, channels, height, width) in [0, 1], in and out. A model whose `image_shape` has one
    entry, (features,), is a model of vectors, such as the rows of a table: what is said of images below holds for float
    tensors (n, features) of any finite numbers, which are not clamped, not dequantised and have no bits per dimension.

    A model with `binary` is one of black and white images: it generates pixels of 0 and 1, `log_prob` takes no others
    and gives ln P(x), the logarithm of a probability and not of a density; `encode` and `decode` may read and give the
    probabilities of pixels between.
    """

    config_class: ClassVar[type]
    objective_class: ClassVar[type]
    recipe: ClassVar[Any]  # a zoo.recipe.Recipe: how to train this architecture unless told otherwise
    log_prob_kind: ClassVar[str | None] = None  # "exact", "lower-bound" or "estimate"
    _density_hook: ClassVar[str] = "_log_prob"  # the hook that bits_per_dim calls on dequantised pixels
    dequantisation: str = "uniform"  # how bits_per_dim makes 8-bit pixels continuous; or "variational"
    deterministic: ClassVar[bool] = False  # whether a condition has one result, whatever the seed and temperature
    binary: ClassVar[bool] = False  # whether pixels are 0 or 1, and log_prob is the logarithm of a mass
    spherical: ClassVar[bool] = True  # whether the way between latents goes around 0 (slerp), or is a line
    truncated: ClassVar[float] = 1.5  # the option `truncation` on a card's picture; few generators bear much less
    encodes_by: ClassVar[str] = "network"  # the kind of encoder: or "optimisation", or "inversion" of a sampler

    provenance: Provenance
    source_channels: int = 0  # of the images it is conditioned on, if it is
    text_shape: tuple[int, ...] = ()  # of the embedding of a text, (text_dim,), if it is conditioned on texts
    longest_text: int = 0  # words in a text, at most
    style_layers: int = 0  # of a model with styles: its latents are (style_layers, dim), a style for each layer
    resolutions: tuple[int, ...] = ()  # sides of the images it can draw, if there is an option `resolution`
    image_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.releases_with: Callable[[str], Sequence[str]] = _nobody  # of a capability: whoever loads it says
        self.classes: tuple[str, ...] = tuple(getattr(config, "classes", ()))
        self.vocabulary: tuple[str, ...] = tuple(getattr(config, "vocabulary", ()))
        self.provenance = Provenance(type(self).__name__, dataclasses.asdict(config))

    # What the model can do -------------------------------------------------------------------------------------------

    @classmethod
    def capabilities(cls) -> frozenset[str]:
        """The public methods this class has the hooks for."""
        has = {method for method, hook in _HOOKS.items() if getattr(cls, hook) is not getattr(Model, hook)}
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
        return _keywords(getattr(cls, _HOOKS[method]))

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
    def dimensions(self) -> int:
        """Number of values in one image: channels · height · width; of a vector, its features."""
        return math.prod(self.image_shape)

    @property
    def vectors(self) -> bool:
        """Whether this is a model of vectors, (n, features) of any finite numbers, and not of images."""
        return len(self.image_shape) == 1

    @property
    def eight_bit(self) -> bool:
        """Whether pixels have 256 levels and bits per dimension a meaning: not of vectors, not of binary pixels."""
        return not (self.vectors or self.binary)

    # Public methods --------------------------------------------------------------------------------------------------

    def generate(
        self,
        n: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        temperature: float = 1.0,
        batch_size: int | None = None,
        **options: Any,
    ) -> Tensor:
        """Draw `n` images: float (n, channels, height, width) in [0, 1], on the model's device; of a model of vectors,
        float (n, features).

        n: as many as there are conditions, and 1 without any, unless given.
        condition: for label-conditional models a class index or name, or `n` of them; None draws labels uniformly. For
        models conditioned on an image, an image, or `n` of one size: a float tensor (n, channels, height, width) in
        [0, 1] or one of its images, PIL images, or paths; of whatever size, which that of the result follows. For
        models conditioned on a text, a text, `n` of them, or embeddings (n, text_dim) that `embed` made of texts.
        seed: an integer; the latents of sample i of a seed are the same whatever n, batch_size, device or process, and
        its image is, to rounding. None: a fresh seed.
        temperature: factor on the standard deviation of the prior; below 1 trades variety for typicality.
        batch_size: how many are computed at once. Further options are the model's own.
        Raises InvalidInput for any argument out of range and CapabilityError if the model cannot generate.
        """
        self.require("generate")
        n, start = inputs.whole("n", _count(condition) if n is None else n, 1), inputs.seed(seed)
        spread = inputs.real("temperature", temperature, 0, "0.7")
        given = self.check_condition(condition, n)
        hook = self._with_options(self._generate, options)

        def chunk(rows: slice, noise: Noise) -> Tensor:
            if self.classes and given is None:
                drawn = Noise(start, rows.start, len(noise), stream="label").integers(len(self.classes))
                return hook(noise, drawn.to(self.device), spread)
            return hook(noise, _rows(given, rows), spread)

        return self._in_chunks(chunk, n, batch_size, start, given)

    def encode(
        self, images: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """Latents (n, *latent_shape) of `images`; deterministic.

        A GAN has no encoder: it inverts its generator by optimisation (`zoo.latent.invert`, which also reports the
        reconstruction error), for which `seed` sets the starting points.
        Raises InvalidInput for a bad batch and CapabilityError if the model cannot encode.
        """
        self.require("encode")
        return self._per_image("_encode", images, condition, seed, batch_size, options)

    def decode(
        self, latents: Tensor, *, condition: Any = None, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """Images (n, channels, height, width) in [0, 1] of `latents` (n, *latent_shape). Models conditioned on a label
        or a text need `condition`. Raises InvalidInput for a bad batch and CapabilityError if the model cannot decode.
        """
        self.require("decode")
        z = inputs.batch("latents", latents, self.latent_shape, "(n, *latent_shape)").to(self.device, self.dtype)
        labels = self.check_condition(condition, len(z), required=True)
        hook = self._with_options(self._decode, options)
        return self._in_chunks(lambda rows, noise: hook(z[rows], _rows(labels, rows)), len(z), batch_size, 0, labels)

    def log_prob(
        self, images: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """ln p(x) in nats, shape (n,): the density of the images as points of the continuous space [0, 1]^dimensions
        (of a flow, `support`, which is a little wider), or of vectors as points of ℝ^features.

        `log_prob_kind` says whether this is exact, a lower bound or an estimate; `seed` sets the noise of the latter
        two. For 8-bit pixels use `bits_per_dim`, which dequantises. Of a `binary` model, the logarithm of the
        probability of images whose pixels are 0 or 1. Raises InvalidInput for a bad batch or a model in half precision
        (bfloat16 shifts a likelihood in the second decimal), CapabilityError if there is no density.
        """
        self._require_density()
        if self.binary:
            inputs.binary(self.check_images(images))
        # Whatever autocast the caller is in would spoil it just as half-precision weights do.
        with torch.autocast(self.device.type, enabled=False):
            return self._per_image("_log_prob", images, condition, seed, batch_size, options)

    def bits_per_dim(
        self, images: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """Bits per dimension of 8-bit images, shape (n,); lower is better, a uniform density gives exactly 8.

        `images` hold k/255 with integer k. They are dequantised, y = (k + u)/256 with u in [0, 1) drawn from q(u | k):
        uniform (Theis et al. 2016, arXiv:1511.01844, section 3.1) unless the model learned better (Ho et al. 2019,
        arXiv:1902.00275, section 3.1), as `dequantisation` says; ln q(y | k) − ln p(y) nats bound the code length of k
        from above. `seed` sets u. Raises as `log_prob`, InvalidInput when pixels are not multiples of 1/255, and
        CapabilityError for a model of vectors or of binary pixels.
        """
        self._require_density()
        if not self.eight_bit:
            kind = "vectors" if self.vectors else "binary pixels"
            name = self.provenance.release or self.provenance.architecture
            raise CapabilityError(
                f"{name} is a model of {kind}; bits per dimension are of 8-bit pixels. Call log_prob."
            )
        images = self.check_images(images)
        levels = images * 255
        if not torch.allclose(levels, levels.round(), atol=1e-2):
            raise InvalidInput(
                "bits_per_dim needs 8-bit pixels, multiples of 1/255; these lie between. Continuous data: log_prob."
            )
        start, parts = inputs.seed(seed), []
        with torch.autocast(self.device.type, enabled=False), torch.inference_mode(), self.evaluating():
            for i in range(0, len(levels), CHUNK):
                rows = levels[i : i + CHUNK].round()
                noise = Noise(start, i, len(rows), stream="dequantisation", device=self.device, dtype=self.dtype)
                parts.append(self._dequantise(rows, noise))
        # In float32 (255 + u)/256 may round up to 1.0, which is still inside the domain.
        y, spent = (torch.cat(part) for part in zip(*parts, strict=True))
        with torch.autocast(self.device.type, enabled=False):
            density = self._per_image(self._density_hook, y, condition, start, batch_size, options)
        nats = spent - density
        return nats / (self.dimensions * math.log(2))

    def reconstruct(
        self, images: Tensor, *, condition: Any = None, seed: int = 0, batch_size: int | None = None, **options: Any
    ) -> Tensor:
        """decode(encode(images)), of the same shape; options go to whichever of the two has them. Raises as both do."""
        of_encode, of_decode = self.split_options(options)
        z = self.encode(images, condition=condition, seed=seed, batch_size=batch_size, **of_encode)
        return self.decode(z, condition=condition, batch_size=batch_size, **of_decode)

    def embed(self, condition: Any, n: int | None = None) -> Tensor:
        """Embeddings (n, text_dim) of texts, `n` of them or one that serves `n` samples; those that lie between two
        are conditions as well. Embeddings are given back as they are.

        Warns (UnknownWord) of words that the model has not learned. Raises InvalidInput for what is no text, and
        CapabilityError for a model that is not conditioned on texts.
        """
        if not self.text_shape:
            name = self.provenance.release or self.provenance.architecture
            raise CapabilityError(f"{name} is not conditioned on texts. Models that are: zoo list --condition text.")
        count = inputs.whole("n", _count(condition) if n is None else n, 1)
        if isinstance(condition, Tensor):
            given = inputs.batch("embeddings", condition, self.text_shape, "(n, text_dim)")
            if len(given) not in (1, count):
                raise InvalidInput(f"{len(given)} embeddings came for {count} samples. Pass one, or exactly {count}.")
            return given.to(self.device, self.dtype).expand(count, -1).clone()
        indices = parse_texts(condition, count, self.vocabulary, self.longest_text).to(self.device)
        # Outside of inference mode, so that the caller may go on with autograd.
        with torch.no_grad(), self.evaluating():
            return self._embed(indices).to(self.dtype).expand(count, -1).clone()

    def word_indices(self, texts: Sequence[str]) -> Tensor:
        """Indices (n, longest_text) of the words of `texts`, as `zoo.conditions.word_indices` gives them."""
        return word_indices(texts, self.vocabulary, self.longest_text).to(self.device)

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
        """Embeddings (n, text_dim) of texts given as indices of words (n, longest_text), of a model with text_shape."""
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

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        raise NotImplementedError

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        raise NotImplementedError

    def _dequantise(self, levels: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Points y in [0, 1] of the cells [k/256, (k+1)/256] of 8-bit `levels` k, and ln q(y | k) in nats (n,)."""
        y = (levels + noise.uniform(*self.image_shape)) / 256
        return y, y.new_full((len(y),), self.dimensions * math.log(256))

    # Validation and chunking -----------------------------------------------------------------------------------------

    def require(self, capability: str) -> None:
        """Raise CapabilityError, naming what this model and which others can do, unless it has `capability`."""
        mine = self.capabilities()
        if capability not in mine:
            able = self.releases_with(capability)
            others = f" Models that can: {', '.join(able)}." if able else ""
            raise CapabilityError(
                f"{self.provenance.release or self.provenance.architecture} has no {capability}; "
                f"it can {', '.join(sorted(mine)) or 'do nothing'}.{others}"
            )

    def check_images(self, images: Tensor) -> Tensor:
        """`images` on the model's device and in its dtype, or InvalidInput saying what is wrong with the batch."""
        if self.vectors:
            checked = inputs.batch("vectors", images, self.image_shape, "(n, features)")
        else:
            checked = inputs.pixels(images, self.image_shape)
        return checked.to(self.device, self.dtype)

    def check_condition(self, condition: Any, n: int, *, required: bool = False) -> Tensor | None:
        """Class indices (n,), images (n, source_channels, height, width), or embeddings (n, text_dim) of texts, on the
        model's device, None for an unconditional model, or an error that helps."""
        if self.source_channels:
            given = parse_images(condition, n, self.source_channels).to(self.device, self.dtype)
            return given.expand(n, -1, -1, -1)
        if self.text_shape:
            if condition is None:
                raise InvalidInput("this model is conditioned on a text. Pass condition=: a sentence, or one a sample.")
            return self.embed(condition, n)
        if not self.classes:
            if condition is not None:
                raise InvalidInput(f"condition={condition!r} came, but this model is unconditional. Leave it out.")
            return None
        if condition is None:
            if required:
                some = ", ".join(self.classes[:3])
                raise InvalidInput(f"this model is conditioned on a label. Pass condition=, one of: {some} …")
            return None
        return parse_labels(condition, n, self.classes).to(self.device)

    def _at_once(self, condition: Tensor | None) -> int:
        """How many samples are computed at once unless batch_size says otherwise."""
        return VECTORS if self.vectors else CHUNK

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

    def _per_image(
        self, name: str, images: Tensor, condition: Any, seed: int, batch_size: int | None, options: dict[str, Any]
    ) -> Tensor:
        images = self.check_images(images)
        labels = self.check_condition(condition, len(images), required=True)
        hook = self._with_options(getattr(self, name), options)

        def chunk(rows: slice, noise: Noise) -> Tensor:
            return hook(images[rows], _rows(labels, rows), noise)

        return self._in_chunks(chunk, len(images), batch_size, inputs.seed(seed), labels)

    def _require_density(self) -> None:
        self.require("log_prob")
        if self.dtype not in (torch.float32, torch.float64):
            raise InvalidInput(f"the density of a model in {self.dtype} is off in the second decimal. Call .float().")

    def _in_chunks(
        self,
        compute: Callable[[slice, Noise], Tensor],
        n: int,
        batch_size: int | None,
        seed: int,
        condition: Tensor | None,
    ) -> Tensor:
        size = inputs.chunk_size(batch_size, self._at_once(condition))
        with torch.inference_mode(), self.evaluating():
            parts = []
            for start in range(0, n, size):
                count = min(size, n - start)
                noise = Noise(seed, start, count, device=self.device, dtype=self.dtype)
                parts.append(compute(slice(start, start + count), noise))
        # Outside of inference mode, so that the caller may go on with autograd.
        return self.check_result(self._join(parts))

    def _join(self, parts: list[Tensor]) -> Tensor:
        """The chunks' results as one tensor of the caller's own."""
        return torch.cat(parts)

    def check_result(self, result: Tensor) -> Tensor:
        """`result`, or WeightsError when there is NaN in it."""
        if result.amax().isnan():  # which passes NaN on, and takes no memory
            raise WeightsError(
                f"{self.provenance.release or self.provenance.architecture} computed NaN in {self.dtype}. "
                "Load it in float32; if it is, its weights are spoilt."
            )
        return result

    @staticmethod
    def _with_options(hook: Callable[..., Tensor], options: dict[str, Any]) -> Callable[..., Tensor]:
        if not options:
            return hook
        declared = _keywords(hook)
        for name in options:
            if name not in declared:
                known = f"its options are: {', '.join(declared)}" if declared else "it has no options of its own"
                raise InvalidInput(f"unknown option {name!r} of {hook.__name__.lstrip('_')}; {known}.")
        return lambda *args: hook(*args, **options)


_HOOKS = {"generate": "_generate", "encode": "_encode", "decode": "_decode", "log_prob": "_log_prob"}


def _nobody(capability: str) -> Sequence[str]:
    """What a model that nobody loaded knows of others."""
    return ()


def _keywords(hook: Callable[..., Tensor]) -> list[str]:
    parameters = inspect.signature(hook).parameters.values()
    return [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]


def _count(condition: Any) -> int:
    """How many conditions these are, at least 1: a batch of images, a row of labels, rows of embeddings, or a sequence
    of any."""
    if hasattr(condition, "ndim"):  # a tensor or array
        return max(1, len(condition)) if condition.ndim in (1, 2, 4) else 1
    return max(1, len(condition)) if isinstance(condition, Sequence) and not isinstance(condition, str) else 1


def _rows(condition: Tensor | None, rows: slice) -> Tensor | None:
    return None if condition is None else condition[rows]

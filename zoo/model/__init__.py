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
# Long because it is the whole of what users call, with what each method takes, gives and raises.

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo import images as imaging
from zoo._util import inputs
from zoo._util.paths import user_path
from zoo.errors import CapabilityError, InvalidInput
from zoo.model import display
from zoo.model.chunks import Chunks, rows_of
from zoo.model.hooks import ConfigT
from zoo.noise import Noise

if TYPE_CHECKING:
    from PIL import Image


class Model(Chunks[ConfigT]):
    """Base of every model in the zoo.

    Subclasses set `config_class`, `objective_class` and `recipe`, in __init__ `space`, `latent_shape` and, unless it is
    made from noise alone, `condition`, and write hooks.

    A model is an `nn.Module`: `model(z)` decodes, and that of a translator translates, with no check but of shapes, so
    that `torch.compile` and `torch.export` have something to hold. In eval mode, as loaded, public methods run under
    inference mode and in chunks, unless an input requires a gradient, which flows to it then. In train mode `encode`,
    `decode`, `log_prob`, `translate` and `classify` are plain differentiable functions of their inputs and of the
    parameters, of the whole batch at once.
    """

    def __repr__(self) -> str:
        return display.line(self)

    def _repr_html_(self) -> str:
        return display.table(self)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What `model(x)` computes, without chunks: samples of latents `x`, under a `condition` that `check_condition`
        has read; a translator translates. Raises InvalidInput for what has not the shape of latents and for want of a
        condition, and CapabilityError for a model that cannot decode."""
        if type(self)._decode is not Model._decode:
            inputs.shaped("latents", x, self.latent_shape, "for model(z) (n, *latent_shape)")
            if condition is None and self.condition.name is not None:
                raise self.condition.missing()
        return self._decode(x, condition).contiguous()

    def generate(
        self,
        n: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        first: int = 0,
        temperature: float = 1.0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        **options: Any,
    ) -> Tensor:
        """Draw `n` samples of `model.space`, on the model's device: images are float (n, channels, height, width) in
        [0, 1], vectors float (n, features). A notebook shows them as a picture, as what `decode` and `translate` give.

        n: as many as there are conditions, and 1 without any, unless given.
        condition: for label-conditional models a class index or name, or `n` of them; None draws labels uniformly. For
        models conditioned on a text, a text, `n` of them, or embeddings (n, text_dim) that `embed` made of texts.
        seed: an integer; the latents of sample i of a seed are the same whatever n, batch_size, device or process, and
        its image is, to rounding. None: a fresh seed. first: the first sample of the seed that is drawn.
        temperature: factor on the standard deviation of the prior; below 1 trades variety for typicality.
        batch_size: how many are computed at once. keep_nan: samples that come out as NaN are an error that says which,
        unless they are to be kept; so everywhere. Further options are the model's own.
        Raises InvalidInput for any argument out of range, at once for more samples than there is memory for, and
        CapabilityError if the model cannot generate.
        """
        self.require("generate")
        n = inputs.integer("n", self.condition.count(condition) if n is None else n, 1)
        self.check_room(n, self.space.shape, "Take them in chunks: generate_chunks(n, …).")
        parts = self.generate_chunks(
            n,
            condition=condition,
            seed=seed,
            first=first,
            temperature=temperature,
            batch_size=batch_size,
            keep_nan=True,
            **options,
        )
        made = self.check_result(_together(parts, n), given=_hot(temperature), keep=keep_nan)
        return display.shown(made, self.space)

    def generate_chunks(
        self,
        n: int | None = None,
        *,
        condition: Any = None,
        seed: int | None = None,
        first: int = 0,
        temperature: float = 1.0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        **options: Any,
    ) -> Iterator[Tensor]:
        """What `generate` draws, `batch_size` samples at a time, each chunk computed when it is asked for: a million
        samples need no more memory than a chunk of them. Raises as `generate` does, at once."""
        self.require("generate")
        n, start = inputs.integer("n", self.condition.count(condition) if n is None else n, 1), inputs.seed(seed)
        first = inputs.integer("first", first, 0)
        spread = inputs.scalar("temperature", temperature, 0, "0.7")
        given = self.check_condition(condition, n)
        hook = self._with_options("_generate", options)

        def chunk(model: Chunks[Any], rows: slice, noise: Noise) -> Tensor:
            if given is None:
                drawn = self.condition.draw(start, first + rows.start, len(noise), self.noise_class)
                return hook(model, noise, None if drawn is None else drawn.to(self.device), spread)
            return hook(model, noise, given[rows], spread)

        size = inputs.chunk_size(batch_size, self._at_once(given))
        parts = enumerate(self._chunks(chunk, n, size, start, first))
        checks: Any = {"given": _hot(spread), "keep": keep_nan, "total": n}
        return (self.check_result(self._join([part]), first=i * size, **checks) for i, part in parts)

    def encode(
        self,
        x: Any,
        *,
        condition: Any = None,
        seed: int = 0,
        first: int = 0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        strict: bool = False,
        **options: Any,
    ) -> Tensor:
        """Latents (n, *latent_shape) of samples `x`; deterministic.

        x: a tensor or array (n, *model.space.shape); images also as PIL images or paths, one or a list, which are made
        to fit, and vectors as a data frame or paths of tables; so everywhere. What is changed to fit is told of
        (Converted), and with `strict` refused.
        A GAN has no encoder: it inverts its generator by optimisation (`zoo.latent.invert`, which also reports the
        reconstruction error), for which `seed` sets the starting points. first: which of a seed's the first sample is,
        for what is random, so that a part of a batch is computed as it would be within the whole; so everywhere.
        Raises InvalidInput for a bad batch and CapabilityError if the model cannot encode.
        """
        self.require("encode")
        checked = self.check_samples(x, strict=strict)
        call: Any = {"first": first, "keep_nan": keep_nan}
        return self.per_sample("_encode", checked, condition, seed, batch_size, options, **call)

    def decode(
        self,
        latents: Any,
        *,
        condition: Any = None,
        batch_size: int | None = None,
        keep_nan: bool = False,
        **options: Any,
    ) -> Tensor:
        """Samples of `latents`, a tensor or array (n, *latent_shape). Models conditioned on a label or a text need
        `condition`. Raises InvalidInput for a bad batch and CapabilityError if the model cannot decode."""
        self.require("decode")
        z = inputs.batch("latents", latents, self.latent_shape, "(n, *latent_shape)").to(self.device, self.dtype)
        given = self.check_condition(condition, len(z), required=True)
        hook = self._with_options("_decode", options)

        def chunk(model: Chunks[Any], rows: slice, noise: Noise) -> Tensor:
            return hook(model, z[rows], rows_of(given, rows))

        made = self._in_chunks(chunk, z, given, batch_size, 0, keep_nan=keep_nan, given="these latents")
        return display.shown(made, self.space)

    def log_prob(
        self,
        x: Any,
        *,
        condition: Any = None,
        seed: int = 0,
        first: int = 0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        strict: bool = False,
        **options: Any,
    ) -> Tensor:
        """ln p(x) in nats, shape (n,): the density of images as points of the continuous space [0, 1]^dimensions (of a
        flow, `support`, which is a little wider), or of vectors as points of ℝ^features; of binary images, the
        logarithm of a probability.

        `log_prob_kind` says whether this is exact, a lower bound or an estimate; `seed` sets the noise of the latter
        two. For 8-bit pixels use `bits_per_dim`, which dequantises. Raises InvalidInput for a bad batch or a model in
        half precision (bfloat16 shifts a likelihood in the second decimal), CapabilityError if there is no density.
        """
        self._require_density()
        checked = self._placed(self.space.check_scored(self.space.coerce(x, strict=strict)))
        call: Any = {"first": first, "keep_nan": keep_nan}
        with self._exactly():
            return self.per_sample("_log_prob", checked, condition, seed, batch_size, options, **call)

    def bits_per_dim(
        self,
        images: Any,
        *,
        condition: Any = None,
        seed: int = 0,
        first: int = 0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        strict: bool = False,
        **options: Any,
    ) -> Tensor:
        """Bits per dimension of 8-bit images, shape (n,); lower is better, a uniform density gives exactly 8. Of
        another space with `levels`, of which 8-bit pixels have 256, so many instead.

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
        images = self.check_samples(images, strict=strict)
        levels = images * (self.space.levels - 1)
        if not torch.allclose(levels, levels.round(), atol=1e-2):
            raise InvalidInput(
                "bits_per_dim needs 8-bit pixels, multiples of 1/255; these lie between. Continuous data: log_prob."
            )
        start, place, parts = inputs.seed(seed), inputs.integer("first", first, 0), []
        with self._exactly(), torch.inference_mode(), self.evaluating() as model:
            for i in range(0, len(levels), self.space.chunk):
                rows = levels[i : i + self.space.chunk].round()
                noise = self.noise_class(
                    start, place + i, len(rows), stream="dequantisation", device=self.device, dtype=self.dtype
                )
                parts.append(model._dequantise(rows, noise))
        # In float32 (255 + u)/256 may round up to 1.0, which is still inside the domain.
        y, spent = (torch.cat(part) for part in zip(*parts, strict=True))
        call: Any = {"first": place, "keep_nan": keep_nan}
        with self._exactly():
            density = self.per_sample(self._density_hook, y, condition, start, batch_size, options, **call)
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
        keep_nan: bool = False,
        strict: bool = False,
        **options: Any,
    ) -> Tensor:
        """Images made from images: float (n, channels, height, width) in [0, 1], in the size of each, or a multiple; of
        models of other spaces samples of `space` made from those of `source_space`, in any form that it takes.

        images: floats (n, channels, height, width) in [0, 1] of one size, whatever it is, one of them, PIL images, or
        paths; of a model of images of one size, such as a denoising one, these are made to fit. n: as many as there are
        images, unless given; one image serves any number. seed, first, temperature: as of `generate`, where the result
        is drawn. batch_size: how many are computed at once. strict: no image is turned grey or made to fit, which is
        told of otherwise (Converted). Options are the model's own: `to`, the domain to translate into, where it goes
        both ways; `tile`, the side of the tiles into which large images are cut. Raises InvalidInput and DataError for
        images that cannot be used, CapabilityError if the model cannot translate.
        """
        self.require("translate")
        n, start = inputs.integer("n", self.condition.count(images) if n is None else n, 1), inputs.seed(seed)
        self.check_room(n, self.space.shape, "Make fewer, by a seed's first … at a time.")
        spread, first = inputs.scalar("temperature", temperature, 0, "0.7"), inputs.integer("first", first, 0)
        given = self.check_sources(images, n, strict=strict)
        hook = self._with_options("_translate", options)

        def chunk(model: Chunks[Any], rows: slice, noise: Noise) -> Tensor:
            return hook(model, given[rows], noise, spread)

        call: Any = {"keep_nan": keep_nan, "given": "these sources"}
        return display.shown(self._in_chunks(chunk, given, given, batch_size, start, first, **call), self.space)

    def picture(self, source: Any, *, seed: int = 0, temperature: float = 1.0, **options: Any) -> Image.Image:
        """What `translate(source, seed=seed, …)` makes of one image, a tensor, PIL image or path, as a PIL image.
        Raises as `translate` does, and DataError for an image in which there is nothing to do."""
        return imaging.to_pil(self.translate(source, 1, seed=seed, temperature=temperature, **options))[0]

    def classify(
        self,
        x: Any,
        *,
        seed: int = 0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        strict: bool = False,
        **options: Any,
    ) -> Tensor:
        """Probabilities (n, classes) of the classes that samples `x` may be of, each row summing to 1. Raises
        InvalidInput for a bad batch and CapabilityError if the model cannot classify."""
        self.require("classify")
        checked, hook = self.check_samples(x, strict=strict), self._with_options("_classify", options)

        def chunk(model: Chunks[Any], rows: slice, noise: Noise) -> Tensor:
            return hook(model, checked[rows], noise)

        return self._in_chunks(chunk, checked, None, batch_size, inputs.seed(seed), keep_nan=keep_nan)

    def reconstruct(
        self,
        x: Any,
        *,
        condition: Any = None,
        seed: int = 0,
        batch_size: int | None = None,
        keep_nan: bool = False,
        strict: bool = False,
        **options: Any,
    ) -> Tensor:
        """decode(encode(x)), of the same shape; options go to whichever of the two has them. Raises as both do."""
        of_encode, of_decode = self.split_options(options)
        of_encode |= {"condition": condition, "seed": seed, "batch_size": batch_size, "keep_nan": keep_nan}
        z = self.encode(x, strict=strict, **of_encode)
        if keep_nan and (bad := z.isnan().flatten(1).any(1)).any():
            again = self.decode(z.nan_to_num(), condition=condition, batch_size=batch_size, keep_nan=True, **of_decode)
            return torch.where(bad.view(-1, *[1] * (again.ndim - 1)), torch.nan, again)
        return self.decode(z, condition=condition, batch_size=batch_size, keep_nan=keep_nan, **of_decode)

    def latents(
        self, n: int = 1, *, seed: int | None = None, first: int = 0, temperature: float = 1.0, **options: Any
    ) -> Tensor:
        """The latents (n, *latent_shape) that `generate` decodes, of samples `first` … of a seed. options: those of
        `generate` that act on latents, such as `truncation`; pass those that `decode` has as well, `options("decode")`,
        to it, too. Raises InvalidInput, and CapabilityError for a model that cannot decode."""
        self.require("decode")
        count, start = inputs.integer("n", n, 1), inputs.seed(seed)
        self.check_room(count, self.latent_shape, "Take fewer: those from `first` on.")
        spread, first = inputs.scalar("temperature", temperature, 0, "0.7"), inputs.integer("first", first, 0)
        hook = self._with_options("_latents", options)

        def chunk(model: Chunks[Any], rows: slice, noise: Noise) -> Tensor:
            return hook(model, noise, spread)

        return self.check_result(self._join(list(self._chunks(chunk, count, self.space.chunk, start, first))))

    def rounded(self, vectors: Tensor) -> Tensor:
        """`vectors` (n, features), such as `generate` draws, with the columns rounded that held whole numbers only in
        training. Raises CapabilityError for a model that was not trained on a table."""
        if self.standard is None:
            raise CapabilityError(
                f"{self.name} is not of vectors with columns, so that none of them were whole numbers."
            )
        return self.standard.rounded(self.space.check(vectors))

    def embed(self, condition: Any, n: int | None = None) -> Tensor:
        """Embeddings (n, text_dim) of texts, `n` of them or one that serves `n` samples; those that lie between two
        are conditions as well. Embeddings are given back as they are.

        Warns (UnknownWord) of words that the model has not learned. Raises InvalidInput for what is no text, and
        CapabilityError for a model that is not conditioned on texts.
        """
        if not self.condition.embedded:
            raise CapabilityError(
                f"{self.name} is not conditioned on texts. Models that are: zoo list --condition text."
            )
        count = inputs.integer("n", self.condition.count(condition) if n is None else n, 1)
        return self._read_condition(condition, count)

    def save(self, path: str | Path, *, dtype: torch.dtype = torch.float32) -> str:
        """Write the weights as safetensors whose header names architecture and config; returns the file's sha256.

        Floating-point tensors are stored as `dtype`; torch.int8 keeps matrices and convolutions in one byte a weight
        (`zoo.weights.rounding`). Raises UnknownArchitecture when the class is not registered, InvalidInput for other
        types.
        """
        from zoo import weights

        return weights.write(self, user_path(path), dtype=dtype)


def _together(parts: Iterator[Tensor], n: int) -> Tensor:
    """Parts of `n` rows as one tensor, beside which there is never more than one of them: torch.cat would need all."""
    first = next(parts)
    made, done = first.new_empty((n, *first.shape[1:])), 0
    for part in itertools.chain([first], parts):
        made[done : done + len(part)] = part
        done += len(part)
    return made


def _hot(temperature: float) -> str:
    """What to blame for NaN besides the weights: a temperature at which no model can be expected to draw anything."""
    return f"latents at temperature={temperature:g}" if temperature > 4 else ""

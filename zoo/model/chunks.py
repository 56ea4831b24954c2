"""`Chunks`: how a model's hooks are called, with what came checked, in eval mode, and a chunk at a time."""

from __future__ import annotations

import copy
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Self

import torch
from torch import Tensor, nn

from zoo import spaces
from zoo._util import inputs, shortage
from zoo.conditions import Images, parse_images
from zoo.errors import CapabilityError, InvalidInput, WeightsError, several
from zoo.model.hooks import ConfigT, Hooks
from zoo.model.sharing import computed
from zoo.noise import Noise

# Of a model, or its copy, rows of a batch and their noise.
Compute = Callable[["Chunks[Any]", slice, Noise], Tensor]
_TELL: ContextVar[Callable[[int], object] | None] = ContextVar("tell", default=None)


@contextmanager
def watched(tell: Callable[[int], object]) -> Iterator[None]:
    """Within the block, in this thread, `tell` is called with the number of samples of every chunk that was
    computed."""
    before = _TELL.set(tell)
    try:
        yield
    finally:
        _TELL.reset(before)


class _WithoutTF32:
    """While any thread is within, float32 is computed as such; after the last the settings are as they were."""

    def __init__(self) -> None:
        self.lock, self.within = threading.Lock(), 0
        cudnn: Any = torch.backends.cudnn
        matmul = torch.backends.cuda.matmul
        # torch refuses to mix the names that it has now with those that it had.
        today = hasattr(matmul, "fp32_precision")
        self.named = "fp32_precision" if today else "allow_tf32"
        self.exact: Any = "ieee" if today else False
        self.backends = [cudnn.conv, cudnn.rnn, matmul] if today else [cudnn, matmul]
        self.before: list[Any] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.within:
                self.before = [getattr(backend, self.named) for backend in self.backends]
                self._set([self.exact] * len(self.backends))
            self.within += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self._set(self.before)

    def _set(self, values: list[Any]) -> None:
        for backend, value in zip(self.backends, values, strict=True):
            setattr(backend, self.named, value)


WITHOUT_TF32 = _WithoutTF32()


class Chunks(Hooks[ConfigT]):
    """Checks of what comes in, the modes that hooks run in, and the cutting of batches into chunks."""

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

    def require(self, capability: str) -> None:
        """Raise CapabilityError, naming what this model and which others can do, unless it has `capability`."""
        mine = self.capabilities()
        if capability not in mine:
            able = several(self.releases_with(capability, self.provenance), f"zoo list --capability {capability}")
            others = f" Models that can: {able}." if able else ""
            raise CapabilityError(
                f"{self.name} has no {capability}; it can {', '.join(sorted(mine)) or 'do nothing'}.{others}"
            )

    def check_samples(self, samples: Any, *, strict: bool = False) -> Tensor:
        """`samples`, in a form that `model.space` can `coerce`, on the model's device and in its dtype, or InvalidInput
        saying what is wrong with the batch."""
        return self._placed(self.space.check(self.space.coerce(samples, strict=strict)))

    def _placed(self, samples: Tensor) -> Tensor:
        """`samples` on the model's device, and in its dtype but for whole numbers, and wide ones to be standardised."""
        if self.standard is not None and samples.dtype == torch.float64:
            return samples.to(self.standard.location.device)
        return samples.to(self.device, self.dtype if samples.is_floating_point() else samples.dtype)

    def standardised(self, samples: Tensor) -> Tensor:
        """`samples` in the units in which errors count: columns in deviations of each, all else as it is."""
        return samples if self.standard is None else self.standard(samples)[0]

    def check_condition(self, condition: Any, n: int, *, required: bool = False) -> Tensor | None:
        """What hooks get of a `condition` of `n` samples, on the model's device: class indices (n,), images
        (n, channels, height, width), or embeddings (n, text_dim) of texts; None for none, or an error that helps."""
        if condition is not None:
            return self._read_condition(condition, n)
        if self.condition.required or (required and self.condition.name is not None):
            raise self.condition.missing()
        return None

    def check_sources(self, sources: Any, n: int, *, strict: bool = False) -> Tensor:
        """What `translate` gets, on the model's device: images as conditions, of any size; of a model that is
        conditioned on none, samples of its `source_space` (n, *shape), in any form."""
        if isinstance(self.condition, Images):
            if sources is None:
                raise self.condition.missing()
            return self._read_condition(parse_images(sources, n, self.condition.channels, strict=strict), n)
        space = self.source_space
        given = space.coerce(sources, strict=strict)
        if isinstance(space, spaces.Images):
            given = parse_images(given, n, space.shape[0])
        rows = self._placed(space.check(given))
        if len(rows) not in (1, n):
            raise InvalidInput(f"{len(rows)} {space.noun}s came for {n} samples. Pass one, or exactly {n} of them.")
        return rows if len(rows) == n else rows.expand(n, *rows.shape[1:])

    def _read_condition(self, condition: Any, n: int) -> Tensor:
        rows = self.condition.parse(condition, n).to(self.device)
        if self.condition.embedded and not rows.is_floating_point():
            # Not in inference mode, so that the caller may go on with autograd.
            with torch.no_grad(), self.evaluating() as model:
                rows = model._embed(rows)
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

    def compile(self, *args: Any, **options: Any) -> None:
        """Let torch.compile, with these arguments of its own, compile what public methods spend their time on, beside
        `model(z)`: networks that draw and translate, and both directions of a flow.

        The first call in each shape takes seconds to minutes; what comes out is the same to rounding. On a CPU weights
        of convolutions are laid out as it computes with them, torch.channels_last, which alone takes a tenth to a third
        of the time; `to(memory_format=torch.contiguous_format)` undoes that. Copies are not compiled, nor is what is
        computed with one: gradients of inputs, and all that a model in train mode does in eval mode. Modes that use
        CUDA graphs, such as "reduce-overhead", write over results that are still wanted.
        """
        if self.device.type == "cpu":
            for tensor in self._tensors():
                if tensor.ndim == 4:
                    tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
            self.fuse()
        super().compile(*args, **options)
        for name in self.compiled:
            part = getattr(self, name)
            if isinstance(part, nn.Module):
                part.compile(*args, **options)
            else:
                setattr(self, name, torch.compile(getattr(type(self), name).__get__(self), *args, **options))
                self._replaced |= {name}

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled computes with the weights of this model, and not with those of a copy.
        held = super().__getstate__()  # type: ignore[no-untyped-call]
        state = {name: value for name, value in held.items() if name not in self._replaced}
        return state | {"_replaced": frozenset()}

    @contextmanager
    def evaluating(self, *, freeze: bool = False) -> Iterator[Self]:
        """This model in eval mode, outside of the caller's autocast and, with `freeze`, without gradients of its
        weights: itself, if all of it is so, or a copy with the same weights. The model itself is left as it is, since
        other threads may be using it."""
        with self._without_autocast():
            yield self._still(freeze=freeze)

    def _still(self, *, freeze: bool) -> Self:
        """This model if it is in eval mode and, with `freeze`, without gradients of its weights; else such a copy."""
        apart = any(module.training for module in self.modules())
        if freeze:
            apart = apart or any(parameter.requires_grad for parameter in self.parameters())
        return self._copy(freeze=freeze).eval() if apart else self

    def _copy(self, *, freeze: bool) -> Self:
        """A copy of all modules that shares all else with this one; `freeze`: whose weights have no gradients."""
        shared: dict[int, Any] = {}
        # Parameters made in inference mode could not take part in autograd.
        with torch.inference_mode(False):
            for module in self.modules():
                for name, value in vars(module).items():
                    if name not in ("_parameters", "_buffers") and not _holds_modules(value):
                        shared[id(value)] = value
                for tensor in (*module._parameters.values(), *module._buffers.values()):
                    if tensor is not None:
                        frozen = freeze and tensor.requires_grad
                        shared[id(tensor)] = nn.Parameter(tensor.detach(), requires_grad=False) if frozen else tensor
            return copy.deepcopy(self, shared)

    def _without_autocast(self) -> AbstractContextManager[Any]:
        kind = self.device.type
        if self.autocast or kind == "meta" or not torch.is_autocast_enabled(kind):
            return nullcontext()
        return torch.autocast(kind, enabled=False)

    @contextmanager
    def _exactly(self) -> Iterator[None]:
        """Compute densities in float32 proper: whatever autocast the caller is in would spoil them just as weights of
        half precision do, and so do the ten bits of TF32, in which GPUs convolve unless told."""
        precise = WITHOUT_TF32 if self.device.type == "cuda" else nullcontext()
        with precise, torch.autocast(self.device.type, enabled=False):
            yield

    def _tensors(self) -> Iterator[Tensor]:
        return itertools.chain(self.parameters(), self.buffers())

    def per_sample(
        self,
        name: str,
        samples: Tensor,
        condition: Any,
        seed: int,
        batch_size: int | None,
        options: dict[str, Any],
        *,
        first: int = 0,
        keep_nan: bool = False,
    ) -> Tensor:
        """What the hook called `name` gives of (samples, condition, noise), a chunk of checked `samples` at a time; for
        public methods, those of a plugin's own capability among them. first, keep_nan: as of these."""
        given = self.check_condition(condition, len(samples), required=True)
        hook = self._with_options(name, options)

        def chunk(model: Chunks[Any], rows: slice, noise: Noise) -> Tensor:
            return hook(model, samples[rows], rows_of(given, rows), noise)

        start, place = inputs.seed(seed), inputs.integer("first", first, 0)
        return self._in_chunks(chunk, samples, given, batch_size, start, place, keep_nan=keep_nan)

    def _require_density(self) -> None:
        self.require("log_prob")
        if self.dtype not in (torch.float32, torch.float64):
            raise InvalidInput(f"the density of a model in {self.dtype} is off in the second decimal. Call .float().")

    def _in_chunks(
        self,
        compute: Compute,
        batch: Tensor,
        condition: Tensor | None,
        batch_size: int | None,
        seed: int,
        first: int = 0,
        *,
        keep_nan: bool = False,
        given: str = "",
    ) -> Tensor:
        """`compute` of the rows of a batch, of which it knows; in train mode of all of them at once."""
        n, size = len(batch), inputs.chunk_size(batch_size, self._at_once(condition))
        if self.training:
            noise = self.noise_class(seed, first, n, device=self.device, dtype=self.dtype)
            return compute(self, slice(0, n), noise).contiguous()
        tensors = (batch,) if condition is None else (batch, condition)
        gradients = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        result = self._join(list(self._chunks(compute, n, size, seed, first, gradients=gradients)))
        return self.check_result(result, given=given or f"these {self.space.noun}s", keep=keep_nan)

    def _chunks(
        self,
        compute: Compute,
        n: int,
        size: int,
        seed: int,
        first: int = 0,
        *,
        gradients: bool = False,
    ) -> Iterator[Tensor]:
        model = self._still(freeze=gradients)  # one for all chunks

        def chunk(start: int) -> Tensor:
            count = min(size, n - start)
            # Not around the loop: between chunks it is the caller who computes.
            with torch.inference_mode(not gradients), self._without_autocast():
                noise = self.noise_class(seed, first + start, count, device=self.device, dtype=self.dtype)
                return compute(model, slice(start, start + count), noise)

        starts = range(0, n, size)  # however many, which a list would not bear
        parts = map(chunk, starts) if gradients else computed(chunk, starts, self.device)
        for start, part in zip(starts, parts, strict=True):
            if tell := _TELL.get():
                tell(min(size, n - start))
            yield part

    def _join(self, parts: list[Tensor]) -> Tensor:
        """The chunks' results as one tensor of the caller's own, outside of inference mode, so that autograd may go on
        with it."""
        return torch.cat([part.contiguous() for part in parts])  # rows that a caller may view as he likes

    def check_room(self, n: int, shape: Sequence[int], advice: str) -> None:
        """Raise InvalidInput, with `advice`, when a result (n, *shape) is more than the model's device has memory
        for."""
        if self.device.type == "cpu":
            size = 8 if self.standard is not None else self.dtype.itemsize
            shortage.check_memory(n * math.prod(shape) * size, shortage.many(n, self.space.noun), advice)

    def check_result(
        self, result: Tensor, *, given: str = "", keep: bool = False, first: int = 0, total: int | None = None
    ) -> Tensor:
        """`result`, or an error that says which rows of it hold NaN, and why; with `keep` they may.

        given: what the rows were computed of, such as "images", and nothing for what was drawn. first, total: of rows
        that are a part of so many, where they begin. Raises WeightsError where the weights are at fault, or have too
        few digits, and InvalidInput for what was given.
        """
        if keep or not result.amax().isnan():  # which passes NaN on, and takes no memory
            return result
        bad = result.isnan().reshape(len(result), -1).any(1).nonzero().flatten() + first
        where = f"{_rows(bad.tolist())} of {len(result) if total is None else total}"
        self.check_weights(where)
        if given:
            raise InvalidInput(
                f"{self.name} computed NaN of {given}: {where}. They are too far from what it was trained on. Leave "
                "them out, or pass keep_nan=True for the results of the others, with NaN in these."
            )
        raise WeightsError(
            f"{self.name} computed NaN ({where}), though its weights are finite: they are too large, as after a run "
            "that diverged. Train again with a lower learning rate or clip=1, or draw other samples."
        )

    def check_weights(self, where: str) -> None:
        """Raise WeightsError when NaN in what was computed, `where` that is, are the fault of the weights: they are
        not finite, or have too few digits."""
        spoilt = [key for key, tensor in self.state_dict().items() if not tensor.isfinite().all()]
        if spoilt:
            raise WeightsError(
                f"{self.name} computed NaN ({where}): its weights are spoilt, {', '.join(spoilt[:3])} and so on are "
                "not finite. Load them again; if they were trained here, the run diverged: train with a lower learning "
                "rate or clip=1."
            )
        if self.dtype not in (torch.float32, torch.float64):
            raise WeightsError(f"{self.name} computed NaN in {self.dtype} ({where}). Load it in float32.")


def _holds_modules(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_modules, value.values()))
    if isinstance(value, (list, tuple, set)):
        return any(map(_holds_modules, value))
    return isinstance(value, nn.Module) or isinstance(getattr(value, "__self__", None), nn.Module)


def _rows(rows: list[int]) -> str:
    """Row numbers as text, the first of them if they are many."""
    some = ", ".join(map(str, rows[:8])) + (f" and {len(rows) - 8} more" if len(rows) > 8 else "")
    return f"row{'s' * (len(rows) > 1)} {some}"


def rows_of(condition: Tensor | None, rows: slice) -> Tensor | None:
    return None if condition is None else condition[rows]

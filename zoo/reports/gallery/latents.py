"""What a room knows of latents: those of its seeds, as Python draws them, and directions in which pictures change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from zoo import latent
from zoo.conditions import Labels
from zoo.export.graphs import Graph
from zoo.model import Model
from zoo.models._flow import Flow
from zoo.nn.bijections import Bijection, Chain
from zoo.spaces import Images

SEEDS = 64  # that a room offers, at most
LARGEST = 400_000  # bytes of their latents
LINES = 6  # of texts that are drawn of a seed
POINTS = 2000  # that are drawn of a seed, of vectors
STAGED = 800  # of which are pushed through the layers of a flow
DIRECTIONS, STARTS, ROUNDS = 8, 3, 4
STEP = 0.1  # by which latents are moved to see what changes
CLOSE = 1e-4  # two ways to the same latents, apart by rounding alone


@dataclass
class Bank:
    """Tensors that a room's graphs are given, float32, by name; and what else there is to know of them."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


def bank(model: Model, named: Mapping[str, Tensor] | None = None) -> Bank:
    """What a room that draws with `decode` has: `latents` (seeds, samples, …) of its seeds and their `mean`; `center`,
    from which temperature moves them, where it does; and `directions` (k, size) with the `sliders` along them, among
    which are those that are `named`, each of latent_shape."""
    n = 1 if isinstance(model.space, Images) else POINTS
    one = model.latents(n, seed=0)
    seeds = max(8, min(SEEDS, LARGEST // (4 * one.numel()))) if n == 1 else 8
    latents = torch.stack([model.latents(n, seed=seed).float() for seed in range(seeds)])
    made = Bank({"latents": latents}, {"seeds": seeds, "samples": n})
    if isinstance(model.condition, Labels):
        made.about["labels"] = [_drawn(model, model.condition, seed, n) for seed in range(seeds)]
    center = model.latents(1, seed=0, temperature=0.0)
    others = (model.latents(2, seed=1, temperature=t) for t in (1.0, 0.5))
    if _close(*((z - center) * t for z, t in zip(others, (0.5, 1.0), strict=True))):
        made.tensors["center"] = center[0]
    if "truncation" in model.options("generate"):
        cut = model.latents(2, seed=1, truncation=1.0), latent.truncate(model.latents(2, seed=1), 1.0)
        made.about["truncation"] = _close(*cut)
    condition = model.condition.usual(1)
    drawn = made.about.get("labels", [None])[0] if n == 1 else condition
    made.about["generates"] = _close(
        model.generate(n, seed=0, condition=condition), model.decode(one, condition=condition or drawn)
    )
    if n == 1 and model.encodes_by != "inversion":  # of a sampler's noise no part stands for anything, and it is slow
        _add_directions(model, made, named or {})
    if isinstance(model, Flow) and isinstance(model.bijection, Chain) and model.space.shape == (2,):
        made.tensors["stages"], made.about["stages"] = stages(model, one[:STAGED])
    return made


def drawn(graph: Graph, seeds: int = 8, n: int = 1) -> Bank:
    """What a room that draws with another method has: what that draws of each of `seeds` for `n` samples, by the names
    of its inputs, (seeds, n, …)."""
    rows = [graph.run(graph.example(n, 0), seed, n)[0] for seed in range(seeds)]
    names = [port.name for port in graph.inputs if port.kind == "noise"]
    return Bank({name: torch.stack([row[name].float() for row in rows]) for name in names}, {"seeds": len(rows)})


def spoken(model: Model, made: Mapping[str, object]) -> Bank:
    """What a room of texts has for the graphs that were `made`: what `generate` draws of each seed for `LINES` texts,
    and latents to walk between for `decode`; and the first texts as Python draws them."""
    bank = Bank(about={"seeds": SEEDS, "samples": LINES, "lines": []})
    if "generate" in model.capabilities() and not model.condition.required:
        bank.about["lines"] = model.space.lines(model.generate(LINES, seed=0))
    if "generate" in made:
        bank.tensors |= drawn(Graph(model, "generate", {}), SEEDS, LINES).tensors
    if "decode" in made:
        bank.tensors["latents"] = torch.stack([model.latents(1, seed=seed).float() for seed in range(SEEDS)])
    return bank


def stages(model: Flow[Any], latents: Tensor) -> tuple[Tensor, list[str]]:
    """`latents` (n, 2) of a chain on their way through its k layers to samples, (k + 1, n, 2), all in the units of
    these; and what the layers are called. Layers that leave points as they are do not count."""
    chain, way, names = cast(Chain, model.bijection), [latents], list[str]()
    with torch.no_grad():
        for layer in reversed(chain.layers):
            pushed = cast(Bijection, layer).inverse(way[-1])
            if not torch.equal(pushed, way[-1]):
                way.append(pushed)
                names.append(type(layer).__name__)
        return torch.stack([model.standard.inverse(points) for points in way]).float(), names


def directions(model: Model, latents: Tensor, count: int, skip: int = 0) -> Tensor:
    """Orthonormal directions (k, *latent_shape) in which the pictures of `latents` change most, the first one most: of
    the mean of JᵀJ over them, J the decoder's Jacobian (Wang, Ponce 2021, arXiv:2101.06006), by subspace iteration. The
    first `skip` numbers of latents are left as they are."""
    starts, size = latents.flatten(1), latents[0].numel()
    count = min(count, size - skip)
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(size, count, generator=generator)
    condition = model.condition.example(1) if model.condition.name else None

    def decoded(z: Tensor) -> Tensor:
        return model.decode(z.view(-1, *model.latent_shape), condition=condition).flatten(1)

    where = starts.repeat_interleave(count, 0)
    for _ in range(ROUNDS):
        basis[:skip] = 0
        basis = torch.linalg.qr(basis)[0]
        steps = STEP * basis.T.repeat(len(starts), 1)
        change = (decoded(where + steps) - decoded(where - steps)) / (2 * STEP)
        here = where.clone().requires_grad_()
        (back,) = torch.autograd.grad(decoded(here), here, change)
        basis = back.view(len(starts), count, size).mean(0).T.contiguous()
    left, _, _ = torch.linalg.svd(basis, full_matrices=False)
    # Signs are anybody's; this one is the same on all machines.
    signed: Tensor = left * left.gather(0, left.abs().argmax(0, keepdim=True)).sign()
    signed[:skip] = 0  # but for rounding it is
    return signed.T.reshape(count, *model.latent_shape)


def _add_directions(model: Model, made: Bank, named: Mapping[str, Tensor]) -> None:
    """Sliders: a learned code's numbers, a plane's two axes, or else principal directions; and those with names."""
    latents = made.tensors["latents"][:, 0]
    flat, (categories, numbers) = latents.flatten(1), model.code
    size, first = flat.shape[1], categories + numbers
    axes = torch.eye(size)[categories:first] if numbers else torch.eye(size)[: size if size <= 2 else 0]
    words = [f"code {i + 1}" if numbers else f"z{i + 1}" for i in range(len(axes))]
    found = axes.new_zeros(0, size)
    if size > 2:
        found = directions(model, latents[:STARTS], max(2, DIRECTIONS - len(axes) - len(named)), first).flatten(1)
        words += [f"direction {i + 1}" for i in range(len(found))]
    ways = [(way / way.norm()).reshape(1, size) for way in named.values()]
    every = torch.cat([axes, found, *ways])
    mean = flat.mean(0) if not numbers else torch.cat([flat.new_zeros(first), flat.mean(0)[first:]])
    spread = ((flat - mean) @ every.T).square().mean(0).sqrt().clamp_min(1e-3)
    made.tensors |= {"directions": every, "mean": mean}
    made.about["sliders"] = [
        {"label": word.replace("_", " "), "unit": float(f"{float(unit):.4g}"), "named": i >= len(words)}
        for i, (word, unit) in enumerate(zip([*words, *named], spread, strict=True))
    ]
    if categories:
        made.about["categories"] = categories


def _drawn(model: Model, condition: Labels, seed: int, n: int) -> int:
    rows = condition.draw(seed, 0, n, model.noise_class)
    assert rows is not None  # labels are drawn
    return int(rows[0])


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() < CLOSE)

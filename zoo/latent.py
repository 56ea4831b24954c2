"""Latent space: `Noise` that latents are drawn from, paths between them, arithmetic, the way back from an image, and a
density of the latents of many (`fit`)."""
# Long because all that users call on latents is here, each with its paper.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo._util import inputs
from zoo._util.lazy import attribute
from zoo.errors import InvalidInput
from zoo.noise import Noise as Noise

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.training.densities import LatentDensity as LatentDensity
    from zoo.training.densities import fit as fit

CHUNK = 64  # images inverted at once
_LAZY = {"LatentDensity": "zoo.training.densities:LatentDensity", "fit": "zoo.training.densities:fit"}  # they train


def truncate(z: Tensor, threshold: float) -> Tensor:
    """Standard normal latents of any shape, made to follow the normal distribution cut off at ± `threshold`.

    The truncation trick (Brock et al. 2018, arXiv:1809.11096, section 3.1): the smaller the threshold, the more typical
    and the more alike the samples. Where the paper draws values beyond it again, the monotone map between the two
    distribution functions is applied, z ↦ Φ⁻¹(Φ(−t) + Φ(z)·(Φ(t) − Φ(−t))): the distribution is the same, and sample i
    of a seed stays itself and moves continuously, from all zeros at t = 0 to z itself as t grows. In float64; returns
    the type and device of `z`. Raises InvalidInput for latents that are no floats and a threshold below 0.

    >>> zoo.latent.truncate(torch.tensor([[-9.0, 9.0]]), 0.5)
    tensor([[-0.5000,  0.5000]])
    """
    _floats(z)
    t = inputs.scalar("truncation", threshold, 0, "0.7")
    wide = z.to("cpu", torch.float64)  # not every accelerator has float64
    below = torch.special.ndtr(wide.new_tensor(-t))
    # The map is odd; computed in the lower half, where Φ is small and keeps its digits.
    lower = torch.special.ndtri(below + torch.special.ndtr(-wide.abs()) * (1 - 2 * below))
    moved: Tensor = (-wide.sign() * lower).clamp(-t, t)
    return moved.to(z)


def lerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Linear interpolation (1 − t)·a + t·b; `t` broadcasts. Raises InvalidInput when the shapes differ.

    >>> zoo.latent.lerp(torch.zeros(2), torch.ones(2), 0.25)
    tensor([0.2500, 0.2500])
    """
    _same_shape(a, b)
    return a + torch.as_tensor(t, dtype=a.dtype, device=a.device) * (b - a)


def slerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Spherical interpolation between latents of shape (n, …), each flattened to one vector (Shoemake 1985).

    The angle between the directions is walked at constant speed while the norm is interpolated linearly, so the path
    between two typical Gaussian latents stays typical, where a straight line would pass too close to the origin
    (White 2016, arXiv:1609.04468). Between vectors of one direction or of opposite ones, and to or from 0, there is no
    arc, and the path is that of `lerp`. `t` is a number or a tensor of shape (n,). Raises InvalidInput when the shapes
    do not fit.

    >>> zoo.latent.slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    tensor([[0.7071, 0.7071]])
    """
    _same_shape(a, b)
    exact = torch.promote_types(a.dtype, torch.float32)
    t = torch.as_tensor(t, dtype=exact, device=a.device)
    if a.ndim < 2 or (t.ndim and tuple(t.shape) not in ((1,), (len(a),))):
        raise InvalidInput(
            f"slerp() got latents of shape {tuple(a.shape)} and t of shape {tuple(t.shape)}; expected "
            "(n, *latent_shape) with a number or (n,). Give a single latent a batch dimension with .unsqueeze(0)."
        )
    flat_a, flat_b, t = a.flatten(1).to(exact), b.flatten(1).to(exact), t.reshape(-1, 1)
    (unit_a, norm_a), (unit_b, norm_b) = _polar(flat_a), _polar(flat_b)
    # From the middle, at right angles to the way across: neither of small angles nor of large ones digits are lost.
    middle, across = unit_a + unit_b, unit_b - unit_a
    cosine, sine = (torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in (middle, across))
    angle = (2 * t - 1) * torch.atan2(sine, cosine)
    # A division by 0 would spoil gradients even where its result is not taken.
    over = [torch.where(length > 0, length, 1) for length in (cosine, sine)]
    curved = angle.cos() * middle / over[0] + angle.sin() * across / over[1]
    curved = curved * ((1 - t) * norm_a + t * norm_b)
    straight = flat_a + t * (flat_b - flat_a)
    no_arc = (cosine < 4 * torch.finfo(exact).eps) | (sine == 0) | (norm_a == 0) | (norm_b == 0)
    return torch.where(no_arc, straight, curved).to(a.dtype).view_as(a)


def _polar(x: Tensor) -> tuple[Tensor, Tensor]:
    """Directions (n, d) and norms (n, 1) of vectors (n, d); their squares may be too small or large for the dtype."""
    most = x.abs().amax(1, keepdim=True)
    most = torch.where(most > 0, most, 1.0)
    length = torch.linalg.vector_norm(x / most, dim=1, keepdim=True)
    return x / most / torch.where(length > 0, length, 1.0), most * length


def path(a: Tensor, b: Tensor, steps: int, *, spherical: bool = True) -> Tensor:
    """`steps` latents from `a` to `b`, both included: (steps, *latent_shape) for `a` and `b` of shape latent_shape.

    Raises InvalidInput when the shapes differ or `steps` is below 2.

    >>> zoo.latent.path(torch.zeros(1), torch.ones(1), 3, spherical=False).flatten()
    tensor([0.0000, 0.5000, 1.0000])
    """
    _same_shape(a, b)
    steps = inputs.integer("steps", steps, 2)  # the two ends
    t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device)
    first, last = a.expand(steps, *a.shape), b.expand(steps, *b.shape)
    return slerp(first, last, t) if spherical else lerp(first, last, t.reshape(-1, *[1] * a.ndim))


def plane(side: int, codes: Tensor | None = None) -> Tensor:
    """A map of two latents: (side², 2), row after row from the top, of which decoding makes a picture of their space.

    At the quantiles (i + ½)/side of the standard normal, so that each is as likely as the others (Kingma & Welling
    2014, arXiv:1312.6114, figure 4), or, for codes (n, 2) that have no such prior, evenly from their first to their
    last percentile. Raises InvalidInput for `side` below 2, and for codes of another shape.

    >>> zoo.latent.plane(5).shape
    torch.Size([25, 2])
    """
    steps = torch.arange(inputs.integer("side", side, 2), dtype=torch.float64, device="cpu") + 0.5
    if codes is None:
        ways = torch.special.ndtri(steps / side).expand(2, side)
        kind: torch.dtype = torch.float32
    else:
        _floats(codes)
        if codes.ndim != 2 or codes.shape[1] != 2 or not len(codes):
            raise InvalidInput(f"codes came with shape {tuple(codes.shape)}; expected (n, 2).")
        ends = torch.quantile(codes.detach().to("cpu", torch.float64), torch.tensor([0.01, 0.99]).double(), dim=0)
        low, high = ends[:, :, None]
        ways = low + (high - low) * (steps - 0.5) / (side - 1)
        kind = codes.dtype
    down, across = ways[1].flip(0), ways[0]
    return torch.stack([across.repeat(side), down.repeat_interleave(side)], 1).to(kind)


def arithmetic(plus: Sequence[Tensor], minus: Sequence[Tensor] = ()) -> Tensor:
    """Latent arithmetic: the sum of the means of `plus` less those of `minus`, as in "man with glasses − man + woman".

    Each operand is (n, *latent_shape) and is averaged over n first, since single latents are too noisy to carry an
    attribute (Radford et al. 2015, section 6.3.2). Returns (1, *latent_shape).

    >>> zoo.latent.arithmetic([torch.ones(3, 2), torch.ones(5, 2)], [torch.zeros(4, 2)])
    tensor([[2., 2.]])
    """
    if any(isinstance(operands, Tensor) for operands in (plus, minus)) or not plus:
        raise InvalidInput("arithmetic() adds and subtracts lists of latents, at least one. Pass [a, b] and [c].")
    means = [x.mean(0, keepdim=True) for x in plus]
    lessened = [x.mean(0, keepdim=True) for x in minus]
    for other in means[1:] + lessened:
        _same_shape(means[0], other)
    return torch.stack(means).sum(0) - (torch.stack(lessened).sum(0) if lessened else 0)


def mix(coarse: Tensor, fine: Tensor, layer: int) -> Tensor:
    """Styles (n, layers, dim) whose layers before `layer` are those of `coarse` and the others those of `fine`: style
    mixing (Karras et al. 2019, arXiv:1812.04948, section 3.1). Pose and shape come from the first layers, colours from
    the last. Raises InvalidInput when shapes differ or there is no such layer; 0 and the number of layers give `fine`
    and `coarse` whole.

    >>> zoo.latent.mix(torch.zeros(1, 3, 1), torch.ones(1, 3, 1), 1).flatten()
    tensor([0., 1., 1.])
    """
    _same_shape(coarse, fine)
    if coarse.ndim != 3:
        raise InvalidInput(
            f"styles came with shape {tuple(coarse.shape)}; expected (n, layers, dim), as encode() gives."
        )
    cut = inputs.integer("layer", layer, 0)
    if cut > coarse.shape[1]:
        raise InvalidInput(f"layer={cut}; expected at most the number of layers, {coarse.shape[1]}.")
    return torch.cat([coarse[:, :cut], fine[:, cut:]], 1)


def mixtures(
    model: Model, coarse: Tensor, fine: Tensor, layer: int, *, batch_size: int | None = None, **options: Any
) -> Tensor:
    """The matrix of style mixing (Karras et al. 2019, figure 3) for styles coarse (a, layers, dim) and fine (b, layers,
    dim): images ((1 + a)·(1 + b), channels, height, width), row after row. The first row is white, then the fine ones;
    each other row is a coarse one, then what `mix` makes of it with each of the fine. batch_size and options are those
    of `Model.decode`, and it raises as that and `mix` do.

    >>> model = zoo.load("stylegan-lite-celeba")
    >>> zoo.latent.mixtures(model, model.latents(1, seed=0), model.latents(2, seed=5), 4).shape
    torch.Size([6, 3, 64, 64])
    """
    a, b = len(coarse), len(fine)
    mixed = mix(coarse.repeat_interleave(b, 0), fine.repeat(a, 1, 1), layer)
    images = model.decode(torch.cat([coarse, fine, mixed]), batch_size=batch_size, **options)
    left, top, inner = torch.split(images, [a, b, a * b])
    body = torch.cat([left[:, None], inner.view(a, b, *inner.shape[1:])], 1)
    return torch.cat([torch.ones_like(top[:1]), top, body.flatten(0, 1)])


def components(latents: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` principal components of `latents` (n, *latent_shape), a standard deviation long, and the share of the
    variance that each explains: (k, *latent_shape) and (k,), the largest first.

    Found without labels, in latents that a mapping has straightened out they are often one thing that a person would
    name, such as which way a face looks (Härkönen, Hertzmann, Lehtinen, Paris 2020, arXiv:2004.02546, section 2).
    The sign, which is arbitrary, makes the largest entry positive. On the CPU. Raises InvalidInput for more than there
    are, and for latents that are not finite or all alike.

    >>> ways, shares = zoo.latent.components(torch.randn(100, 8), 3)
    >>> ways.shape, shares.shape
    (torch.Size([3, 8]), torch.Size([3]))
    """
    _floats(latents)
    if latents.ndim < 2 or not bool(latents.isfinite().all()):
        raise InvalidInput(f"latents came as {tuple(latents.shape)}; expected finite numbers (n, *latent_shape).")
    flat = latents.flatten(1).to("cpu", torch.float64)
    most = min(len(flat) - 1, flat.shape[1])
    if inputs.integer("k", k, 1) > most:
        some = f"{len(flat)} latents of {flat.shape[1]} numbers have {most} components"
        raise InvalidInput(f"k={k}; {some}. Pass more latents, or ask for fewer.")
    if bool((flat == flat[0]).all()):
        raise InvalidInput("all latents are alike, and vary in no direction. Pass different ones.")
    _, lengths, ways = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    variances = lengths.square() / (len(flat) - 1)
    largest = ways.gather(1, ways.abs().argmax(1, keepdim=True))
    along = ways * largest.sign() * variances.sqrt()[:, None]
    return along[:k].view(k, *latents.shape[1:]).to(latents.dtype), (variances / variances.sum())[:k].to(latents.dtype)


def direction(
    model: Model,
    with_: Tensor,
    without: Tensor,
    *,
    condition: Any = None,
    seed: int = 0,
    batch_size: int | None = None,
    **options: Any,
) -> Tensor:
    """The way, in latent space, from images `without` an attribute to images `with_` it: a tensor of latent_shape.

    The difference of their mean latents (Kingma & Dhariwal 2018, section 6, "Semantic manipulation"; Radford et al.
    2015, section 6.3.2). Added to a latent it gives the attribute, subtracted it takes it away:
    `model.decode(z + 1.5 * smile)`, or all strengths from 0 to 2 by `path(z, z + 2 * smile, 8, spherical=False)`.
    Hundreds of images of each kind make a clean direction. What goes along with the attribute in them, such as glasses
    with age, goes along in the direction.

    with_, without: images (n, channels, height, width) in [0, 1], encoded as `Model.encode` does, of which `condition`,
    `seed`, `batch_size` and further options are. Raises as it does.

    >>> vae = zoo.load("vae-fashion-mnist")
    >>> zoo.latent.direction(vae, torch.ones(2, 1, 28, 28), torch.zeros(2, 1, 28, 28)).shape
    torch.Size([16])
    """
    plus, minus = (
        model.encode(images, condition=condition, seed=seed, batch_size=batch_size, **options)
        for images in (with_, without)
    )
    return arithmetic([plus], [minus])[0]


def directions(latents: Tensor, attributes: Tensor) -> Tensor:
    """The ways, in latent space, from samples without each attribute to those with it: (k, *latent_shape), on the CPU.

    By least squares, all k at once: z ≈ b + Σ aₖ·dₖ for `latents` z (n, *latent_shape) and `attributes` a, bool (n, k).
    With one attribute d is the difference of the two means, as `direction` takes it; with several, dₖ is what attribute
    k adds while the others stay, so that a beard does not bring along the glasses that bearded people wear more often
    (White 2016, arXiv:1609.04468, balances the attributes of a set of images for the same end). Raises InvalidInput
    when the two do not fit, or when an attribute is had by all or by none.

    >>> zoo.latent.directions(torch.tensor([[0.0], [2.0]]), torch.tensor([[False], [True]])).round()
    tensor([[2.]])
    """
    _floats(latents)
    if attributes.dtype != torch.bool or attributes.ndim != 2 or len(attributes) != len(latents):
        raise InvalidInput(
            f"attributes came as {attributes.dtype} {tuple(attributes.shape)} for {len(latents)} latents; expected "
            f"torch.bool ({len(latents)}, attributes), whether each of them has each attribute."
        )
    has = attributes.cpu()
    if not bool((has.any(0) & ~has.all(0)).all()):
        raise InvalidInput("an attribute is had by all of the latents or by none. Pass some of both kinds.")
    design = torch.cat([torch.ones(len(has), 1, dtype=torch.float64, device="cpu"), has.double()], 1)
    # gelsd: two attributes that always go together share what they add.
    found: Tensor = torch.linalg.lstsq(design, latents.flatten(1).to("cpu", torch.float64), driver="gelsd").solution
    return found[1:].view(has.shape[1], *latents.shape[1:]).to(latents.dtype)


@dataclass(frozen=True)
class Inversion:
    """What `invert` found: latents (n, *latent_shape) and, for each image, the mean squared error left (n,)."""

    latents: Tensor
    error: Tensor


def invert(
    model: Model,
    images: Tensor,
    *,
    condition: Any = None,
    steps: int = 200,
    learning_rate: float = 0.1,
    starts: int = 4,
    prior_weight: float = 1e-3,
    seed: int = 0,
) -> Inversion:
    """Find latents whose decoded images are closest to `images`, by gradient descent through the generator.

    Minimises MSE(decode(z), x) + prior_weight · mean(z²) over z with Adam, from `starts` random latents for each image
    (Lipton & Tripathi 2017, arXiv:1702.04782); the best start wins. A model whose latents are no draws from a normal
    distribution says itself where to start and how improbable they are. Returns an `Inversion`; its error is the plain
    MSE over pixels in [0, 1]. Deterministic for a given seed; image i of a batch is inverted independently of the
    others. Raises InvalidInput for a bad batch or number and CapabilityError when the model cannot decode.

    >>> gan = zoo.load("gan-mnist")
    >>> zoo.latent.invert(gan, gan.generate(2, seed=0), steps=2).error.shape
    torch.Size([2])
    """
    model.require("decode")
    images = model.check_samples(images)
    labels = model.check_condition(condition, len(images), required=True)
    start, parts = inputs.seed(seed), []
    for i in range(0, len(images), CHUNK):
        rows = slice(i, i + CHUNK)
        chosen = None if labels is None else labels[rows]
        noise = model.noise_class(start, i, len(images[rows]), device=model.device, dtype=model.dtype)
        parts.append(descend(model, images[rows], chosen, noise, steps, learning_rate, starts, prior_weight))
    return Inversion(torch.cat([part.latents for part in parts]), torch.cat([part.error for part in parts]))


def descend(
    model: Model,
    images: Tensor,
    condition: Tensor | None,
    noise: Noise,
    steps: int,
    learning_rate: float = 0.1,
    starts: int = 4,
    prior_weight: float = 1e-3,
) -> Inversion:
    """`invert` on validated input, for the `_encode` of models without an encoder."""
    n, steps, starts = len(images), inputs.integer("steps", steps, 1), inputs.integer("starts", starts, 1)
    learning_rate = inputs.scalar("learning_rate", learning_rate, 0, "0.1")
    prior_weight = inputs.scalar("prior_weight", prior_weight, 0, "0.001")
    with torch.inference_mode(False), torch.enable_grad(), model.evaluating(freeze=True) as frozen:
        # Tensors made under inference mode cannot take part in autograd; clones made outside of it can.
        target = images.detach().clone().repeat_interleave(starts, dim=0)
        labels = None if condition is None else condition.detach().clone().repeat_interleave(starts, dim=0)
        # At least float32, whatever the model's own type: Adam's ε of 1e-8 is zero in float16.
        kind = torch.promote_types(model.dtype, torch.float32)
        z = frozen._starts(noise, starts).flatten(0, 1).to(kind).clone().requires_grad_(True)

        def errors() -> Tensor:
            decoded = frozen._decode(z.to(model.dtype), labels)
            return (decoded.to(kind) - target.to(kind)).square().flatten(1).mean(1)

        optimizer = torch.optim.Adam([z], lr=learning_rate)
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            # A sum over images, so that each image's path is the one it would take alone.
            loss = (errors() + prior_weight * frozen._improbability(z)).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            error = errors().view(n, starts)
    best = error.nan_to_num(nan=torch.inf).argmin(1)  # a start may lead nowhere
    rows = torch.arange(n, device=best.device)
    found = z.detach().view(n, starts, *model.latent_shape)[rows, best]
    return Inversion(found.to(model.dtype), error[rows, best])


def _same_shape(a: Tensor, b: Tensor) -> None:
    _floats(a)
    _floats(b)
    if a.shape != b.shape:
        raise InvalidInput(f"latents of shapes {tuple(a.shape)} and {tuple(b.shape)} came. Pass two of one shape.")


def _floats(z: Tensor) -> None:
    if not isinstance(z, Tensor) or not z.is_floating_point():
        kind = z.dtype if isinstance(z, Tensor) else type(z).__name__
        raise InvalidInput(f"a latent came as {kind}; expected a tensor of floats, such as encode() gives.")
    inputs.dense("a latent", z)


def __getattr__(name: str) -> Any:
    return attribute(__name__, _LAZY, name)

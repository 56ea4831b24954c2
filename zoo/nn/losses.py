"""Losses as pure functions: tensors in, scalar out. Logits are pre-sigmoid scores; means are over the batch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo._util import inputs
from zoo.errors import InvalidInput


def discriminator_loss(
    real: Tensor, fake: Tensor, *, smoothing: float | Tensor = 0.0, fake_smoothing: float | Tensor = 0.0
) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))) from logits of any shape (Goodfellow et al. 2014, eq. 1, negated).

    Label smoothing: real images have the target 1 − smoothing (one-sided: Salimans et al. 2016, section 3.4), generated
    ones fake_smoothing instead of 0. Either may be a tensor that broadcasts: a target for each image.
    """
    real, fake = at_least_float32(real), at_least_float32(fake)
    # −t·log σ(x) − (1−t)·log(1 − σ(x)) = softplus(−x) + (1−t)·x, with t = 1 − smoothing; and softplus(x) − t·x.
    on_real = F.softplus(-real) + smoothing * real
    on_fake = F.softplus(fake) - fake_smoothing * fake
    return on_real.mean() + on_fake.mean()


def generator_loss(fake: Tensor) -> Tensor:
    """The non-saturating −E log D(G(z)) from logits of any shape (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-at_least_float32(fake)).mean()


def minimax_generator_loss(fake: Tensor) -> Tensor:
    """E log(1 − D(G(z))) from logits of any shape (Goodfellow et al. 2014, eq. 1): its gradient vanishes where the
    discriminator is sure."""
    return -F.softplus(at_least_float32(fake)).mean()


def least_squares_discriminator_loss(
    real: Tensor, fake: Tensor, *, smoothing: float | Tensor = 0.0, fake_smoothing: float | Tensor = 0.0
) -> Tensor:
    """½ E (D(x) − 1)² + ½ E D(G(z))² (Mao et al. 2017, arXiv:1611.04076, eq. 9), with targets 1 − smoothing and
    fake_smoothing as in `discriminator_loss`."""
    on_real = (at_least_float32(real) - 1 + smoothing).square()
    return 0.5 * on_real.mean() + 0.5 * (at_least_float32(fake) - fake_smoothing).square().mean()


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """½ E (D(G(z)) − 1)² (Mao et al. 2017, eq. 9)."""
    return 0.5 * (at_least_float32(fake) - 1).square().mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) (Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16)."""
    return F.relu(1 - at_least_float32(real)).mean() + F.relu(1 + at_least_float32(fake)).mean()


def wasserstein_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) − E D(x): over 1-Lipschitz critics its infimum is minus the Wasserstein-1 distance (Arjovsky et al.
    2017, arXiv:1701.07875, eq. 2)."""
    return at_least_float32(fake).mean() - at_least_float32(real).mean()


def score_generator_loss(fake: Tensor) -> Tensor:
    """−E D(G(z)), the generator's loss of the hinge and Wasserstein games (Miyato et al. 2018, eq. 17)."""
    return -at_least_float32(fake).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """E (‖∇D(x̂)‖₂ − 1)² at x̂ = mix·real + (1 − mix)·fake (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3).

    real, fake: (n, …). mix: (n,) in [0, 1]. Zero exactly for a critic whose gradient has norm 1 there. Differentiable
    in the critic's parameters.
    """
    weight = mix.view(-1, *[1] * (real.ndim - 1))
    points = (weight * real + (1 - weight) * fake).detach().requires_grad_(True)
    norms: Tensor = torch.linalg.vector_norm(_gradient(critic, points), dim=1)
    return (norms - 1).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """½ E ‖∇D(x)‖² on real images (n, …) (Mescheder et al. 2018, arXiv:1801.04406, eq. 9, without its factor γ)."""
    return 0.5 * _gradient(discriminator, real.detach().requires_grad_(True)).square().sum(1).mean()


def _gradient(network: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """∇ of the sum of `network`'s outputs at points (n, …): (n, d), itself differentiable."""
    # The gradient of the sum holds each image's own where its outputs do not depend on the others: without batch norm.
    (gradient,) = torch.autograd.grad(network(points).sum(), points, create_graph=True)
    return at_least_float32(gradient).flatten(1)


def energy_discriminator_loss(real: Tensor, fake: Tensor, margin: float) -> Tensor:
    """E D(x) + E max(0, m − D(G(z))) of energies D ≥ 0 (Zhao et al. 2016, arXiv:1609.03126, eq. 1)."""
    return at_least_float32(real).mean() + F.relu(margin - at_least_float32(fake)).mean()


def pulling_away(codes: Tensor) -> Tensor:
    """1/(n(n−1)) Σ_{i≠j} cos²(sᵢ, sⱼ) of codes s (n, d): 0 when all are orthogonal, 1 when all are parallel (Zhao et
    al. 2016, section 2.4), and 0 of a single code, which there is nothing to be pulled away from."""
    n = len(codes)
    return _correlation(F.normalize(at_least_float32(codes.flatten(1)), dim=1)) / max(n * (n - 1), 1)


def orthogonal_penalty(weight: Tensor) -> Tensor:
    """‖WᵀW ⊙ (1 − I)‖²_F for the rows of W (d, …) flattened: filters are pushed apart, not towards a norm (Brock et al.
    2018, arXiv:1809.11096, eq. 3)."""
    return _correlation(at_least_float32(weight.flatten(1)))


def _correlation(rows: Tensor) -> Tensor:
    """Σ_{i≠j} (rᵢ·rⱼ)² of rows r (n, d)."""
    # Autocast would multiply in bfloat16, float32 or not.
    with torch.autocast(rows.device.type, enabled=False):
        gram = rows @ rows.T
    return (gram - torch.diag(gram.diagonal())).square().sum()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) ‖ N(0, I)) in nats for each row of (n, d): shape (n,).

    Kingma & Welling 2014, appendix B: −½ Σ (1 + log σ² − μ² − σ²).
    """
    mean, log_variance = at_least_float32(mean), at_least_float32(log_variance)
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1)


def gaussian_log_density(x: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """ln N(x; mean, diag σ²) in nats, summed over all but the first dimension: shape (n,). Arguments broadcast."""
    x, mean, log_sigma = at_least_float32(x), at_least_float32(mean), at_least_float32(log_sigma)
    per_value = -0.5 * ((x - mean) * torch.exp(-log_sigma)).square() - log_sigma - 0.5 * math.log(2 * math.pi)
    return per_value.flatten(1).sum(1)


def total_variation(images: Tensor) -> Tensor:
    """E Σ (|x_{i+1,j} − x_ij| + |x_{i,j+1} − x_ij|)/(C·H·W) of images (n, C, H, W).

    Rudin, Osher & Fatemi 1992 with the 1-norm of the gradient, hence anisotropic: a diagonal edge costs √2 times as
    much as in the isotropic form, but there is no root whose slope is infinite where an image is flat. Pairs across the
    border do not exist, so an image of one pixel costs 0.
    """
    images = at_least_float32(_maps("images", images))
    return torch.stack([step.abs().sum() for step in _steps(images)]).sum() / images.numel()


def edge_loss(output: Tensor, target: Tensor) -> Tensor:
    """E Σ ||∇ŷ| − |∇y||/(C·H·W) over both directions, ∇ the difference of neighbouring pixels of images (n, C, H, W):
    the gradient difference loss with α = 1 (Mathieu et al. 2016, arXiv:1511.05440, section 3.3).

    Only where edges are and how steep matters: a constant added to an image costs nothing, nor does its negative.
    """
    _alike(output, target)
    output, target = at_least_float32(output), at_least_float32(target)
    apart = [(a.abs() - b.abs()).abs().sum() for a, b in zip(_steps(output), _steps(target), strict=True)]
    return torch.stack(apart).sum() / output.numel()


def _steps(images: Tensor) -> tuple[Tensor, Tensor]:
    """From each pixel to the one below and to the one on its right."""
    return images[..., 1:, :] - images[..., :-1, :], images[..., 1:] - images[..., :-1]


def perceptual_loss(output: Tensor, target: Tensor) -> Tensor:
    """E ‖φ(ŷ) − φ(y)‖²/(C·H·W) of one layer's features φ (n, C, H, W): feature reconstruction (Johnson et al. 2016,
    arXiv:1603.08155, eq. 2)."""
    _alike(output, target)
    return (at_least_float32(output) - at_least_float32(target)).square().mean()


def gram(features: Tensor) -> Tensor:
    """G = F·Fᵀ/(C·H·W) of one layer's features F (n, C, H·W), given as (n, C, H, W): shape (n, C, C) (Johnson et al.
    2016, eq. 3). Says which features occur together, not where."""
    rows = at_least_float32(_maps("features", features)).flatten(2)
    # Autocast would multiply in bfloat16, float32 or not.
    with torch.autocast(rows.device.type, enabled=False):
        return rows @ rows.mT / rows[0].numel()


def style_loss(output: Tensor, target: Tensor) -> Tensor:
    """E ‖G(φ(ŷ)) − G(φ(y))‖²_F of one layer's features φ (n, C, H, W), whose heights and widths may differ (Johnson et
    al. 2016, eq. 4). At one size, four times the layer's loss of Gatys et al. 2015 (arXiv:1508.06576, eq. 4)."""
    _alike(output, target, sizes=False)
    return (gram(output) - gram(target)).square().sum((1, 2)).mean()


def contextual_loss(
    output: Tensor,
    target: Tensor,
    *,
    bandwidth: float = 0.5,
    epsilon: float = 1e-5,
    most: int | None = None,
    seed: int = 0,
) -> Tensor:
    """E −log CX(x, y) of one layer's features (n, C, H, W): does each feature of the target occur somewhere in the
    output (Mechrez et al. 2018, arXiv:1803.02077, section 3)? Heights and widths may differ.

    With xᵢ and yⱼ the features at each position, less the mean of all yⱼ: d_ij = 1 − cos(xᵢ, yⱼ),
    d̃_ij = d_ij/(min_k d_ik + ε), w_ij = exp((1 − d̃_ij)/h), CX_ij = w_ij/Σ_k w_ik and CX = 1/N Σ_j max_i CX_ij.

    Between 0 and ln N, and the same wherever the xᵢ and yⱼ stand. 0 when the output holds every yⱼ and these are
    further apart than ε; equal yⱼ share one weight, so that identical images cost ln m when each feature occurs m
    times, and ln N when they are flat. A single position is its own mean and always costs 0.

    most: compare at most so many positions of each image, for memory grows with N²: at the peak of a training step
    seven arrays (n, N, N), which for 64 × 64 positions are 448 MiB an image. They are drawn by a private generator from
    `seed`, the same for all images of one size; change the seed from step to step, or the others never count.
    """
    _alike(output, target, sizes=False)
    for name, value in (("bandwidth", bandwidth), ("epsilon", epsilon)):
        if inputs.scalar(name, value, 0, "0.5 or 1e-5") == 0:
            raise InvalidInput(f"{name}=0; expected a number above 0, for example 0.5 or 1e-5.")
    x, y = (_positions(at_least_float32(features), most, seed) for features in (output, target))
    mean = y.mean(2, keepdim=True)
    x, y = F.normalize(x - mean, dim=1), F.normalize(y - mean, dim=1)
    # Autocast would multiply in bfloat16, float32 or not.
    with torch.autocast(x.device.type, enabled=False):
        distances = (1 - x.mT @ y).clamp(min=0)  # rounding takes the cosine of equal features above 1
    relative = distances / (distances.amin(2, keepdim=True) + epsilon)
    # The 1 in w_ij cancels; logarithms, because w_ij underflows for all but the nearest.
    best = torch.log_softmax(relative / -bandwidth, 2).amax(1)
    return (math.log(best.shape[1]) - best.logsumexp(1)).mean()


def _positions(features: Tensor, most: int | None, seed: int) -> Tensor:
    """The features (n, C, H·W), or at most `most` of them, drawn without replacement."""
    rows = features.flatten(2)
    if most is None or rows.shape[2] <= inputs.integer("most", most, 1):
        return rows
    generator = torch.Generator("cpu").manual_seed(inputs.integer("seed", seed, 0))
    return rows[:, :, torch.randperm(rows.shape[2], generator=generator, device="cpu")[:most].to(rows.device)]


def _alike(output: Tensor, target: Tensor, *, sizes: bool = True) -> None:
    """Raises InvalidInput unless both are maps of the same shape, or with `sizes` False of as many images and
    channels."""
    shown, wanted = tuple(_maps("output", output).shape), tuple(_maps("target", target).shape)
    if shown != wanted and (sizes or shown[:2] != wanted[:2]):
        same = "the same shape" if sizes else "as many images and channels"
        raise InvalidInput(f"output came as {shown} and target as {wanted}; expected {same}. Resize or expand one.")


def _maps(what: str, maps: Tensor) -> Tensor:
    """`maps`, floats (n, channels, height, width). Raises InvalidInput."""
    if not isinstance(maps, Tensor):
        raise InvalidInput(f"{what} came as {type(maps).__name__}; expected a tensor. Of several layers pass one.")
    if maps.ndim != 4 or not maps.is_floating_point() or not maps.numel():
        got = f"{maps.dtype} {tuple(maps.shape)}"
        raise InvalidInput(f"{what} came as {got}; expected floats (n, channels, height, width), none of them 0.")
    return maps


def at_least_float32(x: Tensor) -> Tensor:
    """At least float32: under autocast network outputs arrive in bfloat16, too coarse for a loss."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

"""Super-resolution: how close enlarged images are to those they were shrunk from.

The protocol of the field (Ledig et al. 2017, arXiv:1609.04802, section 3.1): whole images of test sets, cropped to
multiples of the scale, are shrunk with antialiased bicubic interpolation and enlarged again by the model; what comes
out is rounded to 8 bits. Compared is luma alone, ITU-R BT.601's Y of 16 … 235 as MATLAB's rgb2ycbcr gives it, unrounded
and without a border as wide as the scale; peak and L are 255; means are over the images of a set.

Beside each number stands that of bicubic interpolation. The paper's for ×4, in dB and SSIM, the latter by a program of
its own; elsewhere bicubic's SSIM is 0.810 and 0.703:

             bicubic          SRResNet         SRGAN
    Set5     28.43  0.8211    32.05  0.9019    29.40  0.8472
    Set14    25.99  0.7486    28.49  0.8184    26.02  0.7397
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo import images as imaging
from zoo.errors import InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.metrics.reconstruction import psnr
from zoo.releases.record import Record

LUMA = (65.481, 128.553, 24.966)  # of red, green and blue in [0, 1] (ITU-R BT.601)
BLACK, PEAK = 16.0, 255.0
WINDOW, DEVIATION = 11, 1.5  # the Gaussian of SSIM, in pixels
K1, K2 = 0.01, 0.03


def super_resolution(subject: Subject) -> list[Record]:
    """PSNR and SSIM of luma for each set of the data's scenes. No record for a model that does not enlarge its sources,
    nor for data without scenes."""
    model, records = subject.model, list[Record]()
    scale = model.enlargement
    if scale == 1:
        return []
    for name, scenes in subject.test.scenes.items():
        made, plain = list[Tensor](), list[Tensor]()
        for scene in scenes:
            target, source = pair(scene, scale)
            output = model.translate(source.float() / 255, seed=subject.seed)
            enlarged = imaging.resize_bytes(source, tuple(target.shape[1:]))
            made.append(compared(imaging.quantise(output.float()).cpu(), target, scale))
            plain.append(compared(enlarged, target, scale))
        values, bicubic = torch.stack(made).mean(0).tolist(), torch.stack(plain).mean(0).tolist()
        for place, (kind, what) in enumerate((("psnr", "PSNR of luma (dB)"), ("ssim", "SSIM of luma"))):
            records.append(
                subject.record(
                    f"{kind}-y-{name}",
                    f"{what}, {name} ×{scale}",
                    values[place],
                    split="test",
                    n_real=len(scenes),
                    scale=scale,
                    border=scale,
                    bicubic=bicubic[place],
                )
            )
    return records


def pair(scene: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """`scene`, uint8 (3, height, width), cropped to multiples of `scale`, and shrunk by it with antialiased bicubic
    interpolation: uint8, each a batch of one."""
    channels, height, width = scene.shape
    target = scene[None, :, : height - height % scale, : width - width % scale].contiguous()
    return target, imaging.resize_bytes(target, (channels, height // scale, width // scale))


def compared(image: Tensor, target: Tensor, border: int) -> Tensor:
    """PSNR and SSIM (2,) of the luma of uint8 images (n, 3, height, width), less `border` pixels on each side."""
    inside = slice(border, -border or None)
    y, wanted = (luma(each)[:, :, inside, inside] for each in (image, target))
    error = (y - wanted).square().mean() / PEAK**2
    return torch.stack([psnr(error), ssim(y, wanted)])


def luma(images: Tensor) -> Tensor:
    """Y of 16 … 235, float64 (n, 1, height, width), of uint8 images (n, 3, height, width)."""
    weights = torch.tensor(LUMA, dtype=torch.float64, device="cpu").view(1, 3, 1, 1)
    return BLACK + (images.double() / 255 * weights).sum(1, keepdim=True)


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity of grey images (n, 1, height, width) in 0 … 255, 1 when they are the same (Wang et al.
    2004, "Image quality assessment: from error visibility to structural similarity", equation 13):

        (2 μx μy + C₁)(2 σxy + C₂) / ((μx² + μy² + C₁)(σx² + σy² + C₂)),  C₁ = (0.01·255)², C₂ = (0.03·255)²

    with moments under a Gaussian of 11 × 11 pixels and σ = 1.5, averaged over all places where it lies inside. Raises
    InvalidInput for images smaller than that.
    """
    if x.shape != y.shape or min(x.shape[2:]) < WINDOW:
        raise InvalidInput(
            f"images came as {tuple(x.shape)} and {tuple(y.shape)}; expected the same, sides of at least {WINDOW}."
        )
    places = torch.arange(WINDOW, dtype=torch.float64, device="cpu") - WINDOW // 2
    line = torch.softmax(-places.square() / (2 * DEVIATION**2), 0)
    x, y = x.double(), y.double()
    # Rows, then columns, which makes the same Gaussian.
    moments = torch.cat([x, y, x * x, y * y, x * y], 1).flatten(0, 1).unsqueeze(1)
    moments = F.conv2d(F.conv2d(moments, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    mean_x, mean_y, xx, yy, xy = moments.view(len(x), 5, *moments.shape[2:]).unbind(1)
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    return ((2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1) * structure).mean()

"""Super-resolution: luma, PSNR and SSIM by hand, the protocol on known models, and where there is no number."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo import registry
from zoo.conditions import Images as Sources
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, InvalidInput
from zoo.metrics import evaluate, super_resolution
from zoo.metrics.evaluate import Subject
from zoo.metrics.super_resolution import compared, luma, pair, ssim
from zoo.model import Model
from zoo.models._translator import Translator
from zoo.registry.names import pick
from zoo.spaces import Images


@dataclass(frozen=True)
class Plain:
    pass


class Enlarger(Translator):
    """Each pixel four times on each side, and darker."""

    enlargement = 4

    def __init__(self, darker: float = 0.0) -> None:
        super().__init__(Plain())
        self.space, self.condition = Images((3, 16, 16)), Sources(3)
        self.darker = torch.nn.Parameter(torch.tensor(darker))

    def _translate_tile(self, sources: Tensor) -> Tensor:
        enlarged = F.interpolate(sources, scale_factor=self.enlargement, mode="nearest")
        return (enlarged - self.darker).clamp(0, 1)


class Copier(Enlarger):
    enlargement: ClassVar[int] = 1


def dataset(**scenes: tuple[Tensor, ...]) -> TensorDataset:
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    return TensorDataset("patches", "test", images, sources=images[:, :, ::4, ::4], scenes=scenes)


def subject(model: Model, data: TensorDataset) -> Subject:
    return Subject(model, None, data, data, n=2)


def noise(seed: int, height: int = 24, width: int = 28) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_luma_is_matlabs() -> None:
    """Values of rgb2ycbcr in double precision."""
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)
    y = luma(colours.view(5, 3, 1, 1)).flatten()
    expected = [16.0, 235.0, 16 + 65.481, 16 + 128.553, 16 + 24.966]
    torch.testing.assert_close(y, torch.tensor(expected, dtype=torch.float64))


def test_psnr_of_a_constant_error() -> None:
    """Ten levels darker in all three colours are 10 · 219/255 of luma."""
    target = torch.full((1, 3, 24, 24), 100, dtype=torch.uint8)
    value, _ = compared(target - 10, target, 4)
    assert float(value) == pytest.approx(-20 * torch.tensor(10 * 219 / 255 / 255).log10().item(), abs=1e-6)


def test_a_copy_is_perfect() -> None:
    target = noise(0)[None]
    assert compared(target, target, 4).tolist() == [120.0, 1.0]


def test_the_border_does_not_count() -> None:
    target = noise(0)[None]
    image = noise(1)[None]
    image[:, :, 4:-4, 4:-4] = target[:, :, 4:-4, 4:-4]
    assert compared(image, target, 4).tolist() == [120.0, 1.0]
    assert compared(image, target, 3)[0] < 40


def test_ssim_of_flat_images() -> None:
    """Without variance what is left is (2ab + C₁)/(a² + b² + C₁)."""
    a, b = (torch.full((1, 1, 12, 13), value) for value in (50.0, 100.0))
    c1 = 2.55**2
    assert float(ssim(a, b)) == pytest.approx((2 * 5000 + c1) / (2500 + 10000 + c1), rel=1e-9)


def test_ssim_at_a_single_place() -> None:
    """11 × 11 pixels have one place: all moments in full, with the Gaussian written out."""
    x, y = (luma(noise(seed, 11, 11)[None])[0, 0] for seed in (0, 1))
    steps = torch.arange(11, dtype=torch.float64) - 5
    weight = torch.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    mx, my = (weight * x).sum(), (weight * y).sum()
    vx, vy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
    cov = (weight * (x - mx) * (y - my)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    torch.testing.assert_close(ssim(x[None, None], y[None, None]), expected)


def test_ssim_is_symmetric_and_falls_with_noise() -> None:
    target = luma(noise(0)[None])
    far, near = (target + s * torch.randn(target.shape, generator=torch.Generator().manual_seed(1)) for s in (50, 5))
    assert float(ssim(target, near)) == pytest.approx(float(ssim(near, target)))
    assert 0 < ssim(target, far) < ssim(target, near) < 1


@pytest.mark.parametrize("size", [(10, 20), (20, 10)])
def test_ssim_needs_room(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="at least 11"):
        ssim(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size))


def test_a_pair_is_cropped_and_shrunk() -> None:
    target, source = pair(torch.full((3, 27, 30), 77, dtype=torch.uint8), 4)
    assert target.shape == (1, 3, 24, 28)
    assert source.shape == (1, 3, 6, 7)
    assert source.eq(77).all()


def test_the_metric_says_its_protocol_and_has_bicubic_beside_it() -> None:
    flat = torch.full((3, 24, 24), 120, dtype=torch.uint8)
    ramp = (4 * torch.arange(24)).to(torch.uint8).expand(3, 24, 24).contiguous()
    records = super_resolution.super_resolution(subject(Enlarger(20 / 255), dataset(set5=(flat, flat), set14=(ramp,))))
    assert [record.type for record in records] == ["psnr-y-set5", "ssim-y-set5", "psnr-y-set14", "ssim-y-set14"]
    first = records[0]
    assert first.name == "PSNR of luma (dB), set5 ×4"
    assert first.args == {"split": "test", "n_real": 2, "scale": 4, "border": 4, "bicubic": 120.0, "seed": 0}
    assert first.value == pytest.approx(-20 * torch.tensor(20 * 219 / 255 / 255).log10().item(), abs=0.005)
    assert records[2].args["bicubic"] > records[2].value
    assert records[2].args["n_real"] == 1
    assert 0 < records[3].value < records[3].args["bicubic"] <= 1


def test_figures_are_means_over_images() -> None:
    first, second = noise(0), noise(1)
    alone = [super_resolution.super_resolution(subject(Enlarger(), dataset(s=(each,)))) for each in (first, second)]
    both = super_resolution.super_resolution(subject(Enlarger(), dataset(s=(first, second))))
    for one, two, mean in zip(*alone, both, strict=True):
        assert mean.value == pytest.approx((one.value + two.value) / 2, abs=0.006)


def test_no_record_where_it_does_not_apply() -> None:
    assert super_resolution.super_resolution(subject(Copier(), dataset(set5=(noise(0),)))) == []
    assert super_resolution.super_resolution(subject(Enlarger(), dataset())) == []


def test_translators_are_measured_by_what_they_do() -> None:
    """Without a condition they generate nothing; metrics of what is generated are left out, or refused by name."""
    names = {entry.name for entry in evaluate._choose(Enlarger(), None)}
    assert names == {"super-resolution", "translation"}
    with pytest.raises(CapabilityError, match="metric 'frechet' needs generate, but the model has only images, transl"):
        evaluate._choose(Enlarger(), ["frechet"])


def test_models_that_generate_are_not_measured_by_it(painter: Any) -> None:
    names = {entry.name for entry in evaluate._choose(painter, None)}
    assert {"frechet", "coverage"} <= names
    assert "super-resolution" not in names
    assert pick("super-resolution", registry.list_entries("metrics"), "metric").needs == {"translate", "images"}

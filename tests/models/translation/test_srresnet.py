"""SRResNet: its loss, and that tiles, fusing and the last layer change no image."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import zoo
from zoo import images
from zoo.errors import ConfigError
from zoo.models._super_resolution import Config
from zoo.models.translation.srresnet import SRResNet
from zoo.objective import Batch


def norms(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def test_images_are_four_times_as_large(srresnet: SRResNet, photograph: Any) -> None:
    made = srresnet.translate(photograph(5, 7))
    assert made.shape == (1, 3, 20, 28)
    assert made.min() >= 0
    assert made.max() <= 1


@pytest.mark.parametrize("size", [(50, 40), (31, 64)])
def test_tiles_are_the_whole_image(srresnet: SRResNet, size: tuple[int, int], photograph: Any) -> None:
    with torch.no_grad():
        srresnet.network.tail[-1].weight.mul_(10)
    whole = srresnet.translate(photograph(*size), tile=0)
    tiled = srresnet.translate(photograph(*size), tile=2 * srresnet.overlap + 8)
    torch.testing.assert_close(tiled, whole, atol=2e-6, rtol=0)


def test_the_overlap_is_what_a_pixel_depends_on(srresnet: SRResNet) -> None:
    """A change of one pixel of the source is seen as far as the overlap, and no farther."""
    side, middle = 2 * srresnet.overlap + 9, srresnet.overlap + 4
    source = torch.zeros(1, 3, side, side, dtype=torch.double, requires_grad=True)
    made = srresnet.double().network(source)
    corner = made[0, :, 4 * middle : 4 * middle + 4, 4 * middle : 4 * middle + 4].abs().sum()
    (gradient,) = torch.autograd.grad(corner, source)
    rows = gradient[0].abs().sum((0, 2)).nonzero().flatten()
    assert rows.min() == middle - srresnet.overlap
    assert rows.max() == middle + srresnet.overlap


def test_batch_norm_is_fused_in_inference_alone(
    srresnet: SRResNet, monkeypatch: pytest.MonkeyPatch, photograph: Any
) -> None:
    source = photograph(6, 6)
    plain = srresnet.network(source).detach()
    with torch.inference_mode():
        torch.testing.assert_close(srresnet.network(source), plain, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr(nn.BatchNorm2d, "forward", lambda self, x: pytest.fail("a batch norm was computed"))
    srresnet.translate(source)
    with pytest.raises(pytest.fail.Exception), torch.inference_mode():
        srresnet.train().network(source)


@pytest.mark.parametrize("change", ["load", "write", "statistics", "copy"])
def test_what_changes_is_noticed(srresnet: SRResNet, change: str, photograph: Any) -> None:
    source = photograph(6, 6)
    before = srresnet.translate(source)
    if change == "load":
        srresnet.load_state_dict({key: 1.5 * value for key, value in srresnet.state_dict().items()})
    elif change == "write":
        norms(srresnet)[0].bias.data.add_(3)
    elif change == "statistics":
        norms(srresnet)[0].running_mean.add_(3)
    else:
        srresnet = copy.deepcopy(srresnet)
        norms(srresnet)[0].weight.data.mul_(-2)
    after = srresnet.translate(source)
    expected = srresnet._translate_tile(source).detach()
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)
    assert (after - before).abs().max() > 1e-4


def test_fused_once_it_computes_the_same_and_no_norm_again(
    srresnet: SRResNet, monkeypatch: pytest.MonkeyPatch, photograph: Any
) -> None:
    source = photograph(6, 6)
    expected = srresnet.translate(source)
    keys = set(srresnet.state_dict())
    srresnet.fuse()
    monkeypatch.setattr("zoo.nn.srresnet.NormedConv2d", None)
    assert torch.equal(srresnet.translate(source), expected)
    assert set(srresnet.state_dict()) == keys


def test_fusing_leaves_the_module_as_it_is(srresnet: SRResNet, photograph: Any) -> None:
    before = {key: value.clone() for key, value in srresnet.state_dict().items()}
    made = srresnet.translate(photograph(6, 6))
    after = srresnet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    half = srresnet.to(torch.bfloat16).translate(photograph(6, 6))
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), made, atol=0.05, rtol=0)


def test_the_first_images_are_close_to_bicubic(photograph: Any, small: Config) -> None:
    torch.manual_seed(0)
    source = F.interpolate(photograph(3, 3), size=12, mode="bilinear")
    bicubic = F.interpolate(source, scale_factor=4, mode="bicubic", antialias=True)
    near = SRResNet(small).translate(source)
    assert (near - bicubic).abs().mean() < 0.1
    alone = SRResNet(Config(image_shape=(3, 16, 16), width=4, blocks=1, bicubic=False)).eval()
    with torch.no_grad():
        torch.testing.assert_close(alone.network(source), (alone.network.made(2 * source - 1) + 1) / 2)
        alone.network.tail[-1].weight.zero_()
        alone.network.tail[-1].bias.zero_()
        assert alone.network(source).eq(0.5).all()


@pytest.mark.parametrize(("name", "error"), [("mse", torch.square), ("l1", torch.abs)])
def test_the_loss_is_of_pixels(srresnet: SRResNet, patches: Batch, name: str, error: Any) -> None:
    objective = srresnet.objective_class.create(srresnet, loss=name)
    ((network, loss),) = objective.updates(patches)
    assert network == "generator"
    torch.testing.assert_close(loss, error(srresnet.network(patches.sources) - patches.images).mean())  # type: ignore[arg-type]


def test_an_unknown_loss_is_refused(srresnet: SRResNet) -> None:
    with pytest.raises(ConfigError, match="expected one of mse, l1"):
        srresnet.objective_class.create(srresnet, loss="huber")


def test_weights_in_one_byte_are_well_below_two_mebibytes(tmp_path: Path) -> None:
    model = zoo.create("srresnet")
    path = tmp_path / "model.safetensors"
    model.save(path, dtype=torch.int8)
    assert path.stat().st_size < 2**20


def test_a_grey_picture_stays_grey_when_it_is_enlarged() -> None:
    torch.manual_seed(0)
    model = SRResNet(Config(image_shape=(3, 16, 16), width=4, blocks=1)).eval()
    grey = Image.effect_noise((8, 6), 50)
    made = model.picture(grey)
    assert (made.mode, made.size) == ("L", (32, 24))
    expected = images.to_pil(model.translate(grey))[0].convert("L")
    assert made.tobytes() == expected.tobytes()
    coloured = grey.convert("RGB")
    coloured.putpixel((0, 0), (255, 0, 0))
    assert model.picture(coloured).mode == "RGB"

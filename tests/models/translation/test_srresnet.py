"""SRResNet: its loss, and that tiles, fusing and the last layer change no image."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import zoo
from zoo.errors import ConfigError
from zoo.models.translation.srresnet import Config, Network, Shuffle, SRResNet
from zoo.objective import Batch

SMALL = Config(image_shape=(3, 16, 16), width=4, blocks=1)


@pytest.fixture
def model() -> SRResNet:
    """With batch norms that have statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    made = SRResNet(SMALL).eval()
    for norm in norms(made):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
    return made


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(1)
    return Batch(torch.rand(4, 3, 16, 16), None, torch.rand(4, 3, 4, 4))


def norms(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def photograph(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))


def test_images_are_four_times_as_large(model: SRResNet) -> None:
    made = model.translate(photograph(5, 7))
    assert made.shape == (1, 3, 20, 28)
    assert made.min() >= 0
    assert made.max() <= 1


@pytest.mark.parametrize("size", [(50, 40), (31, 64)])
def test_tiles_are_the_whole_image(model: SRResNet, size: tuple[int, int]) -> None:
    with torch.no_grad():
        model.network.tail[-1].weight.mul_(10)
    whole = model.translate(photograph(*size), tile=0)
    tiled = model.translate(photograph(*size), tile=2 * model.overlap + 8)
    torch.testing.assert_close(tiled, whole, atol=2e-6, rtol=0)


def test_the_overlap_is_what_a_pixel_depends_on(model: SRResNet) -> None:
    """A change of one pixel of the source is seen as far as the overlap, and no farther."""
    side, middle = 2 * model.overlap + 9, model.overlap + 4
    source = torch.zeros(1, 3, side, side, dtype=torch.double, requires_grad=True)
    made = model.double().enlarged(source)
    corner = made[0, :, 4 * middle : 4 * middle + 4, 4 * middle : 4 * middle + 4].abs().sum()
    (gradient,) = torch.autograd.grad(corner, source)
    rows = gradient[0].abs().sum((0, 2)).nonzero().flatten()
    assert rows.min() == middle - model.overlap
    assert rows.max() == middle + model.overlap


def test_batch_norm_is_fused_in_inference_alone(model: SRResNet, monkeypatch: pytest.MonkeyPatch) -> None:
    source = photograph(6, 6)
    plain = model.enlarged(source).detach()
    with torch.inference_mode():
        torch.testing.assert_close(model.enlarged(source), plain, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr(nn.BatchNorm2d, "forward", lambda self, x: pytest.fail("a batch norm was computed"))
    model.translate(source)
    with pytest.raises(pytest.fail.Exception), torch.inference_mode():
        model.train().enlarged(source)


@pytest.mark.parametrize("change", ["load", "write", "statistics", "copy"])
def test_what_changes_is_noticed(model: SRResNet, change: str) -> None:
    source = photograph(6, 6)
    before = model.translate(source)
    if change == "load":
        model.load_state_dict({key: 1.5 * value for key, value in model.state_dict().items()})
    elif change == "write":
        norms(model)[0].bias.data.add_(3)
    elif change == "statistics":
        norms(model)[0].running_mean.add_(3)
    else:
        model = copy.deepcopy(model)
        norms(model)[0].weight.data.mul_(-2)
    after = model.translate(source)
    expected = model._translate_tile(source).detach()
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)
    assert (after - before).abs().max() > 1e-4


def test_fused_once_it_computes_the_same_and_no_norm_again(model: SRResNet, monkeypatch: pytest.MonkeyPatch) -> None:
    source = photograph(6, 6)
    expected = model.translate(source)
    keys = set(model.state_dict())
    model.fuse()
    monkeypatch.setattr("zoo.models.translation.srresnet.NormedConv2d", None)
    assert torch.equal(model.translate(source), expected)
    assert set(model.state_dict()) == keys


def test_fusing_leaves_the_module_as_it_is(model: SRResNet) -> None:
    before = {key: value.clone() for key, value in model.state_dict().items()}
    made = model.translate(photograph(6, 6))
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    half = model.to(torch.bfloat16).translate(photograph(6, 6))
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), made, atol=0.05, rtol=0)


def test_the_first_images_are_close_to_bicubic() -> None:
    torch.manual_seed(0)
    source = F.interpolate(photograph(3, 3), size=12, mode="bilinear")
    bicubic = F.interpolate(source, scale_factor=4, mode="bicubic", antialias=True)
    near = SRResNet(SMALL).translate(source)
    assert (near - bicubic).abs().mean() < 0.1
    alone = SRResNet(Config(image_shape=(3, 16, 16), width=4, blocks=1, bicubic=False)).eval()
    with torch.no_grad():
        torch.testing.assert_close(alone.enlarged(source), (alone.network(2 * source - 1) + 1) / 2)
        alone.network.tail[-1].weight.zero_()
        alone.network.tail[-1].bias.zero_()
        assert alone.enlarged(source).eq(0.5).all()


def test_the_paper_has_as_many_weights() -> None:
    """64 channels and sixteen blocks (figure 4), batch norms and all but four slopes counted by hand."""
    counted = sum(p.numel() for p in Network(3, 64, 16).parameters())
    convolution = 9 * 64 * 64
    blocks = 16 * (2 * (convolution + 128) + 1) + convolution + 128
    ends = 81 * 3 * 64 + 64 + 1 + 81 * 64 * 3 + 3
    assert counted == ends + blocks + 2 * (4 * convolution + 256)


@pytest.mark.parametrize(("name", "error"), [("mse", torch.square), ("l1", torch.abs)])
def test_the_loss_is_of_pixels(model: SRResNet, batch: Batch, name: str, error: Any) -> None:
    objective = model.objective_class.create(model, loss=name)
    ((network, loss),) = objective.updates(batch)
    assert network == "generator"
    torch.testing.assert_close(loss, error(model.enlarged(batch.sources) - batch.images).mean())  # type: ignore[arg-type]


def test_an_unknown_loss_is_refused(model: SRResNet) -> None:
    with pytest.raises(ConfigError, match="expected one of mse, l1"):
        model.objective_class.create(model, loss="huber")


def test_weights_in_one_byte_are_well_below_two_mebibytes(tmp_path: Path) -> None:
    model = zoo.create("srresnet")
    path = tmp_path / "model.safetensors"
    model.save(path, dtype=torch.int8)
    assert path.stat().st_size < 2**20


@pytest.mark.parametrize(
    "fields", [{"image_shape": (3, 18, 16)}, {"width": 0}, {"blocks": 0}, {"image_shape": (3, 16)}]
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="srgan: "):
        Config(**fields)


def test_shuffling_is_shis_but_for_the_order_of_channels() -> None:
    x = torch.randn(2, 12, 3, 5)
    reordered = x.view(2, 4, 3, 3, 5).transpose(1, 2).flatten(1, 2)
    assert torch.equal(Shuffle()(x), F.pixel_shuffle(reordered, 2))

"""Losses beyond pixels, each against arithmetic by hand; and the feature maps that they compare."""

import copy
import math
from functools import partial

import pytest
import torch
from torch import nn

from zoo.errors import ConfigError, InvalidInput, UnknownName
from zoo.nn import features as networks
from zoo.nn.features import FeatureNetwork
from zoo.nn.losses import contextual_loss, edge_loss, gram, perceptual_loss, style_loss, total_variation
from zoo.nn.perceptual import Features, over_layers

PAIRED = [perceptual_loss, style_loss, contextual_loss, edge_loss]


def batch(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def shuffled(maps: torch.Tensor) -> torch.Tensor:
    order = torch.randperm(maps[0, 0].numel(), generator=torch.Generator().manual_seed(1))
    return maps.flatten(2)[:, :, order].view_as(maps)


def points(*rows: tuple[float, ...]) -> torch.Tensor:
    """Features at successive positions, as maps (1, C, 1, N)."""
    return torch.tensor(rows, dtype=torch.float32).T[None, :, None]


@pytest.fixture(scope="module")
def colour() -> Features:
    return Features()


def test_total_variation_by_hand() -> None:
    # Down: 3 and 4. To the right: 1 and 2. Four values.
    assert total_variation(torch.tensor([[[[0.0, 1], [3, 5]]]])).item() == pytest.approx((3 + 4 + 1 + 2) / 4)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 1, 5), (2, 3, 4, 4)])
def test_total_variation_of_a_constant_is_zero(shape: tuple[int, ...]) -> None:
    assert total_variation(torch.full(shape, 0.3)).item() == 0


def test_total_variation_of_a_ramp_is_that_of_a_step_as_high() -> None:
    ramp = (torch.arange(5) / 4).expand(2, 3, 6, 5)
    step = (torch.arange(5) > 2).float().expand(2, 3, 6, 5)
    # In each of the rows of five pixels the values rise by 1 in all, and in no column.
    assert total_variation(ramp).item() == total_variation(step).item() == pytest.approx(1 / 5)
    assert total_variation(ramp.mT).item() == pytest.approx(1 / 5)


def test_edge_loss_by_hand() -> None:
    output, target = torch.tensor([[[[0.0, 1], [3, 5]]]]), torch.tensor([[[[0.0, 2], [0, 0]]]])
    # Down: 3 for 0 and 4 for 2. To the right: 1 for 2 and 2 for 0.
    assert edge_loss(output, target).item() == pytest.approx((3 + 2 + 1 + 2) / 4)


def test_edge_loss_sees_edges_only() -> None:
    images = batch(2, 3, 8, 8).mul(64).round() / 256  # sums and differences are exact
    assert edge_loss(images + 0.25, images).item() == 0
    assert edge_loss(1 - images, images).item() == 0
    assert edge_loss(images * 0.5, images).item() == pytest.approx(total_variation(images).item() / 2)


def test_perceptual_loss_by_hand() -> None:
    output, target = torch.tensor([[[[1.0, 2]], [[3, 4]]]]), torch.tensor([[[[0.0, 0]], [[3, 2]]]])
    assert perceptual_loss(output, target).item() == pytest.approx((1 + 4 + 0 + 4) / 4)


def test_gram_and_style_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 2]], [[3, 4]]]])  # F = (1 2; 3 4), C·H·W = 4
    expected = torch.tensor([[[5.0, 11], [11, 25]]]) / 4
    torch.testing.assert_close(gram(maps), expected)
    assert style_loss(maps, 0 * maps).item() == pytest.approx((5**2 + 11**2 + 11**2 + 25**2) / 4**2)


def test_style_is_four_times_that_of_gatys() -> None:
    output, target = batch(1, 3, 4, 5, dtype=torch.float64), batch(1, 3, 4, 5, seed=1, dtype=torch.float64)
    f, a = output[0].flatten(1), target[0].flatten(1)
    gatys = (f @ f.T - a @ a.T).square().sum() / (4 * 3**2 * 20**2)
    torch.testing.assert_close(style_loss(output, target), 4 * gatys)


def test_style_disregards_place_and_size() -> None:
    maps = batch(2, 5, 6, 8)
    torch.testing.assert_close(gram(shuffled(maps)), gram(maps))
    assert style_loss(shuffled(maps), maps).item() == pytest.approx(0, abs=1e-12)
    assert style_loss(maps.repeat(1, 1, 2, 3), maps).item() == pytest.approx(0, abs=1e-12)
    assert style_loss(maps.flip(1), maps).item() > 1e-4


def test_contextual_loss_by_hand() -> None:
    # The mean of the target is (10, 10). Without it, and at length 1: y = (1, 0), (−1, 0); x = (0.6, 0.8), (−0.8, 0.6).
    target, output = points((12, 10), (8, 10)).double(), points((13, 14), (6, 13)).double()
    d = [[1 - 0.6, 1 + 0.6], [1 + 0.8, 1 - 0.8]]
    relative = [[d[i][j] / (min(d[i]) + 1e-5) for j in range(2)] for i in range(2)]
    w = [[math.exp((1 - relative[i][j]) / 0.5) for j in range(2)] for i in range(2)]
    cx = [[w[i][j] / sum(w[i]) for j in range(2)] for i in range(2)]
    expected = -math.log((max(cx[0][0], cx[1][0]) + max(cx[0][1], cx[1][1])) / 2)
    assert contextual_loss(output, target).item() == pytest.approx(expected, rel=1e-9)
    # (1 + e⁻⁶)⁻¹ and (1 + e⁻¹⁶)⁻¹: each has found its own.
    assert expected == pytest.approx(-math.log((1 / (1 + math.exp(-6)) + 1 / (1 + math.exp(-16))) / 2), rel=0.01)


@pytest.mark.parametrize(("n", "m"), [(6, 6), (4, 9), (9, 4)])
def test_contextual_loss_is_the_papers_formula(n: int, m: int) -> None:
    output, target = batch(3, 5, 1, n, dtype=torch.float64), batch(3, 5, m, 1, seed=1, dtype=torch.float64)
    h, epsilon, losses = 0.3, 0.01, []
    for x, y in zip(output.flatten(2).mT, target.flatten(2).mT, strict=True):
        centre = sum(y) / m
        d = [[1 - torch.cosine_similarity(a - centre, b - centre, dim=0).item() for b in y] for a in x]
        w = [[math.exp((1 - each / (min(row) + epsilon)) / h) for each in row] for row in d]
        cx = sum(max(w[i][j] / sum(w[i]) for i in range(n)) for j in range(m)) / m
        losses.append(-math.log(cx))
    found = contextual_loss(output, target, bandwidth=h, epsilon=epsilon)
    assert found.item() == pytest.approx(sum(losses) / 3, rel=1e-9)


def test_contextual_loss_disregards_place_but_not_content() -> None:
    maps = batch(2, 16, 8, 8)
    assert contextual_loss(maps, maps).item() == pytest.approx(0, abs=1e-6)
    assert contextual_loss(shuffled(maps), maps).item() == pytest.approx(0, abs=1e-6)
    assert perceptual_loss(shuffled(maps), maps) > 0.1
    assert contextual_loss(batch(2, 16, 8, 8, seed=1), maps).item() > 0.5
    # Half of the content is missing: 32 features are found, and the others are nobody's nearest.
    half = maps[:, :, :4].repeat(1, 1, 2, 1)
    assert contextual_loss(half, maps).item() == pytest.approx(math.log(2), abs=1e-3)


def test_contextual_loss_lies_between_zero_and_the_logarithm_of_the_positions() -> None:
    flat = torch.full((1, 4, 3, 5), 0.3)
    assert contextual_loss(flat, flat).item() == pytest.approx(math.log(15))
    thrice = batch(1, 8, 2, 2).repeat(1, 1, 1, 3)
    assert contextual_loss(thrice, thrice).item() == pytest.approx(math.log(3), rel=1e-4)
    assert contextual_loss(batch(1, 4, 1, 1), batch(1, 4, 1, 1, seed=1)).item() == 0


def test_contextual_loss_of_some_positions_is_drawn_privately() -> None:
    output, target = batch(2, 4, 9, 9), batch(2, 4, 9, 9, seed=1)
    state = torch.get_rng_state()
    some = contextual_loss(output, target, most=20, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert contextual_loss(output, target, most=20, seed=3) == some
    assert contextual_loss(output, target, most=20, seed=4) != some
    assert contextual_loss(output, target, most=81) == contextual_loss(output, target)
    # The same positions of both images, for one is compared with itself and costs nothing.
    assert contextual_loss(target, target, most=20).item() == pytest.approx(0, abs=1e-6)
    flat = torch.full((1, 4, 9, 9), 0.3)
    assert contextual_loss(flat, flat, most=20).item() == pytest.approx(math.log(20))


@pytest.mark.parametrize("loss", PAIRED)
def test_identical_input_costs_nothing_and_other_input_does(loss) -> None:
    maps = batch(2, 6, 5, 5)
    assert loss(maps, maps).item() == pytest.approx(0, abs=1e-5)
    assert loss(batch(2, 6, 5, 5, seed=1), maps).item() > 1e-3


@pytest.mark.parametrize("loss", [*PAIRED, lambda output, target: total_variation(output)])
def test_losses_are_means_over_the_batch_and_differentiable(loss) -> None:
    output, target = batch(2, 3, 3, 4, dtype=torch.float64), batch(2, 3, 3, 4, seed=1, dtype=torch.float64)
    whole = loss(output, target)
    assert (whole.shape, whole.dtype) == ((), torch.float64)
    torch.testing.assert_close(whole, (loss(output[:1], target[:1]) + loss(output[1:], target[1:])) / 2)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), output.requires_grad_(True))


@pytest.mark.parametrize("loss", [*PAIRED, lambda output, target: total_variation(output)])
def test_half_precision_is_widened(loss) -> None:
    output, target = batch(2, 3, 4, 4).bfloat16(), batch(2, 3, 4, 4, seed=1).bfloat16()
    found = loss(output, target)
    assert found.dtype == torch.float32
    assert found == loss(output.float(), target.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(output, target) == found


@pytest.mark.parametrize("loss", PAIRED)
def test_maps_that_do_not_match_are_refused(loss) -> None:
    maps = batch(2, 3, 4, 4)
    for other in (batch(2, 4, 4, 4), batch(1, 3, 4, 4)):
        with pytest.raises(InvalidInput, match=r"output came as \(2, 3, 4, 4\) and target as .*; expected .* Resize"):
            loss(maps, other)
    for other in (maps[0], (maps * 255).byte(), maps[:0]):
        with pytest.raises(InvalidInput, match=r"target came as torch.*expected floats \(n, channels, height, width\)"):
            loss(maps, other)
    with pytest.raises(InvalidInput, match="output came as dict; expected a tensor"):
        loss({"body.1": maps}, maps)


@pytest.mark.parametrize("loss", [perceptual_loss, edge_loss])
def test_losses_that_compare_place_want_one_size(loss) -> None:
    with pytest.raises(InvalidInput, match="expected the same shape"):
        loss(batch(1, 3, 4, 4), batch(1, 3, 4, 5))


@pytest.mark.parametrize("options", [{"bandwidth": 0}, {"epsilon": -1e-5}, {"most": 0}, {"most": 2, "seed": -1}])
def test_options_of_the_contextual_loss_are_checked(options) -> None:
    with pytest.raises(InvalidInput, match=f"{list(options)[-1]}=.*expected"):
        contextual_loss(batch(1, 2, 2, 2), batch(1, 2, 2, 2), **options)


def test_default_features_are_the_maps_of_the_shipped_network(colour: Features) -> None:
    images = batch(2, 3, 64, 48)
    maps = colour(images)
    assert {name: tuple(values.shape[1:]) for name, values in maps.items()} == {
        "body.1": (32, 64, 48), "body.4": (64, 32, 24), "body.7": (112, 16, 12), "body.10": (160, 8, 6),
    }  # fmt: skip
    # The mean of the last is what the metrics compare: so the images were prepared as the network expects.
    torch.testing.assert_close(maps["body.10"].mean((2, 3)), networks.load("colour64").features(images))


@pytest.mark.parametrize("shape", [(1, 1), (30, 97), (128, 128)])
def test_images_keep_their_size(colour: Features, shape: tuple[int, int]) -> None:
    maps = colour(batch(1, 3, *shape))
    assert maps["body.1"].shape[2:] == shape
    assert maps["body.10"].shape[2:] == tuple(math.ceil(side / 8) for side in shape)


def test_grey_images_are_repeated_and_colour_ones_weighed(colour: Features) -> None:
    grey = batch(2, 1, 32, 32)
    repeated = grey.repeat(1, 3, 1, 1)
    torch.testing.assert_close(colour(grey), colour(repeated))
    digits = Features("grey28", ["body.4"])
    torch.testing.assert_close(digits(repeated), digits(grey), rtol=1e-4, atol=1e-4)


def test_network_is_frozen_and_the_image_is_not(colour: Features) -> None:
    colour.train()
    assert not any(module.training for module in colour.modules())
    assert not any(parameter.requires_grad for parameter in colour.parameters())
    target = colour(batch(1, 3, 32, 32))
    for loss in (perceptual_loss, style_loss, partial(contextual_loss, most=50)):
        images = batch(1, 3, 32, 32, seed=1).requires_grad_(True)
        over_layers(loss, colour(images), target).backward()
        assert torch.isfinite(images.grad).all()
        assert images.grad.abs().amax((0, 1)).count_nonzero() > 900  # of 1,024 pixels
    assert all(parameter.grad is None for parameter in colour.parameters())


def test_gradient_leads_to_an_image_with_the_features_wanted(colour: Features) -> None:
    target, image = colour(batch(1, 3, 16, 16)), batch(1, 3, 16, 16, seed=1).requires_grad_(True)
    optimizer = torch.optim.Adam([image], lr=0.03)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = over_layers(perceptual_loss, colour(image), target)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        image.data.clamp_(0, 1)
    assert losses[-1] < 0.5 * losses[0]


def test_moved_image_costs_less_context_than_another_image(colour: Features) -> None:
    first, second = batch(1, 3, 32, 32), batch(1, 3, 32, 32, seed=1)
    target, moved, other = (colour(images) for images in (first, first.roll((8, 16), (2, 3)), second))
    # Only what meets the border is new to the moved image, which position by position is as far off as the other.
    assert contextual_loss(moved["body.1"], target["body.1"]) < 0.2 * contextual_loss(other["body.1"], target["body.1"])
    assert over_layers(contextual_loss, moved, target) < 0.5 * over_layers(contextual_loss, other, target)
    assert over_layers(perceptual_loss, moved, target) > 0.9 * over_layers(perceptual_loss, other, target)


def test_layers_come_by_name_in_the_order_asked_for() -> None:
    features = Features("colour64", ["body.7", "body.1", "body.7"])
    assert list(features(batch(1, 3, 16, 16))) == ["body.7", "body.1"]


def test_features_leave_no_trace(colour: Features) -> None:
    state = torch.get_rng_state()
    Features()
    Features("timm:test_resnet", pretrained=False)
    assert torch.equal(torch.get_rng_state(), state)
    twin = copy.deepcopy(colour)
    images = batch(1, 3, 32, 32)
    torch.testing.assert_close(twin(images), colour(images))
    assert not any(module._forward_hooks for module in colour.modules())
    assert set(colour.double()(images)) == set(colour.float().layers)


def test_dtype_is_that_of_the_parameters() -> None:
    features, images = Features("grey28"), batch(1, 1, 28, 28, dtype=torch.float64)
    single, double = features(images), features.double()(images)
    assert {values.dtype for values in single.values()} == {torch.float32}
    assert {values.dtype for values in double.values()} == {torch.float64}
    torch.testing.assert_close({name: values.float() for name, values in double.items()}, single, rtol=1e-3, atol=1e-4)


def own_network(*modules: nn.Module, layers: tuple[str, ...] = ()) -> FeatureNetwork:
    network = nn.Sequential(*modules)
    return FeatureNetwork("own", "0" * 64, network, dimensions=4, channels=3, sizes=(8, 8), layers=layers)


def test_any_feature_network_serves_even_one_that_works_in_place() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 1)
    images = batch(2, 3, 8, 8)
    features = Features(own_network(convolution, nn.ReLU(inplace=True), nn.Flatten()), ["0", "1"])
    maps = features(images)
    torch.testing.assert_close(maps["0"], convolution(images))
    torch.testing.assert_close(maps["1"], convolution(images).relu())
    assert (maps["0"] < 0).any()


def test_layers_without_maps_are_refused() -> None:
    network = own_network(nn.Conv2d(3, 4, 1), nn.Flatten())
    with pytest.raises(ConfigError, match="names no layers of its own; pass layers, some of 0, 1"):
        Features(network)
    with pytest.raises(ConfigError, match=r"layer '1' of own gives \(2, 256\); expected maps"):
        Features(network, ["1"])(batch(2, 3, 8, 8))
    with pytest.raises(ConfigError, match="layer 'head' of colour64 gives NoneType; expected maps"):
        Features("colour64", ["head"])(batch(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("colour64", ["body.77"]), UnknownName, "colour64 has no layer 'body.77'. Did you mean .*'body.7'"),
        (("timm:test_resnet", ["layer5"]), UnknownName, "timm:test_resnet has no layer 'layer5'. Did you mean"),
        (("colour46",), UnknownName, "colour64"),
        (("timm:test_resnot",), UnknownName, "timm has no model 'test_resnot'"),
        (("colour64", "body.1"), ConfigError, r"expected a list of names: \['body.1'\]"),
    ],
)
def test_unknown_networks_and_layers_are_named(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        Features(*arguments)


def test_only_timm_has_random_weights() -> None:
    with pytest.raises(ConfigError, match="pretrained=False is for timm's models"):
        Features("colour64", pretrained=False)


def test_timm_model_without_maps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: str, **options: object) -> None:
        raise RuntimeError("features_only not implemented")

    monkeypatch.setattr("timm.create_model", refuse)
    with pytest.raises(ConfigError, match="timm:test_resnet gives no feature maps: features_only not implemented"):
        Features("timm:test_resnet")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (batch(1, 3, 8, 8) * 2 - 1, r"expected \[0, 1\]. Perhaps \(images \+ 1\) / 2"),
        (batch(1, 3, 8, 8) / 0, "NaN or infinite"),
        ((batch(1, 3, 8, 8) * 255).byte(), "expected floats"),
        (batch(1, 4, 8, 8), r"came as \(1, 4, 8, 8\); expected a tensor \(n, 1 or 3, height, width\)"),
        (batch(3, 8, 8), r"came as \(3, 8, 8\); expected a tensor"),
        (batch(0, 3, 8, 8), "empty batch"),
        ([0.5], "came as list; expected a tensor"),
    ],
)
def test_images_are_checked(colour: Features, images, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        colour(images)


def test_timm_model_sees_its_own_mean_and_std() -> None:
    features = Features("timm:test_efficientnet", ["blocks.2", "blocks.0"], pretrained=False)
    images = batch(1, 3, 32, 40)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])  # of ImageNet
    bare = next(module for module in features.modules() if hasattr(module, "feature_info"))
    first, last = bare((images - mean[:, None, None]) / std[:, None, None])
    found = features(images)
    assert list(found) == ["blocks.2", "blocks.0"]
    torch.testing.assert_close(found["blocks.0"], first)
    torch.testing.assert_close(found["blocks.2"], last)
    assert first.shape[2:] == (16, 20)
    torch.testing.assert_close(features(images[:, :1]), features(images[:, :1].repeat(1, 3, 1, 1)))


def test_timm_model_names_its_own_layers_and_passes_gradients() -> None:
    features = Features("timm:test_resnet", pretrained=False)
    images = batch(1, 3, 32, 32).requires_grad_(True)
    maps = features(images)
    assert list(maps) == ["act1", "layer1", "layer2", "layer3", "layer4"]
    over_layers(perceptual_loss, maps, features(batch(1, 3, 32, 32, seed=1))).backward()
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in features.parameters())


def test_timm_model_with_channels_last_gives_channels_first() -> None:
    features = Features("timm:test_mambaout", pretrained=False)
    info = next(module.feature_info for module in features.modules() if hasattr(module, "feature_info"))
    maps = features(batch(1, 3, 64, 96))
    assert [values.shape[1] for values in maps.values()] == info.channels()
    assert next(iter(maps.values())).shape[2:] == (16, 24)


def test_size_that_a_network_cannot_take_is_refused() -> None:
    features = Features("timm:test_vit", pretrained=False)
    with pytest.raises(InvalidInput, match=r"timm:test_vit cannot take images of 30×32 pixels: .* Resize them"):
        features(batch(1, 3, 30, 32))


def test_layers_are_added_with_their_weights() -> None:
    output, target = (
        {"a": batch(1, 2, 3, 3), "b": batch(1, 4, 2, 2)},
        {"b": batch(1, 4, 2, 2) / 2, "a": 0 * batch(1, 2, 3, 3)},
    )
    a, b = (perceptual_loss(output[layer], target[layer]).item() for layer in "ab")
    assert over_layers(perceptual_loss, output, target).item() == pytest.approx(a + b)
    assert over_layers(perceptual_loss, output, target, {"b": 2, "a": 0.5}).item() == pytest.approx(0.5 * a + 2 * b)


def test_layers_that_do_not_match_are_refused() -> None:
    maps = {"a": batch(1, 2, 3, 3)}
    with pytest.raises(InvalidInput, match=r"output has the layers \['a'\], target has \['b'\]; expected the same"):
        over_layers(style_loss, maps, {"b": maps["a"]})
    with pytest.raises(InvalidInput, match=r"weights are for \['a', 'b'\]"):
        over_layers(style_loss, maps, maps, {"a": 1, "b": 1})
    with pytest.raises(InvalidInput, match="expected the same, and some"):
        over_layers(style_loss, {}, {})

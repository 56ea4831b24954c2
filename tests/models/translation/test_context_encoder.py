"""The context encoder: known pixels, what the network sees, the loss by hand, and holes of every kind."""

import pytest
import torch
from PIL import Image
from torch import nn

import zoo
from zoo import images
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, DataError, InvalidInput
from zoo.models.translation.context_encoder import Config, network, with_mask
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.training import loop

TINY = {"image_shape": (1, 8, 8), "width": 4, "bottleneck": 5}


@pytest.fixture
def model():
    return zoo.create("context-encoder", **TINY).eval()


def holed(n: int, height: int = 8, width: int = 8, channels: int = 1) -> torch.Tensor:
    """Images with alpha, whose hole is rows 2 and 3, columns 1 to 3, and has bright pixels in it."""
    sources = torch.cat([torch.rand(n, channels, height, width), torch.ones(n, 1, height, width)], 1)
    sources[:, -1, 2:4, 1:4] = 0
    return sources


@pytest.fixture
def batch():
    sources = holed(4)
    return Batch(sources[:, :1].clone(), None, sources)


def test_the_paper_s_network():
    """Figure 9 but for the sizes: five halvings, a bottleneck of 4,000 after a convolution over all, and back."""
    config = Config(image_shape=(3, 128, 128), width=64, bottleneck=4000)
    with torch.device("meta"):
        layers = network(config)
        x, sizes = torch.empty(2, 4, 128, 128), []
        for layer in layers:
            x = layer(x)
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                sizes.append(tuple(x.shape[1:]))
    assert sizes == [
        *[(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (1024, 4, 4), (4000, 1, 1)],
        *[(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64), (3, 128, 128)],
    ]


def test_known_pixels_come_back_as_they_were(model):
    sources = holed(3)
    made = model.translate(sources)
    known = sources[:, -1:] >= 0.5
    assert torch.equal(made[known], sources[:, :1][known])
    assert not torch.equal(made[~known], sources[:, :1][~known])


def test_without_a_hole_an_image_is_itself(model):
    sources = torch.cat([torch.rand(2, 1, 8, 8), torch.ones(2, 1, 8, 8)], 1)
    assert torch.equal(model.translate(sources), sources[:, :1])


def test_what_is_in_the_hole_does_not_count(model):
    sources = holed(2)
    other = sources.clone()
    other[:, :1, 2:4, 1:4] = torch.rand(2, 1, 2, 3)
    assert torch.equal(model.translate(sources), model.translate(other))
    moved = sources.clone()
    moved[:, 1] = moved[:, 1].roll(1, -1)
    assert not torch.equal(model.translate(sources), model.translate(moved))


def test_the_network_sees_grey_in_the_hole_and_the_mask():
    sources = torch.tensor([[0.0, 0.25, 1.0, 1.0], [1.0, 1.0, 0.49, 0.5]]).view(1, 2, 1, 4)
    assert with_mask(sources).flatten().tolist() == [-1.0, -0.5, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0]


def test_a_picture_with_transparent_parts_is_a_condition(tmp_path):
    model = zoo.create("context-encoder", **TINY | {"image_shape": (3, 8, 8)}).eval()
    picture = Image.effect_noise((11, 9), 80).convert("RGBA")
    picture.paste((200, 0, 0, 0), (3, 2, 6, 5))
    picture.save(tmp_path / "holed.png")
    made = images.quantise(model.translate(tmp_path / "holed.png"))[0]
    given = images.whole(tmp_path / "holed.png", 4)
    known = given[3] > 0
    assert known.sum() == 11 * 9 - 9
    assert torch.equal(made[:, known], given[:3, known])


@pytest.mark.parametrize("side", [16, 20, 24])  # of which 4, 5 and 3·2 pixels are left
def test_the_overlap_is_what_a_hole_is_filled_from(side):
    model = zoo.create("context-encoder", image_shape=(1, side, side), width=2, bottleneck=3).eval().double()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 0.2)  # so that nothing cancels
    size = 8 * model.overlap
    sources = torch.rand(1, 2, size, size, dtype=torch.float64).requires_grad_()
    first = size // 2 // model.multiple * model.multiple
    cell = (slice(None), slice(None), slice(first, first + model.multiple), slice(first, first + model.multiple))
    linear = [layer for layer in model.network if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    nn.Sequential(*linear)(sources)[cell].sum().backward()
    seen = sources.grad[0, 0].nonzero()
    assert first - seen.min().item() == seen.max().item() - (first + model.multiple - 1) == model.overlap - 1


@pytest.mark.parametrize("side", [64, 224, 256])
def test_tiles_are_larger_than_what_they_share(side):
    with torch.device("meta"):
        model = zoo.create("context-encoder", image_shape=(3, side, side))
    assert model.tile > 2 * model.overlap


def test_tiles_are_the_whole_image_and_known_pixels_are_exact_in_any_dtype(model):
    sources = torch.cat([torch.rand(1, 1, 70, 61), (torch.rand(1, 1, 70, 61) > 0.3).float()], 1)
    whole = model.translate(sources, tile=0)
    tile = 2 * model.overlap + 4 * model.multiple
    torch.testing.assert_close(model.translate(sources, tile=tile), whole)
    half = model.to(torch.bfloat16).translate(sources, tile=tile)
    known = sources[:, 1:] == 1
    assert torch.equal(half[known], sources[:, :1][known].to(torch.bfloat16))


class Twice(nn.Module):
    """In place of the network: the first channel, doubled."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.factor * (x[:, :1] + 1) - 1


class Mean(nn.Module):
    """In place of the discriminator: the mean times a weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.weight * x.mean((1, 2, 3))


def test_losses_are_equations_one_to_three(model, batch):
    objective = model.objective_class.create(model, reconstruction=0.9, adversarial=0.1)
    model.network, objective.discriminator = Twice(), Mean()
    updates = objective.updates(batch)
    image = 2 * batch.images - 1
    # In the hole the network sees 0, of which it makes 2·(0 + 1) − 1 = 1.
    filled = image.clone()
    filled[:, :, 2:4, 1:4] = 1
    real, fake = 2 * image.mean((1, 2, 3)), 2 * filled.mean((1, 2, 3))
    name, loss = next(updates)
    assert name == "discriminator"
    torch.testing.assert_close(loss, -(real.sigmoid().log() + (1 - fake.sigmoid()).log()).mean())
    loss.backward()
    assert model.network.factor.grad is None
    with torch.no_grad():
        objective.discriminator.weight.fill_(3.0)
    name, loss = next(updates)
    assert name == "generator"
    error = (1 - image[:, :, 2:4, 1:4]).square().mean()
    adversarial = -(1.5 * fake).sigmoid().log().mean()
    torch.testing.assert_close(loss, 0.9 * error + 0.1 * adversarial)
    assert next(updates, None) is None


def test_a_batch_without_holes_has_no_error_of_pixels(model):
    whole = torch.cat([torch.rand(4, 1, 8, 8), torch.ones(4, 1, 8, 8)], 1)
    objective = model.objective_class.create(model, reconstruction=1.0, adversarial=0.0)
    losses = dict(objective.updates(Batch(whole[:, :1], None, whole)))
    assert losses["generator"].item() == 0


def test_the_discriminator_learns_ten_times_slower_unless_told(model):
    rates = {
        name: o.defaults["lr"]
        for name, o in model.objective_class.create(model, learning_rate=0.01).optimizers().items()
    }
    assert rates == pytest.approx({"discriminator": 0.001, "generator": 0.01})
    told = model.objective_class.create(model, discriminator_learning_rate=0.5).optimizers()
    assert told["discriminator"].defaults["lr"] == 0.5


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    generator = torch.Generator().manual_seed(0)
    sources = torch.randint(0, 256, (12, 2, 8, 8), dtype=torch.uint8, generator=generator)
    data = TensorDataset("holes", "train", sources[:, :1].clone(), sources=sources)
    recipe = Recipe(dataset="holes", flip=True, batch_size=4, steps=4, objective={"width": 2})
    make = lambda: zoo.create("context-encoder", **TINY)  # noqa: E731
    whole = loop.fit(make, data, recipe, tmp_path / "whole").state_dict()
    loop.fit(make, data, recipe, tmp_path / "halves", until=2)
    resumed = loop.fit(make, data, recipe, tmp_path / "halves", resume=True).state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_it_learns_to_fill_a_hole_with_what_is_around_it():
    """Images of one shade each: the hole's is that of the surroundings."""
    model = zoo.create("context-encoder", **TINY)
    objective = model.objective_class.create(model, width=2, adversarial=0.0, reconstruction=1.0, learning_rate=0.01)
    optimizers = objective.optimizers()
    for _ in range(60):
        shades = torch.rand(16, 1, 1, 1).expand(-1, 1, 8, 8)
        sources = torch.cat([shades, holed(16)[:, 1:]], 1)
        for name, loss in objective.updates(Batch(shades.contiguous(), None, sources)):
            optimizers[name].zero_grad()
            if loss.requires_grad:
                loss.backward(inputs=[p for group in optimizers[name].param_groups for p in group["params"]])
            optimizers[name].step()
    shades = torch.linspace(0.1, 0.9, 9).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    made = model.translate(torch.cat([shades, holed(9)[:, 1:]], 1))
    assert (made - shades).abs().mean((1, 2, 3)).max() < 0.05
    assert (made - 0.5)[:, :, 2:4, 1:4].abs().amax() > 0.2


@pytest.mark.parametrize(
    "config",
    [
        {"image_shape": (3, 64, 32)},
        {"image_shape": (3, 63, 63)},
        {"image_shape": (0, 64, 64)},
        {"width": 0},
        {"bottleneck": 0},
    ],
)
def test_impossible_configs(config):
    with pytest.raises(ConfigError):
        zoo.create("context-encoder", **config)


def test_conditions_need_alpha(model):
    with pytest.raises(InvalidInput, match="grey with alpha"):
        model.translate(torch.rand(1, 1, 8, 8))


def test_a_picture_without_a_hole_is_nothing_to_fill(tmp_path):
    """In the command line, which would otherwise say that it made an image of it."""
    torch.manual_seed(0)
    model = zoo.create("context-encoder", image_shape=(3, 16, 16), width=2, bottleneck=4).eval()
    whole = Image.effect_noise((16, 16), 50).convert("RGB")
    with pytest.raises(DataError, match="no transparent part, so that there is nothing to fill"):
        model.picture(whole)
    holed = whole.copy()
    holed.putalpha(Image.linear_gradient("L").resize((16, 16)))
    assert model.picture(holed).mode == "L", "what was grey stays grey"
    holed.paste((255, 0, 0, 255), (0, 8, 4, 12))
    assert model.picture(holed).mode == "RGB"

"""BigGAN-deep: blocks, norms with statistics for each truncation, and what it cannot be."""

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo import latent
from zoo.errors import ConfigError, InvalidInput
from zoo.models.gans.biggan_deep import Block, Config, Discriminator, Down, Generator, Norm
from zoo.noise import Noise

SMALL = {"multipliers": (2, 2, 1), "width": 4, "latent_dim": 3, "embedding_dim": 2, "classes": ("a", "b", "c")}


@pytest.fixture
def model(perturbed):
    made = zoo.create("biggan-deep", **SMALL, levels=3).eval()
    perturbed(made, 0.3)
    with torch.no_grad():
        for norm in made.modules():
            if isinstance(norm, Norm):
                norm.mean.normal_(0, 0.3)
                norm.variance.uniform_(0.5, 2.0)
    return made


def test_the_preset_is_the_paper_s_generator():
    with torch.device("meta"):
        model = zoo.create("biggan-deep", preset="paper")
    assert model.space.shape == (3, 128, 128)
    # Table 7 of the paper: a latent of 128, and blocks of 2,048, 1,024, 512, 256 and 128 channels.
    assert [block.convs[3].out_channels for block in model.generator.blocks] == [
        2048, 2048, 2048, 1024, 1024, 512, 512, 256, 256, 128
    ]  # fmt: skip
    assert model.generator.attends == 8
    assert model.generator.attention.query.in_channels == 256


def test_statistics_of_a_truncation_are_between_those_of_its_neighbours():
    norm, x = Norm(2, 3).eval(), torch.randn(4, 2, 3, 3)
    norm.mean.copy_(torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 7.0]]))
    norm.variance.copy_(torch.tensor([[1.0, 4.0], [9.0, 1.0], [1.0, 25.0]]))
    for truncation, mean, variance in (
        (0.0, [0.0, 1.0], [1.0, 4.0]),
        (0.5, [2.0, 3.0], [9.0, 1.0]),
        (0.75, [3.0, 5.0], [5.0, 13.0]),
        (1.0, [4.0, 7.0], [1.0, 25.0]),
    ):
        shift, scale = (torch.tensor(each)[:, None, None] for each in (mean, variance))
        torch.testing.assert_close(norm(x, truncation), (x - shift) / (scale + 1e-4).sqrt())


def test_training_gathers_statistics_which_all_levels_get():
    norm, x = Norm(2, 3).train(), 3 * torch.randn(50, 2, 3, 3) + 1
    made = norm(x, 1.0)
    torch.testing.assert_close(made.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(norm.mean, 0.1 * x.mean((0, 2, 3)).expand(3, 2))
    torch.testing.assert_close(norm.variance, 0.9 + 0.1 * x.var((0, 2, 3)).expand(3, 2))


@pytest.mark.parametrize("enlarges", [False, True])
def test_blocks_by_hand(enlarges):
    block = Block(8, 6, 3, 2, enlarges=enlarges).eval()
    x, vector = torch.randn(2, 8, 4, 4), torch.randn(2, 3)
    double = (lambda each: each.repeat_interleave(2, 2).repeat_interleave(2, 3)) if enlarges else (lambda each: each)
    hidden = block.convs[0](F.relu(block.norms[0](x, vector, 1.0)))
    hidden = block.convs[1](double(F.relu(block.norms[1](hidden, vector, 1.0))))
    hidden = block.convs[2](F.relu(block.norms[2](hidden, vector, 1.0)))
    hidden = block.convs[3](F.relu(block.norms[3](hidden, vector, 1.0)))
    torch.testing.assert_close(block(x, vector, 1.0), hidden + double(x[:, :6]))  # two channels are lost on the way
    assert [conv.out_channels for conv in block.convs] == [2, 2, 2, 6]


@pytest.mark.parametrize("halves", [False, True])
def test_blocks_of_the_discriminator_by_hand(halves):
    down, x = Down(4, 8, halves=halves), torch.randn(2, 4, 4, 4)
    pool = (lambda each: F.avg_pool2d(each, 2)) if halves else (lambda each: each)
    hidden = down.convs[2](F.relu(down.convs[1](F.relu(down.convs[0](F.relu(x))))))
    kept = torch.cat([pool(x), down.more(pool(x))], 1)
    torch.testing.assert_close(down(x), down.convs[3](pool(F.relu(hidden))) + kept)


def test_projection_by_hand(model):
    discriminator = Discriminator(model.config, 4)
    images, labels = torch.randn(3, 3, 16, 16), torch.tensor([2, 0, 1])
    features = discriminator.blocks(images).sum((2, 3))
    expected = discriminator.score(features)[:, 0] + (discriminator.projection.weight[labels] * features).sum(1)
    torch.testing.assert_close(discriminator(images, labels), expected)
    assert features.shape == (3, 8)


def test_truncation_multiplies_cut_latents_and_chooses_statistics(model):
    z = Noise(2, 0, 3).normal(3)
    expected = model.decode(0.5 * latent.truncate(z, 2.0), condition="b", truncation=0.5)
    torch.testing.assert_close(model.generate(3, seed=2, condition="b", truncation=0.5), expected)
    assert (model.decode(z, condition="b", truncation=0.5) - model.decode(z, condition="b")).abs().max() > 1e-3
    torch.testing.assert_close(model.decode(z, condition="b"), model.decode(z, condition="b", truncation=1.0))
    for options in ({"truncation": 1.5}, {"truncation": -0.1}):
        with pytest.raises(InvalidInput, match="truncation="):
            model.generate(1, seed=0, condition="a", **options)


@pytest.mark.parametrize("attention", [8, 16])
def test_attention_is_at_its_size(attention):
    generator, seen = Generator(Config(**SMALL | {"width": 8}, attention=attention)).eval(), []
    generator.attention.register_forward_hook(lambda module, given, made: seen.append(given[0].shape[-1]))
    generator(torch.randn(1, 3), torch.tensor([0]))
    assert seen == [attention]


def test_class_and_latent_matter(model):
    z = torch.randn(1, 3).expand(3, 3)
    a, b, c = model.decode(z, condition=["a", "b", "c"])
    assert min((a - b).abs().max(), (b - c).abs().max(), (a - c).abs().max()) > 1e-3
    one, other = model.decode(torch.randn(2, 3), condition="a")
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"multipliers": (1, 2)}, "none larger than the one before"),
        ({"multipliers": (2,)}, "multipliers"),
        ({"width": 1}, "a quarter"),
        ({"attention": 5}, "expected 0 or one of"),
        ({"attention": 4}, "expected 0 or one of"),
        ({"attention": 16, "width": 4}, "an eighth"),
        ({"levels": 0}, "levels"),
    ],
)
def test_impossible_configs(config, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("biggan-deep", **SMALL | config)


def test_an_impossible_discriminator(model):
    with pytest.raises(ConfigError, match="width=3"):
        model.objective_class.create(model, width=3)

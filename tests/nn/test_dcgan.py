"""DCGAN's networks: the shapes and rules of the paper, and their named parts."""

import pytest
import torch
from torch import nn

from zoo.nn.dcgan import Discriminator, Generator, doublings


def test_the_paper_s_network():
    """Figure 1: 100 → 4·4·1024 → 8·8·512 → 16·16·256 → 32·32·128 → 64·64·3."""
    with torch.device("meta"):
        generator = Generator(100, 64, 3, 128).eval()
    z = torch.empty(1, 100, 1, 1, device="meta")
    shapes = []
    for layer in generator:
        z = layer(z)
        if isinstance(layer, nn.ConvTranspose2d):
            shapes.append(tuple(z.shape[1:]))
    assert shapes == [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]


def test_rules_of_section_three():
    generator, discriminator = Generator(100, 64, 3, 32), Discriminator(64, 3, 16)
    assert not any(isinstance(m, (nn.Linear, nn.MaxPool2d, nn.AvgPool2d)) for m in [*generator, *discriminator])
    assert isinstance(generator[-1], nn.Tanh)
    assert not isinstance(generator[-2], nn.BatchNorm2d)
    assert not isinstance(discriminator[1], nn.BatchNorm2d)
    assert {m.negative_slope for m in discriminator if isinstance(m, nn.LeakyReLU)} == {0.2}
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in network) for network in (generator, discriminator)]
    assert norms == [4, 3]


def test_sides_are_halved_down_to_four_to_seven_pixels():
    assert {size: doublings(size, "dcgan") for size in (8, 10, 12, 14, 28, 40, 64, 224)} == {
        8: 1, 10: 1, 12: 1, 14: 1, 28: 2, 40: 3, 64: 4, 224: 5,
    }  # fmt: skip


def test_options_of_the_discriminator():
    plain = Discriminator(32, 3, 2, batch_norm=False, dropout=0.3)
    kinds = [type(layer) for layer in plain]
    assert nn.BatchNorm2d not in kinds
    assert [layer.p for layer in plain if isinstance(layer, nn.Dropout2d)] == [0.3] * 3
    assert all(layer.bias is not None for layer in plain if isinstance(layer, nn.Conv2d))


@pytest.mark.parametrize(("size", "side"), [(8, 4), (28, 14), (64, 32)])
def test_hidden_layers_of_the_generator_go_up_to_half_the_size(size, side):
    generator = Generator(5, size, 3, 2).eval()
    hidden = generator.hidden(torch.randn(2, 5, 1, 1))
    assert hidden.shape == (2, 2, side, side)
    assert [type(layer) for layer in generator][len(generator.hidden) :] == [nn.ConvTranspose2d, nn.Tanh]


@pytest.mark.parametrize("options", [{}, {"batch_norm": False}, {"dropout": 0.3}])
def test_parts_of_the_discriminator_make_up_the_whole(options):
    discriminator, images = Discriminator(32, 3, 2, outputs=4, **options).eval(), torch.randn(2, 3, 32, 32)
    logits = discriminator(images)
    assert torch.equal(discriminator.after_first(discriminator[0](images)), logits)
    for halvings, shape in ((0, (2, 3, 32, 32)), (1, (2, 2, 16, 16)), (2, (2, 4, 8, 8)), (3, (2, 8, 4, 4))):
        features, head = discriminator.split(halvings)
        hidden = features(images.clone())
        assert hidden.shape == shape
        assert torch.equal(head(hidden), logits)
        assert not features or not isinstance(features[-1], nn.Conv2d)

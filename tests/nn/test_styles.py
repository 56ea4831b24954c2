"""What generators with styles are made of: modulation and demodulation, mapping, and the sum of colours."""

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.styles import Mapping, StyledConv, StyledGenerator, demodulation


def enlarging(x, weight):
    """Pixels doubled, then convolved."""
    return F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, padding=1)


def modulated(weight, style):
    """The weights of each image, (n, after, before, 3, 3), as equations 1 and 3 of the 2020 paper write them."""
    weights = style[:, None, :, None, None] * weight
    return weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()


def test_demodulated_weights_have_unit_norm():
    weight, style = torch.randn(7, 5, 3, 3), 3 * torch.randn(4, 5)
    modulation = style[:, None, :, None, None] * weight
    weights = modulation * demodulation(weight, style)[:, :, None, None, None]
    torch.testing.assert_close(weights.square().sum((2, 3, 4)), torch.ones(4, 7))
    torch.testing.assert_close(weights, modulated(weight, style))


@pytest.mark.parametrize("gain", [1.0, 1.5])
@pytest.mark.parametrize("enlarges", [False, True])
def test_a_styled_convolution_is_one_with_modulated_weights(enlarges, gain):
    """Image by image with weights of its own."""
    layer = StyledConv(5, 7, 6, enlarging=enlarging if enlarges else None, gain=gain)
    with torch.no_grad():
        layer.noise_strength.fill_(0.3)
        layer.bias.normal_()
    x, w = torch.randn(3, 5, 8, 8), torch.randn(3, 6)
    side = 16 if enlarges else 8
    noise = torch.randn(3, 1, side, side)
    large = F.pad(x.repeat_interleave(2, 2).repeat_interleave(2, 3) if enlarges else x, [1] * 4)
    weights = modulated(layer.weight * layer.scale, layer.style(w))
    plain = torch.cat([F.conv2d(large[i : i + 1], weights[i]) for i in range(3)])
    expected = gain * F.leaky_relu(plain + 0.3 * noise + layer.bias[:, None, None], 0.2)
    torch.testing.assert_close(layer(x, w, noise), expected, atol=1e-5, rtol=1e-4)
    without = gain * F.leaky_relu(plain + layer.bias[:, None, None], 0.2)
    torch.testing.assert_close(layer(x, w, None), without, atol=1e-5, rtol=1e-4)


def test_outputs_of_a_styled_convolution_are_unit_normal_whatever_the_style():
    layer = StyledConv(64, 200, 6)
    with torch.no_grad():
        for scale in (0.1, 10.0):
            layer.style.weight.zero_()
            layer.style.bias.fill_(scale)
            x = layer(torch.randn(8, 64, 8, 8), torch.zeros(8, 6), None)[..., 1:-1, 1:-1]  # no zeros from outside
            before = torch.where(x < 0, x / 0.2, x)
            assert before.std().item() == pytest.approx(1, rel=0.05)


def test_the_mapping_does_not_depend_on_the_length_of_z():
    mapping, z = Mapping(5, 3), torch.randn(4, 5)
    torch.testing.assert_close(mapping(z), mapping(7 * z))
    rates = {layer.rate for layer in mapping if hasattr(layer, "rate")}
    assert rates == {0.01}


def test_doubles_are_demodulated_as_doubles():
    weight, style = torch.randn(7, 5, 3, 3).double(), torch.randn(4, 5).double()
    exact = (style[:, None, :, None, None] * weight).square().sum((2, 3, 4)).add(1e-8).rsqrt()
    assert (demodulation(weight, style) - exact).abs().max() < 1e-12


def test_colours_of_all_sizes_are_enlarged_and_summed():
    generator = StyledGenerator(
        3, 5, (6, 4, 3), 2, enlarging=enlarging, enlarged=lambda x: F.interpolate(x, scale_factor=2)
    )
    assert generator.noise_sizes == [4, 8, 8, 16, 16]
    styles, colours = torch.randn(2, 6, 5), [torch.randn(2, 3, 4 << size, 4 << size) for size in range(3)]
    seen = []
    for to_rgb, given in zip(generator.to_rgb, colours, strict=True):
        to_rgb.forward = lambda x, w, given=given: seen.append(w) or given
    expected = sum(F.interpolate(each, (16, 16)) for each in colours)
    torch.testing.assert_close(generator(styles), expected)
    for w, layer in zip(seen, (1, 3, 5), strict=True):
        torch.testing.assert_close(w, styles[:, layer])

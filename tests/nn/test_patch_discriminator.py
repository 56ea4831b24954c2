"""The PatchGAN of Isola et al.: layers, and how far a score sees."""

import torch
from torch import nn

from zoo.nn.patch_discriminator import PatchDiscriminator


def test_a_score_sees_70_by_70_pixels():
    """Of the gradient of one score, by its extent: nothing outside, something at every edge."""
    judge = PatchDiscriminator(1, 2)
    for layer in judge:
        if isinstance(layer, nn.Conv2d):  # so that nothing cancels
            nn.init.constant_(layer.weight, 0.1)
    linear = nn.Sequential(*(layer for layer in judge if isinstance(layer, nn.Conv2d)))  # a norm sees all of the image
    image = torch.rand(1, 1, 128, 128, requires_grad=True)
    scores = linear(image)
    assert scores.shape == judge(image).shape == (1, 1, 14, 14)
    scores[0, 0, 7, 7].backward()
    seen = image.grad[0, 0].nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [70, 70]


def test_layers_of_the_discriminator():
    """Appendix 6.1.2: C64-C128-C256-C512, no norm in the first; a score for each patch."""
    judge = PatchDiscriminator(6, 64)
    layers = [layer for layer in judge if isinstance(layer, nn.Conv2d)]
    assert [(layer.out_channels, layer.stride[0]) for layer in layers] == [
        (64, 2),
        (128, 2),
        (256, 2),
        (512, 1),
        (1, 1),
    ]
    assert isinstance(judge[1], nn.LeakyReLU)
    assert sum(isinstance(layer, nn.InstanceNorm2d) for layer in judge) == 3
    assert judge(torch.zeros(1, 6, 24, 24)).shape == (1, 1, 1, 1)

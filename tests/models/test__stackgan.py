"""The blocks that both StackGANs are made of."""

import torch
from torch import nn
from torch.nn import functional as F

from zoo.models._stackgan import Residual, growing


def test_growing_by_hand():
    layers, x = nn.Sequential(*growing(3, 5)).eval(), torch.randn(2, 3, 4, 4)
    double = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = F.relu(F.conv2d(double, layers[1].weight, padding=1) / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(layers(x), expected)


def test_a_residual_block_by_hand():
    block, x = Residual(3).eval(), torch.randn(2, 3, 4, 4)
    scale = (1 + 1e-5) ** 0.5
    hidden = F.relu(F.conv2d(x, block.change[0].weight, padding=1) / scale)
    expected = F.relu(x + F.conv2d(hidden, block.change[3].weight, padding=1) / scale)
    torch.testing.assert_close(block(x), expected)

"""Every test of a translator starts from one state of the global generator, and leaves it as it was; and a small
SRResNet, which is SRGAN's generator too."""

import pytest
import torch
from torch import nn

from zoo.models._super_resolution import Config
from zoo.models.translation.srresnet import SRResNet
from zoo.objective import Batch


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def small():
    """The config of `srresnet`."""
    return Config(image_shape=(3, 16, 16), width=4, blocks=1)


@pytest.fixture
def srresnet(small):
    """With batch norms that have statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    made = SRResNet(small).eval()
    for norm in made.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
    return made


@pytest.fixture
def patches():
    """A batch of four images and what they are to be made from."""
    torch.manual_seed(1)
    return Batch(torch.rand(4, 3, 16, 16), None, torch.rand(4, 3, 4, 4))


@pytest.fixture(scope="session")
def photograph():
    """`photograph(height, width)`: an image to enlarge, (1, 3, height, width)."""

    def photograph(height, width):
        return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))

    return photograph

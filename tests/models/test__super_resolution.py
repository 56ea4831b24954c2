"""What models of super-resolution share: the sizes that there can be. The rest is tested in translation/."""

from typing import Any

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models._super_resolution import Config


@pytest.mark.parametrize(
    "fields", [{"image_shape": (3, 18, 16)}, {"width": 0}, {"blocks": 0}, {"image_shape": (3, 16)}]
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="super-resolution: "):
        Config(**fields)


def test_instance_norms_take_the_statistics_of_the_whole_image_in_tiles_too() -> None:
    torch.manual_seed(0)
    model = zoo.create("srresnet", width=8, blocks=1, norm="instance").eval()
    image = torch.rand(1, 3, 70, 60) * torch.linspace(0.2, 1, 60)
    whole, tiles = (model.translate(image, tile=tile) for tile in (0, 48))
    assert model.normed
    assert (whole - tiles).abs().max() < 0.02
    model.normed = False
    assert (whole - model.translate(image, tile=48)).abs().max() > 2 * (whole - tiles).abs().max()

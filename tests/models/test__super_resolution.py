"""What models of super-resolution share: the sizes that there can be. The rest is tested in translation/."""

from typing import Any

import pytest

from zoo.errors import ConfigError
from zoo.models._super_resolution import Config


@pytest.mark.parametrize(
    "fields", [{"image_shape": (3, 18, 16)}, {"width": 0}, {"blocks": 0}, {"image_shape": (3, 16)}]
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="super-resolution: "):
        Config(**fields)

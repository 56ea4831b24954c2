"""What models of melodies share: the picture on their cards."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from PIL import Image

from zoo.plugin import Model

ConfigT = TypeVar("ConfigT")

COLUMNS, REAL, MADE = 4, 4, 12  # melodies in a row, and how many are shown


class MelodyModel(Model[ConfigT]):
    """A model whose card shows piano rolls."""

    def portrait(self, data: Any) -> Image.Image:
        """Real melodies of `data`, then drawn ones."""
        rows = torch.linspace(0, len(data) - 1, REAL, device="cpu").long()
        made = self.generate(MADE, seed=0).cpu()
        return self.space.preview(torch.cat([data.stored[rows], made]), columns=COLUMNS)

"""PixelCNN: the probabilities of each token of a grid from those before it, row by row, as far as its filters reach.

Van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel recurrent neural networks", arXiv:1601.06759, section 3.5: masked
convolutions see what is above and to the left alone; of the first layer, whose mask is A, not the token itself either.
What lies above to the right is seen in part, which a second stack would mend (van den Oord et al. 2016,
arXiv:1606.05328, section 2.2).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.noise import Noise


class MaskedConv2d(nn.Conv2d):
    """A convolution whose filters are 0 at what comes later; own: whether the middle is seen (mask B) or not (A)."""

    def __init__(self, channels: int, out: int, size: int, *, own: bool) -> None:
        super().__init__(channels, out, size, padding=size // 2)
        self.seen = size // 2 + own  # of the middle row

    def forward(self, x: Tensor) -> Tensor:
        middle, mask = self.kernel_size[0] // 2, torch.ones_like(self.weight[0, 0])
        mask[middle, self.seen :] = 0
        mask[middle + 1 :] = 0
        return F.conv2d(x, self.weight * mask, self.bias, padding=self.padding)


class Residual(nn.Module):
    """Features (n, width, height, width), to which a masked 3 × 3 convolution between two of 1 × 1 is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width // 2, 1),
            nn.ReLU(),
            MaskedConv2d(width // 2, width // 2, 3, own=True),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = x + self.layers(x)
        return grown


class PixelCNN(nn.Module):
    """Tokens (n, height, width) of 0 … count − 1 to logits (n, count, height, width) of each, given those before it."""

    def __init__(self, count: int, width: int, depth: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(count, width)
        self.first = MaskedConv2d(width, width, 5, own=False)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(depth)))
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, count, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).permute(0, 3, 1, 2).contiguous()
        logits: Tensor = self.last(self.blocks(self.first(x)))
        return logits

    @torch.no_grad()
    def draw(self, noise: Noise, height: int, width: int, temperature: float = 1.0) -> Tensor:
        """Tokens (n, height, width), one after another, from a uniform number for each. temperature: the logits are
        divided by it; at 0 the likeliest.

        In float64, unless on Apple's accelerators, which have none: a number close to the edge between two tokens falls
        on the same side whatever the size of a batch, and one token that differs would change all that follow.
        """
        device = self.embedding.weight.device
        wide = torch.float32 if device.type == "mps" else torch.float64
        network = copy.deepcopy(self).to(wide)
        u = noise.uniform(height, width).to(device, wide)
        tokens = torch.zeros(len(noise), height, width, dtype=torch.int64, device=device)
        for i in range(height):
            for j in range(width):
                logits = network(tokens[:, : i + 1])[:, :, i, j]
                if temperature == 0:
                    tokens[:, i, j] = logits.argmax(1)
                    continue
                below = F.softmax(logits / temperature, 1).cumsum(1)[:, :-1]
                tokens[:, i, j] = (u[:, i, j, None] >= below).sum(1)
        return tokens

"""What BigGAN and BigGAN-deep share: self-attention, orthogonal weights, and training against a projection.

Brock, Donahue, Simonyan 2018, "Large scale GAN training for high fidelity natural image synthesis", arXiv:1809.11096.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn import losses
from zoo.objective import Batch

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

GANT = TypeVar("GANT", bound=GAN[Any])


class Attention(nn.Module):
    """Each place's sum over every other place of what these hold, weighted by how they match, added to (n, width, s, s)
    with a factor that is learned from 0 on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(width, width // 8, 1, bias=False)
        self.key = nn.Conv2d(width, width // 8, 1, bias=False)
        self.value = nn.Conv2d(width, width // 2, 1, bias=False)
        self.out = nn.Conv2d(width // 2, width, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)  # (n, width/8, s²)
        key, value = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.key, self.value))  # (n, …, s²/4)
        weights = torch.softmax(query.transpose(1, 2) @ key, 2)
        seen = (value @ weights.transpose(1, 2)).view(len(x), -1, *x.shape[2:])
        result: Tensor = x + self.gain * self.out(seen)
        return result


def initialise(network: nn.Module) -> None:
    """Orthogonal weights (section 3), biases 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
            nn.init.orthogonal_(module.weight)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]


class ProjectionDiscriminator(nn.Module):
    """Images and class indices (n,) to scores (n,): ψ(h) + ⟨v(y), h⟩ of features h, summed over all places (Miyato &
    Koyama 2018, arXiv:1802.05637, equation 3). blocks: images to features (n, width, …)."""

    def __init__(self, blocks: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.score = nn.Linear(width, 1)
        self.projection = nn.Embedding(classes, width)
        initialise(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        hidden = self.blocks(images).sum((2, 3))
        scores: Tensor = self.score(hidden).squeeze(1) + (self.projection(labels) * hidden).sum(1)
        return scores


@dataclass(frozen=True)
class ProjectionOptions:
    """How it is trained, with the paper's values."""

    width: int = setting(32, "channels of the discriminator at the full size", at_least=1)
    orthogonal: float = setting(0.0001, "factor β of the orthogonal regularisation", at_least=0)
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(
            loss="hinge",
            spectral_norm=True,
            learning_rate=0.0001,
            discriminator_learning_rate=0.0004,
            beta1=0.0,
        )
    )

    def __post_init__(self) -> None:
        check(self)


class ProjectionObjective(AdversarialObjective[GANT]):
    """One discriminator step by the hinge loss, then one generator step with orthogonal regularisation."""

    options: ProjectionOptions

    def generator_step(self, batch: Batch) -> Tensor:
        generator = self.model.generator
        weights = [m.weight for m in generator.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        return super().generator_step(batch) + self.options.orthogonal * sum(map(losses.orthogonal_penalty, weights))

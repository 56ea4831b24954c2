"""A classifier of an encoder and a linear layer, trained from the encoder's weights or from new ones."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.metrics.regression import linear, variance
from zoo.model import Model
from zoo.noise import put_back, seed_generators

STEPS, BATCH, LEARNING_RATE = 300, 32, 0.001
CHUNK = 500  # images whose codes are computed at once


class Classifier(nn.Module):
    """Images (n, …) in [0, 1] to logits (n, classes): a linear layer on the codes of a model, in train mode with a
    gradient for its encoder."""

    def __init__(self, model: Model, classes: int) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(math.prod(model.latent_shape), classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.model.encode(images).flatten(1))
        return logits


@torch.no_grad()
def _begin(network: Classifier, images: Tensor, targets: Tensor) -> None:
    """Make the layer on the codes their regression."""
    network.eval()
    codes = torch.cat([network.model.encode(part).flatten(1) for part in torch.split(images, CHUNK)]).float().cpu()
    weight, bias = linear(codes, targets, variance(images.flatten(1)))
    network.head.weight.copy_(weight)
    network.head.bias.copy_(bias)


def fine_tune(
    model: Model, images: Tensor, labels: Tensor, seed: int, *, anew: bool = False, steps: int | None = None
) -> Callable[[Tensor], Tensor]:
    """What tells the labels of images (n, …) after `steps` steps of AdamW, or `STEPS`, on `images` and `labels`, by a
    copy of the model, or, `anew`, one of new weights. The linear layer begins as the logistic regression on the codes
    of these images, so that nothing learned is spoilt by a layer that knows nothing (Kumar, Raghunathan, Jones, Ma,
    Liang 2022, arXiv:2202.10054). seed: of new weights and of batches. All else is the same."""
    classes, targets = torch.unique(labels, return_inverse=True)
    cpu = torch.device("cpu")
    with put_back(cpu):
        seed_generators(seed, cpu)
        start: Any = type(model)(model.config) if anew else copy.deepcopy(model)
        seed_generators(seed, cpu)
        network = Classifier(start, len(classes)).requires_grad_().to(model.device)
    _begin(network, images, targets)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator("cpu").manual_seed(seed)
    for _ in range(STEPS if steps is None else steps):
        rows = torch.randperm(len(images), generator=generator, device="cpu")[:BATCH]
        loss = F.cross_entropy(network(images[rows].to(model.device)), targets[rows].to(model.device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()

    @torch.no_grad()
    def predict(others: Tensor) -> Tensor:
        found: Tensor = classes[network(others).argmax(1).cpu()]
        return found

    return predict

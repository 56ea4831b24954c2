"""A classifier of an encoder and a linear layer, trained from the encoder's weights or from new ones."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.model import Model

STEPS, BATCH, LEARNING_RATE = 300, 32, 0.001


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


def fine_tune(
    model: Model, images: Tensor, labels: Tensor, seed: int, *, anew: bool = False, steps: int = STEPS
) -> Callable[[Tensor], Tensor]:
    """What tells the labels of images (n, …) after `steps` steps of AdamW on `images` and their labels (n,), with a
    copy of the model, or, `anew`, one of new weights. seed: of new weights and of batches. All else is the same."""
    classes, targets = torch.unique(labels, return_inverse=True)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # and not those of other devices as well
        start: Any = type(model)(model.config) if anew else copy.deepcopy(model)
        torch.default_generator.manual_seed(seed)
        network = Classifier(start, len(classes)).requires_grad_().to(model.device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator("cpu").manual_seed(seed)
    for _ in range(steps):
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

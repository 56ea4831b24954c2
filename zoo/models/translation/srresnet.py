"""SRResNet: super-resolution, an image four times as large on each side, as close as possible in pixels.

Ledig, Theis, Huszár, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi 2017, "Photo-realistic single image
super-resolution using a generative adversarial network", arXiv:1609.04802. One network (figure 4): a 9 × 9 convolution,
residual blocks of two convolutions with batch norm, one more with a long skip, two stages that double the size by pixel
shuffle (Shi et al. 2016, arXiv:1609.05158), and another 9 × 9 convolution. Trained on the squared error it is SRResNet,
the closest in pixels, and blurred where the input leaves the details open; `zoo.models.translation.srgan` goes on from
there.

Differs from the paper:
- eight residual blocks where the paper has sixteen;
- the network computes what is to be added to the bicubic enlargement, not the whole image, which it learns far sooner;
  `bicubic=False` has the paper's way;
- slopes of the activations after pixel shuffles are fixed; learned, they would take a quarter of the time of a step,
  which slopes=True has;
- preset="paper" is the network of Lornatang/SRGAN-PyTorch: the paper's, but that pixels are in [0, 1] on both sides of
  it (signed=False), where the paper scales the enlargements it is trained on to [−1, 1]; norm="instance" has the norms
  of twtygqyy/pytorch-SRResNet, where the paper has batch norms; that code's slopes are .2 throughout where the paper's
  are learned, and its convolutions have no biases, which a converted network has as such slopes and as zeros;
- squashed=True has the tanh of leftthomas/SRGAN at the end, where the paper has none; that code's five blocks have
  biases before their norms, which take them away again;
- trained far shorter on 290 images, with a larger learning rate that falls to 0, where the paper takes 350,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.models._super_resolution import Enlarger
from zoo.objective import Batch, adam
from zoo.objective import Objective as Base
from zoo.recipe import Recipe

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    loss: str = setting("mse", "error of pixels: mse, squared, or l1, absolute", choices=LOSSES)
    learning_rate: float = setting(0.001, "Adam's", at_least=0)
    beta1: float = setting(0.9, "Adam's", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(Base["SRResNet"]):
    """The error of pixels, with Adam."""

    options_class = Options
    options: Options
    pairs = True

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        rates, betas = {"generator": self.options.learning_rate}, (float(self.options.beta1), float(self.options.beta2))
        return adam({"generator": self.model}, rates, betas)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        yield "generator", LOSSES[self.options.loss](self.model.network(batch.sources), batch.images)


class SRResNet(Enlarger):
    """Enlarge an image four times, as close as possible in pixels."""

    objective_class = Objective
    recipe = Recipe(
        dataset="super-resolution",
        flip=True,
        batch_size=16,
        steps=6_500,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
        schedule="cosine",
        warmup=100,
    )

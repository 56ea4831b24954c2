"""SRResNet and SRGAN of pytorch-SRResNet: what its own code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

FIXTURE = "twtygqyy-srresnet"


@pytest.mark.parametrize("layout", ["twtygqyy-srresnet", "twtygqyy-srgan"])
def test_images_are_enlarged_alike_in_eval_and_in_train_mode(layout):
    made, expected = reference(FIXTURE, layout)
    model, x = made.model, expected["x"]
    assert (model.config.width, model.config.blocks, model.config.norm) == (6, 3, "instance")
    difference(model.translate(x), expected["eval"].clamp(0, 1))
    with torch.no_grad():
        difference(model.network(x), expected["eval"])
        difference(model.train().network(x), expected["train"])


def test_which_of_the_two_it_is_must_be_said():
    with pytest.raises(errors.WeightsMismatch, match="twtygqyy-srresnet, twtygqyy-srgan all fit"):
        convert([FIXTURES / FIXTURE / "checkpoint.pth"])

"""SRResNet and SRGAN of SRGAN-PyTorch: what its own code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

FIXTURE = "lornatang-srresnet"


@pytest.mark.parametrize("layout", ["lornatang-srresnet", "lornatang-srgan"])
def test_images_are_enlarged_alike_in_eval_and_in_train_mode(layout):
    made, expected = reference(FIXTURE, layout)
    model, x = made.model, expected["x"]
    assert (model.config.width, model.config.blocks, made.unused) == (6, 3, ["epoch", "optimizer"])
    difference(model.translate(x), expected["eval"])
    with torch.no_grad():
        difference(model.train().network(x).clamp(0, 1), expected["train"])


def test_which_of_the_two_it_is_must_be_said():
    with pytest.raises(errors.WeightsMismatch, match="lornatang-srresnet, lornatang-srgan all fit"):
        convert([FIXTURES / FIXTURE / "checkpoint.pth"])


def test_other_factors_are_refused(tmp_path):
    state = torch.load(FIXTURES / FIXTURE / "checkpoint.pth", weights_only=True)["state_dict"]
    torch.save({key: t for key, t in state.items() if "upsampling.1" not in key}, tmp_path / "x2.pth")
    with pytest.raises(errors.WeightsMismatch, match="doubles the size 1 times"):
        convert([tmp_path / "x2.pth"], "lornatang-srresnet")

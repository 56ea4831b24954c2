"""SRGAN of leftthomas/SRGAN: what its own code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors


def test_images_are_enlarged_alike_in_eval_and_in_train_mode():
    made, expected = reference("leftthomas-srgan")
    model, x = made.model, expected["x"]
    assert (model.config.width, model.config.blocks, model.config.squashed) == (6, 5, True)
    difference(model.translate(x), expected["eval"])
    with torch.no_grad():
        difference(model.train().network(x), expected["train"])


def test_other_factors_are_refused(tmp_path):
    state = torch.load(FIXTURES / "leftthomas-srgan" / "checkpoint.pth", weights_only=True)
    torch.save({key: t for key, t in state.items() if "block8.1.conv" not in key}, tmp_path / "x2.pth")
    with pytest.raises(errors.WeightsMismatch, match="doubles the size 1 times"):
        convert([tmp_path / "x2.pth"], "leftthomas-srgan")

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


def test_means_of_half_precision_are_subtracted_in_full(tmp_path):
    state = torch.load(FIXTURES / "leftthomas-srgan" / "checkpoint.pth", weights_only=True)
    state = {key: t.half() if t.is_floating_point() else t for key, t in state.items()}
    torch.save(state, tmp_path / "half.pth")
    norm = convert([tmp_path / "half.pth"], "leftthomas-srgan").model.network.body[0].layers[0].norm
    mean, bias = state["block2.bn1.running_mean"], state["block2.conv1.bias"]
    assert torch.equal(norm.running_mean, mean.float() - bias.float())
    assert not torch.equal(norm.running_mean, (mean - bias).float())

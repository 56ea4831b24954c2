"""WGAN-GP of caogang/wgan-gp: what its own code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors


def test_digits_are_the_same_in_eval_and_in_train_mode():
    made, expected = reference("caogang-wgan-gp")
    model, z = made.model, expected["z"]
    assert (model.config.width, model.config.latent_dim) == (4, 128)
    difference(model.decode(z).flatten(1), expected["eval"])
    with torch.no_grad():
        difference(((model.train().generator(z) + 1) / 2).flatten(1), expected["train"])


def test_colour_images_are_the_same_in_eval_and_in_train_mode():
    made, expected = reference("caogang-wgan-gp-cifar10")
    model, z = made.model, expected["z"]
    assert (model.config.width, model.config.image_shape) == (2, (3, 32, 32))
    difference(2 * model.decode(z) - 1, expected["eval"])
    with torch.no_grad():
        difference(model.train().generator(z), expected["train"])


@pytest.mark.parametrize(("layout", "other"), [("", "-cifar10"), ("-cifar10", "")])
def test_the_generator_of_the_other_data_set_is_refused(layout, other):
    with pytest.raises(errors.WeightsMismatch, match="the generator of another data set"):
        convert([FIXTURES / f"caogang-wgan-gp{other}" / "checkpoint.pth"], f"caogang-wgan-gp{layout}")

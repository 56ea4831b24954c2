"""Progressive growing of pytorch_GAN_zoo: what its own code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

FIXTURE = "facebookresearch-progan"


def test_images_are_the_same_in_eval_and_in_train_mode_and_at_a_smaller_size():
    made, expected = reference(FIXTURE)
    model, z = made.model, expected["z"]
    assert (model.config.widths, model.config.latent_dim) == ((8, 8, 6, 6), 10)
    assert (made.entries, made.unused) == (["avgG"], ["netG", "step"])
    with torch.no_grad():
        difference(model.generator(z), expected["eval"])
        difference(model.generator(z, 1), expected["eval_8"])
        difference(model.train().generator(z), expected["train"])
    difference(2 * model.eval().decode(z) - 1, expected["eval"].clamp(-1, 1))
    difference(2 * model.decode(z, resolution=8) - 1, expected["eval_8"].clamp(-1, 1))


def test_a_generator_that_has_not_grown_is_refused(tmp_path):
    state = torch.load(FIXTURES / FIXTURE / "checkpoint.pth", weights_only=True)["avgG"]
    small = {key: tensor for key, tensor in state.items() if key.startswith(("formatLayer", "groupScale0"))}
    small |= {key: tensor for key, tensor in state.items() if key.startswith("toRGBLayers.0")}
    torch.save(small, tmp_path / "small.pth")
    with pytest.raises(errors.WeightsMismatch, match="it has not grown"):
        convert([tmp_path / "small.pth"], "progan")

"""Glow of rosinality/glow-pytorch: what its own code computes, both ways."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

CHECKPOINT = FIXTURES / "rosinality-glow" / "checkpoint.pth"


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_latents_densities_and_images_are_the_same(mode):
    made, expected = reference("rosinality-glow", image_shape=[3, 8, 8])
    model = made.model.train(mode == "train")
    latents = torch.cat([expected["eps_0"].flatten(1), expected["eps_1"].flatten(1)], 1)
    with torch.no_grad():
        difference(model.log_density(expected["x"] + 0.5), expected["log_p"] + expected["logdet"])
        difference(model.inverse(latents) - 0.5, expected["reverse"])
        z, log_det = model.flow(expected["reverse"] + 0.5)
        difference(z, latents)
        difference(model.log_prior(z) + log_det, expected["log_p_reverse"] + expected["logdet_reverse"])


def test_the_size_of_images_must_be_said():
    with pytest.raises(errors.ConfigError, match=r"do not tell image_shape .* --set image_shape="):
        convert([CHECKPOINT])


def test_a_negative_scale_is_refused(tmp_path):
    state = torch.load(CHECKPOINT, weights_only=True)
    state["module.blocks.0.flows.0.actnorm.scale"][0, 0] *= -1
    torch.save(state, tmp_path / "negative.pth")
    with pytest.raises(errors.WeightsMismatch, match="a scale of 0 or below"):
        convert([tmp_path / "negative.pth"], "glow", {"image_shape": [3, 8, 8]})

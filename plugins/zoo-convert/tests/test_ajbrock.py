"""BigGAN of BigGAN-PyTorch: what its own code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

FIXTURE = "ajbrock-biggan"


def test_images_are_the_same_in_eval_and_in_train_mode():
    made, expected = reference(FIXTURE)
    model, z, labels = made.model, expected["z"], expected["y"].long()
    config = model.config
    assert (config.widths(config.width), config.attention, config.latent_dim) == ([8, 8, 4], 8, 9)
    assert (config.classes, config.embedding_dim) == (("0", "1", "2", "3", "4"), 4)
    difference(2 * model.decode(z, condition=[str(label) for label in labels.tolist()]) - 1, expected["eval"])
    with torch.no_grad():
        difference(model.train().generator(z, labels), expected["train"])


def test_latents_that_go_in_at_the_bottom_alone_are_refused(tmp_path):
    state = torch.load(FIXTURES / FIXTURE / "checkpoint.pth", weights_only=True)
    state["blocks.0.0.bn1.gain.weight"] = state["blocks.0.0.bn1.gain.weight"][:, :4].clone()
    torch.save(state, tmp_path / "flat.pth")
    with pytest.raises(errors.WeightsMismatch, match="its latents are not hierarchical"):
        convert([tmp_path / "flat.pth"], FIXTURE)

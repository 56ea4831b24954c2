"""WGAN-GP of caogang/wgan-gp: what its own code computes."""

import torch
from reference import difference, reference


def test_digits_are_the_same_in_eval_and_in_train_mode():
    made, expected = reference("caogang-wgan-gp")
    model, z = made.model, expected["z"]
    assert (model.config.width, model.config.latent_dim) == (4, 128)
    difference(model.decode(z).flatten(1), expected["eval"])
    with torch.no_grad():
        difference(((model.train().generator(z) + 1) / 2).flatten(1), expected["train"])

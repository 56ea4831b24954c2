"""PyTorch's examples: what their own code computes."""

import torch
from reference import difference, reference

from zoo.plugin import losses


def test_dcgan_makes_the_same_images_in_eval_and_in_train_mode():
    made, expected = reference("pytorch-examples-dcgan")
    model, z = made.model, expected["z"][:, :, 0, 0]
    assert (model.config.width, model.config.latent_dim, model.config.channels) == (3, 8, 1)
    difference(2 * model.decode(z) - 1, expected["eval"])
    with torch.no_grad():
        difference(model.train().generator(z), expected["train"])


def test_vae_has_the_same_posterior_decoder_and_bound():
    made, expected = reference("pytorch-examples-vae")
    model, x = made.model, expected["x"]
    with torch.no_grad():
        mean, log_variance = model.posterior(x)
        bound = losses.gaussian_kl(mean, log_variance) - model.log_likelihood(x, mean)
    difference(mean, expected["mu"])
    difference(log_variance, expected["logvar"])
    difference(model.decode(mean).flatten(1), expected["recon"])
    difference(model.encode(x), expected["mu"])
    difference(bound, expected["loss"])

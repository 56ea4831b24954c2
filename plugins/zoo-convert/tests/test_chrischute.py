"""RealNVP of chrischute/real-nvp: what its own code computes, both ways."""

import math

import pytest
import torch
from reference import difference, reference


def latents(z):
    """Their images of latents (n, channels, height, width) as ours (n, dimensions): half of the places of each 2 × 2
    block leave after the first scale, the others after the second."""
    places = [z[:, :, row::2, column::2] for row, column in ((0, 0), (1, 1), (0, 1), (1, 0))]
    return torch.cat([torch.cat(half, 1).flatten(1) for half in (places[2:], places[:2])], 1)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_latents_densities_and_images_are_the_same(mode):
    made, expected = reference("chrischute-realnvp", image_shape=[3, 8, 8])
    model = made.model.train(mode == "train")
    y = (255 * expected["x"] + expected["noise"]) / 256
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        z, log_det = model.flow(y)
        difference(z, latents(expected[f"{mode}_z"]))
        difference(log_det, expected[f"{mode}_sldj"])
        nats = model.log_prior(z) + log_det - model.space.dimensions * math.log(256)
        difference(-nats, expected[f"{mode}_nll"])
        model.load_state_dict(state)
        images = torch.sigmoid(model.bijection.inverse(latents(expected[f"{mode}_noise"])))
        difference(images, expected[f"{mode}_images"])
        difference(0.05 + 0.9 * model.inverse(latents(expected[f"{mode}_noise"])), expected[f"{mode}_images"])


def test_sizes_are_read_off_the_shapes():
    config = reference("chrischute-realnvp")[0].model.config
    assert (config.image_shape, config.widths, config.blocks) == ((3, 32, 32), (3, 6), 1)

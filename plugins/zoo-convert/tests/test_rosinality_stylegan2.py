"""The generator of rosinality/stylegan2-pytorch: what its own code computes, with noise inputs, styles and truncation.

Its table of channels is narrowed to 8, 6 and 5 for 4, 8 and 16 pixels in the fixture.
"""

import torch
from reference import difference, reference


def images(model, styles, expected, noisy):
    maps = [expected[f"noise_{i}"] for i in range(5)] if noisy else None
    with torch.no_grad():
        return model.generator(styles, maps)


def test_images_of_latents_and_of_styles_are_the_same():
    made, expected = reference("rosinality-stylegan2")
    model = made.model
    assert model.config.widths == (8, 6, 5)
    with torch.no_grad():
        w = model.generator.mapping(expected["z"])
    difference(w, expected["w"])
    styles = model.styles(expected["z"])
    difference(images(model, styles, expected, noisy=False), expected["plain"])
    difference(images(model, styles, expected, noisy=True), expected["noisy"])
    difference(images(model, expected["styles"], expected, noisy=True), expected["mixed"])
    difference(model.decode(styles), ((expected["plain"] + 1) / 2).clamp(0, 1))


def test_truncation_is_around_the_mean_of_w():
    made, expected = reference("rosinality-stylegan2")
    model = made.model
    z = torch.randn(20_000, 12, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        w = model.generator.mapping(z)
    assert (model.mean_w - w.mean(0)).abs().max() < 5 * w.std(0).max() / 100  # of 10,000 others
    model.mean_w.copy_(expected["mean"])
    styles = model.styles(expected["z"], truncation=0.5)
    difference(images(model, styles, expected, noisy=True), expected["truncated"])

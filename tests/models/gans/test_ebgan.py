"""EBGAN: energies, margin and the pulling-away term."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.nn import losses


@pytest.fixture
def model():
    return zoo.create("ebgan", image_size=8, width=2, latent_dim=4)


def test_the_energy_is_each_image_s_mean_squared_error_of_reconstruction(model):
    autoencoder = model.objective_class.create(model, width=2, code_dim=5).discriminator.eval()
    images = 2 * torch.rand(3, 3, 8, 8) - 1
    energies, codes = autoencoder(images)
    assert codes.shape == (3, 5)
    for image, energy, code in zip(images, energies, codes, strict=True):
        again = autoencoder.decoder(code[None])[0]
        torch.testing.assert_close(energy, (again - image).square().sum() / (3 * 8 * 8))


@pytest.mark.parametrize("margin", [0.01, 0.5])
def test_equations_one_and_two_by_hand(model, margin, batch_for):
    objective = model.objective_class.create(model, width=2, code_dim=5, margin=margin, pull=0.3).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (model.generator(torch.randn(6, 4)) for _ in range(2))
    on_real, on_fake = objective.discriminator(2 * batch.images - 1)[0], objective.discriminator(first)[0]
    expected = on_real.mean() + torch.clamp(margin - on_fake, min=0).mean()
    torch.testing.assert_close(updates["discriminator"], expected)
    assert objective.observed == pytest.approx({"real": on_real.mean().item(), "fake": on_fake.mean().item()})
    energies, codes = objective.discriminator(second)
    cosines = torch.cosine_similarity(codes[:, None], codes[None], dim=2)
    pulling = (cosines.square().sum() - 6) / (6 * 5)
    torch.testing.assert_close(updates["generator"], energies.mean() + 0.3 * pulling)
    assert objective.outputs == "energy"


def test_without_the_pull_only_the_energy_is_left(model, batch_for):
    objective = model.objective_class.create(model, width=2, pull=0.0).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    loss = objective.generator_step(batch)
    torch.manual_seed(1)
    torch.testing.assert_close(loss, objective.score(objective.fake(batch), None).mean())


def test_beyond_the_margin_generated_images_teach_the_discriminator_nothing(model, batch_for):
    objective = model.objective_class.create(model, width=2, margin=1e-6).eval()
    batch = batch_for(model)
    loss = objective.discriminator_step(batch)
    torch.testing.assert_close(loss, objective.score(2 * batch.images - 1, None).mean())


def test_options_that_have_a_place_are_used(model, batch_for):
    """Of the steps it overrides, both show the discriminator what the options make of the images."""
    objective = model.objective_class.create(model, width=2, mixed=True, input_noise=2.0, r1=1.0, discriminator_steps=2)
    shown = []
    objective.discriminator.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0].detach()))
    names = [name for name, _ in objective.updates(batch_for(model, 8))]
    assert names == ["discriminator", "discriminator", "generator"]
    assert [len(images) for images in shown] == [8, 4, 8, 4, 4]  # both together, then the penalty's
    assert min(images.abs().max() for images in shown) > 2


@pytest.mark.parametrize("option", ["loss", "smoothing", "fake_smoothing", "label_noise"])
def test_options_of_labels_are_refused(model, option):
    with pytest.raises(ConfigError, match=f"objective of EBGAN has no place for {option}"):
        model.objective_class.create(model, **{option: 0.1})


def test_energies_are_in_single_precision_under_autocast(model):
    objective = model.objective_class.create(model, width=2).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = model.generator(torch.randn(6, 4))
        energies, codes = objective.discriminator(made)
        again = objective.discriminator.decoder(codes)
    assert made.dtype is torch.bfloat16
    torch.testing.assert_close(energies, (again.float() - made.float()).square().flatten(1).mean(1))
    assert energies.dtype is losses.pulling_away(codes).dtype is torch.float32


def test_impossible_config():
    with pytest.raises(ConfigError, match="image_size=30"):
        zoo.create("ebgan", image_size=30)

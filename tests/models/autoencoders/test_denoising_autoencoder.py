"""Denoising autoencoder: corruption of the stated kind and amount, in training alone; layers one after another."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError, Converted, InvalidInput
from zoo.models.autoencoders import denoising_autoencoder as dae
from zoo.objective import Batch

SIZES = {"image_shape": (1, 6, 6), "hidden": (8,), "latent_dim": 12}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return zoo.create("denoising-autoencoder", **SIZES)


def test_masking_sets_a_share_to_0():
    x = torch.rand(200, 1, 6, 6) + 0.1
    made = dae.masking(x, 0.3)
    assert (made == 0).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(made[made > 0], x[made > 0])


def test_salt_and_pepper_in_equal_parts():
    x = torch.full((200, 1, 6, 6), 0.5)
    made = dae.salt_and_pepper(x, 0.4)
    assert (made == 0).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert (made == 1).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert set(made.unique().tolist()) == {0.0, 0.5, 1.0}


def test_gaussian_noise_of_a_deviation():
    made = dae.gaussian(torch.full((500, 1, 6, 6), 0.5), 0.2)
    assert made.mean().item() == pytest.approx(0.5, abs=0.01)
    assert made.std().item() == pytest.approx(0.2, abs=0.01)


def test_dropout_keeps_the_mean():
    made = dae.dropout(torch.full((500, 1, 6, 6), 0.5), 0.5)
    assert set(made.unique().tolist()) == {0.0, 1.0}
    assert made.mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("corruption", list(dae.CORRUPTIONS))
def test_corruption_follows_the_seed(model, corruption):
    objective, x = model.objective_class.create(model, corruption=corruption), torch.rand(3, 1, 6, 6)
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(objective.corrupted(x))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert not torch.equal(made[0], x)


def test_the_target_is_the_whole_image(model):
    x = torch.rand(4, 1, 6, 6)
    objective = model.objective_class.create(model, amount=0.3, loss="mse")
    torch.manual_seed(5)
    ((_, loss),) = objective.updates(Batch(x))
    torch.manual_seed(5)
    seen = (x + 0.3 * torch.randn_like(x)).clamp(0, 1)
    assert loss.item() == pytest.approx((model.decoder(model.encoder(seen)) - x).square().mean().item())


def test_nothing_is_corrupted_at_inference(model):
    x = torch.rand(2, 1, 6, 6)
    for mode in (model.train(), model.eval()):
        assert torch.equal(mode.encode(x), mode.encoder(x))
        assert torch.equal(mode.translate(x), mode.decoder(mode.encoder(x)))
    assert torch.equal(model.translate(x), model.reconstruct(x))


def test_translate_takes_images_of_its_own_size_in_any_form(model, tmp_path):
    model.eval()
    x = (torch.rand(1, 1, 6, 6) * 255).round() / 255
    path = tmp_path / "a.png"
    zoo.images.save(x, path)
    assert torch.allclose(model.translate(path), model.translate(x), atol=1e-6)
    assert model.translate(x, 3).shape == (3, 1, 6, 6)
    zoo.images.save(torch.rand(1, 1, 8, 4), tmp_path / "b.png")
    with pytest.warns(Converted, match=r"the image is made 6×6, grey: enlarged, cropped\."):
        assert model.translate(tmp_path / "b.png").shape == (1, 1, 6, 6)
    with pytest.raises(InvalidInput, match=r"strict=True .* made 6×6"):
        model.translate(tmp_path / "b.png", strict=True)
    with pytest.raises(InvalidInput, match=r"expected .* \(n, 1, 6, 6\)"):
        model.translate(torch.rand(1, 1, 8, 8))


def test_layers_are_first_trained_alone_one_after_another(model):
    """Layer k's step moves the k-th layer of the encoder and its counterpart, and nothing else."""
    objective = model.objective_class.create(model, pretraining=10)
    assert objective.phases == (0, 10, 20)
    pairs = [{"encoder.1", "decoder.2"}, {"encoder.3", "decoder.0"}, {f"{n}" for n in ("encoder.1", "encoder.3")}]
    for step, moved in ((0, pairs[0]), (9, pairs[0]), (10, pairs[1]), (19, pairs[1]), (20, set())):
        objective.step = step
        model.zero_grad(set_to_none=True)
        ((_, loss),) = objective.updates(Batch(torch.rand(4, 1, 6, 6)))
        loss.backward()
        reached = {name.rpartition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        assert reached == (moved or {"encoder.1", "encoder.3", "decoder.0", "decoder.2"})


@pytest.mark.parametrize("activation", ["tanh", "selu"])
def test_what_a_layer_gives_is_not_taken_for_pixels(activation):
    torch.manual_seed(0)
    model = zoo.create("denoising-autoencoder", **SIZES, activation=activation)
    objective, x = model.objective_class.create(model, pretraining=1, amount=0.0), torch.rand(4, 1, 6, 6)
    h = model.encoder[2](model.encoder[1](x.flatten(1)))
    assert h.min() < 0
    made = model.decoder[1](model.decoder[0](model.encoder[4](model.encoder[3](h))))
    assert objective.layer_error(x, 1).item() == pytest.approx((made - h).square().mean().item(), rel=1e-5)


def test_convolutions_are_not_trained_alone():
    model = zoo.create("denoising-autoencoder", network="convolutional")
    with pytest.raises(ConfigError, match="only layers of a dense network are trained alone"):
        model.objective_class.create(model, pretraining=5)


def test_the_error_of_a_layer_is_of_its_own_input(model):
    objective, x = model.objective_class.create(model, pretraining=1, amount=0.0), torch.rand(4, 1, 6, 6)
    h = torch.sigmoid(model.encoder[1](x.flatten(1)))
    made = torch.sigmoid(model.decoder[0](torch.sigmoid(model.encoder[3](h))))
    assert objective.layer_error(x, 1).item() == pytest.approx((made - h).square().mean().item(), rel=1e-5)


def test_convolutions_denoise_too():
    model = zoo.create(
        "denoising-autoencoder", image_shape=(3, 8, 8), network="convolutional", widths=(2, 4), latent_dim=0
    ).eval()
    assert model.translate(torch.rand(2, 3, 8, 8)).shape == (2, 3, 8, 8)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="a code of at least 1 number"):
        zoo.create("denoising-autoencoder", latent_dim=0)
    with pytest.raises(ConfigError, match="a share below 1 of masking"):
        dae.Options(corruption="masking", amount=1.0)

"""VAE-GAN: which loss updates which network, in which order, and the encoder."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError
from zoo.models.gans.vae_gan import Config, Discriminator
from zoo.nn import dcgan, losses


@pytest.fixture
def model():
    return zoo.create("vae-gan", image_size=16, width=2, encoder_width=2, latent_dim=4)


def test_encode_is_the_posterior_s_mean(model):
    images = torch.rand(3, 3, 16, 16)
    z = model.eval().encode(images)
    torch.testing.assert_close(z, model.encoder(2 * images - 1)[:, :4])
    torch.testing.assert_close(model.posterior(2 * images - 1)[1], model.encoder(2 * images - 1)[:, 4:])
    assert torch.equal(z, model.encode(images, seed=9))
    assert model.encodes_by == "network"
    assert model.reconstruct(images).shape == images.shape


@pytest.mark.parametrize(("size", "side"), [(16, 8), (32, 8), (64, 8), (28, 14)])
def test_features_and_head_are_dcgan_s_discriminator_cut_before_its_last_halving(size, side):
    discriminator = Discriminator(Config(image_size=size), 2).eval()
    whole = dcgan.Discriminator(size, 3, 2).eval()
    parts = nn.Sequential(*discriminator.features, *discriminator.head)
    whole.load_state_dict(parts.state_dict())
    images = torch.randn(2, 3, size, size)
    features, logits = discriminator(images)
    torch.testing.assert_close(logits, whole(images))
    assert features.shape[2:] == (side, side)


def test_losses_by_hand_in_the_order_of_algorithm_one(model, batch_for):
    objective = model.objective_class.create(model, width=2, kl=0.3, reconstruction_weight=2.0).eval()
    batch = batch_for(model)
    torch.manual_seed(1)
    updates = list(objective.updates(batch))
    assert [name for name, _ in updates] == ["encoder", "generator", "discriminator"]
    torch.manual_seed(1)
    real = 2 * batch.images - 1
    mean, log_variance = model.posterior(real)
    again = model.generator(mean + (log_variance / 2).exp() * torch.randn(6, 4))
    drawn = model.generator(torch.randn(6, 4))
    (of_real, on_real), (of_again, on_again), (_, on_drawn) = map(objective.discriminator, (real, again, drawn))
    error = 0.5 * (of_real - of_again).square().mean()
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
    torch.testing.assert_close(updates[0][1], 0.3 * divergence + error)
    fooled = -(on_again.sigmoid().log().mean() + on_drawn.sigmoid().log().mean()) / 2
    torch.testing.assert_close(updates[1][1], 2 * error + fooled)
    generated = torch.cat([on_again, on_drawn])
    expected = -on_real.sigmoid().log().mean() - (1 - generated.sigmoid()).log().mean()
    torch.testing.assert_close(updates[2][1], expected)
    assert objective.observed == pytest.approx(
        {"real": on_real.sigmoid().mean().item(), "fake": on_drawn.sigmoid().mean().item()}
    )


def test_the_former_name_of_the_reconstruction_s_weight_is_read(model):
    assert model.objective_class.create(model, likeness=2.0).options.reconstruction_weight == 2


def test_which_loss_reaches_which_network(model, batch_for, unreached):
    objective = model.objective_class.create(model, width=2)
    batch = batch_for(model)
    assert unreached(objective, batch) == {}
    networks = {"encoder": model.encoder, "generator": model.generator, "discriminator": objective.discriminator}
    reached = {}
    for name, loss in objective.updates(batch):
        reached[name] = {
            other
            for other, network in networks.items()
            for gradient in torch.autograd.grad(loss, list(network.parameters()), allow_unused=True, retain_graph=True)
            if gradient is not None and gradient.any()
        }
    # The loop gives each network the gradients of its own loss alone; these graphs reach no further than they must.
    assert "encoder" not in reached["generator"] | reached["discriminator"]
    assert reached["discriminator"] == {"discriminator"}


def test_three_optimizers_with_two_learning_rates(model):
    optimizers = model.objective_class.create(
        model, learning_rate=0.001, discriminator_learning_rate=0.003
    ).optimizers()
    assert {name: (o.defaults["lr"], o.defaults["betas"]) for name, o in optimizers.items()} == {
        "encoder": (0.001, (0.5, 0.999)),
        "generator": (0.001, (0.5, 0.999)),
        "discriminator": (0.003, (0.5, 0.999)),
    }


def test_options_that_have_a_place_are_used(model, batch_for, monkeypatch):
    batch = batch_for(model)

    def told(**options):
        torch.manual_seed(5)
        objective = model.objective_class.create(model, width=2, **options).eval()
        torch.manual_seed(1)
        updates = dict(objective.updates(batch))
        return objective, {name: loss.item() for name, loss in updates.items()}

    plain = told()[1]
    objective, smoothed = told(smoothing=0.2)
    on_real = objective.score(2 * batch.images - 1, None)
    assert smoothed["discriminator"] - plain["discriminator"] == pytest.approx(0.2 * on_real.mean().item(), abs=1e-6)
    objective, penalised = told(r1=3.0)
    penalty = 3 * losses.r1_penalty(lambda x: objective.score(x, None), 2 * batch.images - 1).item()
    assert penalty > 0
    assert penalised["discriminator"] - plain["discriminator"] == pytest.approx(penalty, rel=1e-2, abs=1e-7)
    assert penalised["generator"] == pytest.approx(plain["generator"])
    scores = []
    score = type(objective).score
    monkeypatch.setattr(type(objective), "score", lambda *given: scores.append(score(*given)) or scores[-1])
    objective, hinge = told(loss="hinge", spectral_norm=True)
    on_real, on_again, on_drawn = scores[-3:]
    fakes = 0.5 * ((1 + on_again).relu().mean() + (1 + on_drawn).relu().mean())
    assert hinge["discriminator"] == pytest.approx(((1 - on_real).relu().mean() + fakes).item(), rel=1e-5)
    assert "features.0.parametrizations.weight.original" in objective.discriminator.state_dict()


@pytest.mark.parametrize("option", ["mixed", "discriminator_steps", "input_noise", "augment", "weight_clip"])
def test_options_without_a_place_are_refused(model, option):
    with pytest.raises(ConfigError, match=f"objective of VAEGAN has no place for {option}"):
        model.objective_class.create(model, **{option: 1})


@pytest.mark.parametrize("config", [{"image_size": 8}, {"image_size": 14}, {"image_size": 30}, {"encoder_width": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="vae-gan: "):
        zoo.create("vae-gan", **config)

"""CoGAN: what the two GANs share, and what they do not."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.objective import Batch


@pytest.fixture
def model(perturbed):
    return perturbed(zoo.create("cogan", image_size=8, width=2, latent_dim=4), 0.1)


def test_one_latent_is_decoded_in_either_domain(model):
    z = torch.randn(3, 4)
    digits, edges = (model.decode(z, condition=domain) for domain in ("digits", "edges"))
    assert digits.shape == edges.shape == (3, 1, 8, 8)
    assert (digits - edges).abs().amax((1, 2, 3)).min() > 1e-3
    torch.testing.assert_close(model.decode(z, condition=["edges", "digits", "edges"])[1], digits[1])
    same = [model.generate(3, seed=1, condition=domain) for domain in (0, 1)]
    torch.testing.assert_close(same[0], model.decode(zoo.latent.Noise(1, 0, 3).normal(4), condition=0))
    torch.testing.assert_close(same[1], model.decode(zoo.latent.Noise(1, 0, 3).normal(4), condition=1))


def test_generators_by_hand(model):
    z = torch.randn(2, 4)
    hidden = model.generator.shared(z[:, :, None, None])
    for domain in (0, 1):
        made = model.generator(z, torch.full((2,), domain))
        torch.testing.assert_close(made, torch.tanh(model.generator.own[domain](hidden)))


@pytest.mark.parametrize("side", ["generator", "discriminator"])
def test_shared_layers_move_both_domains_and_own_ones_only_theirs(model, side):
    network = (
        model.generator if side == "generator" else model.objective_class.create(model, width=2).discriminator.eval()
    )
    inputs = torch.randn(2, 4) if side == "generator" else torch.randn(2, 1, 8, 8)

    def outputs():
        with torch.no_grad():
            return [network(inputs, torch.full((2,), domain)) for domain in (0, 1)]

    def moved(parameter):
        before = outputs()
        with torch.no_grad():
            parameter.add_(0.5)
        return [not torch.equal(a, b) for a, b in zip(before, outputs(), strict=True)]

    assert moved(network.own[0].weight) == [True, False]
    assert moved(network.own[1].weight) == [False, True]
    assert moved(next(network.shared.parameters())) == [True, True]
    # All but the generators' last layers and the discriminators' first: one convolution, with bias, each.
    assert [len(list(own.parameters())) for own in network.own] == [2, 2]


def test_each_domain_s_batch_teaches_its_own_layer_and_what_is_shared(model):
    objective = model.objective_class.create(model, width=2)
    for domain in (0, 1):
        batch = Batch(torch.rand(4, 1, 8, 8), torch.full((4,), domain))
        for name, loss in objective.updates(batch):
            network = objective.discriminator if name == "discriminator" else model.generator
            layers = [network.own[0].weight, network.own[1].weight, next(network.shared.parameters())]
            reached = [bool(g.any()) for g in torch.autograd.grad(loss, layers)]
            assert reached == [domain == 0, domain == 1, True]


@pytest.mark.parametrize("classes", [("digits",), ("a", "a"), ("a", "b", "c"), ("a", "b", "a")])
def test_there_are_two_domains(classes):
    with pytest.raises(ConfigError, match="expected a list of 2, each of it text, all different"):
        zoo.create("cogan", classes=classes)


@pytest.mark.parametrize("config", [{"image_size": 4}, {"width": 0}, {"latent_dim": 0}])
def test_impossible_configs(config):
    with pytest.raises(ConfigError, match="cogan: "):
        zoo.create("cogan", **config)

"""What BigGAN and BigGAN-deep share: self-attention, orthogonal weights, and their regularisation."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from zoo.models._biggan import Attention, initialise
from zoo.nn import losses


def test_attention_by_hand_starts_as_nothing():
    attention, x = Attention(16), torch.randn(2, 16, 4, 4)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.gain.fill_(0.5)
    keys, values = (F.max_pool2d(layer(x), 2) for layer in (attention.key, attention.value))
    query = attention.query(x)[1, :, 2, 3]
    weights = torch.softmax((query[:, None, None] * keys[1]).sum(0).flatten(), 0).view(2, 2)
    seen = (weights * values[1]).sum((1, 2))
    expected = x[1, :, 2, 3] + 0.5 * attention.out.weight[:, :, 0, 0] @ seen
    torch.testing.assert_close(attention(x)[1, :, 2, 3], expected)


def test_weights_start_orthogonal_and_biases_at_nothing():
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Linear(6, 4), nn.Embedding(3, 7))
    initialise(network)
    for layer in network:
        rows = layer.weight.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)
    assert not network[0].bias.any()


@pytest.mark.parametrize("name", ["biggan-lite", "biggan-deep"])
def test_the_regularisation_is_of_the_generator_s_filters_and_matrices(name, batch_for):
    small = {"width": 4, "latent_dim": 4, "embedding_dim": 3, "classes": ("a", "b")}
    model = zoo.create(name, **small, **({"image_size": 8} if name == "biggan-lite" else {"multipliers": (2, 1)}))
    batch, losses_of = batch_for(model, 4), []
    for factor in (0.0, 0.5):
        objective = model.objective_class.create(model, width=4, orthogonal=factor).eval()
        objective.score = lambda images, labels: images.new_zeros(len(images))
        losses_of.append(objective.generator_step(batch))
    weights = [m.weight for m in model.generator.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    torch.testing.assert_close(losses_of[1] - losses_of[0], 0.5 * sum(map(losses.orthogonal_penalty, weights)))


def test_the_regularisation_pushes_filters_apart():
    """By steps along its gradient alone."""
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    before = losses.orthogonal_penalty(weight).item()
    lengths = weight.detach().norm(dim=1)
    for _ in range(50):
        (gradient,) = torch.autograd.grad(losses.orthogonal_penalty(weight), weight)
        weight = (weight - 0.005 * gradient).detach().requires_grad_(True)
    assert losses.orthogonal_penalty(weight).item() < 0.05 * before
    assert (weight.detach().norm(dim=1) > 0.3 * lengths).all()

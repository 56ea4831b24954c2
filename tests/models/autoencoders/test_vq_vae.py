"""VQ-VAE: the nearest of the codebook, equation 3 by hand, and tokens there and back."""

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.errors import InvalidInput
from zoo.objective import Batch

SIZES = {"image_shape": (1, 8, 8), "codes": 6, "dim": 3, "width": 4, "blocks": 1, "prior_width": 16, "prior_blocks": 1}


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = zoo.create("vq-vae", **SIZES).double()
    with torch.no_grad():
        made.encoder[-1].weight.mul_(20)  # so that images have several tokens
    return made


@pytest.fixture
def images():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_latents_are_the_nearest_vectors_of_the_codebook(model, images):
    given = model.encoder(images).permute(0, 2, 3, 1).reshape(-1, 3)
    nearest = torch.cdist(given, model.codebook).argmin(1)
    z = model.encode(images)
    assert torch.equal(z.permute(0, 2, 3, 1).reshape(-1, 3), model.codebook[nearest])
    assert torch.equal(model.tokens(images).flatten(), nearest)
    assert len(nearest.unique()) > 1
    near = z + 1e-4 * torch.randn(z.shape, dtype=z.dtype, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model.decode(near), model.decode(z))


def test_tokens_lead_to_the_latents_that_they_came_from(model, images):
    tokens = model.tokens(images)
    assert (tokens.shape, tokens.dtype) == ((5, 2, 2), torch.int64)
    assert torch.equal(model.vectors(tokens), model.encode(images))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(1, 2, 2), "torch.float32"),
        (torch.zeros(1, 2, 3, dtype=torch.int64), r"\(1, 2, 3\); expected torch.int64 \(n, 2, 2\)"),
        (torch.full((1, 2, 2), 6), "expected 0 … 5"),
        (torch.full((1, 2, 2), -1), "expected 0 … 5"),
    ],
)
def test_what_are_no_tokens(model, tokens, message):
    with pytest.raises(InvalidInput, match=message):
        model.vectors(tokens)


def test_the_loss_is_equation_3_and_then_the_priors(model, images):
    objective = model.objective_class.create(model, commitment=0.5, variance=0.2)
    (first, loss), (second, prior) = objective.updates(Batch(images))
    given = model.encoder(images)
    chosen = model.encode(images)
    error = (model.decoder(chosen) - images).square().mean() / 0.2
    distance = (given - chosen).square().mean()
    assert (first, second) == ("autoencoder", "prior")
    assert loss.item() == pytest.approx((error + 1.5 * distance).item())
    tokens = model.tokens(images)
    log_probability = F.log_softmax(model.prior(tokens), 1).gather(1, tokens[:, None])
    assert prior.item() == pytest.approx(-log_probability.mean().item())


def test_gradients_of_the_error_pass_the_codebook_by(model, images):
    """Of the error the encoder gets the gradient that the decoder has at the vectors chosen."""
    objective = model.objective_class.create(model, commitment=0.0)
    (_, loss), *_ = objective.updates(Batch(images))
    (moved,) = torch.autograd.grad(loss, model.encoder[0].bias)
    chosen = model.encode(images).detach().clone().requires_grad_()
    (at,) = torch.autograd.grad((model.decoder(chosen) - images).square().mean() / 0.1, chosen)
    (expected,) = torch.autograd.grad(model.encoder(images), model.encoder[0].bias, at)
    assert expected.abs().max() > 0
    torch.testing.assert_close(moved, expected)


def test_the_codebook_moves_to_what_the_encoder_gives(model, images):
    objective = model.objective_class.create(model, commitment=7.0)
    (_, loss), *_ = objective.updates(Batch(images))
    (gradient,) = torch.autograd.grad(loss, model.codebook)
    given, tokens = model.encoder(images).detach().permute(0, 2, 3, 1).reshape(-1, 3), model.tokens(images).flatten()
    expected = torch.zeros_like(gradient)
    expected.index_add_(0, tokens, 2 * (model.codebook[tokens] - given).detach() / given.numel())
    torch.testing.assert_close(gradient, expected)


def test_samples_are_decoded_from_tokens_of_the_prior(model):
    drawn = model.generate(3, seed=1)
    z = model.latents(3, seed=1)
    assert torch.equal(model.vectors(model.nearest(z)), z)
    assert torch.equal(model.decode(z), drawn)

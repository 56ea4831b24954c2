"""Linear autoencoder: trained, it spans the principal components; its best error is theirs."""

import scipy.linalg
import torch

import zoo
from zoo.objective import Batch


def trained(x, latent_dim):
    """The model at the minimum of its loss, and that."""
    torch.manual_seed(0)
    model = zoo.create("linear-autoencoder", image_shape=x.shape[1:], latent_dim=latent_dim).double()
    if model.standard is not None:
        model.standard.fit(x)
    objective = model.objective_class.create(model)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=300, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        ((_, error),) = objective.updates(Batch(x))
        error.backward()
        return error

    optimizer.step(loss)
    return model.eval(), loss().item()


def against_components(x, model, error, latent_dim):
    """The largest principal angle between the decoder's columns and the first principal components of `x` (n, d), and
    by how much the error exceeds theirs."""
    centred = x - x.mean(0)
    _, lengths, ways = torch.linalg.svd(centred, full_matrices=False)
    best = lengths[latent_dim:].square().sum().item() / x.numel()
    decoder = model.decoder[0].weight.detach()
    angle = scipy.linalg.subspace_angles(ways[:latent_dim].T.numpy(), decoder.numpy()).max()
    return float(angle), error / best - 1


def images():
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(9, 5, generator=generator, dtype=torch.float64))
    strengths = torch.tensor([1.0, 0.8, 0.2, 0.1, 0.1], dtype=torch.float64)
    mixed = torch.randn(100, 5, generator=generator, dtype=torch.float64) * strengths
    return (0.5 + 0.15 * mixed @ basis.T).view(-1, 1, 3, 3)


def test_it_spans_the_principal_components_of_images():
    x = images()
    model, error = trained(x, 2)
    angle, excess = against_components(x.flatten(1), model, error, 2)
    assert angle < 1e-3
    assert abs(excess) < 1e-3
    mean = x.mean(0, keepdim=True)
    assert torch.allclose(model.reconstruct(mean), mean, atol=1e-3)


def test_three_to_two_to_three():
    """The lectures' example: points near a plane in space, whose columns are standardised first."""
    generator = torch.Generator().manual_seed(1)
    plane = torch.randn(200, 2, generator=generator, dtype=torch.float64) @ torch.tensor(
        [[3.0, 1.0, 2.0], [0.5, -1.0, 1.0]], dtype=torch.float64
    )
    x = plane + 0.1 * torch.randn(200, 3, generator=generator, dtype=torch.float64) + 5
    model, error = trained(x, 2)
    angle, excess = against_components(model.standard(x)[0], model, error, 2)
    assert angle < 1e-3
    assert abs(excess) < 1e-3

"""MAF and IAF where they are alike. Their layers are proven in test_autoregressive, the rest in test_every_flow."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError, InvalidInput
from zoo.nn.autoregressive import InverseAutoregressive, MaskedAutoregressive
from zoo.nn.linear import ActNorm
from zoo.objective import Batch

BOTH = pytest.mark.parametrize("name", ["maf", "iaf"])


def layers(model, kind):
    return [layer for layer in model.bijection.layers if isinstance(layer, kind)]


@BOTH
def test_the_order_is_reversed_from_layer_to_layer(name):
    model = zoo.create(name, image_shape=(3,), layers=4)
    if name == "maf":
        orders = [layer.network.order for layer in layers(model, MaskedAutoregressive)]
    else:
        orders = [layer.turned.network.order for layer in layers(model, InverseAutoregressive)]
    assert orders == 2 * [[0, 1, 2], [2, 1, 0]]


@BOTH
def test_a_new_flow_of_vectors_is_the_identity_until_its_first_batch(name):
    model = zoo.create(name, image_shape=(3,)).eval()
    x = 5 + 3 * torch.randn(200, 3)
    assert torch.equal(model.encode(x), x)
    # In training the first batch standardises: the columns of a table may have any scale.
    with torch.no_grad():
        z, log_det = model.train().flow(x)
    assert z.mean(0).abs().max() < 1e-5
    assert (z.var(0, correction=0) - 1).abs().max() < 1e-4
    assert log_det[0].item() == pytest.approx(-x.std(0, correction=0).log().sum().item(), abs=1e-4)
    torch.testing.assert_close(model.eval().encode(x), z)


@BOTH
def test_a_few_steps_learn_a_dependence_between_columns_of_any_scale(name):
    torch.manual_seed(0)
    model = zoo.create(name, layers=2, hidden=(16,)).train()
    a = torch.randn(256)
    table = torch.stack((1000 + 50 * a, 0.01 * (a.square() + 0.3 * torch.randn(256))), dim=1)
    objective = model.objective_class.create(model, learning_rate=0.02)
    optimizer = objective.optimizers()["flow"]
    losses = []
    for _ in range(60):
        ((_, loss),) = objective.updates(Batch(table))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3
    with torch.no_grad():
        assert (model.eval().inverse(model.flow(table)[0]) / table.std(0) - table / table.std(0)).abs().max() < 1e-3


@BOTH
def test_images_are_vectors_of_their_pixels_row_by_row(name, perturbed):
    image = perturbed(zoo.create(name, image_shape=(1, 2, 3), layers=2, hidden=(8,), dequantisation="uniform"))
    vector = zoo.create(name, image_shape=(6,), layers=2, hidden=(8,)).eval()
    steps = [layer for layer in vector.bijection.layers if not isinstance(layer, ActNorm)]  # images have none
    for layer, same in zip(steps, image.bijection.layers, strict=True):
        layer.load_state_dict(same.state_dict())
    y = torch.rand(3, 1, 2, 3)
    logits, squashed = image.pixels(y)
    (z, log_det), (same, expected) = image.flow(y), vector.flow(logits.flatten(1))
    torch.testing.assert_close(z, same)
    torch.testing.assert_close(log_det, expected + squashed)


def test_weights_of_the_size_of_maf_mnist_fit_the_budget_in_half_precision():
    with torch.device("meta"):
        model = zoo.create("maf", image_shape=(1, 28, 28), hidden=(208,))
    assert 2 * sum(p.numel() for p in model.parameters()) < 5 * 2**20


@BOTH
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1,)}, "at least 2"),
        ({"image_shape": (4, 4)}, r"\(channels, height, width\)"),
        ({"layers": 0}, "layers=0; expected a whole number of at least 1"),
        ({"hidden": ()}, r"hidden=\(\); expected a list of at least 1, .*for example \(64, 64\)"),
        (
            {"hidden": (8, 0)},
            r"hidden=\(8, 0\); expected a list of at least 1, each of it a whole number in",
        ),
        ({"bound": 0.0}, "above 0"),
        ({"dequantisation": "none"}, "uniform, variational"),
    ],
)
def test_impossible_sizes_are_refused(name, fields, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create(name, **fields)


def test_batch_normalisation_is_the_batchs_in_train_mode_and_counts_in_the_density(perturbed, log_det_by_autograd):
    torch.manual_seed(0)
    model = zoo.create("maf", image_shape=(3,), layers=2, hidden=(7,), norm="batch", bound=2**20)
    table = torch.randn(64, 3).cumsum(1) * 5 + 40
    with torch.no_grad():
        z, log_det = model.train().flow(table)
        assert z.mean(0).abs().max() < 1e-4
        assert (z.var(0) - 1).abs().max() < 1e-3
        first = model.bijection.layers[2]
        torch.testing.assert_close(first.mean, table.mean(0) / 10)  # a tenth of the way from 0
        assert log_det[0].item() == pytest.approx(-table.std(0).log().sum().item(), abs=1e-3)
    perturbed(model, 0.3).double()
    x = torch.randn(2, 3, dtype=torch.float64)
    z, log_det = model.flow(x)
    torch.testing.assert_close(model.inverse(z), x)
    torch.testing.assert_close(log_det_by_autograd(lambda rows: model.flow(rows)[0], x), log_det)


def test_batch_normalisation_takes_no_batch_of_one():
    model = zoo.create("maf", image_shape=(3,), layers=2, hidden=(7,), norm="batch").train()
    with pytest.raises(InvalidInput, match="two at least, or with norm=actnorm"):
        model.log_prob(torch.randn(1, 3))
    assert all(buffer.isfinite().all() for buffer in model.buffers())
    assert model.eval().log_prob(torch.randn(1, 3)).isfinite().all()

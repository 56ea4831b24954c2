"""What autoencoders share: tied weights, the error, the shapes of convolutions, samples from the codes' mixture."""

import math

import pytest
import torch

import zoo
from zoo import building
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, InvalidInput, MissingExtra
from zoo.models import _autoencoder
from zoo.nn.mixture import GaussianMixture
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.training.loop import fit

SIZES = {"image_shape": (1, 4, 4), "hidden": (8,), "latent_dim": 3}


def test_tied_weights_are_stored_once_and_trained_as_one(tmp_path):
    """16 × 8 + 8 × 3 weights and the biases 8 + 3 + 8 + 16, whichever way they are used."""
    torch.manual_seed(0)
    model = zoo.create("autoencoder", **SIZES, tied=True)
    weights = [key for key in model.state_dict() if key.endswith("weight")]
    assert weights == ["encoder.1.weight", "encoder.3.weight"]
    assert sum(p.numel() for p in model.parameters()) == 128 + 24 + 8 + 3 + 8 + 16
    z = torch.randn(2, 3)
    first, second = model.encoder[3].weight, model.encoder[1].weight
    hidden = torch.nn.functional.selu(z @ first)  # biases are 0 before training
    assert torch.allclose(model.decoder(z).flatten(1), torch.sigmoid(hidden @ second), atol=1e-6)
    x = torch.rand(2, 1, 4, 4)
    ((_, loss),) = model.objective_class.create(model).updates(Batch(x))
    loss.backward()
    alone = zoo.create("autoencoder", **SIZES)
    state = model.state_dict()
    alone.load_state_dict(
        {**state, "decoder.0.weight": state["encoder.3.weight"].T, "decoder.2.weight": state["encoder.1.weight"].T}
    )
    ((_, apart),) = alone.objective_class.create(alone).updates(Batch(x))
    apart.backward()
    both = alone.encoder[1].weight.grad + alone.decoder[2].weight.grad.T
    assert torch.allclose(model.encoder[1].weight.grad, both, atol=1e-7)


def test_a_copy_of_tied_weights_is_tied_to_its_own():
    model = zoo.create("autoencoder", **SIZES, tied=True)
    import copy

    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.encoder[1].weight.zero_()
    assert torch.equal(twin.eval().decoder(torch.randn(1, 3)).std(), torch.zeros(()))
    assert model.eval().decoder(torch.randn(1, 3)).std() > 0


def test_cross_entropy_by_hand():
    x, y = torch.tensor([0.0, 1.0, 0.25]), torch.tensor([0.5, 0.9, 0.25])
    expected = [math.log(2), -math.log(0.9), -0.25 * math.log(0.25) - 0.75 * math.log(0.75)]
    assert _autoencoder.cross_entropy(y, x).tolist() == pytest.approx(expected, rel=1e-5)
    assert _autoencoder.cross_entropy(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])).isfinite().all()


@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_the_objective_is_the_mean_error_of_a_pixel(loss):
    torch.manual_seed(0)
    model = zoo.create("autoencoder", **SIZES)
    x = torch.rand(5, 1, 4, 4)
    objective = model.objective_class.create(model, loss=loss)
    ((name, got),) = objective.updates(Batch(x))
    made = model.decoder(model.encoder(x))
    each = (made - x) ** 2 if loss == "mse" else -(x * made.log() + (1 - x) * (1 - made).log())
    assert name == "autoencoder"
    assert got.item() == pytest.approx(each.mean().item(), rel=1e-5)
    assert objective.observed["reconstruction"].item() == pytest.approx(got.item())


def test_when_training_ends_samples_are_drawn_from_the_codes():
    """Codes in two places: what is drawn lies there, and what N(0, I) would draw does not."""
    torch.manual_seed(0)
    model = zoo.create("linear-autoencoder", image_shape=(1, 2, 2), latent_dim=1, components=2).eval()
    with torch.no_grad():
        model.encoder[1].weight.fill_(100)
    stored = torch.cat([torch.zeros(500, 1, 2, 2), torch.full((500, 1, 2, 2), 255)]).byte()
    before = model.latents(100, seed=0)
    assert before.abs().max() < 10
    model.conclude(TensorDataset("two", "train", stored))
    z = model.latents(100, seed=0)
    assert set((z / 10).round().flatten().tolist()) == {0.0, 40.0}
    assert model.generate(3, seed=0).shape == (3, 1, 2, 2)


def test_what_the_end_of_training_needs_is_looked_for_at_its_beginning(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.mixture", None)
    model = zoo.create("autoencoder", **SIZES)
    with pytest.raises(MissingExtra, match=r"generative-zoo\[train\]"):
        model.objective_class.create(model)
    model = zoo.create("autoencoder", **SIZES, components=0)
    model.objective_class.create(model)


def test_without_a_mixture_codes_are_standard_normal():
    model = zoo.create("linear-autoencoder", latent_dim=2, components=0).eval()
    model.conclude(TensorDataset("black", "train", torch.zeros(4, 1, 28, 28).byte()))
    assert not [key for key in model.state_dict() if "mixture" in key]
    assert torch.equal(model.latents(2, seed=0), zoo.noise.Noise(0, 0, 2).normal(2))


def test_vectors_are_standardised():
    model = zoo.create("linear-autoencoder", image_shape=(3,), latent_dim=2).eval()
    samples = torch.randn(100, 3) * torch.tensor([1e-6, 1.0, 1e6]) + torch.tensor([0.0, 5.0, 1e7])
    model.standard.fit(samples)
    z = model.encode(samples)
    assert z.std() < 10
    assert torch.equal(z, model.encoder(((samples.double() - model.standard.location) / model.standard.scale).float()))


def test_a_shape_that_is_neither_image_nor_vector_is_refused():
    with pytest.raises(ConfigError, match=r"\(channels, height, width\) or \(features,\)"):
        zoo.create("autoencoder", image_shape=(4, 4))
    with pytest.raises(InvalidInput):
        zoo.create("autoencoder", **SIZES).encode(torch.rand(1, 16))


def test_filters_are_the_weights_around_a_half():
    model = zoo.create("sparse-autoencoder", image_shape=(1, 2, 2), latent_dim=3)
    with torch.no_grad():
        model.encoder[1].weight.copy_(torch.tensor([[1.0, -2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [3.0, 3.0, 3.0, 3.0]]))
    filters = model.filters(3)
    assert filters.shape == (3, 1, 2, 2)
    assert filters.flatten(1).tolist() == [[0.75, 0.0, 0.5, 0.75], [0.5] * 4, [1.0] * 4]
    assert model.filters(4) is None
    assert zoo.create("autoencoder").filters(16) is None
    assert zoo.create("denoising-autoencoder", network="convolutional").filters(16) is None


@pytest.mark.parametrize(
    ("name", "config", "kinds"),
    [
        ("autoencoder", {}, "Flatten Linear SELU"),
        ("linear-autoencoder", {}, "Flatten Linear Identity"),
        ("sparse-autoencoder", {"top_k": 2}, "Flatten Linear Identity TopK"),
        ("conv-autoencoder", {}, "Conv2d SELU MaxPool2d"),
        ("wae", {}, "Conv2d BatchNorm2d ReLU"),
        ("vae", {}, "Conv2d SiLU"),
        ("vae", {"hidden": (5,)}, "Flatten Linear Tanh"),
    ],
)
def test_the_first_layer_is_all_that_comes_before_the_second(name, config, kinds):
    model = zoo.create(name, **config)
    first = model.first_layer()
    assert " ".join(type(module).__name__ for module in first) == kinds
    weight = next(model.encoder.parameters())
    assert next(first.parameters()) is weight, "no copy"


VECTORS = {"image_shape": (4,)}


@pytest.mark.parametrize(
    ("name", "config"), [("linear-autoencoder", {}), ("autoencoder", VECTORS), ("contractive-autoencoder", VECTORS)]
)
def test_what_is_no_probability_has_no_cross_entropy(name, config):
    model = zoo.create(name, **config)
    with pytest.raises(ConfigError, match=r"objective\.loss=mse"):
        model.objective_class.create(model, loss="cross-entropy")


def test_cross_entropy_has_a_gradient_where_the_network_is_sure_and_wrong():
    y = torch.tensor([1.0, 0.0], requires_grad=True)
    _autoencoder.cross_entropy(y, torch.tensor([0.0, 1.0])).sum().backward()
    assert y.grad[0] > 1e5
    assert y.grad[1] < -1e5


def test_a_mixture_is_saved_as_it_is_but_for_factors_in_16_bits(tmp_path):
    torch.manual_seed(0)
    model = zoo.create("autoencoder", **SIZES).eval()
    model.conclude(TensorDataset("noise", "train", (torch.rand(200, 1, 4, 4) * 255).byte()))
    model.save(tmp_path / "model.safetensors", dtype=torch.float16)
    again = building.read(tmp_path / "model.safetensors")
    assert torch.equal(again.mixture.factors, model.mixture.factors.half().float())
    assert torch.equal(again.mixture.means, model.mixture.means)
    torch.testing.assert_close(again.latents(5, seed=0), model.latents(5, seed=0), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("version", "whole"), [(0, True), (1, False)])
def test_a_file_of_version_0_has_whole_factors(version, whole):
    model = zoo.create("autoencoder", **SIZES).eval()
    model.mixture.factors.copy_(torch.randn(model.mixture.factors.shape).tril())
    state = model.state_dict()
    stored = {**state, "mixture.factors": model.mixture.factors} if whole else state
    _, read = model.migrate({}, stored, 1, version)
    assert torch.equal(read["mixture.factors"], state["mixture.factors"])


def test_training_ends_with_the_mixture_of_what_is_released(tmp_path):
    """That of the moving average, as fitted to its codes; also in a run that was interrupted."""
    images = (torch.rand(64, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 255).byte()
    data = TensorDataset("noise", "train", images)
    recipe = Recipe(steps=6, batch_size=8, ema=0.5)

    def make():
        return zoo.create("autoencoder", **SIZES, components=2)

    whole = fit(make, data, recipe)
    assert not torch.equal(whole.mixture.means, torch.zeros(2, 3))
    expected = GaussianMixture(2, 3)
    order = torch.randperm(64, generator=torch.Generator("cpu").manual_seed(0))
    expected.fit(whole.encode(images[order].float() / 255))
    assert torch.allclose(whole.mixture.means, expected.means)
    begun = fit(make, data, recipe, tmp_path, until=3)
    assert torch.equal(begun.mixture.means, torch.zeros(2, 3))
    resumed = fit(make, data, recipe, tmp_path, resume=True)
    for key, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], tensor), key

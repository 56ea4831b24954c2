"""MAF of kamenbliznashki/normalizing_flows: what its own code computes, both ways."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

FIXTURE = "kamenbliznashki-maf"


@pytest.fixture
def held():
    return torch.load(FIXTURES / FIXTURE / "checkpoint.pth", weights_only=True)


def refused(path, held):
    torch.save(held, path)
    with pytest.raises(errors.WeightsMismatch) as caught:
        convert([path], FIXTURE)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_latents_and_densities_are_the_same(mode):
    made, expected = reference(FIXTURE)
    model = made.model.train(mode == "train")
    config = model.config
    assert (config.image_shape, config.layers, config.hidden, config.norm) == ((6,), 3, (7, 7), "batch")
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        z, log_det = model.flow(expected["x"])
        difference(z, expected[f"{mode}_z"])
        difference(log_det, expected[f"{mode}_log_det"])
        model.load_state_dict(state)
        difference(model.log_density(expected["x"]), expected[f"{mode}_log_prob"])
    if mode == "train":
        difference(model.bijection.layers[2].mean, expected["running_mean"])
        difference(model.bijection.layers[2].variance, expected["running_var"])


def test_samples_are_the_same_one_pass_for_each_value_or_every_unit_once():
    made, expected = reference(FIXTURE)
    model = made.model
    difference(model.decode(expected["u"]), expected["inverse"])
    with_gradients = model.inverse(expected["u"].requires_grad_())
    difference(with_gradients.detach(), expected["inverse"])
    with torch.no_grad():
        difference(-model.flow(expected["inverse"])[1], expected["inverse_log_det"])


def test_a_random_order_is_refused(tmp_path, held):
    held["model_state"]["net.2.net_input.mask"] = held["model_state"]["net.2.net_input.mask"].roll(1, 1)
    assert "masks are those of a random order" in refused(tmp_path / "random.pt", held)


@pytest.mark.parametrize(
    ("key", "shape", "told"),
    [
        ("net.0.net_input.cond_weight", (7, 10), "it is conditional"),
        ("net.0.net.3.weight", (36, 7), "its layers are mixtures"),
        ("net.1.log_gamma", None, "no batch normalisation"),
    ],
)
def test_models_of_other_kinds_are_refused(tmp_path, held, key, shape, told):
    if shape is None:
        del held["model_state"][key]
    else:
        held["model_state"][key] = torch.zeros(shape)
    assert told in refused(tmp_path / "other.pt", held)

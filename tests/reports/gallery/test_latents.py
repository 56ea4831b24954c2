"""Latents of a room: those of Python, and directions in which pictures change."""

import itertools

import pytest
import torch
from small_models import small

from zoo.reports.gallery import latents


@pytest.fixture
def dcgan(perturbed):
    return perturbed(small("dcgan", image_size=8, width=8)(), 0.1).eval()


def test_seeds_are_python_s(dcgan):
    made = latents.bank(dcgan)
    for seed in (0, 5):
        assert torch.equal(made.tensors["latents"][seed], dcgan.latents(1, seed=seed))
    assert made.about["generates"] is True
    assert made.about["truncation"] is True
    assert not made.tensors["center"].any()
    assert len(made.about["sliders"]) == len(made.tensors["directions"]) == min(8, dcgan.latent_shape[0])


def test_temperature_is_offered_where_it_moves_latents_on_a_line(perturbed):
    made = latents.bank(perturbed(small("infogan")(), 0.1).eval())
    assert "center" not in made.tensors  # its codes stay as they are
    assert made.about["categories"] > 0
    labels = [slider["label"] for slider in made.about["sliders"]]
    assert labels[0] == "code 1"


def test_directions_are_those_of_the_jacobian(dcgan):
    z = dcgan.latents(2, seed=0)
    size = z[0].numel()
    found = latents.directions(dcgan, z, size).flatten(1)
    assert torch.allclose(found @ found.T, torch.eye(size), atol=1e-4)
    squares = []
    for row in z:
        jacobian = torch.autograd.functional.jacobian(lambda x: dcgan.decode(x[None]).flatten(), row).flatten(1)
        squares.append(jacobian.T @ jacobian)
    values = torch.linalg.eigvalsh(sum(squares) / len(squares)).flip(0)
    along = torch.stack([direction @ sum(squares) @ direction / len(squares) for direction in found])
    assert along[0] > 0.9 * values[0]
    assert (along[:-1] > 0.8 * along[1:] - 1e-6).all()  # the last are nothing but rounding


def test_directions_with_names_are_sliders_too(dcgan):
    way = torch.arange(dcgan.latent_shape[0]) * 2.0
    made = latents.bank(dcgan, {"facial_hair": way})
    *others, named = made.about["sliders"]
    assert (named["label"], named["named"]) == ("facial hair", True)
    assert len(others) >= 2
    assert not any(slider["named"] for slider in others)
    torch.testing.assert_close(made.tensors["directions"][-1], way / way.norm())
    along = made.tensors["latents"].flatten(1) @ (way / way.norm())
    assert named["unit"] == pytest.approx(float(along.std(correction=0)), rel=1e-3)


def test_a_learned_code_is_left_out_of_the_directions(dcgan):
    found = latents.directions(dcgan, dcgan.latents(2, seed=0), 2, skip=1).flatten(1)
    assert not found[:, 0].any()


def test_noise_of_what_is_no_decoder(perturbed):
    from zoo.export.graphs import Graph

    model = perturbed(small("pix2pix")(), 0.1).eval()
    graph = Graph(model, "translate", {})
    made = latents.drawn(graph)
    again = graph.run(graph.example(1, 0), 3, 1)[0]
    assert made.tensors.keys() == {name for name in again if name.startswith("noise")}
    assert all(torch.equal(made.tensors[name][3], again[name].float()) for name in made.tensors)


def test_layers_push_latents_to_samples(perturbed):
    flow = perturbed(small("flow-2d")(), 0.1).eval()
    made = latents.bank(flow)
    way, names = made.tensors["stages"], made.about["stages"]
    assert len(way) == len(names) + 1
    assert "Coupling" in names
    assert torch.allclose(way[-1], flow.decode(flow.latents(way.shape[1], seed=0)).float(), atol=1e-5)
    assert torch.allclose(way[0], flow.standard.inverse(flow.latents(way.shape[1], seed=0)).float())
    assert all((a != b).any() for a, b in itertools.pairwise(way))
    assert "stages" not in latents.bank(perturbed(small("gan")(), 0.1).eval()).about

"""torch.export of what neither the contract nor tests/export exports, further flows and models with a network of texts,
with a batch of any size, and torch.compile of flows: what a graph computes is what eager code does, whatever the batch
that it was made with."""

import pytest
import torch
from small_models import SMALL
from torch import nn

import zoo
from zoo.noise import Noise
from zoo.testing.examples import calls

TOY = {
    "nice of vectors": {"image_shape": (5,), "couplings": 2, "layers": 1, "width": 5},
    "realnvp": {"image_shape": (1, 4, 6), "widths": (4, 4), "checkerboard": 2, "channelwise": 2, "blocks": 1},
    "glow": {"image_shape": (1, 4, 6), "levels": 2, "steps": 2, "width": 4},
    "flow-2d": {"image_shape": (3,), "steps": 2, "width": 4},
    "maf": {"image_shape": (1, 2, 3), "layers": 2, "hidden": (7, 5)},
    "maf of vectors": {"image_shape": (4,), "layers": 2, "hidden": (7, 5)},
    "iaf": {"image_shape": (1, 2, 3), "layers": 2, "hidden": (7, 5)},
    "iaf of vectors": {"image_shape": (4,), "layers": 2, "hidden": (7, 5)},
    "planar": {"image_shape": (3,), "layers": 3},
}
# One of each other flow is exported in tests/export/test_graphs.py, through all scales and layers.
EXPORTED = ["nice of vectors", "maf", "iaf"]
VECTORS = [name for name in TOY if name in ("flow-2d", "planar") or name.endswith("vectors")]


class Hook(nn.Module):
    """A private hook of `model` as what a module computes; those that take a noise draw none from it."""

    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x):
        rest = (None,) if self.name == "_decode" else (None, Noise(0))
        return getattr(self.model, self.name)(x, *rest)


def made(perturbed, name, settings):
    torch.manual_seed(0)
    return perturbed(zoo.create(name.split(" ")[0], **settings), 0.1)


def assert_exports(module, shape):
    """A graph made with three samples gives for one and for five what the module gives."""
    draws = torch.rand(9, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        batch = {0: torch.export.Dim("batch")}
        graph = torch.export.export(module, (draws[:3],), dynamic_shapes=(batch,)).module()
        for x in (draws[3:4], draws[4:]):
            torch.testing.assert_close(graph(x), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EXPORTED)
def test_decode(name, perturbed):
    model = made(perturbed, name, TOY[name]).fuse()
    assert_exports(Hook(model, "_decode"), model.latent_shape)


@pytest.mark.parametrize("name", ["glow", "maf of vectors"])
def test_decode_of_a_model_that_is_not_fused(name, perturbed):
    model = made(perturbed, name, TOY[name])
    assert_exports(Hook(model, "_decode"), model.latent_shape)


@pytest.mark.parametrize("name", EXPORTED)
def test_encode(name, perturbed):
    model = made(perturbed, name, TOY[name]).fuse()
    assert_exports(Hook(model, "_encode"), model.space.shape)


def test_log_prob(perturbed):
    model = made(perturbed, "nice of vectors", TOY["nice of vectors"]).fuse()
    assert_exports(Hook(model, "_log_prob"), model.space.shape)


def test_a_fused_glow_needs_no_inverse_of_a_matrix(perturbed):
    model = made(perturbed, "glow", TOY["glow"]).fuse()
    with torch.no_grad():
        graph = torch.export.export(Hook(model, "_decode"), (torch.zeros(2, *model.latent_shape),)).graph
    assert not [node for node in graph.nodes if "linalg" in str(node.target)]


# The contract compiles all but flows.
@pytest.mark.parametrize("name", ["realnvp", "glow", *VECTORS])
def test_a_compiled_flow_gives_what_it_gives(name, perturbed):
    model = made(perturbed, name, TOY[name]).fuse()
    z = torch.randn(3, *model.latent_shape)
    torch._dynamo.reset()
    with torch.no_grad():
        got = torch.compile(model, backend="eager", fullgraph=True)(z)
        assert (got - model(torch.zeros_like(z))).abs().max() > 1e-3
        torch.testing.assert_close(got, model(z), rtol=1e-4, atol=1e-5)
    torch._dynamo.reset()


@pytest.mark.parametrize("name", ["realnvp", "glow", "maf", "iaf"])
def test_methods_of_a_compiled_flow_give_what_they_give(name, perturbed):
    model = made(perturbed, name, TOY[name]).fuse()
    pixels = model.generate(2, seed=0).mul(255).round() / 255

    def all_of_it():
        methods = {name: call(batch) for name, (call, batch) in calls(model, 2).items()}
        return methods | {"generate": model.generate(2, seed=0), "bits": model.bits_per_dim(pixels)}

    usual = all_of_it()
    torch._dynamo.reset()
    model.compile(backend="eager")
    assert set(model.compiled) == {"flow", "inverse"} & vars(model).keys()
    torch.testing.assert_close(all_of_it(), usual, rtol=1e-4, atol=1e-4)
    torch._dynamo.reset()


@pytest.mark.parametrize("name", ["gan-int-cls", "stackgan"])
def test_decode_under_the_embedding_of_a_text(name, perturbed):
    model = made(perturbed, name, SMALL[name][0])
    z, texts = torch.randn(9, *model.latent_shape), torch.randn(9, model.config.text_dim)
    with torch.no_grad():
        rows = ({0: torch.export.Dim("batch")},) * 2
        graph = torch.export.export(model, (z[:3], texts[:3]), dynamic_shapes=rows, strict=False).module()
        for part in (slice(3, 4), slice(4, 9)):
            torch.testing.assert_close(graph(z[part], texts[part]), model(z[part], texts[part]), rtol=1e-4, atol=1e-5)

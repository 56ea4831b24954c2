"""torch.export of GANs' decoders with a batch of any size: what a graph computes is what eager code does."""

import pytest
import torch
from torch import nn

import zoo

SMALL = {"image_size": 16, "width": 2}
CONFIGS = {
    "gan": {"image_shape": (1, 8, 8), "hidden": (4,)},
    "dcgan": SMALL,
    "wgan": SMALL,
    "wgan-gp": {"image_shape": (1, 16, 16), "width": 2},
    "ebgan": SMALL,
    "vae-gan": {**SMALL, "encoder_width": 2},
    "infogan": {**SMALL, "reader_width": 2},
    "cgan": SMALL,
    "acgan": SMALL,
    "cogan": SMALL,
    "biggan-lite": {**SMALL, "embedding_dim": 3},
    "progan": {"latent_dim": 5, "widths": (4, 4, 3)},
    "stylegan-lite": {"latent_dim": 5, "widths": (4, 4, 3), "mapping_layers": 1},
    "gan-int-cls": {**SMALL, "text_dim": 6, "condition_dim": 3},
    "stackgan": {"text_dim": 6, "condition_dim": 3, "latent_dim": 4, "sketch": (4, 3), "refine": (4, 3, 2)},
}


class Decoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, z, condition=None):
        return self.model._decode(z, condition)


def drawn(model, n):
    z = torch.randn(n, *model.latent_shape)
    if model.condition.name == "label":
        return z, torch.arange(n) % 2
    return (z, torch.randn(n, model.config.text_dim)) if model.condition.name == "text" else (z,)


def test_every_gan_is_here():
    assert CONFIGS.keys() == {each.name for each in zoo.registry.list_architectures() if each.family == "gans"}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_graph_takes_batches_of_any_size(name):
    torch.manual_seed(0)
    model = zoo.create(name, **CONFIGS[name]).eval()
    example = drawn(model, 3)
    sizes = tuple({0: torch.export.Dim("batch", min=1, max=64)} for _ in example)
    graph = torch.export.export(Decoder(model), example, dynamic_shapes=sizes)
    for n in (1, 5):
        given = drawn(model, n)
        torch.testing.assert_close(graph.module()(*given), Decoder(model)(*given))


@pytest.mark.parametrize(("name", "buffer", "value"), [("progan", "resolution", 8), ("stackgan", "stages", 1)])
def test_a_graph_knows_how_far_loaded_weights_were_trained(name, buffer, value):
    torch.manual_seed(0)
    model, again = (zoo.create(name, **CONFIGS[name]).eval() for _ in range(2))
    getattr(model, buffer).fill_(value)
    again.load_state_dict(model.state_dict())
    given = drawn(model, 2)
    graph = torch.export.export(Decoder(again), given).module()
    torch.testing.assert_close(graph(*given), Decoder(model)(*given))

"""Every built-in architecture, small enough for the contract suite."""

import contextlib
from types import SimpleNamespace

import torch

import zoo
from zoo.recipe import Recipe
from zoo.registry import list_entries
from zoo.training.run import Run

# Small enough for a second on one core. A flow of two pixels has its density integrated, one of 16 its Jacobian taken.
SMALL = {
    "gan": [{"image_shape": (1, 4, 4), "hidden": (8,)}, {"image_shape": (2,), "hidden": (8,)}],
    "dcgan": [{"image_size": 8, "width": 2}],
    "wgan": [{"image_size": 8, "width": 2}],
    "wgan-gp": [{"image_shape": (1, 8, 8), "width": 2}, {"image_shape": (2,), "width": 8}],
    "ebgan": [{"image_size": 8, "width": 2}],
    "cgan": [{"image_size": 8, "width": 4}],
    "acgan": [{"image_size": 8, "width": 4}],
    "infogan": [{"image_size": 8, "width": 4, "reader_width": 4}],
    "cogan": [{"image_size": 8, "width": 4}],
    "biggan-lite": [{"image_size": 8, "width": 4}],
    "biggan-deep": [{"multipliers": (2, 1), "width": 4, "latent_dim": 4, "embedding_dim": 3}],
    "progan": [{"widths": (4, 4), "latent_dim": 4}],
    "gan-int-cls": [
        {
            "image_size": 8,
            "vocabulary": ("red", "green", "blue"),
            "words": 5,
            "text_dim": 6,
            "condition_dim": 3,
            "latent_dim": 4,
            "width": 4,
        }
    ],
    "stackgan": [
        {
            "vocabulary": ("red", "green", "blue"),
            "words": 5,
            "text_dim": 6,
            "condition_dim": 3,
            "latent_dim": 4,
            "sketch": (6, 4),
            "refine": (4, 4, 3),
        }
    ],
    "stackgan-v1": [{"text_dim": 5, "condition_dim": 3, "latent_dim": 4, "width": 4, "stages": 1}],
    "stylegan-lite": [{"widths": (4, 4), "latent_dim": 4, "mapping_layers": 2}],
    "stylegan2": [{"widths": (4, 4), "latent_dim": 4, "mapping_layers": 2}],
    "vae-gan": [{"image_size": 16, "width": 2, "encoder_width": 2}],
    "linear-autoencoder": [
        {"image_shape": (1, 4, 4), "latent_dim": 3},
        {"image_shape": (3,), "latent_dim": 2, "components": 0},
    ],
    "autoencoder": [
        {"image_shape": (1, 4, 4), "hidden": (8,), "latent_dim": 3},
        {"image_shape": (4,), "hidden": (8,), "latent_dim": 2, "tied": True},
    ],
    "conv-autoencoder": [
        {"image_shape": (1, 9, 8), "widths": (2, 4), "components": 1},
        {"image_shape": (3, 8, 8), "widths": (2, 4), "latent_dim": 3},
    ],
    "denoising-autoencoder": [
        {"image_shape": (1, 6, 6), "hidden": (8,), "latent_dim": 12},
        {"image_shape": (3, 8, 8), "network": "convolutional", "widths": (2, 4), "latent_dim": 0},
    ],
    "sparse-autoencoder": [
        {"image_shape": (1, 4, 4), "latent_dim": 8},
        {"image_shape": (1, 4, 4), "latent_dim": 8, "top_k": 2, "tied": True},
    ],
    "contractive-autoencoder": [
        {"image_shape": (1, 4, 4), "latent_dim": 8},
        {"image_shape": (1, 4, 4), "hidden": (6,), "latent_dim": 8, "tied": False},
    ],
    "vq-vae": [
        {"image_shape": (1, 8, 8), "codes": 6, "dim": 3, "width": 4, "blocks": 1, "prior_width": 16, "prior_blocks": 1}
    ],
    "wae": [{"image_shape": (1, 8, 8), "width": 4, "latent_dim": 3}],
    "vae": [
        {"image_size": 8, "width": 4, "latent_dim": 3},
        {"image_size": 4, "hidden": (6,), "latent_dim": 2, "likelihood": "bernoulli"},
        {"image_size": 8, "width": 2, "depth": 3, "latent_dim": 2},
    ],
    "realnvp": [
        {"image_shape": (1, 1, 2), "widths": (8,)},
        {"image_shape": (1, 4, 4), "widths": (8, 16), "checkerboard": 2, "channelwise": 2, "blocks": 1},
    ],
    "glow": [
        {"image_shape": (1, 1, 2), "levels": 1, "steps": 2, "width": 8},
        {"image_shape": (1, 4, 4), "levels": 2, "steps": 2, "width": 8},
    ],
    "flow-2d": [{"steps": 2, "width": 8}, {"image_shape": (5,), "steps": 2, "width": 8}],
    "nice": [{"image_shape": (2,), "couplings": 3, "width": 8}, {"image_shape": (1, 3, 4), "layers": 1, "width": 16}],
    "maf": [{"layers": 2, "hidden": (8, 8)}, {"image_shape": (1, 3, 4), "layers": 2, "hidden": (16,)}],
    "iaf": [{"layers": 2, "hidden": (8, 8)}, {"image_shape": (1, 3, 4), "layers": 2, "hidden": (16,)}],
    "pix2pix": [{"image_shape": (1, 24, 24), "width": 4, "depth": 3}],
    "cyclegan": [{"image_shape": (3, 24, 24), "width": 2, "blocks": 1}],
    "context-encoder": [{"image_shape": (3, 16, 16), "width": 4, "bottleneck": 8}],
    "srresnet": [{"image_shape": (3, 16, 16), "width": 4, "blocks": 1}],
    "srgan": [{"image_shape": (3, 16, 16), "width": 4, "blocks": 1}],
    "planar": [{"layers": 4}, {"image_shape": (4,), "layers": 4}],
}


def small(name, **config):
    """A function that makes the model, named as pytest shall name it."""

    def make():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return zoo.create(name, **config).eval()

    make.__name__ = name + "".join(f"-{value}" for value in config.values())
    return make


BUILT_IN = [architecture.name for architecture in list_entries("architectures") if architecture.plugin == "zoo"]
MODELS = [small(name, **config) for name in BUILT_IN for config in SMALL.get(name, [{}])]
# Those that can be trained, of vectors where there are any.
LAST = {name: small(name, **SMALL.get(name, [{}])[-1]) for name in BUILT_IN}
TRAINED = {name: make for name, make in LAST.items() if hasattr(make(), "objective_class")}


class Repeated(SimpleNamespace):
    """Data of one batch."""

    def batch(self, number, **how):
        return self.made


def run_of(model):
    """All there is to make steps with, on the model's device."""
    fabric = SimpleNamespace(
        device=model.device,
        global_rank=0,
        world_size=1,
        autocast=contextlib.nullcontext,
        backward=lambda loss, inputs: loss.backward(inputs=inputs),
    )
    objective = model.objective_class.create(model, **model.recipe.objective).to(model.device).train()
    return Run(fabric, Recipe(), model, objective, objective.optimizers(), None, {})

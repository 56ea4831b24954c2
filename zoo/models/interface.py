"""What models may be: spaces, conditions and capabilities, registered through the hooks of plugins."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.plugins import hookimpl


@hookimpl
def zoo_register_spaces(register: Callable[..., None]) -> None:
    images = "unconditional-image-generation"
    register("images", "zoo.spaces:Images", task=images, summary="images of 8-bit pixels, in [0, 1]")
    register(
        "binary-images",
        "zoo.spaces:BinaryImages",
        task=images,
        checks="zoo.testing.binary:checks",
        summary="images whose pixels are 0 or 1",
    )
    register("vectors", "zoo.spaces:Vectors", summary="rows of any numbers")


@hookimpl
def zoo_register_conditions(register: Callable[..., None]) -> None:
    register("label", "zoo.conditions:Labels", checks="zoo.testing.labels:checks", summary="one of some classes")
    register(
        "text", "zoo.conditions:Texts", task="text-to-image", checks="zoo.testing.texts:checks", summary="a sentence"
    )
    register("embedding", "zoo.conditions:Embeddings", summary="a vector that another network made")
    register("image", "zoo.conditions:Images", task="image-to-image", summary="another image")


@hookimpl
def zoo_register_capabilities(register: Callable[..., None]) -> None:
    register("generate", "zoo.model:Model.generate", checks="zoo.testing.generate:checks", summary="draws samples")
    register("encode", "zoo.model:Model.encode", checks="zoo.testing.encode:checks", summary="finds latents of samples")
    register("decode", "zoo.model:Model.decode", checks="zoo.testing.decode:checks", summary="makes samples of latents")
    register(
        "log_prob",
        "zoo.model:Model.log_prob",
        checks="zoo.testing.log_prob:checks",
        summary="densities of samples, in nats",
    )
    register(
        "translate",
        "zoo.model:Model.translate",
        checks="zoo.testing.translate:checks",
        summary="makes images from images",
    )
    register(
        "classify", "zoo.model:Model.classify", checks="zoo.testing.classify:checks", summary="probabilities of classes"
    )

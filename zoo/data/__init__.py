"""Data sets by name, and batches of them. The built-in data sets are listed here."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.plugins import hookimpl


@hookimpl
def zoo_register_datasets(register: Callable[..., None]) -> None:
    digits, cifar = ["MNIST/raw/*ubyte*"], ["cifar-10-batches-py/*", "cifar-10-python*"]
    module = "zoo.data.torchvision_sets"
    register("mnist", f"{module}:mnist", summary="handwritten digits, 28×28 grey", files=digits)
    summary = "MNIST's digits, and other digits' edges"
    register("mnist-edges", f"{module}:mnist_edges", summary=summary, files=digits)
    fashion = ["FashionMNIST/raw/*ubyte*"]
    register("fashion-mnist", f"{module}:fashion_mnist", summary="articles of clothing, 28×28 grey", files=fashion)
    register("cifar10", f"{module}:cifar10", summary="objects and animals, 32×32 colour", files=cifar)
    register(
        "celeba",
        "zoo.data.celeba:celeba",
        summary="celebrity faces, aligned, central crop",
        files=["celeba/*.txt", "celeba/img_align_celeba*"],
    )
    register("celeba-attributes", "zoo.data.celeba:celeba_attributes", summary="CelebA in a folder, with attributes")
    register(
        "celeba-combinations",
        "zoo.data.celeba:celeba_combinations",
        summary="the same, each combination of attributes a class",
    )
    register("image-folder", "zoo.data.folders:image_folder", summary="any folder of images; subfolders are classes")
    register("captioned-images", "zoo.data.captions:captioned_images", summary="any folder of images with captions")
    register("side-by-side", "zoo.data.pairs:side_by_side", summary="pairs in one picture: left to become right")
    register("holes", "zoo.data.holes:holes", summary="any folder of images, each with a hole to be filled")
    register("facades", "zoo.data.pairs:facades", summary="CMP facades, labels to become photographs")
    register(
        "unpaired-folders", "zoo.data.pairs:unpaired_folders", summary="trainA, trainB, testA, testB: A to become B"
    )
    register("super-resolution", "zoo.data.patches:super_resolution", summary="T91, BSD200: shrunk four times")
    register("sprites", "zoo.data.sprites:sprites", source="none", summary="shapes in all sizes and places, synthetic")
    register("table", "zoo.data.tables:table", source="file", summary="any .csv or .npy file of numbers")
    register(
        "in-memory",
        "zoo.data.memory:in_memory",
        source="memory",
        summary="what is handed over in Python: tensors, arrays, pictures, data frames, data sets",
    )
    register("two-moons", "zoo.data.tables:two_moons", source="none", summary="half circles in the plane, synthetic")
    register("pinwheel", "zoo.data.tables:pinwheel", source="none", summary="five arms in the plane, synthetic")
    register(
        "gaussian-ring", "zoo.data.tables:gaussian_ring", source="none", summary="8 Gaussians on a ring, synthetic"
    )
    register(
        "gaussian-grid", "zoo.data.tables:gaussian_grid", source="none", summary="25 Gaussians on a grid, synthetic"
    )

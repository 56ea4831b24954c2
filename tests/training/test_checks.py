"""What a data set must have for a model to learn from it, asked before the first step."""

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, DataError
from zoo.recipe import Recipe
from zoo.training.checks import check_conditions, fitting

PIX2PIX = {"image_shape": (1, 24, 24), "source_channels": 2, "width": 2, "depth": 3}


def of(size, channels=1):
    return torch.zeros(4, channels, size, size, dtype=torch.uint8)


def checked(name, config, **data):
    model = zoo.create(name, **config)
    check_conditions(model, model.objective_class.create(model), TensorDataset("made-up", "train", **data))


@pytest.mark.parametrize(
    ("name", "config", "data", "message"),
    [
        ("pix2pix", PIX2PIX, {"images": of(24)}, "made-up has images alone; pix2pix learns to make them from others"),
        ("pix2pix", PIX2PIX, {"images": of(24), "sources": of(24)}, "have 1 channels; pix2pix is made for 2"),
        (
            "pix2pix",
            PIX2PIX,
            {"images": of(24), "sources": of(12, 2)},
            "12×12 and 24×24 pixels; pix2pix makes images",
        ),
        (
            "pix2pix",
            PIX2PIX,
            {"images": of(24), "sources": of(24, 2), "paired": False},
            "the images of made-up are not in pairs, which pix2pix learns from",
        ),
        (
            "cgan",
            {"image_size": 8, "width": 2, "classes": ("a", "b")},
            {"images": of(8, 3), "labels": torch.tensor([0, -1, 1, -1]), "classes": ("a", "b")},
            "2 of 4 samples of made-up have no label, and cgan learns from labels",
        ),
        ("gan-int-cls", {"image_size": 16}, {"images": of(16, 3)}, "made-up has no captions, which gan-int-cls learns"),
    ],
)
def test_what_the_data_lack_is_said(name, config, data, message):
    with pytest.raises(DataError, match=message):
        checked(name, config, **data)


def test_data_that_have_it_all():
    checked("pix2pix", PIX2PIX, images=of(24), sources=of(24, 2))
    checked("srresnet", {"image_shape": (1, 16, 16), "width": 2, "blocks": 1}, images=of(16), sources=of(4))
    cgan = {"image_size": 8, "width": 2, "classes": ("a", "b")}
    checked("cgan", cgan, images=of(8, 3), labels=torch.tensor([0, 1, 1, 0]), classes=("a", "b"))


def test_arguments_that_do_not_fit_say_how_to_change_them():
    model, recipe = zoo.create("gan", image_shape=(1, 4, 4), hidden=(4,)), Recipe(objective={"hidden": "wide"})

    def fail():
        raise TypeError("hidden is a word")

    with pytest.raises(ConfigError, match=r"objective {'hidden': 'wide'} does not fit GAN: hidden is a word\. Change"):
        fitting(recipe, model, fail)
    assert fitting(recipe, model, lambda: 3) == 3


@pytest.mark.parametrize(
    ("labels", "classes", "has"), [(None, (), "no labels"), (torch.zeros(4).long(), ("b", "a"), "b, a")]
)
def test_labels_are_the_classes_of_the_model_in_their_order(labels, classes, has):
    config = {"image_size": 8, "channels": 1, "width": 2, "latent_dim": 2, "classes": ("a", "b")}
    with pytest.raises(DataError, match=f"cgan is conditioned on a, b, but made-up has {has}. Give its config"):
        checked("cgan", config, images=of(8), labels=labels, classes=classes)
    checked("cgan", config, images=of(8), labels=torch.zeros(4).long(), classes=("a", "b"))

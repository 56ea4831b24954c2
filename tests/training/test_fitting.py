"""An architecture, fitted to a folder of images of one's own."""

import numpy as np
import pytest
from PIL import Image

from zoo import building, registry, releases
from zoo.errors import ConfigError, DataError
from zoo.training.fitting import changes


def folder(tmp_path, *modes):
    for place, mode in enumerate(modes):
        Image.new(mode, (8, 8), 100).save(tmp_path / f"{place}.{'tif' if mode == 'CMYK' else 'png'}")
    return tmp_path


def shape_alone(name, data, given):
    """The changes without those of how the data are parted."""
    found = changes(registry.find_architecture(name), data, given)
    return {key: value for key, value in found.items() if key not in ("holdout", "batch_size")}


@pytest.mark.parametrize(
    ("modes", "channels"),
    [(["RGB"], 3), (["L"], 1), (["L", "LA", "1"], 1), (["L", "L", "RGBA"], 3), (["CMYK"], 3)],
)
def test_an_architecture_takes_the_channels_of_the_images(tmp_path, modes, channels):
    root = folder(tmp_path, *modes)
    own = {"vae": 1, "dcgan": 3}
    for name, before in own.items():
        expected = {} if channels == before else {"config.channels": channels}
        assert shape_alone(name, root, {}) == expected
    expected = {} if channels == 1 else {"config.image_shape": [3, 28, 28]}
    assert shape_alone("gan", root, {}) == expected
    sizes = {"config.image_size": 16}
    assert shape_alone("vae", root, sizes) == ({} if channels == 1 else {"config.channels": 3})


@pytest.mark.parametrize("name", [entry.name for entry in registry.list_entries("architectures")])
def test_a_folder_of_pictures_is_read_as_such_whatever_the_recipe_names(tmp_path, name):
    recipe = building.resolve(registry.find_architecture(name)).recipe
    if recipe.dataset not in ("mnist", "fashion-mnist", "cifar10"):
        pytest.skip("reads image files, or none")
    found = changes(registry.find_architecture(name), folder(tmp_path, *["RGB"] * 30), {})
    assert found == {"dataset": "image-folder", "config.image_shape": [3, 28, 28], "holdout": 3, "batch_size": 27}


def test_the_set_of_the_recipe_is_read_where_it_is_named_or_there_or_fetched(tmp_path):
    nice = registry.find_architecture("nice")
    root = folder(tmp_path, "RGB", "RGB")
    assert changes(nice, root, {"dataset": "mnist"}) == {}
    assert changes(nice, root, {}, download=True) == {}
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "digit.png").write_bytes((root / "0.png").read_bytes())
    assert changes(nice, root, {})["dataset"] == "image-folder", "a folder of that name is no file of the set"
    (raw / "digit.png").unlink()
    assert changes(nice, raw.parent, {}) == {}, "a folder without images is left to who tells what is wrong"
    (raw / "train-images-idx3-ubyte").write_bytes(b"damaged")
    assert changes(nice, root, {}) == {}, "what is wrong with the set is left to who reads it"


def test_what_is_given_is_left_alone(tmp_path):
    root = folder(tmp_path, "RGB")
    assert shape_alone("vae", root, {"config.channels": 1}) == {}
    assert shape_alone("gan", root, {"config.image_shape": [1, 8, 8]}) == {}


def test_a_palette_has_colours_or_not(tmp_path):
    for place, colour in enumerate([(9, 9, 9), (9, 9, 200)]):
        picture = Image.new("RGB", (8, 8), colour).quantize(2)
        picture.save(tmp_path / "a.png")
        assert shape_alone("vae", tmp_path, {}) == ({"config.channels": 3} if place else {})


def test_bad_images_are_left_to_who_reads_them(tmp_path):
    folder(tmp_path, "L")
    (tmp_path / "bad.png").write_bytes(b"")
    assert shape_alone("dcgan", tmp_path, {}) == {"config.channels": 1}


def test_models_of_vectors_refuse_a_folder_and_say_what_to_do(tmp_path):
    root = folder(tmp_path, "RGB")
    with pytest.raises(
        DataError, match=r"flow-2d is trained on the rows .* is none\. For images there are others: zoo"
    ):
        changes(registry.find_architecture("flow-2d"), root, {})
    with pytest.raises(DataError, match=r"maf .* For images add --set dataset=image-folder --set config\.image_shape="):
        changes(registry.find_architecture("maf"), root, {})
    given = {"dataset": "image-folder", "config.image_shape": [3, 8, 8]}
    assert shape_alone("maf", root, given) == {}


def test_models_of_images_refuse_a_table(tmp_path):
    (tmp_path / "t.csv").write_text("1,2\n3,4\n")
    with pytest.raises(
        ConfigError,
        match=r"vae cannot be trained on .*t\.csv, a table of 2 columns: it is a model of images\. .*there is flow-2d",
    ):
        changes(registry.find_architecture("vae"), tmp_path / "t.csv", {})


def parted(name, data, **given):
    found = changes(registry.find_architecture(name), data, given)
    return found.get("holdout"), found.get("batch_size")


def test_a_tenth_of_a_folder_is_held_out_unless_it_says_what_is(tmp_path):
    for place in range(42):
        Image.new("L", (8, 8), place).save(tmp_path / f"{place}.png")
    assert parted("vae", tmp_path) == (4, 38)
    assert parted("vae", tmp_path, holdout=12) == (4, 30), "what is given is left to who gave it"
    inner = tmp_path / "train" / "cats"
    inner.mkdir(parents=True)
    for file in tmp_path.glob("*.png"):
        file.rename(inner / file.name)
    assert parted("vae", tmp_path) == (4, 38)
    (tmp_path / "val" / "cats").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "val" / "cats" / "a.png")
    assert parted("vae", tmp_path) == (0, 42)


def test_to_start_from_a_release_the_shape_and_its_batch_stay(tmp_path):
    for place in range(30):
        Image.new("L", (8, 8), place).save(tmp_path / f"{place}.png")
    dcgan = registry.find_architecture("dcgan")
    assert changes(dcgan, tmp_path, {"start": "dcgan-celeba"}) == {"holdout": 3, "batch_size": 27}
    for place in range(30, 300):
        Image.new("L", (8, 8), place % 256).save(tmp_path / f"{place}.png")
    own = releases.find("dcgan-celeba").card.training["batch_size"]
    assert changes(dcgan, tmp_path, {"start": "dcgan-celeba"}) == {"holdout": 30, "batch_size": own}
    np.save(tmp_path / "t.npy", np.zeros((40, 2)))
    flow = registry.find_architecture("flow-2d")
    given = {"start": "flow-2d-two-moons"}
    assert changes(flow, tmp_path / "t.npy", given) == {"dataset": "table", "holdout": 4, "batch_size": 36}


def test_a_batch_is_no_larger_than_what_is_left_to_train_on(tmp_path):
    rows, pixels = np.random.default_rng(0).normal(size=(40, 2)), np.zeros((40, 1, 28, 28), np.uint8)
    np.save(tmp_path / "t.npy", rows)
    for name, data in (("flow-2d", rows), ("flow-2d", tmp_path / "t.npy"), ("vae", pixels)):
        found = (changes(registry.find_architecture(name), data, given) for given in ({}, {"holdout": 20}))
        assert [each["batch_size"] for each in found] == [36, 20]
    parted = {"train": pixels, "test": pixels[:3]}
    assert changes(registry.find_architecture("vae"), parted, {"holdout": 20})["batch_size"] == 40

"""A plugin renames a field and a layer of its architecture: earlier files and cards are read, later ones refused."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import zoo
from zoo import building, releases
from zoo.errors import ConfigError, WeightsMismatch
from zoo.model import Model
from zoo.registry import registry
from zoo.registry.entries import Architecture
from zoo.releases.cards import CARD, FORMAT, Card
from zoo.spaces import Images


@dataclasses.dataclass(frozen=True)
class FormerConfig:
    size: int = 2


class Former(Model):
    """As its package was first released."""

    config_class = FormerConfig

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Images((1, 1, config.size)), (config.size,)
        self.grow = nn.Linear(config.size, config.size)

    def _decode(self, z, condition):
        return self.grow(z).sigmoid()[:, None, None]


@dataclasses.dataclass(frozen=True)
class Config:
    width: int = 3


class Toy(Model):
    """As it is now: the field `size` is called `width`, the layer `grow` is called `network`."""

    config_class = Config
    version = 1

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Images((1, 1, config.width)), (config.width,)
        self.network = nn.Linear(config.width, config.width)

    @classmethod
    def migrate(cls, config, state, format, version):
        assert format == FORMAT  # of zoo nothing was renamed
        if version < 1:
            config["width"] = config.pop("size")  # in place: it is given copies
            for key in [key for key in state if key.startswith("grow.")]:
                state[key.replace("grow.", "network.")] = state.pop(key)
        return config, state

    def _decode(self, z, condition):
        return self.network(z).sigmoid()[:, None, None]


@pytest.fixture
def install(monkeypatch):
    """Registers a class as `toy`, in place of the one before, as a version of the package zoo-toy does."""

    def install(cls):
        entry = Architecture(
            "toy",
            f"{__name__}:{cls.__name__}",
            family="tests",
            capabilities=frozenset({"generate", "decode"}),
            distribution="zoo-toy",
        )
        others = [each for each in registry().of("architectures") if each.name != "toy"]
        monkeypatch.setitem(registry().architectures, "toy", [entry])
        monkeypatch.setitem(registry()._things, "architectures", [*others, entry])
        return entry

    return install


@pytest.fixture
def written(tmp_path, front, install):
    """Writes the release folder of an untrained model of a class, which it returns too."""

    def write(cls):
        folder = tmp_path / "toy-made-up"
        model = building.create(install(cls), {}).eval()
        sha256 = model.save(folder / "model.safetensors")
        block = {"sha256": sha256, "bytes": (folder / "model.safetensors").stat().st_size}
        numbers = {"format": FORMAT} | ({"version": cls.version} if cls.version else {})
        config = dataclasses.asdict(model.config)
        card = Card(folder, front, "# Toy\n").replace(architecture="toy", config=config, weights=block, **numbers)
        card.replace(data={**front["zoo"]["data"], "shape": list(model.space.shape)}).write()
        return folder, model

    return write


def test_the_number_stands_in_the_header_unless_it_is_0(written, contents):
    assert "version" not in contents(written(Former)[0] / "model.safetensors")[1]
    assert contents(written(Toy)[0] / "model.safetensors")[1]["version"] == 1


def test_an_earlier_file_and_card_are_read_with_the_same_values(written, install):
    folder, former = written(Former)
    install(Toy)
    for model in (zoo.load(folder), building.read(folder / "model.safetensors")):
        assert isinstance(model, Toy)
        assert model.config == Config(2)
        assert torch.equal(model.generate(5, seed=0), former.generate(5, seed=0))
    assert building.outline(releases.describe(folder)).config == Config(2)
    assert building.current_config(releases.describe(folder)) == {"width": 2}


def test_files_of_this_version_are_read_without_migrate(written, monkeypatch):
    folder, model = written(Toy)
    monkeypatch.setattr(Toy, "migrate", None)
    assert torch.equal(zoo.load(folder).generate(5, seed=0), model.generate(5, seed=0))


def test_a_card_of_an_earlier_version_fits_weights_of_this_one(written, monkeypatch):
    folder, model = written(Toy)
    card = Card.read(folder)
    card.replace(version=0, config={"size": 3}).write()
    assert torch.equal(zoo.load(folder).generate(5, seed=0), model.generate(5, seed=0))


def test_a_later_version_is_refused_with_what_to_upgrade(written, install):
    folder, _ = written(Toy)
    install(Former)
    words = "is of version 1 of toy; the zoo-toy installed here reads versions up to 0.*install --upgrade zoo-toy"
    with pytest.raises(WeightsMismatch, match=rf"model\.safetensors {words}"):
        zoo.load(folder)
    with pytest.raises(WeightsMismatch, match=words):
        building.read(folder / "model.safetensors")
    with pytest.raises(ConfigError, match=rf"{CARD} {words}"):
        building.outline(releases.describe(folder))


@pytest.mark.parametrize("version", [-1, "1", True, 1.5, None])
def test_a_number_that_is_none_is_refused(written, version):
    folder, _ = written(Toy)
    card = Card.read(folder).replace(version=version)
    with pytest.raises(zoo.errors.CardError, match=f"its version is {version!r}; expected a whole number"):
        card.validate()


def test_what_migrate_does_not_find_is_said_with_the_file(written, install, contents):
    folder, _ = written(Former)
    path = folder / "model.safetensors"
    state, header = contents(path)
    save_file(state, path, metadata={"zoo": json.dumps({**header, "config": {"breadth": 2}})})
    install(Toy)
    with pytest.raises(WeightsMismatch, match=rf"is of format {FORMAT}, version 0, and cannot be read as such"):
        building.read(path)

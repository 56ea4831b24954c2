"""Whatever is done to a file of weights, golden tensors, a checkpoint or a card, reading it ends in a value or in an
error of zoo's, never in somebody else's. `pytest -n0 -m long` tries many more."""

import copy
import functools
import json
import random

import pytest
import torch
import yaml
from safetensors.torch import save as serialise

import zoo
from zoo import building, golden
from zoo.errors import ZooError
from zoo.releases.cards import Card
from zoo.training import checkpoint

STRANGE = [
    None, True, -1, 0, 1e999, -1e999, float("nan"), 10**30, 2**63, 10**400, "x", "", "\ud800", "\x1b[2J", [], {},
    [0, 1e999], [0, -1], [[[]]], "F32", "I8", "BF16", "F8_E4M3", "dcgan", ["cat", "cat"], {"n": 10**9},
]  # fmt: skip


def changed(value, chance):
    """A copy of a JSON-like value with one place replaced, dropped or renamed."""
    value = copy.deepcopy(value)
    places = []

    def walk(container):
        for key in container if isinstance(container, dict) else range(len(container)):
            places.append((container, key))
            if isinstance(container[key], dict | list):
                walk(container[key])

    walk(value)
    container, key = chance.choice(places)
    what = chance.random()
    if isinstance(container, dict) and what < 0.2:
        del container[key]
    elif isinstance(container, dict) and what < 0.3:
        container[f"{key}x"] = container.pop(key)
    else:
        container[key] = chance.choice(STRANGE)
    return value


def scribbled(content, chance):
    """Bytes that were cut, overwritten in places, or had others put between."""
    content, place = bytearray(content), chance.randrange(len(content))
    what = chance.randrange(3)
    if what == 0:
        return bytes(content[:place])
    if what == 1:
        for _ in range(chance.randrange(1, 20)):
            content[chance.randrange(min(len(content), 3000))] = chance.randrange(256)
        return bytes(content)
    return bytes(content[:place] + chance.randbytes(chance.randrange(50)) + content[place:])


def mutated(content, chance):
    """A safetensors file with its bytes, its header or the JSON in its metadata changed."""
    what = chance.randrange(3)
    if what == 0:
        return scribbled(content, chance)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    if what == 1:
        header = changed(header, chance)
    else:
        ((key, inner),) = header["__metadata__"].items()
        header["__metadata__"][key] = json.dumps(changed(json.loads(inner), chance))
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.fixture
def small(release):
    golden.write(zoo.load(release), release / "golden.safetensors")
    return release


def networks():
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 2)
    return {"objective": network}, {"all": torch.optim.Adam(network.parameters())}


def survives(read, chance, make, path):
    path.write_bytes(make(chance))
    said = ""
    try:
        read()
    except ZooError as error:
        said = str(error)
    assert len(said.encode()) < 2000


def rounds(count):
    return [*range(count), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(count, 100))]


@pytest.mark.parametrize("seed", rounds(4))
def test_weights_and_golden_files(small, seed):
    chance, model = random.Random(seed), zoo.load(small)
    for name, read in (
        ("model", lambda: building.read(small / "model.safetensors")),
        ("golden", lambda: golden.verify(model, small / "golden.safetensors")),
    ):
        content = (small / f"{name}.safetensors").read_bytes()
        for _ in range(40):
            survives(
                read, chance, lambda chance, content=content: mutated(content, chance), small / f"{name}.safetensors"
            )


@pytest.mark.parametrize("seed", rounds(2))
def test_checkpoints(tmp_path, seed):
    chance, path = random.Random(seed), tmp_path / "checkpoint.safetensors"
    parts, optimizers = networks()
    parts["objective"](torch.ones(1, 2)).sum().backward()
    optimizers["all"].step()
    checkpoint.save(path, 3, {"seed": 0, "config": {"width": 2}}, parts, optimizers)
    # Without its checksum, as before there was one, or nothing after it would ever be read.
    metadata, tensors = checkpoint.read_tensors(path)
    plain = metadata[checkpoint.KEY].partition(" ")[2]
    content = serialise(tensors, {checkpoint.KEY: plain})
    for _ in range(40):
        survives(
            lambda: checkpoint.load(path, {"seed": 0, "config": {"width": 2}}, *networks()),
            chance,
            functools.partial(mutated, content),
            path,
        )


@pytest.mark.parametrize("seed", rounds(4))
def test_cards(release, front, seed):
    chance, path = random.Random(seed), release / "README.md"
    card = Card.read(release)
    text = path.read_bytes()

    def make(chance):
        if chance.random() < 0.3:
            return scribbled(text, chance)
        said = yaml.safe_dump(changed(card.front, chance), allow_unicode=True)
        return f"---\n{said}---\n{card.body}".encode("utf-8", "backslashreplace")

    def read():
        found = Card.read(release)
        found.render()
        zoo.info(release)
        zoo.load(release)

    for _ in range(25):
        survives(read, chance, make, path)

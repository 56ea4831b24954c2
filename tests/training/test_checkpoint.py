"""Checkpoints: everything back bit for bit, whole or not at all, and nothing foreign let in."""

import errno
import json
import os
import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from zoo.errors import TrainingError
from zoo.training import checkpoint

SETTINGS = {"config": {"width": 4, "sides": (1, 2)}, "steps": 9, "objective": {"learning_rate": 0.1}}


def run(seed, *, channels_last=False):
    """A small network with parameters and buffers, its Adam, and a part that Adam does not know."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))
        average = nn.Linear(2, 2)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), lr=0.1 * (seed + 1), betas=(0.5, 0.9 + seed / 100))
    return {"objective": network, "average": average}, {"network": adam}


def train(parts, optimizers, steps, first=0):
    for step in range(first, first + steps):
        images = torch.rand(5, 3, 7, 7, generator=torch.Generator().manual_seed(step))
        optimizers["network"].zero_grad()
        parts["objective"](images).square().mean().backward()
        optimizers["network"].step()


def state(parts, optimizers):
    tensors = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}
    for index, entries in optimizers["network"].state_dict()["state"].items():
        tensors |= {f"{index}.{key}": value for key, value in entries.items()}
    return tensors


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert a[key].dtype == b[key].dtype, key
        assert torch.equal(a[key], b[key]), key


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoint.safetensors"


@pytest.fixture
def saved(path):
    parts, optimizers = run(0)
    train(parts, optimizers, 3)
    checkpoint.save(path, 3, SETTINGS, parts, optimizers)
    return parts, optimizers


@pytest.mark.parametrize("channels_last", [False, True])
def test_networks_and_adam_come_back_bit_for_bit_and_train_on_alike(path, channels_last):
    before = run(0, channels_last=channels_last)
    train(*before, 3)
    checkpoint.save(path, 3, SETTINGS, *before)
    after = run(1, channels_last=channels_last)
    assert checkpoint.load(path, SETTINGS, *after).step == 3
    same(state(*after), state(*before))
    weight = after[0]["objective"][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    train(*before, 2, first=3)
    train(*after, 2, first=3)
    same(state(*after), state(*before))


def test_settings_of_the_optimizer_come_back(path, saved):
    parts, optimizers = run(1)
    checkpoint.load(path, SETTINGS, parts, optimizers)
    (group,) = optimizers["network"].param_groups
    assert (group["lr"], tuple(group["betas"])) == (0.1, (0.5, 0.9))
    # The very parameters of this network, not copies of those that were saved.
    assert all(a is b for a, b in zip(group["params"], parts["objective"].parameters(), strict=True))


def test_before_the_first_step_there_is_no_optimizer_state_to_lose(path):
    checkpoint.save(path, 0, SETTINGS, *run(0))
    after = run(1)
    assert checkpoint.load(path, SETTINGS, *after).step == 0
    same(state(*after), state(*run(0)))


def test_tensors_that_share_memory_are_saved_each(path):
    parts, optimizers = run(0)
    parts["twin"] = parts["average"]
    checkpoint.save(path, 1, SETTINGS, parts, optimizers)
    stored = load_file(path)
    assert torch.equal(stored["twin/weight"], stored["average/weight"])


def test_a_save_that_fails_leaves_the_previous_checkpoint_whole(path, saved, monkeypatch):
    before = path.read_bytes()

    def full(file, content):
        with file.open("wb") as half:
            half.write(content[:100])
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space") as caught:
        checkpoint.save(path, 4, SETTINGS, *saved)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert checkpoint.load(path, SETTINGS, *run(1)).step == 3


def test_the_next_save_replaces_the_last_and_leaves_nothing_beside_it(path, saved):
    checkpoint.save(path, 4, SETTINGS, *saved)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert checkpoint.load(path, SETTINGS, *run(1)).step == 4


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({**SETTINGS, "steps": 10}, "steps"),
        ({**SETTINGS, "objective": {"learning_rate": 0.2}}, "objective"),
        ({**SETTINGS, "steps": 10, "config": {"width": 8, "sides": (1, 2)}}, "config, steps"),
        ({**SETTINGS, "clip": 1.0}, "clip"),
        ({"config": SETTINGS["config"], "steps": 9}, "objective"),
    ],
)
def test_another_run_is_refused_before_anything_is_touched(path, saved, others, named):
    mine = run(1)
    before = {key: value.clone() for key, value in state(*mine).items()}
    with pytest.raises(TrainingError, match=rf"other settings \({named}\)\. Resume with the same"):
        checkpoint.load(path, others, *mine)
    same(state(*mine), before)


@pytest.mark.parametrize("header", ["no JSON", "{}", "[1]", None])
@pytest.mark.parametrize("key", ["zoo-checkpoint", "format"])
def test_foreign_safetensors_are_refused(path, key, header):
    path.parent.mkdir()
    save_file({"objective/0.weight": torch.zeros(4, 3, 3, 3)}, path, metadata=header and {key: header})
    with pytest.raises(TrainingError, match=r"no checkpoint to resume from.*with --force instead of --resume"):
        checkpoint.load(path, SETTINGS, *run(0))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 a pickle in a zip", b"\x80\x04."])
def test_missing_and_unreadable_files_are_refused(path, content):
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match=f"{path.name} is no checkpoint to resume from"):
        checkpoint.load(path, SETTINGS, *run(0))


def test_a_file_cut_short_is_refused(path, saved):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        checkpoint.load(path, SETTINGS, *run(0))


def test_a_checkpoint_that_does_not_fit_is_an_error_that_helps(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    parts, optimizers = run(0)
    checkpoint.save(path, 1, SETTINGS, parts, optimizers)
    other = {name: torch.nn.Linear(2, 2) for name in parts}
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        checkpoint.load(path, SETTINGS, other, optimizers)
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        checkpoint.load(path, SETTINGS, parts, {"stranger": next(iter(optimizers.values()))})


def header(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_no_flipped_bit_is_resumed_from(path):
    """In every byte of the header, where names, settings and offsets stand, and in bytes of all tensors."""
    parts, optimizers = run(0)
    checkpoint.save(path, 3, SETTINGS, parts, optimizers, [{"losses": {"a": 1e-05}}])
    whole, chance = path.read_bytes(), random.Random(0)
    end = 8 + int.from_bytes(whole[:8], "little")
    places = [*range(8, end), *range(end, len(whole), 7)]
    before = state(parts, optimizers)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match="no checkpoint to resume from"):
            checkpoint.load(path, SETTINGS, parts, optimizers)
    same(state(parts, optimizers), before)
    path.write_bytes(whole)
    assert checkpoint.load(path, SETTINGS, parts, optimizers).step == 3


@pytest.mark.parametrize(
    ("holdout", "seed", "goes_on"), [(0, 0, True), (4, None, True), (4, 0, False), (None, None, True)]
)
def test_a_run_of_before_hold_outs_were_drawn_by_seed_holds_out_the_last(path, holdout, seed, goes_on):
    parts, optimizers = run(0)
    held = {} if holdout is None else {"holdout": holdout}
    checkpoint.save(path, 3, SETTINGS | held, parts, optimizers)
    now = SETTINGS | (held | {"holdout_seed": seed} if held else {})
    if goes_on:
        assert checkpoint.load(path, now, parts, optimizers).step == 3
    else:
        with pytest.raises(TrainingError, match=r"other settings \(holdout_seed\)\. Resume with the same"):
            checkpoint.load(path, now, parts, optimizers)


def test_a_file_of_before_there_was_a_checksum_is_read(path, saved):
    (text,) = header(path).values()
    old = json.loads(text.partition(" ")[2])
    del old["unlogged"]
    save_file(load_file(path), path, metadata={checkpoint.KEY: json.dumps(old)})
    after = run(1)
    assert checkpoint.load(path, SETTINGS, *after) == (3, [])
    same(state(*after), state(*saved))


def test_what_the_log_has_not_yet_comes_back(path):
    unlogged = [{"losses": {"a": 0.1 + 0.2}, "gradients": {"a": float("inf")}, "outputs": {}}]
    checkpoint.save(path, 3, SETTINGS, *run(0), unlogged)
    assert checkpoint.load(path, SETTINGS, *run(0)) == (3, unlogged)


@pytest.mark.parametrize(("samples", "told"), [(84, "40 samples then, now 84"), (40, "now as many others")])
def test_a_run_on_other_data_is_refused_before_anything_is_touched(path, samples, told):
    checkpoint.save(path, 3, SETTINGS | {"data": {"samples": 40, "fingerprint": "a"}}, *run(0))
    mine = run(1)
    before = {key: value.clone() for key, value in state(*mine).items()}
    with pytest.raises(TrainingError, match=rf"a run on other data: .*{told}\. Resume with the same data"):
        checkpoint.load(path, SETTINGS | {"data": {"samples": samples, "fingerprint": "b"}}, *mine)
    same(state(*mine), before)


def test_a_checkpoint_that_does_not_know_its_data_goes_on_with_any(path, saved):
    settings = SETTINGS | {"data": {"samples": 84, "fingerprint": "b"}}
    assert checkpoint.load(path, settings, *run(1)).step == 3


def test_a_checkpoint_is_on_the_disk_before_it_replaces_the_last(path, saved, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_size))
    checkpoint.save(path, 4, SETTINGS, *saved)
    assert flushed[0] == path.stat().st_size

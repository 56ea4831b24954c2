"""Work in parts: shared by processes, gone on with, and told by a manifest."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo import images

SHARDS = ["--shards", "npy", "--seed", "3", "--out", "made/"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("zoo.cli.shards.SIZE", 4)


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def in_processes(monkeypatch, world, run, *words):
    monkeypatch.setenv("WORLD_SIZE", str(world))
    results = []
    for rank in range(world):
        monkeypatch.setenv("RANK", str(rank))
        results.append(run(*words))
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.delenv("RANK")
    assert [result.status for result in results] == [0] * world, results
    return results


def joined(folder):
    return np.concatenate([np.load(path) for path in sorted(Path(folder).glob("*.npy"))])


def test_shards_are_what_one_call_draws_and_the_manifest_tells_where(run):
    assert "Wrote 3 parts of 10 samples in made, seed 3." in run("generate", "dcgan-celeba", "-n", "10", *SHARDS).out
    assert np.allclose(joined("made"), zoo.load("dcgan-celeba").generate(10, seed=3).numpy(), atol=1e-6)
    about = json.loads(Path("made/manifest.json").read_text())
    assert [(each["first"], each["count"]) for each in about["shards"]] == [(0, 4), (4, 4), (8, 2)]
    assert about["shards"][1]["file"] == "dcgan-celeba-seed3-000000004.npy"
    assert (about["n"], about["command"], about["options"]["seed"]) == (10, "generate", 3)


@pytest.mark.parametrize("kind", ["npy", "safetensors", "parquet", "tar"])
@pytest.mark.parametrize("world", [2, 3])
def test_processes_write_the_shards_of_one_byte_for_byte(run, monkeypatch, kind, world):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    words = ["generate", "cgan-fashion-mnist", "-n", "10", "--seed", "3", "--shards", kind, "--out"]
    assert run(*words, "one/").status == 0
    in_processes(monkeypatch, world, run, *words, "several/")
    assert files("one") == files("several")


def test_who_goes_on_makes_what_is_missing_and_nothing_else(run, mistake):
    words = ["generate", "dcgan-celeba", "-n", "10", *SHARDS]
    assert run(*words, "--resume").status == 0
    whole = files("made")
    lost = Path("made/dcgan-celeba-seed3-000000004.npy")
    lost.unlink()
    for path in Path("made").iterdir():
        os.utime(path, (5, 5))
    assert "(--resume)" in mistake(*words)
    assert run(*words, "--resume").status == 0
    assert files("made") == whole
    assert [path.name for path in Path("made").iterdir() if path.stat().st_mtime != 5] == [lost.name]


def test_shards_of_other_work_are_neither_taken_for_done_nor_mixed(run, mistake):
    words = ["generate", "dcgan-celeba", *SHARDS]
    assert run(*words, "-n", "10").status == 0
    assert "differs in n, shards" in mistake(*words, "-n", "6", "--resume")
    assert "differs in options" in mistake(*words, "-n", "10", "--resume", "--temperature", "0.5")
    assert run(*words, "-n", "6", "--force").status == 0
    assert len(files("made")) == 3
    Path("made/manifest.json").unlink()
    assert "is there already" in mistake(*words, "-n", "6", "--resume")
    Path("made/manifest.json").write_text("{")
    assert "is no manifest of shards" in mistake(*words, "-n", "6", "--resume")


def test_single_files_are_gone_on_with_too(run, mistake):
    words = ["generate", "dcgan-celeba", "-n", "6", "--seed", "3", "--out", "made/", "--resume"]
    assert run(*words).status == 0
    whole = files("made")
    assert len(whole) == 7
    Path("made/dcgan-celeba-seed3-0005.png").unlink()
    assert run(*words).status == 0
    assert files("made") == whole
    assert "differs in n" in mistake(*words[:3], "5", *words[4:])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--shards", "zip", "--out", "made/"], "--shards zip is unknown; expected npy, safetensors, parquet, tar."),
        (["--shards", "npy", "--out", "a.npy"], "--shards is for samples in a folder. Name it: --out DIR/."),
        (["--resume"], "--resume is for samples in a folder."),
        (["--shards", "npy", "--out", "made/", "--resume", "--force"], "choose one of them"),
        (["--resume", "--out", "made/"], "Pass --seed"),
        (["--shards", "npy", "--seed", "0", "--out", "made/", "--captions"], "neither --growth, --round nor"),
    ],
)
def test_what_does_not_go_together_is_said(mistake, words, told):
    assert told in mistake("generate", "dcgan-celeba", *words)


# Looking at files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def many(isolated):
    Path("many").mkdir()
    for place in range(10):
        Image.new("L", (8, 8), 20 * place + 3).save(f"many/{place}.png")
    return sorted(Path("many").iterdir())


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_encode_and_score_files_as_one_call_does(run, monkeypatch, many, world):
    vae, pixels = zoo.load("vae-fashion-mnist"), images.load(many, (1, 8, 8))
    in_processes(monkeypatch, world, run, "encode", "vae-fashion-mnist", "many", "--shards", "npy", "--out", "codes/")
    assert np.allclose(joined("codes"), vae.encode(pixels).numpy(), atol=1e-6)
    words = ["score", "vae-fashion-mnist", "many", "--seed", "2", "--shards", "npy", "--out", "numbers/"]
    in_processes(monkeypatch, world, run, *words)
    expected = torch.stack([vae.log_prob(pixels, seed=2), vae.bits_per_dim(pixels, seed=2)], 1)
    assert np.allclose(joined("numbers"), expected.numpy(), rtol=1e-6)
    about = json.loads(Path("numbers/manifest.json").read_text())
    assert (about["columns"], about["files"]) == (["log_prob", "bits_per_dim"], list(map(str, many)))
    Path("numbers/vae-fashion-mnist-score-000000004.npy").unlink()
    assert run(*words, "--resume").status == 0
    assert np.allclose(joined("numbers"), expected.numpy(), rtol=1e-6)


def test_what_cannot_be_read_has_a_row_of_nan(run, mistake, many):
    many[5].write_bytes(b"broken")
    for path in many[8:]:
        path.write_bytes(b"broken")
    words = ["encode", "vae-fashion-mnist", "many", "--shards", "npy", "--out", "codes/"]
    assert "5.png" in mistake(*words)
    result = run(*words, "--skip-bad", "--resume")
    assert result.status == 1
    assert "3 files could not be read" in result.err
    codes = joined("codes")
    assert [row for row in range(10) if np.isnan(codes[row]).any()] == [5, 8, 9]
    good = [path for place, path in enumerate(many) if place not in (5, 8, 9)]
    expected = zoo.load("vae-fashion-mnist").encode(images.load(good, (1, 8, 8)))
    assert np.allclose(codes[[0, 1, 2, 3, 4, 6, 7]], expected.numpy(), atol=1e-6)


def test_files_that_have_changed_are_other_work(run, mistake, many):
    words = ["encode", "vae-fashion-mnist", "many", "--shards", "npy", "--out", "codes/"]
    assert run(*words).status == 0
    Image.new("L", (8, 8), 255).save(many[0])
    os.utime(many[0], (5, 5))
    assert "differs in state" in mistake(*words, "--resume")


def test_rows_of_a_table_are_shared_too(run, monkeypatch, points):
    drawn = zoo.load(points).generate(10, seed=0)
    np.save("rows.npy", drawn.numpy())
    in_processes(monkeypatch, 2, run, "score", points, "rows.npy", "--shards", "npy", "--out", "numbers/")
    assert np.allclose(joined("numbers"), zoo.load(points).log_prob(drawn).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["score", "--out", "numbers/"], "is for numbers in shards. Pass --shards npy"),
        (["score", "--out", "numbers/", "--resume"], "Pass --shards npy as well, as when it began"),
        (["encode", "--out", "codes.npy", "--shards", "npy"], "codes.npy"),
        (["encode", "--out", "a/", "--shards", "npy", "--reconstructions", "b.png"], "--reconstructions shows"),
    ],
)
def test_what_shards_of_files_do_not_go_with_is_said(mistake, many, words, told):
    assert told in mistake(words[0], "vae-fashion-mnist", "many", *words[1:])

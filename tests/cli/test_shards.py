"""Work in parts: shared by processes, gone on with, and told by a manifest."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

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


@pytest.fixture
def many(isolated):
    Path("many").mkdir()
    for place in range(10):
        Image.new("L", (8, 8), 20 * place + 3).save(f"many/{place}.png")
    return sorted(Path("many").iterdir())


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


def breaking_off(monkeypatch, folder, at):
    """Have the process end, as if killed, when it is about to move the file number `at` to its place in `folder`."""
    plain, moved = Path.replace, []

    def replace(self, target):
        moved.extend([target] * (Path(target).parent.name == folder))
        if len(moved) == at:
            os.utime(self, (5, 5))
            monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # who is killed removes nothing
            raise KeyboardInterrupt
        return plain(self, target)

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.parametrize(
    ("kind", "at"),  # 1 is the manifest, 2 the first shard, or file
    [(None, 3), ("npy", 1), ("npy", 2), ("npy", 4), ("safetensors", 3), ("parquet", 3), ("tar", 3)],
)
def test_killed_while_it_writes_it_costs_that_shard_and_leaves_nothing(run, monkeypatch, kind, at):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    words = ["generate", "dcgan-celeba", "-n", "10", "--seed", "3", *(["--shards", kind] if kind else []), "--resume"]
    assert run(*words, "--out", "one/").status == 0
    with monkeypatch.context() as patch:
        breaking_off(patch, "made", at)
        assert run(*words, "--out", "made/").status == 130
    assert len(before := files("made")) == at
    assert run(*words, "--out", "made/").status == 0
    assert files("made") == files("one")
    assert len(before.keys() - files("made").keys()) == 1


@pytest.mark.parametrize("words", [["--resume"], ["--shards", "npy"], ["--shards", "tar"]])
@pytest.mark.parametrize("place", ["zoo.models.gans.dcgan.DCGAN._decode", "zoo._util.atomic.Path.replace"])
def test_a_call_that_fails_before_its_first_file_leaves_no_manifest(run, monkeypatch, words, place):
    words = ["generate", "dcgan-celeba", "-n", "10", "--seed", "3", *words, "--out", "made/inner/"]
    plain = Path.replace

    def fail(self, *given):
        if place.endswith("_decode") or given[0].suffix != ".json":
            raise zoo.errors.InvalidInput("strange")
        return plain(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        assert "strange" in run(*words).err
        assert not Path("made").exists()
        Path("made/inner").mkdir(parents=True)
        (Path("made/inner") / "mine.txt").touch()
        assert "strange" in run(*words).err
    assert list(files("made/inner")) == ["mine.txt"]
    assert run(*words).status == 0


def test_a_call_that_fails_has_not_removed_what_it_was_to_write_over(run, monkeypatch):
    words = ["generate", "dcgan-celeba", *SHARDS]
    assert run(*words, "-n", "10").status == 0
    before = files("made")
    with monkeypatch.context() as patch:
        patch.setattr("zoo.models.gans.dcgan.DCGAN._decode", lambda *_: 1 / 0)
        assert run(*words, "-n", "6", "--force").status != 0
    assert files("made") == before


def test_what_cannot_be_read_leaves_no_manifest(mistake, many):
    many[1].write_bytes(b"broken")
    for command in ("encode", "score"):
        assert "1.png" in mistake(command, "vae-fashion-mnist", "many", "--shards", "npy", "--out", "made/")
        assert not Path("made").exists()


def test_shards_of_other_work_are_neither_taken_for_done_nor_mixed(run, mistake):
    words = ["generate", "dcgan-celeba", *SHARDS]
    assert run(*words, "-n", "10").status == 0
    assert "differs in n, shards" in mistake(*words, "-n", "6", "--resume")
    assert "differs in options" in mistake(*words, "-n", "10", "--resume", "--temperature", "0.5")
    assert run(*words, "-n", "6", "--force").status == 0
    assert len(files("made")) == 3
    Path("made/manifest.json").unlink()
    assert "is there, and no manifest.json" in mistake(*words, "-n", "6", "--resume")


@pytest.mark.parametrize("text", ["{", "[1]", '{"theirs": 1}', '{"format": 2, "n": 1}'])
@pytest.mark.parametrize("extra", ["--resume", "--force", "--quiet"])
def test_what_is_no_manifest_is_neither_read_nor_written_over(mistake, text, extra):
    Path("made").mkdir()
    Path("made/manifest.json").write_text(text)
    assert "is no manifest of shards" in mistake("generate", "dcgan-celeba", "-n", "6", *SHARDS, extra)
    assert Path("made/manifest.json").read_text() == text


def test_of_a_later_format_it_is_said_how_to_get_it(run, mistake):
    words = ["generate", "dcgan-celeba", "-n", "2", *SHARDS]
    assert run(*words).status == 0
    path = Path("made/manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    assert "is of format 2, this version of zoo knows up to 1. Get a later one: pip install" in mistake(
        *words, "--resume"
    )


def test_writing_over_removes_what_such_a_command_writes_and_nothing_else(run):
    words = ["generate", "dcgan-celeba", *SHARDS, "--force"]
    assert run(*words, "-n", "10").status == 0
    about = json.loads(Path("made/manifest.json").read_text())
    names = ["../victim.txt", str(Path("victim.txt").resolve()), "notes.npy", "../dcgan-celeba-seed3-000000000.npy"]
    for name in names:
        (Path("made") / name).write_text("mine")
        about["shards"].append({"file": name, "first": 0, "count": 1})
    Path("made/manifest.json").write_text(json.dumps(about))
    Path("made/dcgan-celeba-seed9-000000000.tar").write_text("of another seed")
    assert run(*words, "-n", "4").status == 0
    assert all((Path("made") / name).read_text() == "mine" for name in names)
    assert sorted(files("made")) == ["dcgan-celeba-seed3-000000000.npy", "manifest.json", "notes.npy"]


def test_writing_over_single_files_leaves_none_of_the_former(run, monkeypatch):
    words = ["generate", "dcgan-celeba", "--seed", "3", "--out", "made/", "--force"]
    assert run(*words, "-n", "10").status == 0
    for path in Path("made").iterdir():
        os.utime(path, (5, 5))
    in_processes(monkeypatch, 2, run, *words, "-n", "6")
    assert sorted(files("made")) == [f"dcgan-celeba-seed3-{row:04d}.png" for row in range(6)] + ["manifest.json"]


def test_the_manifest_of_single_files_goes_with_them(run):
    words = ["generate", "dcgan-celeba", "--seed", "3", "--out", "made/"]
    assert run(*words, "-n", "6", "--resume").status == 0
    assert run(*words, "-n", "2", "--force").status == 0
    assert sorted(files("made")) == ["dcgan-celeba-seed3-0000.png", "dcgan-celeba-seed3-0001.png"]
    Path("made/manifest.json").write_text("mine")
    assert run(*words, "-n", "2", "--force").status == 0
    assert Path("made/manifest.json").read_text() == "mine"


@pytest.mark.parametrize(("n", "world"), [(5, 1), (7, 3), (1, 2), (4, 4)])
def test_the_manifest_of_single_files_is_of_them_all_and_of_any_number_of_processes(run, monkeypatch, n, world):
    words = ["generate", "dcgan-celeba", "-n", n, "--seed", "3", "--out", "made/", "--resume"]
    in_processes(monkeypatch, world, run, *words)
    about = json.loads(Path("made/manifest.json").read_text())
    (whole,) = about["shards"]
    assert (whole["first"], whole["count"]) == (0, n)
    assert whole["file"].split(" … ") == sorted({f"dcgan-celeba-seed3-{row:04d}.png" for row in (0, n - 1)})
    assert "Wrote 0 parts" in run(*words).out
    in_processes(monkeypatch, 2, run, *words)


def test_labels_are_counted_before_they_are_parted(mistake):
    words = ["generate", "cgan-fashion-mnist", "--seed", "3", "--out", "made/", "-n", "8", "--condition"]
    for labels in ("0,1,2,0,1", "0,1,2,0,1,2,0,1,2"):
        told = mistake(*words, labels, "--shards", "npy")
        assert f"{len(labels) // 2 + 1} labels came for 8 samples. Pass one label, or exactly 8 of them." in told
        assert told == mistake(*words, labels)
    assert "'--count' / '-n': expected at least 1." in mistake(*words[:6], "-n", "0", "--shards", "npy")
    assert not Path("made").exists()


def test_what_was_written_is_told(run):
    words = ["generate", "dcgan-celeba", "-n", "10", *SHARDS, "--resume"]
    assert run(*words).status == 0
    Path("made/dcgan-celeba-seed3-000000004.npy").unlink()
    assert "Wrote 1 part of 10 samples in made (2 were there), seed 3." in run(*words).out
    assert "Wrote 0 parts of 10 samples in made (3 were there), seed 3." in run(*words).out


@pytest.mark.parametrize(("kind", "size"), [("npy", 4 * 192), ("tar", 192), (None, 4096)])
def test_there_must_be_room_for_what_is_not_there(run, mistake, monkeypatch, kind, size):
    words = ["generate", "dcgan-celeba", "-n", "10", "--seed", "3", "--out", "made/", "--resume"]
    words += ["--shards", kind] if kind else []
    usage = lambda free: lambda folder: SimpleNamespace(free=free)  # noqa: E731
    monkeypatch.setattr("shutil.disk_usage", usage(10 * size - 1))
    assert "10 samples would take about" in mistake(*words)
    assert not Path("made").exists()
    monkeypatch.setattr("shutil.disk_usage", usage(10 * size))
    assert run(*words).status == 0
    monkeypatch.setattr("shutil.disk_usage", usage(0))
    assert run(*words).status == 0


def test_single_files_of_processes_do_not_come_among_others(run, monkeypatch):
    Path("made").mkdir()
    Image.new("L", (8, 8)).save("made/holiday.png")
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = ["generate", "dcgan-celeba", "-n", "6", "--seed", "3", "--out", "made/"]
    assert "already holds holiday.png" in run(*words).err
    assert list(files("made")) == ["holiday.png"]
    in_processes(monkeypatch, 2, run, *words, "--force")


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "--shards", "npy", "--out", "made/"],
        *(["generate", *SHARDS, extra] for extra in ("--growth", "--round", "--captions")),
        ["generate", "--growth", "--round"],
        ["generate", *SHARDS, "--option", "seed=1"],
        ["generate", "--seed", "3", "--shards", "npy", "--out", "there/"],
        ["generate", "--seed", "3", "--shards", "npy", "--out", "there/", "--resume"],
        ["encode", "many", "--shards", "npy", "--out", "made/", "--reconstructions", "a.png"],
        ["encode", "many", "--resume", "--out", "made/"],
        ["encode", "many", "--shards", "npy"],
        ["encode", "many", "--shards", "npy", "--out", "there/"],
        ["score", "many", "--resume", "--out", "made/"],
        ["score", "many", "--shards", "npy", "--out", "there/"],
    ],
)
def test_what_needs_no_model_is_refused_before_one_is_loaded(mistake, many, monkeypatch, words):
    Path("there").mkdir()
    for made in ("seed3", "encode", "score"):
        Path(f"there/vae-fashion-mnist-{made}-000000000.npy").touch()
    monkeypatch.setattr("zoo.load", None)
    mistake(words[0], "vae-fashion-mnist", *words[1:])


@pytest.mark.parametrize("command", ["generate", "encode", "score"])
def test_without_pyarrow_it_is_said_before_a_model_is_loaded(mistake, many, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("zoo.load", None)
    words = ["--seed", "3"] if command == "generate" else ["many"]
    told = mistake(command, "vae-fashion-mnist", *words, "--shards", "parquet", "--out", "made/")
    assert "Parquet needs the package pyarrow." in told


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
    assert "differs in skip_bad" in mistake(*words, "--skip-bad", "--resume")
    result = run(*words, "--skip-bad", "--force")
    assert result.status == 1
    assert "3 files could not be read" in result.err
    codes = joined("codes")
    assert [row for row in range(10) if np.isnan(codes[row]).any()] == [5, 8, 9]
    good = [path for place, path in enumerate(many) if place not in (5, 8, 9)]
    expected = zoo.load("vae-fashion-mnist").encode(images.load(good, (1, 8, 8)))
    assert np.allclose(codes[[0, 1, 2, 3, 4, 6, 7]], expected.numpy(), atol=1e-6)


def test_what_processes_leave_out_is_kept_and_told_by_who_goes_on(run, monkeypatch, many):
    for place in (1, 5, 9):
        many[place].write_bytes(b"broken")
    words = ["score", "vae-fashion-mnist", "many", "--shards", "npy", "--out", "numbers/", "--skip-bad"]
    first, second = in_processes(monkeypatch, 2, run, *words)
    assert "2 files could not be read" in first.err
    assert "1 file could not be read" in second.err
    whole = files("numbers")
    assert json.loads(whole["vae-fashion-mnist-score-000000004.bad.json"])[0].startswith("many/5.png")
    again = run(*words, "--resume")
    assert again.status == 1
    assert "3 files could not be read" in again.err
    assert [name for name in ("1.png", "5.png", "9.png") if f"many/{name}" in again.err] == ["1.png", "5.png", "9.png"]
    assert files("numbers") == whole


def test_labels_of_files_are_counted(mistake, many):
    words = ["encode", "cgan-fashion-mnist", "many", "--shards", "npy", "--out", "codes/", "--condition", "0,1,2,0,1"]
    assert "5 labels came for 10 samples." in mistake(*words)


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
        (["encode", "--shards", "npy"], "--shards is for codes in a folder. Name it: --out DIR/."),
        (["encode", "--resume"], "--resume is for codes in a folder. Name it: --out DIR/."),
        (["encode", "--out", "codes/", "--resume"], "Pass --shards npy as well, as when it began"),
        (["score", "--out", "numbers/"], "is for numbers in shards. Pass --shards npy"),
        (["score", "--out", "numbers/", "--resume"], "Pass --shards npy as well, as when it began"),
        (["encode", "--out", "codes.npy", "--shards", "npy"], "codes.npy"),
        (["encode", "--out", "a/", "--shards", "npy", "--reconstructions", "b.png"], "--reconstructions shows"),
    ],
)
def test_what_shards_of_files_do_not_go_with_is_said(mistake, many, words, told):
    assert told in mistake(words[0], "vae-fashion-mnist", "many", *words[1:])

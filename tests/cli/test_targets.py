"""What --out means, and what it is refused for."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from zoo.cli.targets import Target, default_name, refuse
from zoo.errors import InvalidInput
from zoo.spaces import Images

EVERYTHING = ("picture", "array", "folder")
GREY = Images((1, 4, 4))


@pytest.mark.parametrize(
    ("word", "kind"), [("a.png", "picture"), ("a.JPG", "picture"), ("a.npy", "array"), ("a/", "folder")]
)
def test_kinds(tmp_path, word, kind):
    assert Target.parse(f"{tmp_path}/new/{word}", kinds=EVERYTHING).kind == kind
    assert not (tmp_path / "new").exists(), "what is refused later should leave nothing"


def test_an_existing_folder_is_a_folder(tmp_path):
    assert Target.parse(str(tmp_path), kinds=EVERYTHING).kind == "folder"
    folder = tmp_path / "odd.png"
    folder.mkdir()
    with pytest.raises(InvalidInput, match="is a folder"):
        Target.parse(str(folder), kinds=("picture",))


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
@pytest.mark.parametrize("content", ["", "a poem"])
def test_nothing_is_replaced_unless_it_may_be(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInput, match=r"is there already\. Write over it \(--force\), or choose another --out"):
        Target.parse(f"{tmp_path}/{name}", kinds=EVERYTHING)
    assert (tmp_path / name).read_text() == content
    assert Target.parse(f"{tmp_path}/{name}", kinds=EVERYTHING, force=True).force


def test_a_link_to_nothing_is_there(tmp_path):
    os.symlink(tmp_path / "gone", tmp_path / "link")
    with pytest.raises(InvalidInput, match="link is there already"):
        refuse([tmp_path / "link"], force=False)


def test_of_many_the_first_is_named_and_the_others_are_counted(tmp_path):
    files = [tmp_path / name for name in "abcd"]
    for file in files[1:]:
        file.touch()
    told = (
        r"b is there already \(and 2 more of these files\)\. Write over it \(--force\), wait, or choose another --to\."
    )
    with pytest.raises(InvalidInput, match=told):
        refuse(files, force=False, option="--to", hint="wait, ")
    refuse(files, force=True)
    refuse(files[:1], force=False)


def test_default_names_suit_every_file_system():
    assert default_name("dcgan-celeba", "seed0", 16) == "dcgan-celeba-seed0-16"
    assert default_name("a:b/c", "grün 1") == "a-b-c-grün-1"
    assert len(default_name("x" * 300, 7)) == 62


def test_what_comes_in_parts_fills_a_folder(tmp_path):
    target = Target.parse(f"{tmp_path}/new/", kinds=EVERYTHING)
    target.check(GREY, 3)
    parts = iter(torch.rand(3, 1, 4, 4).split(2))
    assert target.write(parts, 3, "model-seed7", GREY) == f"3 files {tmp_path}/new/model-seed7-0000.png …"
    assert [file.name for file in sorted((tmp_path / "new").iterdir())] == [f"model-seed7-000{i}.png" for i in range(3)]


def test_numbers_of_files_are_as_long_as_the_last_so_that_their_order_is_that_of_the_samples(tmp_path):
    target = Target(tmp_path, "folder")
    assert target.places(GREY, 20_000, "m-seed7", range(7, 8)) == [tmp_path / "m-seed7-00007.png"]


def test_an_array_that_comes_in_parts(tmp_path):
    target = Target.parse(f"{tmp_path}/new/a.npy", kinds=EVERYTHING)
    values = torch.rand(3, 1, 4, 4, dtype=torch.float64)
    assert target.write(iter(values.split(2)), 3, "m", GREY) == f"{target.path} (float64 array of shape (3, 1, 4, 4))"
    assert np.array_equal(np.load(target.path), values.numpy())


def test_a_folder_that_cannot_be_written_is_noticed_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InvalidInput, match=f"the folder {tmp_path} may not be written to"):
        Target.parse("a.png", kinds=EVERYTHING)


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Target.parse("~/a.png", kinds=EVERYTHING).path == Path(tmp_path / "a.png")


def test_an_array_of_four_bytes_a_number_must_have_room(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=4 * 3 * 6))
    target = Target.parse(str(tmp_path / "a.npy"), kinds=["array"])
    target.check(Images((1, 2, 3)), 3)
    with pytest.raises(InvalidInput, match="an array of 4 images would take about"):
        target.check(Images((1, 2, 3)), 4)


@pytest.mark.parametrize("name", ["walk.mp4", "walk.MOV"])
def test_films_are_refused_with_what_moves(name):
    with pytest.raises(InvalidInput, match=r"is a film; what moves is written as \.gif, \.webp, \.apng\.$"):
        Target.parse(name, kinds=("samples", "animation"))

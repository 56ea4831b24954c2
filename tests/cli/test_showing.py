"""`zoo show`: the picture of a release where a picture can be shown, and else its path."""

import pytest
from PIL import Image

from zoo.cli import terminal


@pytest.fixture
def picture(own_shelf, monkeypatch):
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: own_shelf)
    path = own_shelf / "dcgan-celeba" / "samples.png"
    Image.new("RGB", (4, 4), "red").save(path)
    return path


def test_in_a_pipe_the_path_is_all(run, picture, monkeypatch):
    monkeypatch.setattr(terminal, "draw", lambda path: pytest.fail("drawn into a pipe"))
    result = run("show", "dcgan-celeba")
    assert (result.status, result.out, result.err) == (0, f"{picture}\n", "")


def test_in_a_terminal_it_is_drawn(run, picture, monkeypatch):
    drawn = []
    monkeypatch.setattr(terminal, "draw", drawn.append)
    monkeypatch.setattr("zoo.cli.showing._is_terminal", lambda: True)
    assert run("show", "dcgan-celeba").status == 0
    assert drawn == [picture]


def test_or_opened_in_a_viewer(run, picture, monkeypatch):
    opened = []
    monkeypatch.setattr("typer.launch", opened.append)
    assert run("show", "dcgan-celeba", "--open").status == 0
    assert opened == [str(picture)]


def test_a_release_without_a_picture_says_how_to_draw_one(run, shelf):
    result = run("show", "realnvp-mnist")
    assert result.status == 2
    assert "realnvp-mnist has no samples.png. Draw some: zoo generate realnvp-mnist" in result.err

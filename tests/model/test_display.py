"""How a model shows itself."""

import io

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

import zoo
from zoo.model import display


def model():
    return zoo.create("dcgan", image_size=8, width=2, latent_dim=4)


def test_a_line_says_what_it_is_and_can():
    line = repr(model())
    assert line.startswith("DCGAN('dcgan': ")
    assert "can decode, encode, generate" in line
    assert line.endswith("float32 on cpu)")


def test_a_table_for_notebooks_says_the_same():
    made = model().to(torch.bfloat16)
    count = sum(parameter.numel() for parameter in made.parameters())
    table = made._repr_html_()
    assert table.startswith("<table><caption>dcgan</caption>")
    assert table.count("<tr>") == table.count("</tr>")
    for words in ("decode, encode, generate", f"{count:,}", "bfloat16 on cpu"):
        assert f"{words}</td>" in table
    assert "trained on" not in table


def test_a_release_tells_its_data_and_its_first_number_and_names_are_no_html():
    made = zoo.load("flow-2d-two-moons")
    assert "trained on</th>" in made._repr_html_()
    assert "two-moons</td>" in made._repr_html_()
    assert str(made.provenance.metrics[0]["name"]) in made._repr_html_()
    object.__setattr__(made.provenance, "release", "<script>")
    assert "<script>" not in made._repr_html_()


@pytest.fixture
def notebook():
    shell = InteractiveShell.instance()
    shell.display_formatter.active_types = shell.display_formatter.format_types
    yield shell.display_formatter
    InteractiveShell.clear_instance()


def size(notebook, value):
    """Of the picture that a notebook shows of a value, None where it shows none."""
    shown, _ = notebook.format(value)
    assert "text/plain" in shown
    return Image.open(io.BytesIO(shown["image/png"])).size if "image/png" in shown else None


def test_a_notebook_shows_samples_as_a_picture_and_no_other_tensors(notebook):
    made = model()
    images = made.generate(3, seed=0)
    assert size(notebook, images) == (22, 22) == made.space.preview(images).size
    assert size(notebook, images[:1]) == size(notebook, images[0]) == (8, 8)
    assert size(notebook, made.generate(3, seed=0)[1:]) == size(notebook, made.decode(made.latents(2))) == (22, 12)
    others = (images[:, 0], images[:, :, 0], images[0, 0], images + 0, images[:0], images.to_sparse())
    for other in (*others, images.to("meta"), torch.nn.Parameter(images), made.latents(2)):
        assert size(notebook, other) is None


def test_what_is_translated_is_shown_in_its_own_size(notebook):
    made = zoo.create("srresnet", width=4, blocks=1)
    assert size(notebook, made.translate(torch.rand(1, 3, 6, 5), seed=0)) == (20, 24)
    assert size(notebook, made.translate(torch.rand(1, 3, 4, 1024), seed=0)) == (2048, 8)


def test_of_many_images_the_first_are_shown_with_how_many_there_are_and_of_points_all(notebook):
    many = model().generate(65, seed=0)
    assert size(notebook, many)[1] > size(notebook, many[:64])[1]
    points = zoo.load("flow-2d-two-moons").generate(1000, seed=0)
    png = io.BytesIO(display.picture(points))
    assert Image.open(png).tobytes() == zoo.load("flow-2d-two-moons").space.preview(points).tobytes()
    for other in (points[0], points[:1], points[:0], points[:, 0], points[:2, 0]):
        assert size(notebook, other) is None


@pytest.mark.parametrize("name", ["dcgan", "flow-2d"])
def test_what_is_no_sample_any_more_is_shown_as_numbers(notebook, name):
    made = model() if name == "dcgan" else zoo.create(name)
    samples = made.generate(2, seed=0)
    assert size(notebook, samples)
    samples.view(-1)[0] = torch.nan
    assert size(notebook, samples) is None
    samples.data = torch.zeros(3, 5)
    assert size(notebook, samples) is None


@pytest.mark.parametrize("way", ["registered", "own"])
def test_samples_are_shown_by_how_somebody_else_shows_tensors_if_there_is_such_a_way(notebook, monkeypatch, way):
    if way == "registered":
        notebook.formatters["image/png"].for_type(torch.Tensor, lambda tensor: b"mine")
    else:
        monkeypatch.setattr(torch.Tensor, "_repr_png_", lambda tensor: b"mine", raising=False)
    assert notebook.format(model().generate(2, seed=0))[0]["image/png"] == b"mine"


def test_without_a_notebook_nothing_is_remembered_and_nothing_is_kept_alive(notebook):
    images = model().generate(2, seed=0)
    assert images in display._MADE
    before = len(display._MADE)
    del images
    assert len(display._MADE) == before - 1
    InteractiveShell.clear_instance()
    images = model().generate(2, seed=0)
    assert images not in display._MADE

"""`zoo mix` on a tiny model with styles."""

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from tests.cli.conftest import write
from zoo import images, latent


@pytest.fixture
def styled(isolated, tmp_path, monkeypatch):
    folder = tmp_path / "styled"
    write(folder, "stylegan-lite", {"widths": (4, 3), "latent_dim": 4, "mapping_layers": 1})
    return folder


def shown(path):
    with Image.open(path) as picture:
        return picture.tobytes()


def styles(model, seed, sample=0, truncation=1.0):
    return model.styles(latent.Noise(seed, sample).normal(4), truncation=truncation)


def test_two_seeds(run, styled):
    result = run("mix", styled, "--coarse", "1", "--fine", "2:5", "--layer", "1")
    made = "styled-mix-seed1-seed2.5-3.png"
    assert result.out == f"Wrote {made} (3 images), coarse of 1, fine of 2:5 from layer 1 of 4 on.\n"
    model = zoo.load(str(styled))
    a, b = styles(model, 1), styles(model, 2, 5)
    expected = model.decode(torch.cat([a, b, latent.mix(a, b, 1)]))
    assert shown(made) == images.grid(expected, columns=3).tobytes()


def test_the_matrix(run, styled):
    words = ("mix", styled, "--coarse", "1,2", "--fine", "3", "--fine", "4,5", "--truncation", "0.5", "--out", "m.png")
    assert run(*words).out == "Wrote m.png (12 images), coarse of 1, 2, fine of 3, 4, 5 from layer 2 of 4 on.\n"
    model = zoo.load(str(styled))
    rows, columns = ([styles(model, seed, truncation=0.5) for seed in seeds] for seeds in ((1, 2), (3, 4, 5)))
    cells = [torch.ones(1, 3, 8, 8), *map(model.decode, columns)]
    for row in rows:
        cells += [model.decode(row), *(model.decode(latent.mix(row, column, 2)) for column in columns)]
    assert shown("m.png") == images.grid(torch.cat(cells), columns=4).tobytes()


def test_fine_styles_come_in_layer_by_layer(run, styled):
    words = ("mix", styled, "--coarse", "1", "--fine", "2", "--layer", "2")
    assert run(*words, "--out", "m.webp").out.startswith("Wrote m.webp (3 frames), coarse of 1")
    assert run(*words, "--out", "m/").out.startswith("Wrote 3 files m/styled-mix-seed1-seed2-0000.png …, coarse of 1")
    model = zoo.load(str(styled))
    a, b = styles(model, 1), styles(model, 2)
    for place, cut in enumerate((4, 3, 2)):
        expected = (
            model.decode(torch.cat([a, b, latent.mix(a, b, cut)])) if cut < 4 else model.decode(torch.cat([a, b, a]))
        )
        assert (
            shown(f"m/styled-mix-seed1-seed2-000{place}.png")
            == images.enlarged(images.grid(expected, columns=3), 16).tobytes()
        )
    with Image.open("m.webp") as moving:
        assert moving.n_frames == 3


def test_captions_say_what_was_mixed(run, styled, monkeypatch):
    told = []
    monkeypatch.setattr(images, "captioned", lambda batch, below, columns: told.append(below) or images.grid(batch))
    run("mix", styled, "--coarse", "1", "--fine", "2", "--captions", "--out", "m.png")
    run("mix", styled, "--coarse", "1", "--fine", "2,3", "--captions", "--out", "n.png")
    assert told == [
        ["coarse 1", "fine 2", "1 with 2"],
        ["", "fine 2", "fine 3", "coarse 1", "1 with 2", "1 with 3"],
    ]


def test_of_a_file(run, styled, tmp_path):
    images.save(torch.rand(1, 3, 8, 8), tmp_path / "face.png")
    words = ("mix", styled, "--coarse", tmp_path / "face.png", "--fine", "3", "--option", "steps=3", "--out", "f.npy")
    assert run(*words).status == 0
    model = zoo.load(str(styled))
    found = model.encode(images.load(tmp_path / "face.png", (3, 8, 8)), steps=3)
    made = torch.from_numpy(np.load("f.npy"))
    assert made.shape == (3, 3, 8, 8)
    torch.testing.assert_close(made[:1], model.decode(found), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dcgan-celeba", "--coarse", "1", "--fine", "2"), "dcgan-celeba has no styles"),
        (("../styled", "--coarse", "1"), "'--fine'"),
        (("../styled", "--coarse", "1", "--fine", "2", "--layer", "4"), "--layer 4; expected one between 1 and 3"),
        (("../styled", "--coarse", "1", "--fine", "2", "--layer", "0"), "--layer 0"),
        (("../styled", "--coarse", "1,", "--fine", "2"), "empty part"),
        (("../styled", "--coarse", "1", "--fine", "2", "--option", "steps=3"), "unknown option 'steps'"),
        (("../styled", "--coarse", "nowhere.png", "--fine", "2"), "nowhere.png"),
    ],
)
def test_mistakes(run, styled, words, message):
    result = run("mix", *words)
    assert result.status == 2
    assert message in result.err


def test_a_truncation_to_the_mean_of_styles_is_as_good_as_any(run, styled):
    result = run("generate", styled, "-n", "1", "--seed", "1", "--truncation", "0", "--out", "a.png")
    assert (result.status, result.err) == (0, "")

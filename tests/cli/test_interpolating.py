"""`zoo interpolate` on tiny models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

import zoo
from tests.cli.conftest import write
from zoo import images, latent


def test_between_samples_of_a_seed(run):
    result = run("interpolate", "vae-fashion-mnist", "--seed", "3", "--rows", "2", "--steps", "5")
    assert result.out == "Wrote vae-fashion-mnist-path-seed3-10.png (10 images), seed 3.\n"
    model = zoo.load("vae-fashion-mnist")
    ends = latent.Noise(3, 0, 4).normal(4)
    expected = torch.cat([model.decode(latent.path(ends[i], ends[i + 1], 5)) for i in (0, 2)])
    with Image.open("vae-fashion-mnist-path-seed3-10.png") as picture:
        assert picture.tobytes() == images.grid(expected, columns=5).tobytes()


def test_from_a_file_to_a_seed(run, photos):
    options = ("--from", photos / "0.png", "--to", "7", "--steps", "3", "--out", "p.png")
    result = run("interpolate", "vae-fashion-mnist", *options)
    assert result.out == f"Wrote p.png (3 images), from {photos / '0.png'} to 7.\n"
    model = zoo.load("vae-fashion-mnist")
    start, end = model.encode(images.load(photos / "0.png", (1, 8, 8)))[0], latent.Noise(7).normal(4)[0]
    with Image.open("p.png") as picture:
        assert picture.tobytes() == images.grid(model.decode(latent.path(start, end, 3)), columns=3).tobytes()


def test_hands_options_to_encode_and_to_decode(run, photos, monkeypatch):
    seen = []

    def decode(self, z, condition, *, gain=1.0):
        seen.append(("decode", gain))
        return gain * plain_decode(self, z, condition)

    def encode(self, images, condition, noise, *, blur=0.0):
        seen.append(("encode", blur))
        return plain_encode(self, images, condition, noise)

    vae = type(zoo.load("vae-fashion-mnist"))
    plain_decode, plain_encode = vae._decode, vae._encode
    monkeypatch.setattr(vae, "_decode", decode)
    monkeypatch.setattr(vae, "_encode", encode)
    words = ("interpolate", "vae-fashion-mnist", "--steps", "2", "--out", "p.png", "--force", "--option", "gain=0.5")
    ends = ("--from", photos / "0.png", "--to", "7")
    assert run(*words, "--option", "blur=2.0", *ends).status == 0
    assert run(*words, "--seed", "3").status == 0
    assert run("encode", "vae-fashion-mnist", photos / "0.png", "--option", "gain=0.25").status == 0
    assert seen == [("encode", 2.0), ("decode", 0.5), ("decode", 0.5), ("encode", 0.0), ("decode", 0.25)]
    for refused in (("--seed", "3", "--option", "blur=2.0"), (*ends, "--option", "speed=1")):
        result = run(*words, *refused)
        assert result.status == 2
        assert f"unknown option '{refused[-1].partition('=')[0]}'" in result.err


def test_gives_each_row_its_condition(run):
    words = ("--rows", "2", "--steps", "2", "--seed", "0", "-c")
    run("interpolate", "cgan-fashion-mnist", *words, "bag,sneaker")
    model = zoo.load("cgan-fashion-mnist")
    ends = latent.Noise(0, 0, 4).normal(4)
    expected = model.decode(ends, condition=[2, 2, 0, 0])
    with Image.open("cgan-fashion-mnist-path-seed0-4.png") as picture:
        assert picture.tobytes() == images.grid(expected, columns=2).tobytes()


def test_between_files_with_a_flow_begins_and_ends_at_them(run, photos):
    """A flow is a bijection: the ends of the way are the files themselves."""
    ends = photos / "0.png", photos / "1.png"
    result = run("interpolate", "realnvp-mnist", "--from", ends[0], "--to", ends[1], "--steps", "4", "--out", "p.png")
    assert result.out == f"Wrote p.png (4 images), from {ends[0]} to {ends[1]}.\n"
    real = images.quantise(images.load(ends, (1, 8, 8))).int()
    with Image.open("p.png") as picture:
        row = images.resize_bytes(pil_to_tensor(picture)[None], (1, 12, 42))[0, :, 2:10].int()
    drawn = torch.stack([row[:, :, start : start + 8] for start in (2, 12, 22, 32)])
    assert (drawn[[0, -1]] - real).abs().max() <= 1
    assert (drawn[1] - real[0]).abs().max() > 1


def drawn(run, *words, steps=3):
    """The rows (rows, steps, channels, height, width) that the command writes as an array."""
    result = run("interpolate", *words, "--steps", steps, "--out", "p.npy", "--force")
    assert (result.status, result.err) == (0, "")
    return torch.from_numpy(np.load("p.npy")).unflatten(0, (-1, steps))


def test_files_fade_into_each_other_below_the_way(run, photos):
    ends = photos / "0.png", photos / "1.png"
    words = ("vae-fashion-mnist", "--from", ends[0], "--to", ends[1])
    way, fading = drawn(run, *words, "--crossfade")
    assert way.equal(drawn(run, *words)[0])
    real = images.load(ends, (1, 8, 8))
    torch.testing.assert_close(fading, torch.stack([real[0], real.mean(0), real[1]]))


def test_of_samples_what_is_decoded_fades(run, photos):
    words = ("vae-fashion-mnist", "--seed", "3", "--rows", "2")
    plain, faded = drawn(run, *words), drawn(run, *words, "--crossfade")
    assert faded[::2].equal(plain)
    for row, fading in zip(plain, faded[1::2], strict=True):
        torch.testing.assert_close(fading, torch.stack([row[0], row[[0, 2]].mean(0), row[2]]))
    _, fading = drawn(run, "vae-fashion-mnist", "--from", photos / "0.png", "--to", "7", "--crossfade")
    torch.testing.assert_close(fading[0], images.load(photos / "0.png", (1, 8, 8))[0])
    torch.testing.assert_close(fading[2], zoo.load("vae-fashion-mnist").generate(1, seed=7)[0])


def test_what_is_said_of_a_file_is_said_once(run, tmp_path):
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    words = ("--from", tmp_path / "red.png", "--to", "7", "--steps", "2", "--crossfade", "--out", "p.png")
    result = run("interpolate", "vae-fashion-mnist", *words)
    assert result.err.count("turned grey") == 1
    assert result.out.startswith("Wrote p.png (4 images)")


def test_several_conditions_share_one_way(run):
    result = run("interpolate", "cgan-fashion-mnist", "--seed", "0", "--steps", "3", "-c", "bag,0")
    assert result.out == "Wrote cgan-fashion-mnist-path-seed0-6.png (6 images), seed 0.\n"
    way = latent.path(*latent.Noise(0, 0, 2).normal(4), 3)
    expected = zoo.load("cgan-fashion-mnist").decode(way.repeat(2, 1), condition=[2, 2, 2, 0, 0, 0])
    with Image.open("cgan-fashion-mnist-path-seed0-6.png") as picture:
        assert picture.tobytes() == images.grid(expected, columns=3).tobytes()


def way(run, *words):
    """The images (rows, steps, channels, height, width) of a way of three steps."""
    result = run("interpolate", *words, "--steps", "3", "--out", "p.npy", "--force")
    assert (result.status, result.err) == (0, "")
    images = torch.from_numpy(np.load("p.npy"))
    return images.unflatten(0, (-1, 3))


A, B, C = "a red square, and a circle", "blue", "a circle"


def test_from_one_text_to_another_from_one_latent(run, painter):
    images = way(run, painter, "-c", A, "-c", B, "--seed", "3", "--rows", "3")
    model, z = zoo.load(painter), latent.Noise(3, 0, 6).normal(10)[::2]
    for place, said in enumerate((A, model.embed([A, B]).mean(0, keepdim=True), B)):
        torch.testing.assert_close(images[:, place], model.decode(z, condition=said), atol=1e-4, rtol=0)
    assert (images[:, 0] - images[:, 2]).abs().amax((1, 2, 3)).min() > 1e-2
    # What the ends are of is the first sample of the seed.
    torch.testing.assert_close(images[0, 0], model.generate(1, condition=A, seed=3)[0], atol=1e-4, rtol=0)


def test_from_one_text_to_another_and_from_one_latent_to_another(run, painter):
    images = way(run, painter, "-c", A, "-c", B, "--from", "7", "--to", "3:1")
    model = zoo.load(painter)
    ends = torch.stack([model.generate(1, condition=A, seed=7)[0], model.generate(2, condition=B, seed=3)[1]])
    torch.testing.assert_close(images[0, [0, 2]], ends, atol=1e-4, rtol=0)


def test_under_one_text_or_three_the_way_leads_from_latent_to_latent(run, painter):
    model = zoo.load(painter)
    z = latent.path(*latent.Noise(3, 0, 2).normal(10), 3)
    for said in ([A], [A, B, C]):
        images = way(run, painter, *(word for text in said for word in ("-c", text)), "--seed", "3")
        assert len(images) == len(said)
        for row, text in zip(images, said, strict=True):
            torch.testing.assert_close(row, model.decode(z, condition=text), atol=1e-4, rtol=0)


def test_the_way_of_sketches(run, painter):
    images = way(run, painter, "-c", A, "-c", B, "--seed", "3", "--option", "stage=1")
    assert images.shape == (1, 3, 3, 8, 8)
    model = zoo.load(painter)
    torch.testing.assert_close(images[0, 2], model.generate(1, condition=B, seed=3, stage=1)[0])


def test_without_a_text_there_is_no_way(mistake, painter):
    assert "conditioned on a text. Pass -c: a sentence" in mistake("interpolate", painter, "--seed", "3")


def test_samples_of_a_seed_at_a_truncation_and_a_temperature(run):
    words = ("--from", "3:2", "--to", "4", "--steps", "2", "--truncation", "0.7", "--temperature", "0.5")
    assert run("interpolate", "dcgan-celeba", *words, "--out", "p.png").status == 0
    z = torch.cat([latent.Noise(3, 2).normal(4), latent.Noise(4).normal(4)])
    expected = zoo.load("dcgan-celeba").decode(0.5 * latent.truncate(z, 0.7))
    with Image.open("p.png") as picture:
        assert picture.tobytes() == images.grid(expected, columns=2).tobytes()


@pytest.mark.parametrize("ends", [("--from", "0:0", "--to", "0:1"), ("--seed", "0")])
def test_the_truncation_goes_to_decode_where_that_depends_on_it(run, truncated, ends):
    words = (*ends, "--steps", "2", "-c", "b", "--truncation", "0.5", "--out", "p.npy")
    assert run("interpolate", truncated, *words).status == 0
    model = zoo.load(truncated)
    expected = model.generate(2, seed=0, condition=[1, 1], truncation=0.5)
    torch.testing.assert_close(torch.from_numpy(np.load("p.npy")), expected)
    assert (model.decode(model.latents(2, seed=0, truncation=0.5), condition=1) - expected).abs().max() > 0.05


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("cgan-fashion-mnist --rows 3 -c bag,0", "2 conditions came for 3 rows"),
        ("vae-fashion-mnist --truncation 0.7", "has no truncation, which is for GANs. Try --temperature 0.7"),
        ("dcgan-celeba --truncation -1", "--truncation -1.0; expected"),
        ("dcgan-celeba --seed -1", "'--seed': expected at least 0"),
    ],
)
def test_mistakes(mistake, words, message):
    assert message in mistake("interpolate", *words.split())


def test_styles_are_interpolated_along_a_line(run, tmp_path):
    write(tmp_path / "styled", "stylegan-lite", {"widths": (4, 3), "latent_dim": 4, "mapping_layers": 1})
    assert (
        run("interpolate", tmp_path / "styled", "--from", "1", "--to", "2", "--steps", "3", "--out", "p.png").status
        == 0
    )
    model = zoo.load(str(tmp_path / "styled"))
    a, b = (model.styles(latent.Noise(seed).normal(4)) for seed in (1, 2))
    expected = model.decode(torch.cat([a, (a + b) / 2, b]))
    with Image.open("p.png") as picture:
        assert picture.tobytes() == images.grid(expected, columns=3).tobytes()


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_an_animation_goes_there_and_back_through_the_columns(run, suffix):
    words = ("interpolate", "dcgan-celeba", "--seed", "3", "--rows", "2", "--steps", "4")
    result = run(*words, "--out", f"way{suffix}")
    assert (result.status, result.out) == (0, f"Wrote way{suffix} (4 frames of 2 images), seed 3.\n")
    run(*words, "--out", "way.npy")
    rows = torch.from_numpy(np.load("way.npy")).unflatten(0, (2, 4))
    with Image.open(f"way{suffix}") as moving:
        assert moving.n_frames == 6
        shown = []
        for place in range(6):
            moving.seek(place)
            shown.append(np.asarray(moving.convert("RGB"), int))
    for place, column in enumerate((0, 1, 2, 3, 2, 1)):
        expected = np.asarray(zoo.images.enlarged(zoo.images.grid(rows[:, column], columns=1), 16), int)
        assert abs(shown[place] - expected).max() <= (16 if suffix == ".gif" else 0), "a GIF has 256 colours"


@pytest.mark.parametrize(("out", "what"), [("way.png", "8 images"), ("way.gif", "24 frames of 1 image")])
def test_an_animation_takes_smaller_steps_unless_they_are_said(run, out, what):
    assert run("interpolate", "dcgan-celeba", "--seed", "3", "--out", out).out == f"Wrote {out} ({what}), seed 3.\n"


def test_single_files_go_into_a_folder(run):
    assert run("interpolate", "dcgan-celeba", "--seed", "3", "--steps", "3", "--out", "way/").status == 0
    assert sorted(path.name for path in Path("way").iterdir()) == [f"dcgan-celeba-000{k}.png" for k in range(3)]


@pytest.fixture
def captions(monkeypatch):
    """The captions that were written."""
    told = []
    plain = zoo.images.captioned
    monkeypatch.setattr(
        zoo.images,
        "captioned",
        lambda batch, below, **options: told.append(list(below)) or plain(batch, below, **options),
    )
    return told


def test_captions_say_how_far_it_is(run, mistake, captions):
    words = ("interpolate", "cgan-fashion-mnist", "-c", "bag,sneaker", "--seed", "3", "--steps", "3", "--captions")
    assert run(*words, "--out", "way.png").out == "Wrote way.png (6 images), seed 3.\n"
    assert captions.pop() == [f"{name}, {share} %" for name in ("bag", "sneaker") for share in (0, 50, 100)]
    assert run(*words, "--out", "way.gif").status == 0
    assert captions == [[f"bag, {share} %", f"sneaker, {share} %"] for share in (0, 50, 100)]
    captions.clear()
    run(*words[:2], "-c", "bag", *words[4:], "--crossfade", "--out", "fading.png")
    assert captions.pop() == [f"{what}, {share} %" for what in ("bag", "pixels") for share in (0, 50, 100)]
    assert "below which --captions could be" in mistake(*words, "--out", "way/")
    assert "below which --captions could be" in mistake(*words, "--out", "way.npy")


def test_an_animation_of_points_is_refused(mistake, tmp_path):
    write(tmp_path / "points", "flow-2d", {})
    words = ("interpolate", tmp_path / "points", "--from", "1", "--to", "2", "--steps", "3", "--out", "way.gif")
    assert "animations are of images, and this is a model of vectors" in mistake(*words)

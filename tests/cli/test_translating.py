"""`zoo translate` on a tiny CycleGAN."""

import errno
import json
import os
import shutil
from types import SimpleNamespace

import pytest
import torch
from PIL import Image, ImageChops

import zoo
from tests.cli.conftest import write
from zoo import images
from zoo.cli.output import plural
from zoo.cli.translating import _pair
from zoo.models._translator import Translator
from zoo.releases.cards import Card

CONFIG = {"image_shape": [3, 24, 24], "domains": ["horse", "zebra"], "width": 2, "blocks": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A release folder, untrained."""
    folder = tmp_path_factory.mktemp("releases") / "tiny-zebras"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = zoo.create("cyclegan", **CONFIG)
    sha256 = model.save(folder / "model.safetensors")
    front = {
        "license": "apache-2.0",
        "library_name": "generative-zoo",
        "pipeline_tag": "image-to-image",
        "tags": [],
        "datasets": [],
        "zoo": {
            "architecture": "cyclegan",
            "config": CONFIG,
            "data": {"name": "made-up", "license": "none", "shape": [3, 24, 24]},
            "weights": {"sha256": sha256, "bytes": (folder / "model.safetensors").stat().st_size},
            "training": {"dataset": "unpaired-folders"},
        },
    }
    Card(folder, front, "# tiny-zebras\n").write()
    return folder


@pytest.fixture
def zebras(made, isolated, tmp_path):
    """The release and a folder of pictures of two sizes, where the command is run."""
    shutil.copytree(made, tmp_path / "here" / "tiny-zebras")
    pictures = tmp_path / "here" / "pictures"
    pictures.mkdir()
    for i, size in enumerate(((24, 24), (31, 26), (24, 24))):
        Image.effect_noise(size, 80).convert("RGB").save(pictures / f"{i}.jpg")
    return tmp_path / "here"


def test_a_folder(run, zebras):
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made", "--to", "horse")
    assert result.status == 0
    assert result.out.endswith("Wrote 3 sRGB images to made.\n")
    assert sorted(file.name for file in (zebras / "made").iterdir()) == ["0.png", "1.png", "2.png"]
    source = zebras / "pictures" / "1.jpg"
    expected = zoo.load(zebras / "tiny-zebras").translate(source, to="horse", seed=0)
    assert torch.equal(images.whole(zebras / "made" / "1.png", 3), images.quantise(expected)[0])


def test_files_and_options(run, zebras):
    arguments = ("pictures/1.jpg", "--out", "made", "--tile", "65", "--seed", "3")
    assert run("translate", "./tiny-zebras", *arguments).status == 0
    assert [file.name for file in (zebras / "made").iterdir()] == ["1.png"]
    small = run("translate", "./tiny-zebras", "pictures/0.jpg", "--out", "made", "--tile", "3")
    assert small.status == 2
    assert "--tile 3;" in small.err
    assert "tiger" in run("translate", "./tiny-zebras", "pictures/0.jpg", "--out", "made", "--to", "tiger").err


def test_bfloat16_is_close_to_float32(run, zebras):
    for dtype in ("float32", "bfloat16"):
        assert run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", dtype, "--dtype", dtype).status == 0
    exact, close = (images.whole(zebras / dtype / "1.png", 3).int() for dtype in ("float32", "bfloat16"))
    assert 0 < (exact - close).abs().max() < 8
    unknown = run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "other", "--dtype", "int4")
    assert unknown.status == 2
    assert "int4" in unknown.err


def test_bad_files_are_told_at_the_end_and_the_others_made(run, zebras):
    (zebras / "pictures" / "0a.png").write_bytes(b"")
    (zebras / "pictures" / "1a.jpg").write_bytes((zebras / "pictures" / "1.jpg").read_bytes()[:200])
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made")
    assert result.status == 1
    assert "Wrote 3 sRGB images to made." in result.out
    assert "2 images could not be translated:" in result.err
    assert "0a.png" in result.err
    assert "1a.jpg" in result.err
    assert sorted(file.name for file in (zebras / "made").iterdir()) == ["0.png", "1.png", "2.png"]


def test_results_that_are_there_are_neither_replaced_nor_made_again(run, zebras):
    assert run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "made").status == 0
    before = (zebras / "made" / "1.png").stat()
    refused = run("translate", "./tiny-zebras", "pictures", "--out", "made")
    assert refused.status == 2
    assert "--resume" in refused.err
    assert [file.name for file in (zebras / "made").iterdir()] == ["1.png"]
    resumed = run("translate", "./tiny-zebras", "pictures", "--out", "made", "--resume")
    assert resumed.out.endswith("Wrote 2 sRGB images to made, 1 there already.\n")
    assert (zebras / "made" / "1.png").stat().st_mtime_ns == before.st_mtime_ns
    assert run("translate", "./tiny-zebras", "pictures", "--out", "made", "--resume").status == 0


def test_who_goes_on_writes_a_manifest_and_does_not_mix_other_work_in(run, zebras, monkeypatch):
    words = ("translate", "./tiny-zebras", "pictures", "--out", "made", "--to", "horse")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        assert run(*words).status == 0
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.delenv("RANK")
    made = {path.name: path.read_bytes() for path in (zebras / "made").iterdir()}
    assert sorted(made) == ["0.png", "1.png", "2.png", "manifest.json"]
    about = json.loads(made["manifest.json"])
    assert (about["command"], about["n"], about["options"]["to"]) == ("translate", 3, "horse")
    assert about["shards"][1] == {"file": "1.png", "first": 1, "count": 1}
    (zebras / "made" / "1.png").unlink()
    half = zebras / "made" / ".1.png.0123456789abcdef"
    half.touch()
    os.utime(half, (5, 5))
    assert run(*words, "--resume").status == 0
    assert {path.name: path.read_bytes() for path in (zebras / "made").iterdir()} == made
    other = run(*words[:-1], "zebra", "--resume")
    assert "holds the shards of other work, which differs in options" in other.err
    shutil.copy(zebras / "pictures" / "1.jpg", zebras / "pictures" / "3.jpg")
    assert run(*words, "--resume").out.endswith("Wrote 1 sRGB image to made, 3 there already.\n")
    assert json.loads((zebras / "made" / "manifest.json").read_text())["n"] == 4
    assert run(*words[:-1], "zebra", "--force").status == 0
    assert not (zebras / "made" / "manifest.json").exists()
    (zebras / "pictures" / "3.jpg").write_bytes(b"broken")
    assert run(*words[:2], "pictures/3.jpg", "--out", "none", "--resume").status == 1
    assert not (zebras / "none").exists()


def test_captions_that_there_is_no_memory_for_are_told(run, zebras, monkeypatch):
    monkeypatch.setattr("zoo._util.shortage.memory", lambda: 10)
    monkeypatch.setattr("zoo._util.shortage.check_memory", lambda *_: None)
    result = run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "made", "--captions")
    assert result.status == 1
    assert "pixels beside what they were made from. Leave out --captions." in result.err
    assert run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "made").status == 0


def test_captions_set_each_result_beside_what_it_was_made_from(run, zebras):
    arguments = ("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "made", "--captions")
    assert run(*arguments).status == 0
    source = zebras / "pictures" / "1.jpg"
    after = zoo.load(zebras / "tiny-zebras").translate(source, seed=0)
    pair = images.captioned(torch.cat([images.whole(source, 3)[None] / 255, after]), ["before", "after"], columns=2)
    with Image.open(zebras / "made" / "1.png") as made:
        assert ImageChops.difference(made, pair).getbbox() is None
    again = run(*arguments, "--resume")
    assert again.out.endswith("Wrote 0 sRGB images to made, 1 there already.\n")
    # A pair is not the result alone.
    assert "differs in options" in run(*arguments[:-1], "--resume").err


@pytest.mark.parametrize(("channels", "colour"), [(4, (255, 0, 0)), (3, (255, 0, 0)), (1, (76, 76, 76))])
def test_what_was_given_is_shown_as_large_as_the_result_and_on_white(channels, colour):
    """Of a picture whose left half is transparent."""
    given = Image.new("RGBA", (2, 2), (255, 0, 0, 255))
    given.paste((0, 0, 0, 0), (0, 0, 1, 2))
    model = SimpleNamespace(check_sources=lambda source, n: images.whole(source, channels)[None] / 255)
    pair = _pair(model, given, Image.new("L" if channels == 1 else "RGB", (100, 100)))
    assert [pair.getpixel((x, 50)) for x in (10, 49, 58, 100)] == [(255,) * 3, (255,) * 3, colour, colour]
    assert pair.getpixel((150, 50)) == (0, 0, 0)


def test_a_file_is_no_folder_to_write_to(run, zebras):
    result = run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "big.png")
    assert result.status == 2
    assert "--out big.png names a file" in result.err
    (zebras / "made.png").mkdir()
    assert run("translate", "./tiny-zebras", "pictures/1.jpg", "--out", "made.png").status == 0


@pytest.mark.parametrize("content", [b"mine", "a picture"])
def test_a_strangers_file_is_not_taken_for_a_result_nor_replaced(run, zebras, content):
    (zebras / "made").mkdir()
    if content == "a picture":
        Image.new("RGB", (31, 26)).save(zebras / "made" / "1.png")
        content = (zebras / "made" / "1.png").read_bytes()
    (zebras / "made" / "1.png").write_bytes(content)
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made", "--resume")
    assert result.status == 1
    assert "Wrote 2 sRGB images to made, 0 there already." in result.out
    assert (
        "made/1.png is there, and is not what this command makes of pictures/1.jpg; it was left as it is" in result.err
    )
    assert (zebras / "made" / "1.png").read_bytes() == content


def test_a_result_that_is_empty_or_broke_off_is_made_again(run, zebras):
    assert run("translate", "./tiny-zebras", "pictures", "--out", "made").status == 0
    whole = [(zebras / "made" / f"{i}.png").read_bytes() for i in range(3)]
    (zebras / "made" / "0.png").write_bytes(b"")
    (zebras / "made" / "1.png").write_bytes(whole[1][:-30])
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made", "--resume")
    assert (result.status, result.out) == (0, "Wrote 2 sRGB images to made, 1 there already.\n")
    assert [(zebras / "made" / f"{i}.png").read_bytes() for i in range(3)] == whole


@pytest.mark.parametrize("change", ["model", "options", "source"])
def test_what_another_model_other_options_or_another_source_made_is_not_done(run, zebras, change):
    words = ["./tiny-zebras", "pictures/1.jpg"]
    assert run("translate", *words, "--out", "made").status == 0
    if change == "model":
        model = zoo.load(zebras / "tiny-zebras").eval()
        with torch.no_grad():
            next(model.parameters()).add_(0.01)
        card = Card.read(zebras / "tiny-zebras")
        sha256 = model.save(zebras / "tiny-zebras" / "model.safetensors")
        size = (zebras / "tiny-zebras" / "model.safetensors").stat().st_size
        card.replace(weights={"sha256": sha256, "bytes": size}).write()
    elif change == "options":
        words += ["--to", "horse"]
    else:
        Image.new("RGB", (31, 26)).save(zebras / "pictures" / "1.jpg")
    result = run("translate", *words, "--out", "made", "--resume")
    assert result.status == 1
    assert "Wrote 0 sRGB images to made, 0 there already." in result.out
    assert "is not what this command makes of pictures/1.jpg" in result.err


def test_results_say_that_they_are_srgb(run, zebras):
    assert run("translate", "./tiny-zebras", "pictures/0.jpg", "--out", "made").status == 0
    with Image.open(zebras / "made" / "0.png") as made:
        assert made.info["srgb"] == 0


def test_subfolders_are_kept_and_results_among_the_images_are_not_translated(run, zebras):
    (zebras / "pictures" / "more" / "deep").mkdir(parents=True)
    shutil.copy(zebras / "pictures" / "0.jpg", zebras / "pictures" / "more" / "deep" / "0.jpg")
    for options in ((), ("--resume",)):
        result = run("translate", "./tiny-zebras", "pictures", "--out", "pictures/made", *options)
        assert result.status == 0
        made = {
            str(path.relative_to(zebras / "pictures" / "made"))
            for path in (zebras / "pictures" / "made").rglob("*.png")
        }
        assert made == {"0.png", "1.png", "2.png", "more/deep/0.png"}
    assert result.out == "Wrote 0 sRGB images to pictures/made, 4 there already.\n"


def test_images_that_differ_in_suffix_alone_keep_it(run, zebras):
    Image.new("RGB", (24, 24)).save(zebras / "pictures" / "0.png")
    Image.new("RGB", (24, 24)).save(zebras / "pictures" / "0.jpg.gif")
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made")
    assert result.status == 0
    names = {file.name for file in (zebras / "made").iterdir()}
    assert names == {"0.jpg.png", "0.png.png", "0.jpg.gif.png", "1.png", "2.png"}


@pytest.mark.filterwarnings("default")
def test_all_frames_are_made_if_wished_and_else_the_first_which_is_told(run, zebras):
    frames = [Image.effect_noise((24, 24), 80).convert("RGB") for _ in range(3)]
    frames[0].save(zebras / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    words = ("translate", "./tiny-zebras", "a.webp", "pictures/0.jpg")
    result = run(*words, "--out", "first")
    assert result.status == 0
    told = "1 of 2 images have several frames, of which the first was taken: a.webp (3). --all-frames makes an image of"
    assert told in result.err
    Image.open("a.webp").save("b.gif", save_all=True)
    result = run(*words, "b.gif", "--out", "both")
    assert result.err.count("several frames") == 1
    assert "2 of 3 images have several frames, of which the first was taken: a.webp (3), b.gif (3)." in result.err
    assert {file.name for file in (zebras / "first").iterdir()} == {"a.png", "0.png"}
    result = run(*words, "--out", "all", "--all-frames")
    assert result.status == 0
    assert "several frames" not in result.err
    assert {file.name for file in (zebras / "all").iterdir()} == {"0.png", *(f"a-000{i}.png" for i in range(3))}
    model = zoo.load(zebras / "tiny-zebras")
    for i, frame in enumerate(frames):
        expected = images.quantise(model.translate(frame, seed=0))[0]
        assert torch.equal(images.whole(zebras / "all" / f"a-000{i}.png", 3), expected)
    again = run(*words, "--out", "all", "--all-frames", "--resume")
    assert again.out.endswith("Wrote 0 sRGB images to all, 4 there already.\n")


def test_a_pipe_among_the_images_is_told_and_not_waited_for(run, zebras):
    os.mkfifo(zebras / "pipe.png")
    result = run("translate", "./tiny-zebras", "pipe.png", "pictures/0.jpg", "--out", "made", "--all-frames")
    assert result.status == 1
    assert "pipe.png: this is a pipe or a device" in result.err
    assert [file.name for file in (zebras / "made").iterdir()] == ["0.png"]


def test_a_result_appears_whole_or_not_at_all(run, zebras, monkeypatch):
    def fail(self, path, *arguments, **options):
        path.write_bytes(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    result = run("translate", "./tiny-zebras", "pictures/0.jpg", "--out", "made")
    assert result.status == 1
    assert "pictures/0.jpg: disk full" in result.err
    assert list((zebras / "made").iterdir()) == []


def test_an_image_that_is_too_much_does_not_keep_the_others_from_being_made(run, zebras, monkeypatch):
    picture = Translator.picture

    def fail(self, source, **options):
        if source.name == "1.jpg":
            raise RuntimeError("DefaultCPUAllocator: can't allocate\nmemory")
        if source.name == "2.jpg":
            raise MemoryError
        return picture(self, source, **options)

    monkeypatch.setattr(Translator, "picture", fail)
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made")
    assert result.status == 1
    assert "Wrote 1 sRGB image to made." in result.out
    for name in ("1.jpg", "2.jpg"):
        assert f"pictures/{name}: there is not enough memory for this. Pass a smaller --tile, or close" in result.err
    assert sorted(file.name for file in (zebras / "made").iterdir()) == ["0.png"]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_full_disk_is_said_and_nothing_more_tried(run, zebras, monkeypatch, bad):
    save, tried = Image.Image.save, []

    def fill(self, path, *arguments, **options):
        tried.append(path)
        if len(tried) > bad:
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(self, path, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", fill)
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made")
    assert result.status == 1
    assert f"Wrote {bad} sRGB image{'s' * (bad != 1)} to made." in result.out
    assert len(tried) == bad + 1
    assert f"pictures/{bad}.jpg: made/{bad}.png could not be written: the disk is full" in result.err
    assert (f"{2 - bad} more not tried: go on with --resume." in result.err) == (bad < 2)
    assert sorted(file.name for file in (zebras / "made").iterdir()) == [f"{i}.png" for i in range(bad)]
    monkeypatch.setattr(Image.Image, "save", save)
    again = run("translate", "./tiny-zebras", "pictures", "--out", "made", "--resume")
    assert again.out.endswith(f"Wrote {plural(3 - bad, 'sRGB image')} to made, {bad} there already.\n")


def test_every_kind_of_picture_in_a_folder_is_made(run, zebras):
    picture = Image.open(zebras / "pictures" / "0.jpg")
    picture.convert("CMYK").save(zebras / "pictures" / "a.tif")
    picture.save(zebras / "pictures" / "b.GIF")
    picture.save(zebras / "pictures" / f"{'long' * 60}.png")
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made")
    assert result.status == 0
    names = {file.stem for file in (zebras / "made").iterdir()}
    assert names == {"0", "1", "2", "a", "b", "long" * 60}


def test_two_images_that_would_become_one(run, zebras):
    shutil.copy(zebras / "pictures" / "0.jpg", zebras / "0.jpg")
    result = run("translate", "./tiny-zebras", "pictures/0.jpg", "0.jpg", "--out", "made")
    assert result.status == 2
    assert "would both become made/0.png" in result.err
    assert not (zebras / "made").exists()


def test_an_image_is_not_replaced_by_its_translation(run, zebras):
    Image.new("RGB", (24, 24)).save(zebras / "pictures" / "x.png")
    result = run("translate", "./tiny-zebras", "pictures/x.png", "--out", "pictures", "--resume")
    assert result.status == 2
    assert "its own translation" in result.err


def test_models_that_do_not_translate(run, zebras):
    result = run("translate", "dcgan-celeba", "pictures", "--out", "made")
    assert result.status == 2
    assert "dcgan-celeba has no translate; it can decode, encode, generate." in result.err


@pytest.mark.parametrize(("option", "said"), [("--tile=3", "--tile 3; expected"), ("--to=cow", "cow")])
def test_nothing_is_made_where_an_option_is_wrong(run, zebras, option, said):
    result = run("translate", "./tiny-zebras", "pictures", "--out", "made", option)
    assert result.status == 2
    assert said in result.err
    assert not os.path.exists("made")


def test_missing_files(run, zebras):
    result = run("translate", "./tiny-zebras", "pictures/7.jpg", "--out", "made")
    assert result.status == 2
    assert "pictures/7.jpg is not there" in result.err


def test_what_is_turned_grey_is_said_once(run, tmp_path):
    small = {"image_shape": (1, 8, 8), "hidden": (8,), "latent_dim": 4, "components": 0}
    write(tmp_path / "denoiser", "denoising-autoencoder", small)
    for name, colour in (("red", "red"), ("blue", "blue"), ("grey", (90, 90, 90))):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    files = [tmp_path / f"{name}.png" for name in ("red", "blue", "grey")]
    result = run("translate", tmp_path / "denoiser", *files, "--out", "made")
    assert result.status == 0
    assert result.err.count("turned grey") == 1
    assert "2 of 3 images are made 8×8, grey: 2 turned grey." in result.err
    assert "grey" not in run("translate", tmp_path / "denoiser", files[2], "--out", "again").err
    assert "grey" not in run("translate", tmp_path / "denoiser", *files, "--out", "made", "--resume").err


@pytest.mark.parametrize(("world", "there"), [(2, (2, 3)), (3, (1, 2, 3))])
def test_several_processes_share_the_images_and_one_that_is_started_again_goes_on(
    run, zebras, monkeypatch, world, there
):
    run("translate", "./tiny-zebras", "pictures", "--out", "one", "--to", "zebra")
    monkeypatch.setenv("WORLD_SIZE", str(world))
    for rank, count in (*enumerate(there), (0, 3)):
        monkeypatch.setenv("RANK", str(rank))
        assert run("translate", "./tiny-zebras", "pictures", "--out", "several", "--to", "zebra").status == 0
        assert len(list((zebras / "several").glob("*.png"))) == count
    for path in (zebras / "one").iterdir():
        assert (zebras / "several" / path.name).read_bytes() == path.read_bytes()

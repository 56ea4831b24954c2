"""`zoo train` and `zoo evaluate`: what they pass on, what they write, what they show."""

import json
import shutil
from pathlib import Path

import pytest

import zoo
from zoo.registry.plugins import resolve
from zoo.releases.cards import Card
from zoo.releases.record import Record

RECORDS = [
    Record("frechet-distance", "Fréchet distance (tiny)", 23.456, {"floor": 1.25, "n": 10}),
    Record("psnr", "reconstruction PSNR (dB)", 17.0, {}),
]
SMALL = ["steps=2", "batch_size=2", "precision=32-true", "config.image_size=8", "config.width=2", "config.latent_dim=4"]


@pytest.fixture
def calls(monkeypatch):
    """What the CLI hands to release.train, which is not run."""
    seen = []

    def train(name, **arguments):
        seen.append((name, arguments))
        return Path(arguments["out"])

    monkeypatch.setattr("zoo.training.release.train", train)
    Path("faces").touch()
    return seen


def test_train_passes_everything_on(run, calls):
    result = run(
        "train", "dcgan-celeba", "--data", "faces", "--out", "made", "--set", "objective.learning_rate=1e-4",
        "--set", "steps=100", "--set", "config.width=32", "--resume", "--download", "--device", "cpu",
        "--checkpoint-every", "50", "--quiet", "--from", "dcgan-celeba", "--log", "csv", "--log-every", "7",
        "--no-cache", "--workers", "3", "--accumulate", "2",
    )  # fmt: skip
    changes = {"objective.learning_rate": 1e-4, "steps": 100, "config.width": 32, "start": "dcgan-celeba"}
    changes["accumulate"] = 2
    arguments = {"changes": changes, "resume": True, "download": True, "accelerator": "cpu", "bad": None}
    arguments |= {"checkpoint_every": 50, "progress": False, "force": False, "log": ["csv"], "log_every": 7}
    arguments |= {"cache": False, "workers": 3}
    assert calls == [("dcgan-celeba", {"data": Path("faces"), "out": Path("made"), **arguments})]
    assert (result.status, result.err) == (0, "")
    assert result.out == "Wrote the release folder made. Draw from it: zoo generate ./made\n"


def test_the_command_that_is_told_can_be_copied_whatever_the_folder_is_called(run, calls):
    told = run("train", "dcgan-celeba", "--data", "faces", "--out", "of 300 photos", "--quiet").out
    assert told == "Wrote the release folder of 300 photos. Draw from it: zoo generate './of 300 photos'\n"


def test_bad_files_are_listed_at_the_end_of_a_training_that_skips_them(run, monkeypatch):
    def train(name, *, out, bad, **arguments):
        bad += ["a.png is not a readable image.", "b.png is not there."]
        return Path(out)

    monkeypatch.setattr("zoo.training.release.train", train)
    Path("faces").touch()
    result = run("train", "dcgan-celeba", "--data", "faces", "--skip-bad")
    assert result.status == 1
    assert result.out.startswith("Wrote the release folder runs/dcgan-celeba.")
    expected = "2 files could not be read:\n  a.png is not a readable image.\n  b.png is not there.\n"
    assert result.err == expected


@pytest.mark.parametrize(("name", "out"), [("dcgan-celeba", "runs/dcgan-celeba"), ("zoo:vae", "runs/zoo-vae")])
def test_train_writes_to_runs(run, calls, name, out):
    run("train", name, "--data", "faces")
    ((_, arguments),) = calls
    assert arguments["out"] == Path(out)
    assert (arguments["force"], arguments["checkpoint_every"], arguments["progress"]) == (False, 1000, True)
    assert (arguments["resume"], arguments["download"], arguments["accelerator"]) == (False, False, "auto")


def test_train_writes_to_the_card_that_awaits_weights(run, calls, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("zoo.training.places.awaited", lambda name: asked.append(name) or tmp_path / "card")
    run("train", "dcgan-celeba", "--data", "faces")
    run("train", "dcgan-celeba", "--data", "faces", "--out", "made")
    assert [arguments["out"] for _, arguments in calls] == [tmp_path / "card", Path("made")]
    assert asked == ["dcgan-celeba"]


def test_other_processes_of_torchrun_print_nothing(run, calls, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    result = run("train", "dcgan-celeba", "--data", "faces")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert calls


@pytest.mark.parametrize("setting", ["steps=abc", "precision=fp16"])
def test_values_of_the_recipe_do_not_wait_for_torch(python, setting):
    words = ["train", "vae", "--data", "photos", "--set", setting]
    assert python(f"import sys; from zoo.cli import main; print(main({words}), 'torch' in sys.modules)") == "2 False\n"


def test_a_device_that_is_none_is_told_those_that_are(mistake):
    assert mistake("train", "vae", "--device", "gpu") == "zoo: --device gpu is unknown; expected auto, cpu, cuda.\n"


def test_train_for_real_and_draw_from_what_was_made(run, photos, mistake):
    settings = [word for setting in SMALL for word in ("--set", setting)]
    result = run("train", "dcgan", "--data", photos, *settings, "--device", "cpu")
    assert result.status == 0, result
    assert "Wrote the release folder runs/dcgan." in result.out
    assert run("generate", "./runs/dcgan", "--count", "4", "--seed", "0", "--out", "made.png").status == 0
    assert run("verify", "./runs/dcgan").status == 0
    assert "--resume" in mistake("train", "dcgan", "--data", photos, *settings, "--device", "cpu")


@pytest.fixture
def measured(monkeypatch):
    """What the CLI hands to evaluate(), which returns RECORDS."""
    seen = []

    def evaluate(model, card, root, **arguments):
        seen.append((model, card, root, arguments))
        return RECORDS

    monkeypatch.setattr("zoo.metrics.evaluate.evaluate", evaluate)
    for check in ("check_there", "check_named"):
        monkeypatch.setattr(f"zoo.cli.training.{check}", lambda *_, **__: None)
    return seen


@pytest.mark.filterwarnings("default")
def test_a_run_that_ends_too_soon_is_told_in_a_plain_line(run, photos):
    options = ["steps=2", "batch_size=2", "precision=32-true", "config.widths=[2,2]", "config.latent_dim=2"]
    result = run("train", "progan", "--data", photos, *(part for option in options for part in ("--set", option)))
    assert result.status == 0
    assert "\nsteps=2, but the last phase of this training begins at step 4000." in result.err
    assert "Wrote the release folder runs/progan." in result.out
    assert run("verify", "./runs/progan").status == 0


def test_evaluate_shows_value_floor_and_the_card(run, measured):
    result = run("evaluate", "dcgan-celeba", "--data", "faces", "--features", "tiny", "-n", "50", "--seed", "3")
    assert (result.status, result.err) == (0, "")
    assert [" ".join(line.split()) for line in result.out.splitlines()] == [
        "metric value real data card",
        "Fréchet distance (tiny) 23.46 1.25 12.35",
        "reconstruction PSNR (dB) 17 – –",
    ]
    ((model, card, root, arguments),) = measured
    assert (model.provenance.release, card.name, root) == ("dcgan-celeba", "dcgan-celeba", Path("faces"))
    tell = arguments.pop("tell")  # what is being measured, for whoever watches
    tell("frechet")
    assert tell.__self__.text == "frechet"
    options = {"features": "tiny", "n": 50, "seed": 3, "download": False, "metrics": None, "cache": True, "keep": None}
    assert arguments == options


@pytest.mark.parametrize(("side", "rank"), [("n_real", "0"), ("n_generated", "0"), ("n_real", "1")])
@pytest.mark.parametrize(("count", "words"), [(999, "999 images are few"), (1000, "")])
def test_evaluate_says_once_that_a_distance_over_few_images_is_large_by_itself(
    run, measured, monkeypatch, count, words, side, rank
):
    monkeypatch.setenv("RANK", rank)
    words = "" if rank == "1" else words
    few = Record("frechet-distance-photo", "Fréchet distance to photo (tiny)", 23.4, {side: count})
    monkeypatch.setattr("zoo.metrics.evaluate.evaluate", lambda *_, **__: [*RECORDS, few])
    assert words in (told := run("evaluate", "dcgan-celeba", "--data", "faces", "--json").err)
    assert bool(told) == bool(words)


def test_evaluate_of_a_card_without_numbers(run, measured):
    assert "card" not in run("evaluate", "vae-fashion-mnist", "--data", "clothes").out


def test_evaluate_as_json(run, measured):
    shown = json.loads(run("evaluate", "dcgan-celeba", "--data", "faces", "--json").out)
    assert shown[0] == {
        "type": "frechet-distance",
        "name": RECORDS[0].name,
        "value": 23.456,
        "args": {"floor": 1.25, "n": 10},
    }


@pytest.mark.parametrize("write", [True, False])
def test_evaluate_writes_the_card_only_when_asked(run, measured, shelf, tmp_path, write):
    folder = shutil.copytree(shelf / "dcgan-celeba", tmp_path / "dcgan-celeba")
    result = run("evaluate", folder, "--data", "faces", *(["--write"] if write else []))
    assert result.status == 0, result
    values = [metric["value"] for metric in Card.read(folder).metrics]
    assert values == ([23.456, 17.0] if write else [12.3456])
    assert ("Wrote" in result.out) == write
    assert zoo.load(folder).generate(1, seed=0).shape == (1, 3, 8, 8)


def test_a_full_disk_leaves_the_card_as_it_was(mistake, measured, shelf, tmp_path, little_room):
    folder = shutil.copytree(shelf / "dcgan-celeba", tmp_path / "dcgan-celeba")
    before = (folder / "README.md").read_bytes()
    with little_room(100):
        told = mistake("evaluate", folder, "--data", "faces", "--write")
    assert f"{folder / 'README.md'} could not be written: the disk is full" in told
    assert (folder / "README.md").read_bytes() == before


@pytest.fixture
def _pixels(monkeypatch):
    """Pixels as features: the shipped networks are larger than these tests need."""

    class Pixels:
        name, sha256, classes = "pixels", None, ()

        def resize(self, shape):
            return None

        def features(self, images):
            return images.flatten(1)

    monkeypatch.setattr("zoo.nn.features.load", lambda name: Pixels())


@pytest.mark.usefixtures("_pixels")
def test_evaluate_without_data_is_a_mistake(mistake):
    assert "nowhere is not there" in mistake("evaluate", "vae-fashion-mnist", "--data", "nowhere")


@pytest.mark.usefixtures("_pixels")
def test_evaluate_for_real_on_held_out_images(run, photos, shelf, tmp_path):
    folder = shutil.copytree(shelf / "vae-fashion-mnist", tmp_path / "vae")
    card = Card.read(folder)
    card.replace(training={"dataset": "image-folder", "holdout": 2}).write()
    for i in range(3, 6):
        shutil.copy(photos / f"{i - 3}.png", photos / f"{i}.png")
    result = run("evaluate", folder, "--data", photos, "--json")
    assert result.status == 0, result
    assert {"bits-per-dimension", "mse", "frechet-distance"} <= {record["type"] for record in json.loads(result.out)}


def test_what_is_kept_on_the_way_is_removed_with_the_numbers(run, mistake, measured, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("evaluate", "dcgan-celeba", "--data", "faces", "--keep", "~/deep/kept").status == 0
    assert measured[-1][3]["keep"] == tmp_path / "deep" / "kept"
    (tmp_path / "file").touch()
    said = mistake("evaluate", "dcgan-celeba", "--data", "faces", "--keep", tmp_path / "file")
    assert f"--keep {tmp_path / 'file'}: {tmp_path / 'file'} cannot be made" in said
    assert len(measured) == 1


def test_the_functions_behind_the_commands_exist():
    for target in ("zoo.training.release:train", "zoo.metrics.evaluate:evaluate", "zoo.metrics.evaluate:to_card"):
        assert callable(resolve(target))


@pytest.mark.parametrize("option", [["--n", "2"], ["--seed", "1"]])
def test_cards_take_numbers_of_the_common_protocol_only(run, shelf, option):
    result = run("evaluate", shelf / "dcgan-celeba", "--data", "faces", "--write", *option)
    assert result.status == 2
    assert "leave out --n and --seed" in result.err


def test_evaluate_measures_only_the_metrics_named_and_keeps_the_other_numbers(run, shelf, tmp_path, monkeypatch):
    asked = []

    def evaluate(model, card, root, **arguments):
        asked.append(arguments["metrics"])
        return [Record("coverage", "coverage (tiny)", 0.5, {"floor": 0.97})]

    monkeypatch.setattr("zoo.metrics.evaluate.evaluate", evaluate)
    monkeypatch.setattr("zoo.cli.training.check_there", lambda *_, **__: None)
    folder = shutil.copytree(shelf / "dcgan-celeba", tmp_path / "dcgan-celeba")
    assert run("evaluate", folder, "--metric", "coverage", "--metric", "codes", "--write").status == 0
    assert asked == [["coverage", "codes"]]
    kept, new = Card.read(folder).metrics
    assert (kept["type"], kept["value"], kept["args"]) == ("frechet-distance", 12.3456, {"floor": 1.5})
    assert (new["type"], new["value"], new["args"]) == ("coverage", 0.5, {"floor": 0.97})


@pytest.fixture
def trained_again(shelf, tmp_path):
    """Copies of one release as if trained with seeds 0, 1 and 5."""
    folders = []
    for seed in (0, 1, 5):
        folder = shutil.copytree(shelf / "dcgan-celeba", tmp_path / f"seed-{seed}" / "dcgan-celeba")
        card = Card.read(folder)
        card.replace(training={**card.training, "seed": seed}).write()
        folders.append(folder)
    return folders


@pytest.fixture
def luck(monkeypatch):
    """Each release has its seed plus 1 for a number."""

    def evaluate(model, card, root, **arguments):
        assert model.provenance.training["seed"] == card.training["seed"]
        return [Record("mse", "MSE", 1.0 + card.training["seed"], {"n": 10})]

    monkeypatch.setattr("zoo.metrics.evaluate.evaluate", evaluate)
    monkeypatch.setattr("zoo.cli.training.check_there", lambda *_, **__: None)


@pytest.mark.usefixtures("luck")
def test_evaluate_again_tells_the_spread_over_seeds(run, trained_again):
    first, second, third = trained_again
    # The release itself need not have the lowest seed.
    result = run("evaluate", second, "--again", third, "--again", first, "--write")
    assert result.status == 0, result
    assert "2  3 ± 2.6 (3 seeds)" in result.out
    (metric,) = [metric for metric in Card.read(second).metrics if metric["type"] == "mse"]
    assert metric == {"type": "mse", "name": "MSE", "value": 2.0, "args": {"n": 10, "seeds": {0: 1.0, 1: 2.0, 5: 6.0}}}
    assert list(metric["args"]["seeds"]) == [0, 1, 5]
    assert all("mse" not in {metric["type"] for metric in Card.read(folder).metrics} for folder in (first, third))


@pytest.mark.usefixtures("luck")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"training": {"dataset": "image-folder", "steps": 8, "seed": 1}}, "steps=8, {first} has 7"),
        (
            {"training": {"dataset": "image-folder", "steps": 7, "seed": 1, "objective": {"loss": "hinge"}}},
            "objective.loss='hinge', {first} has None",
        ),
        ({"config": {"image_size": 8, "latent_dim": 5, "width": 2}}, "config.latent_dim=5, {first} has 4"),
        ({"data": {"name": "faces", "license": "l", "shape": [3, 8, 8]}}, "data='faces', {first} has 'celeba'"),
    ],
)
def test_evaluate_again_refuses_what_differs_in_more_than_the_seed(mistake, trained_again, change, told):
    first, second, _ = trained_again
    Card.read(second).replace(**change).write()
    error = mistake("evaluate", first, "--again", second)
    assert f"{second} has {told.format(first=first)}" in error


@pytest.mark.usefixtures("luck")
def test_evaluate_again_refuses_the_same_seed_twice(mistake, trained_again):
    first, second, third = trained_again
    error = mistake("evaluate", first, "--again", second, "--again", third, "--again", second)
    assert f"{second} was trained with seed 1, and so was {second}. Train it with another: --set seed=6." in error


@pytest.mark.usefixtures("luck")
def test_defaults_written_out_are_no_difference(run, trained_again):
    first, second, _ = trained_again
    card = Card.read(second)
    training = {"dataset": "image-folder", "steps": 7, "seed": 1, "batch_size": 64, "objective": {}}
    card.replace(training=training, config={**card.config, "channels": 3}).write()
    assert run("evaluate", first, "--again", second).status == 0

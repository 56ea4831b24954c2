"""`zoo diagnose`, and what `zoo train` says at the end."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.cli import diagnosing
from zoo.training.progress import Progress, Step


def log(folder, *, kind="probability", coverage=0.9, modes=8, n=9):
    """A run of nine lines, three of them with coverage."""
    path = folder / "run" / "log.jsonl"
    with Progress(path, 0, n, kind=kind) as progress:
        for i in range(1, n + 1):
            found = {"coarse_coverage": coverage, "coarse_precision": 0.9, "spread": 0.2, "modes": modes, "modes_of": 8}
            losses = [("discriminator", torch.tensor(1.3)), ("generator", torch.tensor(0.8))]
            outputs = {"real": torch.tensor(0.6), "fake": torch.tensor(0.4)}
            progress.add(1000 * i, Step(losses, {"generator": torch.tensor(0.5)}, outputs))
            progress.write(found if i % 3 == 0 else None)
    return path


def frames(path):
    with Image.open(path) as moving:
        for place in range(moving.n_frames):
            moving.seek(place)
            yield moving.convert("RGB")


def test_the_samples_of_a_run_over_time_as_an_animation_or_files(run, mistake, tmp_path):
    log(tmp_path)
    assert "no pictures of samples" in mistake("diagnose", tmp_path, "--out", "film.webp")
    samples = tmp_path / "run" / "samples"
    samples.mkdir()
    for step, colour in ((1000, "red"), (2000, "green"), (10000, "blue")):
        Image.new("RGB", (40, 40), colour).save(samples / f"{step:06d}.png")
    (samples / "020000.png").write_bytes(b"half")
    result = run("diagnose", tmp_path, "--out", "film.webp")
    assert result.out.endswith("Wrote film.webp (3 frames).\n")
    shown = list(frames("film.webp"))
    assert [frame.getpixel((20, 20)) for frame in shown] == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    assert all(np.asarray(frame)[40:].min() < 128 for frame in shown)  # the step
    assert run("diagnose", tmp_path, "--out", "film/").out.endswith("Wrote 3 files film/step-0000.png ….\n")
    assert sorted(path.name for path in Path("film").iterdir()) == [f"step-000{place}.png" for place in range(3)]
    assert "film/step-0000.png is there already" in mistake("diagnose", tmp_path, "--out", "film/")
    assert not (tmp_path / "run" / "diagnosis.png").exists()


def test_a_run_that_is_well(run, tmp_path):
    log(tmp_path)
    result = run("diagnose", tmp_path)
    assert (result.status, result.err) == (0, "")
    *table, note, last, wrote = result.out.splitlines()
    assert note.startswith("Note: Coarse coverage and precision compare images of 8 × 8 pixels")
    assert table[0].split() == ["measure", "first", "half", "way", "step", "9,000"]
    assert ["loss", "discriminator", "1.3", "1.3", "1.3"] in [row.split() for row in table]
    assert ["modes", "of", "8", "8", "8", "8"] in [row.split() for row in table]
    assert last == "Nothing wrong was found."
    assert wrote == f"Wrote {tmp_path / 'run' / 'diagnosis.png'}."
    with Image.open(tmp_path / "run" / "diagnosis.png") as picture:
        assert picture.width > 600


def test_a_run_that_has_collapsed(run, tmp_path):
    log(tmp_path, coverage=0.11, modes=1)
    result = run("diagnose", tmp_path / "run", "--out", "seen.png")
    assert result.status == 0
    assert "\nWarning: Mode collapse: coarse coverage is 0.11, 1 of 8 modes, and does not get more. " in result.out
    assert "Nothing wrong" not in result.out
    assert Path("seen.png").is_file()
    assert not (tmp_path / "run" / "diagnosis.png").exists()


def test_a_full_disk_leaves_the_picture_as_it_was(mistake, tmp_path, little_room):
    log(tmp_path)
    picture = tmp_path / "run" / "diagnosis.png"
    picture.write_bytes(b"of before")
    with little_room(1000):
        assert f"{picture} could not be written: the disk is full" in mistake("diagnose", tmp_path)
    assert picture.read_bytes() == b"of before"


def test_for_machines(run, tmp_path):
    log(tmp_path, coverage=0.11, modes=1)
    result = run("diagnose", tmp_path, "--json")
    shown = json.loads(result.out)
    assert [finding["kind"] for finding in shown["findings"]] == ["mode-collapse"]
    assert (shown["step"], shown["outputs"], shown["kind"]) == (9000, {"real": 0.6, "fake": 0.4}, "probability")
    assert shown["picture"] == str(tmp_path / "run" / "diagnosis.png")


def test_an_old_log_that_is_still_being_written(run, tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 50, "seconds": 1.0, "losses": {"a": 1.5}}\n{"step": 100, "seco')
    result = run("diagnose", tmp_path)
    assert result.status == 0
    assert "Note: The log has no gradient norms, no outputs of a discriminator, no coverage" in result.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["empty"], "empty holds no log.jsonl, nor does run/ in it. Pass a folder that zoo train wrote"),
        (["nowhere"], "nowhere is not there"),
        (["empty", "--out", "seen.txt"], "expected a name such as faces.png"),
    ],
)
def test_mistakes(mistake, words, message):
    Path("empty").mkdir()
    assert message in mistake("diagnose", *words)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_training_ends_with_the_warnings_of_an_adversarial_objective(run, tmp_path, capsys, monkeypatch, quiet):
    log(tmp_path, coverage=0.11, modes=1)
    shown = []
    monkeypatch.setattr(diagnosing, "showing", lambda what, *, quiet: shown.append((what, quiet)) or nullcontext())
    capsys.readouterr()
    diagnosing.conclude(tmp_path, quiet=quiet)
    assert shown == [("drawing the diagnosis", quiet)]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Warning: Mode collapse: coarse coverage is 0.11")
    assert (tmp_path / "run" / "diagnosis.png").is_file()


@pytest.mark.parametrize("case", ["well", "not adversarial", "another process", "no log"])
def test_a_training_ends_quietly(run, tmp_path, capsys, monkeypatch, case):
    kind = "" if case == "not adversarial" else "probability"
    path = log(tmp_path, kind=kind, coverage=0.9 if case == "well" else 0.11)
    if case == "another process":
        monkeypatch.setenv("RANK", "1")
    if case == "no log":
        path.unlink()
    capsys.readouterr()
    diagnosing.conclude(tmp_path)
    assert capsys.readouterr().out == ""
    assert (path.parent / "diagnosis.png").exists() == (case == "well")


def test_a_gan_is_trained_and_diagnosed_for_real(run):
    """A generator that cannot learn, and so stays the point that it was: a certain collapse."""
    words = ["dataset=gaussian-ring", "config.image_shape=[2]", "config.latent_dim=1", "config.hidden=[2]", "steps=3"]
    words += ["batch_size=8", "objective.hidden=[4]", "objective.learning_rate=1e-30", "ema=0"]
    assert run("train", "gan", "--out", "made", *(part for word in words for part in ("--set", word))).status == 0
    assert Path("made/run/diagnosis.png").is_file()
    shown = json.loads(run("diagnose", "made", "--json").out)
    assert (shown["step"], shown["lines"], shown["coverage"]["modes_of"]) == (3, 1, 8)
    assert shown["coverage"]["coarse_coverage"] < 0.2
    assert {"real", "fake"} == set(shown["outputs"])

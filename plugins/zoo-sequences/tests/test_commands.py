"""The commands, on releases that were trained for a few steps."""

import json
from importlib import metadata

import numpy as np
import pytest

import zoo

SMALL = {"config.embedding": 8, "config.hidden": 10, "steps": 2, "batch_size": 4, "holdout": 4}


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    (folder / "lines.txt").write_text("a red car.\na blue car.\nthe red house\n" * 4)
    (folder / "pairs.tsv").write_text(
        "go on\tva !\nstop\tarrête\nlook out\tattention\nwe go\ton y va\nwe stop\ton arrête\n" * 2
    )
    for name, data in (("rnn-lm", "lines.txt"), ("vae-text", "lines.txt"), ("seq2seq", "pairs.tsv")):
        zoo.train(name, str(folder / data), out=folder / name, progress=False, **SMALL)
    (folder / "tunes.abc").write_text(
        "".join(f"X:{n}\nT:{n}\nK:{key.upper()}\nCDE{key}\n\n" for n, key in enumerate("CDEFGABc"))
    )
    small = {"config.length": 4, "config.hidden": 6, "objective.hidden": 4, "objective.pretraining": 1}
    own = small | {"steps": 2, "batch_size": 2, "holdout": 2}
    zoo.train("c-rnn-gan", str(folder / "tunes.abc"), out=folder / "c-rnn-gan", progress=False, **own)
    return folder


@pytest.fixture
def run(releases, capsys, monkeypatch):
    (command_line,) = metadata.entry_points(group="console_scripts", name="zoo")
    main = command_line.load()

    def command(*words, status=0):
        monkeypatch.setattr("sys.argv", ["zoo", *map(str, words)])
        assert main() == status, capsys.readouterr()
        return capsys.readouterr()

    return command


def test_sentences_are_printed_or_written(run, releases, tmp_path):
    printed = run("generate", releases / "rnn-lm", "-n", 3, "--seed", 0)
    assert len(printed.out.splitlines()) == 3
    assert "seed 0" in printed.err
    run("generate", releases / "rnn-lm", "-n", 3, "--seed", 0, "--option", "top_k=2", "--out", tmp_path / "made.jsonl")
    assert len([json.loads(line)["text"] for line in (tmp_path / "made.jsonl").read_text().splitlines()]) == 3


def test_a_list_has_a_line_each_with_a_number_of_sequences_and_how_long_they_are(run, releases, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, run("list").out.splitlines())) <= 80
    assert "extent: ≤ 20 words" in (releases / "rnn-lm" / "README.md").read_text(encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "100")
    lines = {line.split()[0]: line for line in run("list").out.splitlines() if line}
    for name, words in (
        ("rnn-lm-captions", ("perplexity 27.65", "≤ 20 words")),
        ("denoising-lm-captions", ("pseudo-ppl 16.62", "≤ 20 words")),
        ("organ-melody", ("in scale 0.9", "≤ 32 notes")),
    ):
        assert all(each in lines[name] for each in words), lines[name]


def test_sentences_are_scored_and_encoded(run, releases, tmp_path):
    (tmp_path / "given.txt").write_text("a red car.\nthe house\n")
    found = json.loads(run("score", releases / "rnn-lm", tmp_path / "given.txt", "--json").out)
    assert [row["file"] for row in found] == [f"{tmp_path / 'given.txt'}:{n}" for n in (1, 2)]
    nats = zoo.load(releases / "rnn-lm").log_prob(["a red car.", "the house"])
    assert [row["log_prob"] for row in found] == pytest.approx(nats.tolist())
    run("encode", releases / "rnn-lm", tmp_path / "given.txt", "--out", tmp_path / "codes.npy")
    assert np.load(tmp_path / "codes.npy").shape == (2, 10)


def test_sentences_are_translated(run, releases, tmp_path):
    model = zoo.load(releases / "seq2seq")
    given = list(model.condition.space.words[:2])  # what was held out may have others
    (tmp_path / "given.txt").write_text("\n".join(given))
    printed = run("translate", releases / "seq2seq", tmp_path / "given.txt", "--option", "beam=2").out.splitlines()
    assert printed == model.space.lines(model.translate(given, beam=2))
    run("translate", releases / "seq2seq", tmp_path / "given.txt", "--out", tmp_path / "made.txt")
    assert len((tmp_path / "made.txt").read_text().splitlines()) == 2
    told = run("generate", releases / "seq2seq", status=2).err
    told = "".join(told.split())  # wherever lines are broken
    assert told.endswith(f"makessentencesfromsentences.Call:zootranslate{releases / 'seq2seq'}FILES")


def test_the_way_from_one_sentence_to_another_is_written(run, releases, tmp_path):
    ends = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for end, text in zip(ends, ("a red car.", "the house"), strict=True):
        end.write_text(f"{text}\n")
    words = ("interpolate", releases / "vae-text", "--from", ends[0], "--to", ends[1])
    run(*words, "--steps", 3, "--out", tmp_path / "way.txt")
    way, model = (tmp_path / "way.txt").read_text().splitlines(), zoo.load(releases / "vae-text")
    assert len(way) == 3
    assert way[::2] == model.space.lines(model.decode(model.encode(["a red car.", "the house"])))
    told = " ".join(run(*words, "--crossfade", status=2).err.split())
    assert told.endswith("--crossfade is of images and numbers, and this is a model of sentences.")


def test_bad_lines_are_named_and_nothing_is_written(run, releases, tmp_path):
    (tmp_path / "given.txt").write_text("go on\n\nstop\n")
    out = tmp_path / "made.txt"
    told = run("translate", releases / "seq2seq", tmp_path / "given.txt", "--out", out, status=2).err
    assert "given.txt, line 2: it is empty" in " ".join(told.split())
    assert not out.exists()


def test_releases_are_verified_and_measured(run, releases):
    for name, data in (("rnn-lm", "lines.txt"), ("seq2seq", "pairs.tsv")):
        assert "within 0%" in run("verify", releases / name).out
        assert (releases / name / "samples.png").stat().st_size > 100
        told = run("evaluate", releases / name, "--data", releases / data, "--metric", "perplexity").out
        assert "perplexity" in told


@pytest.mark.parametrize("name", ["seq2seq", "denoising-lm"])
def test_training_says_how_to_translate(run, releases, tmp_path, monkeypatch, name):
    monkeypatch.setattr("zoo.training.release.train", lambda *given, **more: None)
    told = run("train", name, "--data", releases / "pairs.tsv", "--out", tmp_path / "made").out
    assert told == f"Wrote the release folder {tmp_path / 'made'}. Try it: zoo translate {tmp_path / 'made'} FILES\n"


def test_what_is_for_images_is_refused_of_sentences(run, releases, tmp_path):
    (tmp_path / "given.txt").write_text("go on\n")
    given = ("translate", releases / "seq2seq", tmp_path / "given.txt")
    for option in (["--resume"], ["--force"], ["--to", "x"], ["--tile", "4"], ["--all-frames"], ["--captions"]):
        told = " ".join(run(*given, *option, status=2).err.split())
        assert f"{option[0]}" in told
        assert "this model makes no images" in told


def test_sentences_are_translated_in_half_precision(run, releases, tmp_path, monkeypatch):
    (tmp_path / "given.txt").write_text("stop\n")
    seen, usual = [], zoo.load
    monkeypatch.setattr(zoo, "load", lambda *given, **more: seen.append(usual(*given, **more)) or seen[-1])
    run("translate", releases / "seq2seq", tmp_path / "given.txt", "--dtype", "bfloat16")
    assert str(seen[0].dtype) == "torch.bfloat16"


def test_melodies_are_written_as_files_to_hear_and_to_see(run, releases, tmp_path):
    model = zoo.load(releases / "c-rnn-gan")
    for name in ("tunes.mid", "tunes.wav", "tunes.png"):
        told = run("generate", releases / "c-rnn-gan", "-n", 2, "--seed", 0, "--out", tmp_path / name).out
        assert " ".join(told.split()) == f"Wrote {tmp_path / name} (2 tunes), seed 0."
    made = model.generate(2, seed=0)
    assert model.space.coerce(tmp_path / "tunes.mid").shape == made.shape
    run("generate", releases / "c-rnn-gan", "-n", 2, "--seed", 0, "--out", f"{tmp_path}/single/")
    assert len(list((tmp_path / "single").glob("*.mid"))) == 2
    told = run("generate", releases / "c-rnn-gan", "--out", tmp_path / "tunes.txt", status=2).err
    assert "tunes.txt is no file of tunes" in " ".join(told.split())

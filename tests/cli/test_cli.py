"""The command line as a whole: help, exit statuses, one plain sentence for every mistake."""

import dataclasses
import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo import cli
from zoo._util import switches
from zoo.releases.cards import Card

COMMANDS = [
    "list",
    "info",
    "show",
    "plugins",
    "generate",
    "encode",
    "score",
    "embed",
    "interpolate",
    "arithmetic",
    "train",
    "evaluate",
    "check",
    "verify",
]


def python(*words, **options):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(run, word):
    result = run(word)
    assert (result.status, result.out, result.err) == (0, f"zoo {zoo.__version__}\n", "")


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_names_every_command(run, words):
    result = run(*words)
    assert result.status == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.out
    assert "..." not in result.out.partition("Commands:")[2], "a summary is cut off"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_is_plain_text(run, command):
    result = run(command, "--help")
    assert result.status == 0
    assert result.out.startswith(f"Usage: zoo {command} ")
    assert not set(result.out) & set("│╭\x1b")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_written_has_a_short_option_and_the_device_one_default(run, command):
    helped = run(command, "-h").out
    assert ("--out" in helped) == ("-o, --out" in helped)
    assert ("--device" in helped) == bool(re.search(r"\[default:\s+auto\]", helped))


def test_help_of_training_has_the_settings_of_what_is_named(run):
    plain, wgan = run("train", "--help").out, run("train", "wgan", "--set", "steps=3", "--help").out
    assert wgan.startswith(plain.rstrip())
    more = " ".join(wgan.removeprefix(plain.rstrip()).split())
    assert more.startswith("Settings of wgan, by --set NAME=VALUE: dataset=image-folder a registered data set; text")
    assert "objective.weight_clip=0.01 " in more
    assert "Settings" not in run("train", "nothing-of-that-name", "--help").out
    assert "Settings" not in run("train", "--data", "wgan", "--help").out, "which is a folder"
    assert "Settings of wgan," in run("train", "--data", "vae", "wgan", "--help").out


MISTAKES = {
    "unknown release": ("generate dcgan-celebA", "Did you mean 'dcgan-celeba'"),
    "unknown command": ("genrate dcgan-celeba", "Did you mean 'generate'?"),
    "unknown option": ("generate dcgan-celeba --cuont 3", "--count"),
    "no name": ("generate", "zoo generate --help"),
    "option without its word": ("generate dcgan-celeba --out", "See zoo generate --help."),
    "path without ./": ("info cards/dcgan-celeba", "'./cards/dcgan-celeba'"),
    "no release folder": ("generate ./nowhere", "expected a release folder"),
    "count 0": ("generate dcgan-celeba --count 0", "at least 1"),
    "count in words": ("generate dcgan-celeba --count ten", "'--count'"),
    "negative seed": ("generate dcgan-celeba --seed -1", "at least 0"),
    "negative temperature": ("generate dcgan-celeba --temperature -1", "--temperature -1.0; expected"),
    "batch size 0": ("generate dcgan-celeba --batch-size 0", "at least 1"),
    "misspelt class": ("generate cgan-fashion-mnist -c sneeker", "Did you mean 'Sneaker'?"),
    "class out of range": ("generate cgan-fashion-mnist -c 3", "classes 0 … 2"),
    "class of an unconditional model": ("generate dcgan-celeba -c bag", "-c bag came, but this model is unconditional"),
    "too many classes": ("generate cgan-fashion-mnist -n 3 -c bag,bag", "2 labels came for 3 samples"),
    "empty class": ("generate cgan-fashion-mnist -c bag,,bag", "empty part"),
    "unknown model option": ("generate dcgan-celeba --option speed=3", "unknown option 'speed'"),
    "option with an option": ("generate dcgan-celeba --option seed=3", "--option seed=…"),
    "option without value": ("generate dcgan-celeba --option seed", "KEY=VALUE"),
    "unknown device": ("generate dcgan-celeba --device gpu0", "--device gpu0 is none that torch knows, such as 'auto'"),
    "device of another machine": ("generate dcgan-celeba --device mtia", "Try --device cpu."),
    "no suffix": ("generate dcgan-celeba --out faces", "has no suffix"),
    "foreign suffix": ("generate dcgan-celeba --out faces.txt", "is no file of images"),
    "file as folder": ("generate dcgan-celeba --out notes.txt/faces.png", "cannot be made"),
    "missing image": ("encode vae-fashion-mnist nowhere.png", "nowhere.png is not there"),
    "unreadable image": ("encode vae-fashion-mnist notes.txt", "not a readable image"),
    "folder without images": ("encode vae-fashion-mnist .", "holds no images"),
    "codes as picture": ("encode vae-fashion-mnist notes.txt --out codes.png", "codes.npy"),
    "no class to encode under": ("encode cgan-fashion-mnist ../photos/0.png", "Sneaker"),
    "density of a GAN": ("score dcgan-celeba ../photos/0.png", "has no log_prob"),
    "half a path": ("interpolate vae-fashion-mnist --from 3", "--to"),
    "ends and seed": ("interpolate vae-fashion-mnist --from 3 --to 4 --seed 1", "leave out --seed"),
    "one step": ("interpolate vae-fashion-mnist --steps 1", "at least 2"),
    "no rows": ("interpolate vae-fashion-mnist --rows 0", "at least 1"),
    "no data": ("train dcgan", "--data"),
    "data at hand": ("data check in-memory --data ../photos", "zoo.evaluate('./mine', samples), zoo.train(…, samples)"),
    "data folder missing": ("train dcgan --data nowhere", "nowhere is not there"),
    "training an unknown name": ("train dcgan-cleba --data ../photos", "Did you mean 'dcgan-celeba'"),
    "unknown recipe field": ("train dcgan --data ../photos --set step=3", "no setting 'step'. Did you mean steps?"),
    "setting by another name": ("train dcgan --data ../photos --set bs=9", "Did you mean batch_size?"),
    "setting by two names": (
        "train dcgan --data ../photos --set lr=1e-3 --set objective.learning_rate=1e-4",
        "both lr=0.001 and objective.learning_rate=0.0001 came, which are the same. Pass one.",
    ),
    "bad recipe value": ("train dcgan --data ../photos --set steps=many", "'many'"),
    "setting without value": ("train dcgan --data ../photos --set steps", "KEY=VALUE"),
    "setting that is no YAML": ("train dcgan --data ../photos --set steps=[1", "no valid YAML"),
    "setting that is a mapping": ("train dcgan --data ../photos --set steps={a:1}", "mapping"),
    "goes on and begins anew": ("train dcgan --data ../photos --resume --force", "choose one of them"),
    "device to train on": ("train dcgan --data ../photos --device gpu", "--device gpu"),
    "nothing to verify": ("verify", "--all"),
    "too much to verify": ("verify dcgan-celeba --all", "not both"),
    "unknown family": ("list --family gan", "Did you mean 'gans'?"),
    "unknown capability": ("list --capability draw", "'draw'"),
    "unknown data set": ("list --dataset celebs", "Did you mean 'celeba'?"),
    "data set of an architecture": ("list --architectures --dataset celeba", "--architectures"),
}


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["generate", "dcgan-celeba", "--out", ""], "after --out"),
        (["train", "dcgan", "--data="], "after --data"),
        (["translate", "srresnet-bsd200", "", "--out", "large"], "after srresnet-bsd200"),
        (["encode", "glow-celeba", ""], "after glow-celeba"),
        ([""], "after zoo"),
    ],
)
def test_an_empty_word_is_not_taken_for_the_folder_one_is_in(mistake, tmp_path, words, place):
    assert f"an empty word stands {place}" in mistake(*words)
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_ends_in_one_sentence_that_helps(mistake, photos, tmp_path, case):
    (tmp_path / "here" / "notes.txt").write_text("not an image")
    words, helps = MISTAKES[case]
    assert helps in mistake(*words.split())


@pytest.mark.parametrize(
    "words",
    [
        "train vae --data circle",
        "train vae --data circle --out circle",
        "train vae --data photos --out circle/run",
        "train flow-2d --data circle/points.csv",
        "generate ./circle",
        "generate vae-fashion-mnist --out circle/faces.png",
        "encode vae-fashion-mnist circle",
        "info ./circle",
        "check ./circle",
        "diagnose circle",
        "gallery ./circle",
        "download vae-fashion-mnist --to circle",
    ],
)
def test_a_link_that_leads_in_a_circle_is_a_mistake(mistake, photos, words):
    os.symlink("circle", "circle")
    told = mistake(*words.split())
    assert "circle" in told
    assert "Symlink loop" not in told


def test_traceback_is_shown_when_asked_for(run, monkeypatch):
    asked = run("info", "nope", "--traceback")
    monkeypatch.setenv("ZOO_DEBUG", "1")
    debug = run("info", "nope")
    for result in (asked, debug):
        assert result.status == 2
        assert result.err.startswith("Traceback")
        assert "\nzoo: no release or architecture is called 'nope'" in result.err


ORDER = "\x1b]0;mine\x07\x1b[2J"


def test_no_order_to_the_terminal_comes_out_of_a_card_or_a_name(run, release, tmp_path):
    card = Card.read(release)
    front = {**card.front, "license": f"mit{ORDER}", "zoo": {**card.zoo, "data": {**card.zoo["data"], "name": ORDER}}}
    (release / "README.md").write_text(dataclasses.replace(card, front=front, body=f"# {ORDER}\n").render())
    strange = tmp_path / f"no{ORDER}"
    for command in (
        ("info", str(release)), ("card", str(release)), ("card", str(release), "--check"), ("info", ORDER),
        ("load", ORDER), ("generate", str(strange)), ("encode", "dcgan-celeba", str(strange)),
        ("publish", str(release), "--repo", "org/x", "--dry-run"), ("--traceback", "info", str(strange)),
    ):  # fmt: skip
        result = run(*command)
        shown = result.out + result.err
        assert "\x1b" not in shown.replace("\x1b[1m", "").replace("\x1b[0m", ""), command
        assert "\x07" not in shown, command
    assert "\\x1b]0;mine" in run("info", str(release)).out


def test_a_traceback_does_not_tell_the_token(run, monkeypatch):
    import huggingface_hub

    def fails(*_, **__):
        raise RuntimeError("you sent hf_secret")

    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_secret")
    monkeypatch.setattr("zoo.load", fails)
    result = run("--traceback", "generate", "dcgan-celeba")
    assert "you sent ***" in result.err.partition("\nzoo: ")[0]
    assert "hf_secret" not in result.err.partition("\nzoo: ")[0]


def test_interrupt(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.load", interrupted)
    result = run("generate", "dcgan-celeba")
    assert result.status == 130
    assert "Traceback" not in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("disguise", [None, SystemError, ImportError])
def test_signals_that_end_the_process_are_told_alike_whatever_becomes_of_them(run, monkeypatch, number, disguise):
    """An extension module that is being imported may make any error of the exception that a signal raises."""
    former = signal.signal(number, signal.default_int_handler)

    def interrupted(*_, **__):
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            if disguise is None:
                raise
        raise disguise("initialisation failed") from None

    monkeypatch.setattr("zoo.load", interrupted)
    result = run("generate", "dcgan-celeba")
    assert signal.getsignal(number) is signal.default_int_handler
    signal.signal(number, former)
    assert (result.status, result.err.lstrip()) == (128 + number, "zoo: interrupted.\n")


def test_a_signal_that_was_ignored_stays_so(run, monkeypatch):
    former, plain = signal.signal(signal.SIGHUP, signal.SIG_IGN), zoo.load
    monkeypatch.setattr(
        "zoo.load", lambda *given, **options: signal.raise_signal(signal.SIGHUP) or plain(*given, **options)
    )
    result = run("generate", "dcgan-celeba", "-n", "1")
    signal.signal(signal.SIGHUP, former)
    assert result.status == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_too_little_memory_is_said_to_be_that(mistake, monkeypatch, error):
    monkeypatch.setattr("zoo.load", lambda *_, **__: (_ for _ in ()).throw(error))
    told = mistake("generate", "dcgan-celeba")
    assert told.startswith("zoo: there is not enough memory for this. Compute fewer at once, by --batch-size")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_to_be_that_and_what_could_not_be_written(mistake, monkeypatch, number):
    def full(self, content):
        raise OSError(number, os.strerror(number))

    Path("faces.png").write_bytes(b"")
    monkeypatch.setattr(Path, "write_bytes", full)
    told = mistake("generate", "dcgan-celeba", "-n", "1", "--out", "faces.png", "--force")
    assert told.startswith("zoo: faces.png could not be written: the disk is full, or no more is allowed there")


@pytest.mark.parametrize("name", [*switches.SWITCHES, *switches.NUMBERS])
@pytest.mark.parametrize("words", [["list"], ["--version"], ["generate", "hf:nobody/nothing"]])
def test_a_variable_with_a_wrong_value_is_refused_whether_or_not_the_command_asks_for_it(
    mistake, monkeypatch, name, words
):
    monkeypatch.setenv(name, "maybe")
    assert mistake(*words).startswith(f"zoo: {name}='maybe'")


def test_a_plugin_that_is_asked_for_and_not_there_is_told(run, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "nonsense")
    result = run("list", "--json")
    assert result.status == 0
    assert result.err.startswith("ZOO_PLUGINS names 'nonsense', which is not installed.")
    assert json.loads(result.out)


def test_interrupt_while_starting(run, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.registry.Registry", interrupted)
    result = run("list")
    assert (result.status, result.err) == (130, "zoo: interrupted.\n")


def test_a_defect_is_called_unexpected(run, monkeypatch):
    def defect(*_, **__):
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("zoo.load", defect)
    result = run("generate", "dcgan-celeba")
    assert result.status == 1
    assert result.err.startswith("zoo: ZeroDivisionError: by zero. This is unexpected")
    assert result.err.count("\n") == 1


def test_a_full_disk_is_a_mistake(mistake, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "faces.png")

    monkeypatch.setattr("zoo.load", full)
    assert "faces.png could not be written: the disk is full" in mistake("generate", "dcgan-celeba")


def test_other_processes_of_torchrun_leave_mistakes_to_the_first(run, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    result = run("info", "nope")
    assert (result.status, result.err) == (2, "")


def test_words_come_from_sys_argv(isolated, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["zoo", "--version"])
    assert cli.main() == 0
    assert capsys.readouterr().out == f"zoo {zoo.__version__}\n"


LIGHT = """
import sys
from zoo.cli import main
for words in "--help", "--version", "list", "list --architectures", "info dcgan", "info ?", "plugins", "compare mnist":
    main(words.split())
    heavy = {"torch", "torchvision", "timm", "huggingface_hub", "lightning_fabric"} & set(sys.modules)
    assert not heavy, (words, heavy)
"""


def test_looking_around_imports_nothing_heavy():
    result = python("-c", LIGHT)
    assert result.returncode == 0, result.stderr


def test_drawing_does_not_wait_for_torch_to_import_its_compiler(shelf, tmp_path):
    words = ["generate", str(shelf / "dcgan-celeba"), "--out", str(tmp_path / "a.npy")]
    code = f"import sys; from zoo.cli import main; print(main({words}), 'torch._dynamo' in sys.modules)"
    assert python("-c", code).stdout.endswith("\n0 False\n")


def test_a_terminal_without_unicode():
    result = python("-m", "zoo", "list", "--architectures", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "dcgan" in result.stdout


def test_a_reader_that_goes_away_is_no_error():
    script = f"{sys.executable} -m zoo list --architectures --json | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert result.stderr == ""
    assert result.returncode in (0, 1)

"""Every command that a message of the package names is there."""

import ast
import re
from pathlib import Path

import pytest

import zoo
from zoo.cli.application import application

# A command is named in backticks, or after "see", "run" or "with:".
NAMED = re.compile(r"(?:`|\b(?:[Ss]ee|[Rr]un|with:) )zoo ([a-z]+)")


def sentences():
    """Every string in the package's source, f-strings joined."""
    for path in sorted(Path(zoo.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield path, "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value


def test_commands_named_in_messages_exist(isolated):
    known = application().commands.keys()
    named = [(path.name, command) for path, text in sentences() for command in NAMED.findall(text)]
    assert {"train", "plugins", "evaluate"} <= {command for _, command in named}, "the pattern finds what it should"
    assert [(where, command) for where, command in named if command not in known] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generate", "dcgan-celeba", "--label", "bag"], "No such option: --label. Did you mean --condition?"),
        (["generate", "dcgan-celeba", "--num", "3"], "No such option: --num. Did you mean --count?"),
        (["generate", "dcgan-celeba", "--num_images", "3"], "No such option: --num_images. Did you mean --count?"),
        (["generate", "dcgan-celeba", "--batch_size", "3"], "No such option: --batch_size. Did you mean --batch-size?"),
        (["generate", "dcgan-celeba", "-n", "four"], "'--count' / '-n': expected a whole number. See"),
        (["generate", "dcgan-celeba", "-n", "0"], "'--count' / '-n': expected at least 1. See"),
        (["interpolate", "dcgan-celeba", "--steps=1"], "'--steps': expected at least 2. See"),
        (["score", "realnvp-mnist", "--seed", "-1", "."], "'--seed': expected at least 0. See"),
        (["generate", "dcgan-celeba", "--temperature", "warm"], "'--temperature': expected a number. See"),
        (["encode", "dcgan-celeba", "--label", "bag"], "Did you mean --condition?"),
        (["train", "dcgan", "--lr", "0.1"], "If it is a setting, pass --set lr=VALUE."),
        (["train", "dcgan", "--batch-size", "4"], "pass --set batch_size=VALUE"),
        (["train", "dcgan", "--dat", "here"], "--data"),
        (
            ["generate", "dcgan-celeba", "--stride", "9"],
            "is an option of the model's own, pass --option stride=V",
        ),
        (["export", "dcgan-celeba", "--out", "x.onnx"], "Did you mean --to?"),
        (["compare", "mnist", "--colours"], "No such option: --colours. See zoo compare --help."),
        (["compare", "mnist", "--qiuet"], "No such option: --qiuet. Did you mean --quiet? See zoo compare --help."),
    ],
)
def test_options_by_other_names(mistake, words, told):
    assert told in mistake(*words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generate", "dcgan-celeba", "16"], "Unexpected extra argument: 16. Did you mean --count 16?"),
        (["generate", "dcgan-celeba", "faces.png"], "Did you mean --out faces.png?"),
        (["generate", "cgan-fashion-mnist", "ankle", "boot"], "Did you mean --condition 'ankle boot'?"),
        (["interpolate", "vae-fashion-mnist", "3", "7"], "Did you mean --from 3 --to 7?"),
        (["train", "vae", "."], "Unexpected extra argument: .. Did you mean --data .?"),
        (["train", "vae", "--set", "steps", "10"], "Did you mean --set KEY=10?"),
        (["evaluate", "vae-fashion-mnist", "10"], "Got unexpected extra argument"),
        (["mix", "stylegan-lite-celeba", "1", "2"], "Expected zoo mix NAME --coarse … --fine …. See zoo mix --help."),
    ],
)
def test_words_without_their_option(mistake, words, told):
    assert told in mistake(*words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generate", "celeba"], "It is a dataset; what belongs to it: zoo list --dataset celeba."),
        (["compare", "MNIST", "celeba"], "zoo list --dataset mnist"),
        (["info", "GANs"], "It is a family; what belongs to it: zoo list --family gans."),
        (["generate", "Faces"], "Releases of faces: "),
        (["info", "DCGAN"], "Did you mean 'dcgan'"),
    ],
)
def test_names_of_families_and_data_sets_are_known_as_such(mistake, shelf, words, told):
    assert told in mistake(*words)


def test_lists_of_families_and_data_sets_are_named(run, shelf):
    assert "zoo list --family gans" in run("list", "gans").err
    assert "zoo list --dataset mnist" in run("list", "mnist").err
    assert "zoo list" not in run("list", "--datasets", "gans").err

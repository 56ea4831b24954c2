"""What is said of Python's arguments is said of options in the shell."""

import pytest

from zoo._util.wording import in_python, in_shell
from zoo.errors import CapabilityError, ConfigError, DataError, InvalidInput, WeightsError

SAID = {
    "n=0; expected a whole number": "-n 0; expected a whole number",
    "batch_size='x y'; expected": "--batch-size 'x y'; expected",
    "device='gpu0' is not there. Try device='cuda:1'.": "--device gpu0 is not there. Try --device cuda:1.",
    "conditioned on a text. Pass condition=: a sentence": "conditioned on a text. Pass -c: a sentence",
    "Pass condition=, one of: a, b": "Pass -c, one of: a, b",
    "condition=['a'] came, but": "-c ['a'] came, but",
    "latents at temperature=1e+38: row 1": "latents at --temperature 1e+38: row 1",
    "Leave them out, or pass keep_nan=True for the results of the others, with NaN in these.": "Leave them out.",
    "labels=7 of 10 classes": "--labels 7 of 10 classes",
    "n=1; MNIST allows 2 to 10": "-n 1; MNIST allows 2 to 10",
    # What is a setting, or a call, is so in the shell too.
    "stage=3; expected at most 2": "stage=3; expected at most 2",
    "Load it: zoo.load('a', device='cpu')": "Load it: zoo.load('a', device='cpu')",
    "by --set batch_size=N or --option to=x": "by --set batch_size=N or --option to=x",
    "seed=1.png and a/n=2 are not there": "seed=1.png and a/n=2 are not there",
    "objective.seed=1 and my-seed=2": "objective.seed=1 and my-seed=2",
}


OPTIONS = {
    "mnist is read from a folder. Pass --data that folder.": "mnist is read from a folder. Pass as data that folder.",
    "Pass --data it, or --download to fetch it.": "Pass as data it, or download=True to fetch it.",
    "Leave out --data. Name one: zoo train maf --data a.csv.": "Leave out data. Name one: zoo train maf --data a.csv.",
    "For images: zoo train vae --data a/b.c.": "For images: zoo train vae --data a/b.c.",
    "Write over it (--force), or choose another (--out).": "Write over it (force=True), or choose another (out).",
    "Choose another data set: --set dataset=NAME.": "Choose another data set: dataset=NAME.",
    "pass --set 'exclude=[a, b]'.": "pass exclude=[a, b].",
    "Run zoo evaluate --write, or pass --data.": "Run zoo evaluate --write, or pass data.",
    "--data-set and --outer": "--data-set and --outer",
}


@pytest.mark.parametrize("said", OPTIONS)
def test_options_are_arguments_in_python(said):
    with pytest.raises(DataError) as caught, in_python():
        raise DataError(said)
    assert str(caught.value) == OPTIONS[said]


@pytest.mark.parametrize("kind", [InvalidInput, CapabilityError, WeightsError, DataError])
@pytest.mark.parametrize("said", SAID)
def test_arguments_are_options(said, kind):
    assert in_shell(kind(said), "generate") == SAID[said]


def test_fields_of_a_recipe_stay_what_they_are():
    assert in_shell(ConfigError("recipe: seed=x; expected"), "evaluate") == "recipe: seed=x; expected"
    assert in_shell(InvalidInput("batch_size=3; expected"), "train") == "batch_size=3; expected"


def test_the_one_field_of_a_recipe_that_probe_has_is_an_option_there():
    said = "holdout=9 of 6 images. Hold out at most 4: --set holdout=4."
    assert in_shell(DataError(said), "probe") == "--holdout 9 of 6 images. Hold out at most 4: --holdout 4."
    assert in_shell(DataError(said), "evaluate") == said

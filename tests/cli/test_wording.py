"""What is said of Python's arguments is said of options in the shell."""

import pytest

from zoo.cli.wording import in_shell
from zoo.errors import CapabilityError, ConfigError, InvalidInput, WeightsError

SAID = {
    "n=0; expected a whole number": "-n 0; expected a whole number",
    "batch_size='x y'; expected": "--batch-size 'x y'; expected",
    "device='gpu0' is not there. Try device='cuda:1'.": "--device gpu0 is not there. Try --device cuda:1.",
    "conditioned on a text. Pass condition=: a sentence": "conditioned on a text. Pass -c: a sentence",
    "Pass condition=, one of: a, b": "Pass -c, one of: a, b",
    "condition=['a'] came, but": "-c ['a'] came, but",
    "latents at temperature=1e+38: row 1": "latents at --temperature 1e+38: row 1",
    "Leave them out, or pass keep_nan=True for the results of the others, with NaN in these.": "Leave them out.",
    # What is a setting, or a call, is so in the shell too.
    "stage=3; expected at most 2": "stage=3; expected at most 2",
    "Load it: zoo.load('a', device='cpu')": "Load it: zoo.load('a', device='cpu')",
    "by --set batch_size=N or --option to=x": "by --set batch_size=N or --option to=x",
    "objective.seed=1 and my-seed=2": "objective.seed=1 and my-seed=2",
}


@pytest.mark.parametrize("kind", [InvalidInput, CapabilityError, WeightsError])
@pytest.mark.parametrize("said", SAID)
def test_arguments_are_options(said, kind):
    assert in_shell(kind(said), "generate") == SAID[said]


def test_fields_of_a_recipe_stay_what_they_are():
    assert in_shell(ConfigError("recipe: seed=x; expected"), "evaluate") == "recipe: seed=x; expected"
    assert in_shell(InvalidInput("batch_size=3; expected"), "train") == "batch_size=3; expected"

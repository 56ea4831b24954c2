import inspect

import pytest

import zoo
from zoo._util.calls import WIDTH, brief
from zoo.errors import InvalidInput


def test_what_is_shown_are_names_and_defaults_in_lines_that_are_full():
    @brief
    def short(name: str, *others: int, size: float | None = None, **rest: int) -> str:
        return name

    @brief
    def long(
        a_long_name=1, another_long_name=2, a_further_name=2.5, one_more_long_name=3, and_again_one_more=4, five=5, x=6
    ):
        return x

    assert short("a") == "a"
    assert str(inspect.signature(short)) == "(name, *others, size=None, **rest)"
    lines = inspect.signature(long).format(max_width=80).split("\n")  # as pydoc asks from Python 3.13 on
    assert len(lines) == 2
    assert lines[1].endswith("x=6)")
    assert max(map(len, lines)) <= WIDTH + 4


def test_types_are_still_there_to_be_asked_for():
    @brief
    def made(n: "int", *, device: "str | None" = None) -> "list[int]":
        return [n]

    signature = inspect.signature(made)
    assert [each.annotation for each in signature.parameters.values()] == ["int", "str | None"]
    assert signature.return_annotation == "list[int]"
    assert signature.replace(parameters=[]).return_annotation == "list[int]"


def test_arguments_without_their_names_are_told_them():
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    told = r"generate takes n without a name, and 2 arguments came so\. Name the others: condition=, seed=, first=, "
    with pytest.raises(InvalidInput, match=told):
        model.generate(16, 0)
    with pytest.raises(InvalidInput, match="decode takes latents without a name, and 3 arguments came so"):
        model.decode(0, 1, 2)
    with pytest.raises(InvalidInput, match=r"load takes name without a name, and 2 .* device=, dtype=, offline="):
        zoo.load("dcgan-celeba", "cpu")
    assert zoo.create("vae", image_size=8).log_prob.__name__ == "log_prob"

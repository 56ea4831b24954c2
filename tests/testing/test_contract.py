"""How checks speak: what a message says of tensors, errors and calls, by hand."""

import math

import pytest
import torch

from zoo.errors import ContractError, InvalidInput, UnknownName
from zoo.testing.contract import KEEP_CHECKING, described, expect, first_line, gap, listed, of, refused


def test_a_promise_that_does_not_hold_is_three_sentences():
    expect(True, "It is.", "It was not.", "Make it so.")
    with pytest.raises(ContractError, match=r"^It is\. It was not\. Make it so\.$"):
        expect(False, "It is.", "It was not.", "Make it so.")


@pytest.mark.parametrize("error", [InvalidInput("no"), UnknownName("no")])
def test_a_refusal_is_one_of_two_errors(error):
    def raises():
        raise error

    refused("Refuses.", {"this": raises, "that": raises})
    with pytest.raises(ContractError) as caught:
        refused("Refuses.", {"this": raises, "that": lambda: None})
    assert str(caught.value) == (
        f"Refuses. that was accepted instead of raising InvalidInput or UnknownName. {KEEP_CHECKING}"
    )


def test_another_error_is_no_refusal():
    with pytest.raises(ContractError, match=r"Refuses\. this raised ZeroDivisionError \(division by zero\) instead of"):
        refused("Refuses.", {"this": lambda: 1 / 0}, "Look.")


def test_tensors_in_words():
    assert described(torch.tensor([[-1.0, 0.123456]])) == "float32 (1, 2) from -1 to 0.1235"
    assert described(torch.tensor([3, 7])) == "int64 (2,) from 3 to 7"
    assert described(torch.tensor([1.0, math.nan, math.inf])) == "float32 (3,) with 2 of 3 values not finite"
    assert described(torch.zeros(0, 2)) == "float32 (0, 2)"
    assert described(torch.zeros(2, device="meta")) == "float32 (2,)"
    assert listed(torch.tensor([[1.0, 2.5], [1 / 3, 4.0]])) == "[1, 2.5, 0.333333, 4]"
    assert listed(torch.arange(5)) == "[0, 1, 2, 3 …]"


def test_calls_and_errors_in_words():
    assert of("encode", "images", torch.zeros(1)) == "encode of images, float32 (1,) from 0 to 0,"
    assert of("generate", "n=0", 0) == "generate of n=0"
    assert first_line(ValueError("One. \nTwo")) == "One."
    assert first_line(ValueError("")) == "."


def test_the_largest_difference():
    a, b = torch.tensor([1.0, -2.0]), torch.tensor([1.5, -4.0])
    assert (gap(a, b), gap(a, b, relative=True)) == (2.0, 0.4)
    assert gap(torch.tensor([math.nan]), torch.tensor([1.0])) == math.inf
    assert gap(torch.tensor([math.inf]), torch.tensor([math.inf])) == math.inf
    assert gap(torch.tensor([200], dtype=torch.uint8), torch.tensor([201], dtype=torch.uint8)) == 1

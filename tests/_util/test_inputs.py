"""What callers pass to a model: the plain form of what is right, and one sentence on what is wrong."""

import math
import re
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from zoo import conditions, images, latent
from zoo._util import inputs
from zoo.errors import InvalidInput
from zoo.spaces import Images

SHAPE = (3, 4, 5)
LAYOUT = "(n, channels, height, width)"


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2), torch.tensor(2)])
def test_whole_numbers_of_any_make_become_ints(value: Any) -> None:
    found = inputs.integer("n", value, 2)
    assert type(found) is int
    assert found == 2


@pytest.mark.parametrize("value", [1, -2, 2.0, True, "2", None, np.float32(2), [2], torch.tensor([1, 2])])
def test_not_whole_or_too_small(value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"^n={re.escape(repr(value))}; expected a whole number of at least 2\.$"):
        inputs.integer("n", value, 2)


def test_numbers_of_thousands_of_digits_are_refused_and_not_written_out() -> None:
    assert inputs.integer("n", 10**3000, 0) == 10**3000
    for value in (10**5000, 10**4000, -(10**5000)):
        with pytest.raises(InvalidInput, match=r"^n=.{1,250}; expected a whole number of ") as caught:
            inputs.integer("n", value, 0)
        assert len(str(caught.value)) < 400
    with pytest.raises(InvalidInput, match=r"^n='x{100,250} …; expected a whole number"):
        inputs.integer("n", "x" * 10**6, 0)


@pytest.mark.parametrize("power", [400, 5000])
def test_numbers_beyond_all_floats_are_not_finite(power: int) -> None:
    for value in (10**power, -(10**power), Fraction(10**power, 3)):
        with pytest.raises(InvalidInput, match=r"^temperature=.{1,250}; expected a finite number of at least 0"):
            inputs.scalar("temperature", value, 0, "0.7")


STRANGE: dict[str, tuple[Any, str]] = {
    "sparse": (lambda x: x.to_sparse(), r"a tensor of layout torch\.sparse_coo; expected a plain one\. Pass \.to_d"),
    "rows": (lambda x: x.flatten(1).to_sparse_csr(), r"a tensor of layout torch\.sparse_csr"),
    "nested": (lambda x: torch.nested.as_nested_tensor(list(x)), "a nested tensor; .* one tensor for each shape"),
    "packed": (lambda x: x.to_mkldnn(), r"a tensor of layout torch\._mkldnn"),
    "meta": (lambda x: x.to("meta"), "on the device meta, which holds no values"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_tensors_without_plain_values_are_refused_wherever_they_come_in(kind: str) -> None:
    make, words = STRANGE[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls some of these beta
        strange = make(torch.zeros(2, *SHAPE))
    for call in (
        lambda: inputs.batch("images", strange, SHAPE, LAYOUT),
        lambda: inputs.real(strange),
        lambda: Images((3, 4, 5)).coerce(strange),
        lambda: images.quantise(strange),
        lambda: latent.slerp(strange, strange, 0.5),
        lambda: conditions.parse_images(strange, 2, 3),
    ):
        with pytest.raises(InvalidInput, match=words):
            call()


def test_labels_without_plain_values_are_refused() -> None:
    labels = torch.zeros(2, dtype=torch.long)
    for strange in (labels.to_sparse(), labels.to("meta")):
        with pytest.raises(InvalidInput, match=r"^labels came (as a tensor of layout|on the device meta)"):
            conditions.parse_labels(strange, 2, ["a"])


def test_bools_are_refused_even_where_they_would_be_large_enough() -> None:
    with pytest.raises(InvalidInput, match="n=True"):
        inputs.integer("n", True, 0)


def test_seed() -> None:
    assert inputs.seed(0) == 0
    assert inputs.seed(np.int64(7)) == 7
    drawn = [inputs.seed(None) for _ in range(20)]
    assert len(set(drawn)) == 20
    assert all(0 <= seed < 2**63 for seed in drawn)
    with pytest.raises(InvalidInput, match="seed=-1"):
        inputs.seed(-1)


def test_a_fresh_seed_does_not_follow_the_global_generators() -> None:
    def fresh() -> int:
        torch.manual_seed(0)
        np.random.seed(0)
        return inputs.seed(None)

    state = torch.get_rng_state()
    try:
        assert fresh() != fresh()
    finally:
        torch.set_rng_state(state)


def test_chunk_size() -> None:
    assert inputs.chunk_size(None, 64) == 64
    assert inputs.chunk_size(1, 64) == 1
    with pytest.raises(InvalidInput, match="batch_size=0; expected a whole number of at least 1"):
        inputs.chunk_size(0, 64)


@pytest.mark.parametrize("value", [0, 0.0, 1, 0.7, np.float64(0.5)])
def test_real_numbers_become_floats(value: Any) -> None:
    found = inputs.scalar("temperature", value, 0, "0.7")
    assert isinstance(found, float)
    assert found == value


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, -math.inf, True, "0.7", None, 1j, [0.7]])
def test_not_real_or_out_of_range(value: Any) -> None:
    message = f"^temperature={re.escape(repr(value))}; expected a finite number of at least 0, for example 0.7"
    with pytest.raises(InvalidInput, match=message):
        inputs.scalar("temperature", value, 0, "0.7")


def test_a_good_batch_is_handed_back_as_it_is() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        images = torch.tensor([0.0, 1.0], dtype=dtype).view(2, 1, 1, 1).expand(2, *SHAPE)
        assert inputs.pixels(images, SHAPE) is images
    latents = torch.full((1, 7), -5.0)
    assert inputs.batch("latents", latents, (7,), "(n, dim)") is latents
    assert torch.equal(inputs.batch("latents", latents.numpy(), (7,), "(n, dim)"), latents)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([[0.5]], "came as list; expected a tensor .*from_numpy.*zoo.images.load"),
        (np.zeros(SHAPE, np.float32), r"shape \(3, 4, 5\); expected .*unsqueeze\(0\)"),
        (torch.zeros(1, *SHAPE, dtype=torch.bool), r"came as torch.bool; expected floats\. Pass images\.float\(\)\.$"),
        (torch.zeros(1, *SHAPE, dtype=torch.uint8), r"came as torch.uint8.*images\.float\(\) / 255"),
        (torch.zeros(SHAPE), r"shape \(3, 4, 5\); expected .* = \(n, 3, 4, 5\)\. .*unsqueeze\(0\)"),
        (torch.zeros(2, 4, 5, 3), r"shape \(2, 4, 5, 3\).*permute\(0, 3, 1, 2\)"),
        (torch.zeros(2, 1, 4, 5), r"shape \(2, 1, 4, 5\); expected .* = \(n, 3, 4, 5\)\.$"),
        (torch.zeros(0, *SHAPE), "empty batch"),
        (torch.full((1, *SHAPE), math.nan), "NaN or infinite"),
        (torch.full((1, *SHAPE), math.inf), "NaN or infinite"),
    ],
)
def test_bad_batches_are_told_apart(images: Any, expected: str) -> None:
    with pytest.raises(InvalidInput, match=f"^images.*{expected}"):
        inputs.batch("images", images, SHAPE, LAYOUT)


def test_hints_for_images_are_not_given_for_latents() -> None:
    for latents in ([0.0], np.zeros((1, 7), np.int64), torch.zeros(1, 7, dtype=torch.long)):
        with pytest.raises(InvalidInput, match=r"^latents") as caught:
            inputs.batch("latents", latents, (7,), "(n, dim)")
        assert "images" not in str(caught.value)
        assert "255" not in str(caught.value)


@pytest.mark.parametrize(
    ("low", "high", "hint"),
    [
        (-0.005, 1.0, "clamp"),
        (0.0, 1.01, "clamp"),
        (-1.0, 1.0, r"\(images \+ 1\) / 2"),
        (-0.5, 0.5, r"\(images \+ 1\) / 2"),
        (0.0, 255.0, "images / 255"),
    ],
)
def test_pixels_out_of_range_get_the_likely_remedy(low: float, high: float, hint: str) -> None:
    images = torch.full((2, *SHAPE), low, dtype=torch.float64)
    images[1] = high
    with pytest.raises(InvalidInput, match=rf"range from {low:.4g} to {high:.4g}; expected \[0, 1\]\. .*{hint}"):
        inputs.pixels(images, SHAPE)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5)])
def test_numpy_s_numbers_serve_as_real_ones(value):
    assert inputs.scalar("temperature", value, 0, "0.7") == 0.5
    assert type(inputs.scalar("temperature", value, 0, "0.7")) is float


def test_shares():
    assert [inputs.share("truncation", value) for value in (None, 0, 0.5, 1)] == [1.0, 0.0, 0.5, 1.0]
    for value, told in ((1.5, "a share, from 0 to 1"), (-0.1, "at least 0"), ("half", "finite number")):
        with pytest.raises(InvalidInput, match=f"truncation=.*{told}"):
            inputs.share("truncation", value)

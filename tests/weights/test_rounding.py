"""Weights in one byte each: what is lost, what is not, and what is left alone."""

import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.weights.rounding import LEAST, PLACES, SCALE, SHAPE, restored, rounded


def test_by_hand():
    state = {"weight": torch.tensor([[1.27, -0.635, 0.004], [0.0, 0.0, 0.0]]), "bias": torch.tensor([0.3])}
    small = rounded(state, least=0)
    assert small["weight"].tolist() == [[127, -64, 0], [0, 0, 0]]  # −63.5 goes to the even neighbour
    torch.testing.assert_close(small["weight" + SCALE], torch.tensor([0.01, 1.0]))
    assert small["bias"].dtype is torch.float32
    torch.testing.assert_close(restored(small)["weight"], torch.tensor([[1.27, -0.64, 0.0], [0.0, 0.0, 0.0]]))
    assert restored(small).keys() == state.keys()


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**31), st.floats(1e-6, 1e6))
def test_the_error_is_half_a_step_of_each_slice(rows, columns, seed, size):
    weight = size * torch.randn(rows, columns, 3, generator=torch.Generator().manual_seed(seed))
    back = restored(rounded({"w": weight}, least=0))["w"]
    half = weight.flatten(1).abs().amax(1).view(-1, 1, 1) / 254
    assert ((back - weight).abs() <= half * 1.0001).all()


def test_rounding_twice_changes_nothing_more():
    weight = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    once = rounded({"w": weight}, least=0)
    twice = rounded(restored(once), least=0)
    assert torch.equal(once["w"], twice["w"])
    torch.testing.assert_close(once["w" + SCALE], twice["w" + SCALE], rtol=1e-6, atol=0)


@pytest.mark.parametrize("value", [torch.tensor(3), torch.arange(6).view(2, 3), torch.tensor([True])])
def test_what_is_no_float_stays(value):
    small = rounded({"x": value})
    assert small.keys() == {"x"}
    assert torch.equal(small["x"], value)
    assert torch.equal(restored(small)["x"], value)


def test_small_matrices_are_halves():
    numbers = 2 * torch.rand(LEAST, generator=torch.Generator().manual_seed(0)) - 1
    small = rounded({"large": numbers.view(2, -1), "small": numbers[:-1].view(1, -1), "huge": torch.full((2, 2), 1e6)})
    assert {name: tensor.dtype for name, tensor in small.items()} == {
        "large": torch.int8,
        "large" + SCALE: torch.float32,
        "small": torch.float16,
        "huge": torch.float32,  # it has no half
    }
    assert torch.equal(small["small"], numbers[:-1].view(1, -1).half())


def test_empty_matrices_and_halves():
    small = rounded({"empty": torch.zeros(2, 0), "half": torch.ones(2, 2, dtype=torch.float16)}, least=0)
    back = restored(small)
    assert back["empty"].shape == (2, 0)
    torch.testing.assert_close(back["half"], torch.ones(2, 2))


@pytest.mark.parametrize("least", [0, LEAST])
@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_spoilt_weights_stay_spoilt(spoilt, least):
    weight = torch.ones(2, 3)
    weight[1, 2] = spoilt
    small = rounded({"w": weight}, least=least)
    assert small.keys() == {"w"}
    assert small["w"].dtype is torch.float32
    torch.testing.assert_close(restored(small)["w"], weight, equal_nan=True)


def test_scales_without_their_tensor_stay_to_be_refused():
    lone = {"w" + SCALE: torch.ones(3), "v": torch.ones(2, 2), "v" + SCALE: torch.ones(2)}
    assert restored(lone).keys() == lone.keys()


def test_what_is_written_is_plain():
    """Each rounded tensor is int8 of its own shape, whatever is in it, so that anybody can read it."""
    generator = torch.Generator().manual_seed(0)
    masked, peaked = torch.randn(16, 24, generator=generator).tril(), torch.randn(40, 300, generator=generator) ** 3
    small = rounded({"masked": masked, "peaked": peaked}, least=0)
    assert small.keys() == {"masked", "masked" + SCALE, "peaked", "peaked" + SCALE}
    for name, weight in (("masked", masked), ("peaked", peaked)):
        assert (small[name].dtype, small[name].shape) == (torch.int8, weight.shape)
        assert torch.equal(restored(small)[name], small[name].float() * small[name + SCALE][:, None])


# What files of format 0 hold -----------------------------------------------------------------------------------------


def deflated(small, *names):
    """`small` with tensors as files of format 0 have them: their bytes deflated, their shape beside."""
    content = {name: zlib.compress(small[name].numpy().tobytes(), 9) for name in names}
    shapes = {name + SHAPE: torch.tensor(small[name].shape) for name in names}
    return (
        small | {name: torch.frombuffer(bytearray(data), dtype=torch.uint8) for name, data in content.items()} | shapes
    )


def sparse(small, name):
    """`small` with the zeros of a matrix left out, as files of format 0 have it, a bit for each place."""
    there = small[name] != 0
    bits = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128])
    places = (there.view(len(there), -1, 8) * bits).sum(2).to(torch.uint8)
    return small | {name: small[name][there], name + PLACES: places}


def test_zeros_that_were_left_out_are_put_back():
    """Row 1 has 2 and −1 at places 0 and 9, row 2 has 4 at place 3."""
    weight = torch.zeros(2, 16)
    weight[0, 0], weight[0, 9], weight[1, 3] = 1.27, -0.635, 4.0
    scale = torch.tensor([0.01, 4 / 127])
    levels, places = torch.tensor([127, -64, 127], dtype=torch.int8), torch.tensor([[1, 2], [8, 0]], dtype=torch.uint8)
    small = {"w": levels, "w" + SCALE: scale, "w" + PLACES: places}
    plain = rounded({"w": weight}, least=0)
    assert sparse(plain, "w")["w"].tolist() == levels.tolist()
    assert sparse(plain, "w")["w" + PLACES].tolist() == places.tolist()
    expected = weight.clone()
    expected[0, 9] = -0.64
    assert restored(small).keys() == {"w"}
    torch.testing.assert_close(restored(small)["w"], expected)


@pytest.mark.parametrize("shape", [(16, 24), (24, 16)])
def test_every_former_layout_gives_the_values_of_the_plain_one(shape):
    plain = rounded({"w": torch.randn(shape, generator=torch.Generator().manual_seed(0)).tril()}, least=0)
    without_zeros = sparse(plain, "w")
    for former in (
        without_zeros,
        deflated(plain, "w"),
        deflated(without_zeros, "w"),
        deflated(without_zeros, "w", "w" + PLACES),
    ):
        assert torch.equal(restored(former)["w"], restored(plain)["w"])


@pytest.mark.parametrize(
    "change",
    [{"w": torch.ones(4, dtype=torch.int8)}, {"w" + PLACES: torch.ones(2, 2)}, {"w": torch.ones(3)}],
)
def test_places_that_do_not_fit_are_left_for_the_loader_to_refuse(change):
    weight = torch.zeros(2, 16)
    weight[0, 0], weight[0, 9], weight[1, 3] = 1.27, -0.635, 4.0
    small = sparse(rounded({"w": weight}, least=0), "w") | change
    assert "w" + PLACES in restored(small)


def whole():
    """A large tensor as files of format 0 have it."""
    plain = rounded({"w": torch.randn(40, 300, generator=torch.Generator().manual_seed(0)) ** 3})
    return deflated(plain, "w")


@pytest.mark.parametrize(
    "spoilt",
    [
        {SHAPE: torch.tensor([40, 301])},
        {SHAPE: torch.tensor([40, 299])},
        {SHAPE: torch.tensor([-40, -300])},
        {SHAPE: torch.tensor(12_000)},
        {SHAPE: torch.tensor([40.0, 300.0])},
        {SHAPE: torch.tensor([[40, 300]])},
        {SHAPE: torch.tensor([2**40, 2**40])},
        {"": torch.arange(100, dtype=torch.uint8)},
        {"": torch.zeros(100)},
    ],
)
def test_what_cannot_be_inflated_stays_as_it_is(spoilt):
    state = whole() | {"w" + suffix: value for suffix, value in spoilt.items()}
    assert {key: id(value) for key, value in restored(state).items()} == {
        key: id(value) for key, value in state.items()
    }


def test_no_more_is_inflated_than_there_should_be():
    state = whole()
    assert restored(state, 12_000).keys() == {"w"}
    assert restored(state, 11_999).keys() == state.keys()


def test_a_deflated_tensor_is_not_inflated_to_many_times_its_file():
    """A megabyte of deflated zeros would be a gigabyte."""
    size = 2_000_000
    deflated = torch.frombuffer(bytearray(zlib.compress(bytes(size), 9)), dtype=torch.uint8)
    state = {"w": deflated, "w" + SHAPE: torch.tensor([2, size // 2])}
    assert restored(state, size).keys() == state.keys()

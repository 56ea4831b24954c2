"""MADE: masks by hand, and no output that its own value or a later one could reach."""

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.made import MADE, MaskedLinear


def test_masks_are_those_made_by_hand():
    first, second = MADE(3, (4, 2)).hidden
    # Degrees: values 1 2 3, first layer 1 1 2 2, second layer 1 2.
    assert first.mask().int().tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert second.mask().int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    last = [[0, 0], [1, 0], [1, 1]]
    assert MADE(3, (4, 2)).last.mask().int().tolist() == last + last


def test_masks_of_the_reverse_order_are_turned_over():
    network = MADE(3, (4, 2), reverse=True)
    assert network.order == [2, 1, 0]
    assert network.hidden[0].mask().int().tolist() == [[0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 1, 1]]
    assert network.hidden[1].mask().int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert network.last.mask().int().tolist() == 2 * [[1, 1], [1, 0], [0, 0]]


@pytest.mark.parametrize(("features", "width"), [(2, 3), (3, 7), (10, 4), (784, 208)])
def test_degrees_of_hidden_units_are_sorted_and_evenly_spread_from_1_to_the_last_but_one(features, width):
    degrees = MADE(features, (width,)).hidden[0].after
    assert list(degrees) == sorted(degrees)
    assert degrees[0] == 1
    assert degrees[-1] <= features - 1
    if width >= features - 1:
        assert set(degrees) == set(range(1, features))
        counts = [degrees.count(d) for d in set(degrees)]
        assert max(counts) - min(counts) <= 1


def test_degrees_may_be_dealt_out_in_turn():
    """Of seven units the first two degrees of five have two, where evenly spread ones have the first and the third."""
    evenly, in_turn = (MADE(6, (7,), spread=spread).hidden[0].after for spread in ("evenly", "in turn"))
    assert (evenly, in_turn) == ((1, 1, 2, 3, 3, 4, 5), (1, 1, 2, 2, 3, 4, 5))


def test_a_masked_layer_ignores_masked_weights(perturbed):
    layer = perturbed(MaskedLinear((1, 2), (1, 2, 1)))
    x = torch.randn(4, 2)
    expected = torch.stack(
        [
            layer.weight[0, 0] * x[:, 0] + layer.bias[0],
            layer.weight[1, 0] * x[:, 0] + layer.weight[1, 1] * x[:, 1] + layer.bias[1],
            layer.weight[2, 0] * x[:, 0] + layer.bias[2],
        ],
        dim=1,
    )
    torch.testing.assert_close(layer(x), expected)


def test_masks_need_no_storage_of_their_own():
    with torch.device("meta"):
        empty = MADE(5, (7,))
    source = MADE(5, (7,))
    torch.nn.init.normal_(source.last.weight)
    assert set(source.state_dict()) == {"hidden.0.weight", "hidden.0.bias", "last.weight", "last.bias"}
    empty.load_state_dict(source.state_dict(), assign=True)
    x = torch.randn(2, 5)
    assert torch.equal(empty(x), source(x))
    expected = F.linear(F.relu(source.hidden[0](x)), source.last.masked(), source.last.bias)
    assert torch.equal(source(x), expected)
